"""Keys of single events in a bundle: recorded before, no more than asked for, opened by anybody."""

from __future__ import annotations

import json
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from events.codec import decode
from events.codes import AgeBand, ConsentGiver, DataScope, Purpose
from ledger.case import access, consent, identity, referral
from ledger.case.case import Topic
from ledger.case.personal import PersonalData
from node import cli
from node.evidence.exporting import export_case
from node.evidence.granted import granted
from node.evidence.verifier.command import verified_lines
from node.evidence.verifier.container import Faulty
from node.evidence.verifier.facts import MANIFEST
from node.reading import Reader
from tests.conftest import databases_for_a_while
from tests.country import CASEWORKER, SUPERVISOR, Node
from tests.crossing import AUDITOR, soon
from tests.evidence_play import BEGIN, Mirror, Notary
from tests.integration.test_evidence import verify

HEALTH, NARRATIVE, PREVIEW = DataScope.HEALTH, DataScope.NARRATIVE, DataScope.PREVIEW
BY = f"{AUDITOR.role}:{AUDITOR.id}@{AUDITOR.organisation}"
SAID = PersonalData(
    {HEALTH: {"allergy": "nuts\u202e\x9b"}, NARRATIVE: {"note": "not for auditors"}}
)


class Watched:
    """KG with a case of data about a child; its topics and checkpoints are played."""

    def __init__(self, node: Node, notary: Notary, ledger: Any) -> None:
        self.node, self.notary, self.ledger = node, notary, ledger
        self.mirror = Mirror(node.database, node.national_keys, notary)
        self._heard = 0
        self.case_id = self._did(None, identity.open_case, data=SAID).case_id
        recorded = self._did(self.case_id, access.record_data, data=SAID)
        self.recorded = recorded.events[-1].event_id
        given = self._did(
            self.case_id, consent.grant_consent, recipient="KZ", purpose=Purpose.SERVICE,
            scopes=(PREVIEW, HEALTH), expires_on=soon(), given_by=ConsentGiver.CHILD,
            age_band=AgeBand.FROM_15_TO_17,
        )  # fmt: skip
        sent = self._did(
            self.case_id, referral.send_referral, recipient="KZ", due_on=soon(),
            basis_id=given.events[0].subject, scopes=(PREVIEW, HEALTH),
            data=PersonalData({PREVIEW: {"service": "shelter"}}),
        )  # fmt: skip
        (self.sent,) = [one.event_id for one in sent.events if one.type == "ReferralSent"]
        self.hear()

    def _did(self, case_id: UUID | None, take: Any, **words: Any) -> Any:
        by = CASEWORKER if case_id is None else SUPERVISOR
        return self.ledger.on(case_id, by=by).decide(take, **words)

    def hear(self) -> None:
        """Mirror what was recorded, and put a cosigned checkpoint over it."""
        stored = self.node.stored()
        fresh, self._heard = stored[self._heard :], len(stored)
        for topic in Topic:
            values = [value for _, _, name, value in fresh if name.startswith(topic.value)]
            if values:
                self.mirror.read(topic, [decode(value) for value in values])
                log = [
                    one for one in self.mirror.logs if (".national." in one) != (topic == "shared")
                ]
                for name in log:
                    leaves = self.mirror.logs[name]
                    by = ["KG"] if ".national." in name else ["KZ", "UZ"]
                    note = self.notary.checkpoint(name, leaves, BEGIN + len(leaves), *by)
                    self.mirror.put(name, len(leaves), note)

    @contextmanager
    def hearing(self) -> Any:
        """Go on hearing, as relay, worker, sealer and witness do."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(0.1):
                if len(self.node.stored()) > self._heard:
                    self.hear()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="module")
def watched(postgres, template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kg")
    notary = Notary()
    with databases_for_a_while(postgres, template) as make:
        node = Node("KG", notary.agreement, make(), folder / "KG.key", folder=folder)
        node.mirrored()
        with (
            node.keystore_served() as keystore,
            node.ledger(sealer=keystore) as ledger,
            pytest.MonkeyPatch.context() as patch,
        ):
            agreement = folder / "agreement.toml"
            agreement.write_text(notary.agreement.render())
            patch.setenv("LEDGER_AGREEMENT", str(agreement))
            patch.setenv("LEDGER_COUNTRY", "KG")
            patch.setenv("LEDGER_PG", node.database.as_role("audit"))
            patch.setenv("LEDGER_PG_APPEND", node.database.as_role("append"))
            patch.setenv("LEDGER_KEYSTORE", str(keystore._path))
            patch.setenv("LEDGER_NATIONAL_KEY_FILE", str(folder / "KG-national.key"))
            yield Watched(node, notary, ledger)


def export(watched, to, *opened, by=BY, purpose="service"):
    asked = [word for one in opened for word in ("--open", one)]
    given = [*asked, "--purpose", purpose, "--by", by, "--to", str(to)]
    with watched.hearing():
        return cli.run(["evidence", "export", str(watched.case_id), *given])


def names(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return [name for name in archive.namelist() if name.startswith("keys/")]


@pytest.fixture(scope="module")
def bundle(watched, tmp_path_factory):
    """A bundle with two keys: of a national event, and of a shared one."""
    file = tmp_path_factory.mktemp("bundle") / "case.zip"
    opened = (f"{watched.recorded}:health", f"{watched.sent}:preview")
    assert export(watched, file, *opened) == 0
    return file


def test_a_stranger_opens_what_was_granted_and_nothing_else(watched, bundle):
    """With the standard library alone, and sees that each access was recorded."""
    done = verify(bundle, "--open")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "keys: 2 entries open" in done.stdout
    opened = [line for line in done.stdout.splitlines() if line.startswith("open")]
    assert sorted(opened) == sorted(
        [
            f'open  {watched.recorded} health {{"allergy":"nuts\\u202e\\u009b"}}',
            f'open  {watched.sent} preview {{"service":"shelter"}}',
        ]
    )
    assert "open  " not in verify(bundle).stdout
    accesses = [one for one in names(bundle) if one.endswith(".envelope.key")]
    assert len(names(bundle)) == 2 + 1 + 2 == 2 + len(accesses)


def test_nobody_but_an_auditor_is_given_a_key_and_no_file_is_written(watched, tmp_path, capsys):
    to = tmp_path / "case.zip"
    one = f"{watched.recorded}:health"
    for by in ("caseworker:cw-1@cps-1", "data_protection_officer:dpo-1@cps-1"):
        assert export(watched, to, one, by=by) == 3
    assert export(watched, to, f"{watched.recorded}:everything") == 3
    assert export(watched, to, f"{watched.recorded}") != 0
    assert export(watched, to, one, one) == 2
    assert (
        cli.run(["evidence", "export", str(watched.case_id), "--open", one, "--to", str(to)]) == 2
    )
    assert not to.exists()
    assert "nuts" not in "".join(capsys.readouterr())


def test_while_its_access_is_not_cosigned_no_key_is_in_any_file(watched, tmp_path):
    from events.errors import ServiceUnavailable
    from node.evidence.opening import Asked, export_opened
    from node.place import find

    to, asked = tmp_path / "case.zip", Asked({watched.sent: (PREVIEW,)}, Purpose.SERVICE, AUDITOR)
    with pytest.raises(ServiceUnavailable, match="cosigned"):
        export_opened(find(None, None), watched.case_id, to, asked, language="en", patience_s=0.0)
    assert not list(tmp_path.iterdir())
    watched.hear()


def test_the_same_keys_at_the_same_checkpoint_are_the_same_bytes(watched, tmp_path):
    keys = granted(
        watched.ledger, watched.case_id, {watched.recorded: (HEALTH,)}, by=AUDITOR,
        purpose=Purpose.SERVICE,
    )  # fmt: skip
    watched.hear()
    files = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for file in files:
        _export(watched, keys, file)
    assert files[0].read_bytes() == files[1].read_bytes()


def _export(watched, keys, to):
    with psycopg.connect(watched.node.database.as_role("audit")) as connection:
        reading = Reader(connection, "KG", 1, watched.node.national_keys)
        agreement = watched.notary.agreement
        export_case(reading, agreement, watched.case_id, to, national=True, granted=keys)


def test_a_key_beyond_what_its_access_names_is_found(watched, tmp_path):
    """Whoever exports has more keys than he may give: what he adds does not pass."""
    some, others = (
        granted(watched.ledger, watched.case_id, {event: (scope,)}, by=AUDITOR,
                purpose=Purpose.SERVICE)
        for event, scope in ((watched.recorded, HEALTH), (watched.recorded, NARRATIVE))
    )  # fmt: skip
    watched.hear()
    swapped = replace(others[0], access_event_id=some[0].access_event_id)
    _export(watched, [*some, swapped], tmp_path / "case.zip")
    with pytest.raises(Faulty, match="does not name this entry") as found:
        list(verified_lines(tmp_path / "case.zip"))
    assert found.value.file == swapped.file


def _changed(bundle: Path, folder: Path, change: Any) -> Path:
    """Unpack a bundle, change its keys, and make a manifest that fits."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    change(folder)
    listed = sorted(one for one in folder.rglob("*") if one.is_file() and one.name != MANIFEST)
    body = "".join(
        f"{sha256(one.read_bytes()).hexdigest()}  {one.relative_to(folder)}\n" for one in listed
    )
    (folder / MANIFEST).write_text(f"{body}# {sha256(body.encode()).hexdigest()}\n")
    return folder


def _edited(file: Path, **words: Any) -> None:
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | words))


def _edit_file(name: str, words: dict[str, Any], folder: Path) -> None:
    _edited(folder / name, **words)


def test_a_key_that_was_changed_moved_or_taken_from_its_envelope_is_named(
    watched, bundle, tmp_path
):
    key = f"keys/{watched.recorded}.health.key"
    envelope = f"keys/{watched.recorded}.envelope.key"
    other = f"keys/{watched.sent}.envelope.key"
    stray = json.loads(zipfile.ZipFile(bundle).read(envelope))

    def dropped(folder: Path) -> None:
        (folder / envelope).unlink()

    def alone(folder: Path) -> None:
        (folder / key).unlink()

    def added(folder: Path) -> None:
        (folder / other).write_text(json.dumps(stray | {"event_id": str(watched.sent)}))

    edits: list[dict[str, Any]] = [
        {"scope": "narrative"}, {"access_event_id": str(watched.sent)}, {"key": "A" * 43 + "="},
        {"epoch": 2}, {"epoch": -1},
    ]  # fmt: skip
    edited = [(partial(_edit_file, key, words), key) for words in edits]
    changes = [(dropped, envelope), (alone, envelope), (added, other), *edited]
    for number, (change, wrong) in enumerate(changes):
        folder = _changed(bundle, tmp_path / str(number), change)
        with pytest.raises(Faulty) as found:
            list(verified_lines(folder))
        assert found.value.file == wrong, change
    list(verified_lines(_changed(bundle, tmp_path / "whole", lambda _folder: None)))
