"""A country's log keys follow each other in its own log: relay, sealer, witness and audit agree."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from consumers.sealed_log import REPEAT_S
from consumers.trust import Trust
from events.codec import decode
from events.contract import LOG, log_name, only_header, register_id, split_log_header
from events.errors import BadInput
from events.stamp import leaf_hash
from ledger import topics
from ledger.case import governance
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import CompactRange
from ledger.log.note import Note
from ledger.log.signature import LogSigner
from ledger.log.succession import said_by_both
from ledger.relaying.exits import ExitCode
from node import acts, cli
from node.audit_logs import Pinned
from node.auditing import check
from node.reading import Reader
from tests.country import opened
from tests.given import SUPERVISOR
from tests.integration.test_governance import WHO, place_of
from tests.integration.test_relay import end_of, records
from tests.integration.test_sealer import Sealed
from tests.integration.test_service import proposed


def replaced(node, old: LogSigner, new: LogSigner) -> None:
    """Let a country say that one key follows another."""
    with node.ledger() as ledger:
        asked = ledger.on(register_id(node.agreement.prefix), by=SUPERVISOR)
        asked.decide(governance.replace_signing_key, note=said_by_both(old, new))


def shares(node) -> None:
    with node.ledger() as ledger:
        proposed(ledger, opened(ledger).case_id)


@pytest.fixture
def kz(kafka, new_node, tmp_path):
    """Kazakhstan, which has pinned the key that is to follow."""
    node = new_node("KZ", kafka=kafka)
    node.folder = tmp_path
    old = LogSigner.load(node.key)
    node.new = LogSigner.create(old.name, tmp_path / "new.key")
    node.new_key, node.old = tmp_path / "new.key", old
    country = node.agreement.countries["KZ"]
    keys = (*country.log_keys, node.new.verifier.render())
    countries = {**node.agreement.countries, "KZ": replace(country, log_keys=keys)}
    node.agreement = replace(node.agreement, countries=countries)
    topics.ensure_topics(kafka, node.agreement, countries=["KZ"])
    node.mirrored()
    return node


def signers_of(node, topic: str) -> list[str]:
    """Who has signed each event of a log, by its place: old, new, or nobody."""
    found = {}
    for record in records(node.kafka, topic):
        index, signature = split_log_header(only_header(record.headers, LOG))
        asked = (log_name(topic, "KZ"), index, leaf_hash(record.value), signature)
        by = [name for name in ("old", "new") if getattr(node, name).verifier.is_signed(*asked)]
        found[index] = " ".join(by)
    return [found[index] for index in sorted(found)]


@pytest.mark.parametrize("batch", [1, 500])
def test_a_relay_changes_over_at_the_very_event(kz, batch):
    shares(kz)
    before = len([one for one in kz.stored() if one[2].startswith("shared/")])
    national = len(kz.stored()) - before
    replaced(kz, kz.old, kz.new)
    shares(kz)
    kz.relay_until(len(kz.stored()), other_log_key=kz.new_key, batch=batch)
    shared = signers_of(kz, kz.agreement.shared_topic)
    assert shared[: before + 1] == ["old"] * (before + 1)
    assert shared[before + 1 :] == ["new"] * before
    assert signers_of(kz, kz.agreement.national_topic("KZ")) == (
        ["old"] * national + ["new"] * national
    )


def test_after_it_the_new_key_is_enough_and_the_old_one_signs_nothing(kz):
    shares(kz)
    assert end_of(kz, log_key=str(kz.new_key)) == ExitCode.BROKEN
    replaced(kz, kz.old, kz.new)
    kz.relay_until(len(kz.stored()), other_log_key=kz.new_key)
    shares(kz)
    assert end_of(kz) == ExitCode.BROKEN
    kz.relay_until(len(kz.stored()), log_key=kz.new_key)
    assert signers_of(kz, kz.agreement.shared_topic)[-1] == "new"


class TwoKeys(Sealed):
    """A country whose sealer has a key for the shared log, and the one that follows."""

    def __init__(self, node, folder, kafka: str) -> None:
        super().__init__(node, folder, kafka)
        name = self.agreement.shared_log("KZ")
        (self.old,) = self.settings.signers[name]
        self.new = LogSigner.create(name, folder / "next")
        country = self.agreement.countries["KZ"]
        keys = (*country.note_keys, self.new.verifier.render())
        countries = {**self.agreement.countries, "KZ": replace(country, note_keys=keys)}
        self.agreement = replace(self.agreement, countries=countries)
        self.has(self.old, self.new)

    def has(self, *signers: LogSigner) -> None:
        """Begin anew with these keys of the shared log."""
        signers_now = {**self.settings.signers, self.new.name: signers}
        self.settings = replace(self.settings, agreement=self.agreement, signers=signers_now)
        self.restart()

    def by(self) -> list[str]:
        """Who has signed each checkpoint of the shared log."""
        found = []
        for data in self.read(self.agreement.checkpoints_topic):
            note = Note.parse(data)
            if note.text.startswith(f"{self.new.name}\n"):
                known = {one.verifier.key_id: one for one in (self.old, self.new)}
                (line,) = note.signatures
                found.append("old" if known[line.key_id] is self.old else "new")
        return found


@pytest.fixture
def sealed(kafka, new_node, tmp_path):
    node = new_node("KZ", kafka=kafka)
    node.mirrored()
    node.decide = None
    found = TwoKeys(node, tmp_path / "notes", kafka)
    yield found
    found.database.close()


def test_a_sealer_changes_over_where_its_log_says_so(sealed):
    shares(sealed.node)
    sealed.mirror("shared")
    sealed.look()
    replaced(sealed.node, sealed.old, sealed.new)
    sealed.mirror("shared")
    sealed.look()
    assert sealed.by() == ["old", "new"]


def test_a_key_before_or_after_its_turn_seals_nothing(sealed):
    shares(sealed.node)
    sealed.mirror("shared")
    sealed.has(sealed.new)
    sealed.look()
    assert sealed.by() == []
    assert "replace-key" in sealed.sealer.waiting()[sealed.new.name]
    replaced(sealed.node, sealed.old, sealed.new)
    shares(sealed.node)
    sealed.mirror("shared")
    sealed.has(sealed.old)
    sealed.look()
    assert sealed.by() == []
    sealed.has(sealed.new)
    sealed.look(REPEAT_S)
    assert sealed.by() == ["new"]
    assert not sealed.sealer.waiting()


def test_a_witness_asks_whose_turn_it_was(sealed):
    """Beyond the place at which it was retired, a stolen key gets no cosignature."""
    shares(sealed.node)
    replaced(sealed.node, sealed.old, sealed.new)
    sealed.mirror("shared")
    known = Trust(sealed.agreement, "KZ").logs[sealed.new.name]
    size = len(sealed.values("shared"))
    asked = [known.sealers_at(sealed.database, at) for at in (size - 1, size, size + 1)]
    old, new = sealed.old.verifier, sealed.new.verifier
    assert asked == [[old], [old, new], [new]]


def findings(sealed) -> list[tuple[str, str | None]]:
    """What an audit says of the shared log: what is wrong, and about which event or size."""
    log = sealed.agreement.shared_log("KZ")
    with psycopg.connect(sealed.node.database.as_role("audit")) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        audit = check(Reader(connection, "KZ", 1), Pinned(agreement=sealed.agreement))
    about = [one for one in audit.breaches if (one.log, one.rule) == (log, "R1")]
    # By hand everything was put into one partition.
    return sorted((one.what, one.size) for one in about if one.what != "row_differs")


def sealed_by(sealed, signer: LogSigner, size: int) -> None:
    """Let the database know a checkpoint by a key."""
    tree = CompactRange()
    for value in sealed.values("shared")[:size]:
        tree.append(leaf_hash(value))
    note = Checkpoint(signer.name, size, tree.root).signed_by(signer).render().decode()
    sealed.node.database.run(
        "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, now() - interval '1 hour')",
        signer.name, size, tree.root, note,
    )  # fmt: skip


def test_an_auditor_asks_whose_turn_it_was(sealed):
    shares(sealed.node)
    place = len(sealed.values("shared"))
    replaced(sealed.node, sealed.old, sealed.new)
    shares(sealed.node)
    sealed.mirror("shared")
    size = len(sealed.values("shared"))
    for signer, at in ((sealed.old, place), (sealed.old, place + 1), (sealed.new, place + 2)):
        sealed_by(sealed, signer, at)
    assert findings(sealed) == []
    sealed_by(sealed, sealed.old, size)
    assert findings(sealed) == [("note_differs", size)]


def with_next_key(sealed) -> tuple[LogSigner, LogSigner]:
    """Agree on a next key for KZ's events; return the one in use, and that one."""
    old = LogSigner.load(sealed.node.key)
    new = LogSigner(old.name, b"n" * 32)
    country = sealed.agreement.countries["KZ"]
    country = replace(country, log_keys=(*country.log_keys, new.verifier.render()))
    sealed.agreement = replace(
        sealed.agreement, countries={**sealed.agreement.countries, "KZ": country}
    )
    return old, new


def test_an_auditor_finds_an_event_by_a_key_after_its_turn(sealed):
    old, new = with_next_key(sealed)
    replaced(sealed.node, old, new)
    sealed.mirror("shared")
    assert findings(sealed) == []
    shares(sealed.node)
    sealed.mirror("shared")
    assert set(findings(sealed)) == {("signature", None)}


def test_an_auditor_waits_for_an_announcement_that_is_not_here_yet(sealed):
    """Its partition was not read as far as that of what the next key has signed."""
    old, new = with_next_key(sealed)
    shares(sealed.node)
    place = len(sealed.values("shared"))
    replaced(sealed.node, old, new)
    replaced(sealed.node, sealed.old, sealed.new)  # of its checkpoints
    shares(sealed.node)
    sealed.mirror("shared")
    log, run = sealed.agreement.shared_log("KZ"), sealed.node.database.run
    place_of_row = "WHERE topic = 'shared' AND log_index = %s"
    rows = "SELECT log_index, leaf FROM mirror.record WHERE topic = 'shared' AND log_index > %s"
    for index, leaf in run(rows, place):
        signature = new.sign(log, index, leaf)
        run(f"UPDATE mirror.record SET signature = %s {place_of_row}", signature, index)
    sealed_by(sealed, sealed.new, len(sealed.values("shared")))
    run("UPDATE witness.checkpoint SET signed_at = now()")
    assert findings(sealed) == []
    for index in (place, place + 1):
        run(f"DELETE FROM mirror.record {place_of_row}", index)
    assert findings(sealed) == []
    stolen = LogSigner(old.name, b"s" * 32).sign(log, place + 2, bytes(32))
    run(f"UPDATE mirror.record SET signature = %s {place_of_row}", stolen, place + 2)
    assert findings(sealed) == [("signature", None)]


def test_an_auditor_names_what_was_said_of_keys_and_cannot_be(sealed):
    """A stolen key announces one that nobody has pinned: without effect, and not unseen."""
    replaced(sealed.node, sealed.old, LogSigner(sealed.old.name, b"t" * 32))
    sealed.mirror("shared")
    assert findings(sealed) == [("key_succession", None)]
    assert Trust(sealed.agreement, "KZ").logs[sealed.new.name].sealers_at(sealed.database, 5) == [
        sealed.old.verifier
    ]


def test_the_verbs(kz, tmp_path, monkeypatch, capsys):
    """Made where the keys are, recorded where decisions are."""
    where = place_of(kz)
    monkeypatch.setattr("node.place.find", lambda *_: where)
    assert cli.run(["prepare", "succession", str(kz.key), str(kz.new_key)]) == 0
    note = tmp_path / "note"
    note.write_text(capsys.readouterr().out)
    stolen = LogSigner.create(kz.old.name, tmp_path / "stolen")
    with pytest.raises(BadInput, match="does not pin"):
        acts.replace_key(where, WHO, said_by_both(kz.old, stolen))
    with pytest.raises(BadInput, match="prepare succession"):
        acts.replace_key(where, WHO, note.read_text().replace("key/v1", "key/v2"))
    assert cli.run(["governance", "replace-key", str(note), "--by", WHO]) == 0
    assert f"{kz.new.verifier.render()} follows" in capsys.readouterr().out
    *_, stored = [one for one in kz.stored() if one[2] == "shared/SigningKeyReplaced"]
    assert decode(stored[3]).note == note.read_text()
    assert cli.run(["prepare", "succession", str(kz.key), str(kz.key)]) == 2
