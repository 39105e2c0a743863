"""`ledger audit rules` over a node's real tables: what stands in the mirror, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from uuid import uuid4

import psycopg
import pytest

from events.codec import encode
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.findings import Heard
from ledger.mirror import Placed, Record
from node import cli
from projections import generation
from projections.folding import fold_in
from tests.sharing_play import told
from tests.violations import KINDS, Forger, forgers


def records(topic: Topic, said: Iterable[Heard], keys: NationalKeys | None = None) -> list[Record]:
    """Return events as they stand in a mirror, those of the national topic in envelopes."""
    found = []
    for offset, heard in enumerate(said):
        event = heard.event if keys is None else keys.envelope(heard.event)
        value = encode(event)
        found.append(
            Record(
                topic.value, 0, offset, offset, 0, event.case_id, event.origin, event.version,
                event.event_id, leaf_hash(value), offset, bytes(64), type(event).__name__, value,
            )
        )  # fmt: skip
    return found


@pytest.fixture
def node(database, tmp_path, monkeypatch):
    """A node whose worker has just read these stories; verbs find it by settings."""
    keys = NationalKeys.create(tmp_path / "national.key")
    agreement = tmp_path / "agreement.toml"
    countries = "".join(
        f'[countries.{code}]\nzone = "Asia/Almaty"\nlog_keys = []\n' for code in ("KZ", "KG", "UZ")
    )
    agreement.write_text(f'name = "t"\nprefix = "t"\npartitions = 1\n{countries}')
    monkeypatch.setenv("LEDGER_AGREEMENT", str(agreement))
    monkeypatch.setenv("LEDGER_COUNTRY", "KG")
    monkeypatch.setenv("LEDGER_PG", database.as_role("audit"))
    monkeypatch.setenv("LEDGER_NATIONAL_KEY_FILE", str(tmp_path / "national.key"))

    def has_read(shared: list[Heard], national: list[Heard]) -> None:
        both = [*records(Topic.SHARED, shared), *records(Topic.NATIONAL, national, keys)]
        placed = [Placed(*one[:8], one.leaf, one.ce_type, one.value) for one in both]
        with psycopg.connect(database.as_role("project"), autocommit=True) as connection:
            generation.ensure(connection)
            mirror.append(connection, both)
            fold_in(connection, "read_1", placed, country="KG", keys=keys)

    return has_read


def audited(capsys, *arguments: str) -> tuple[int, dict]:
    code = cli.run(["audit", "rules", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def good() -> tuple[list[Heard], list[Heard]]:
    stories = [told(seed, steps=30) for seed in range(40)]
    shared = [heard for story in stories for heard in story.topic]
    return shared, [heard for story in stories for heard in story.nodes["KG"].said]


def forged(*names: str) -> list[Forger]:
    """Return one history for each of these kinds, in which it is forged."""
    found = []
    for at, name in enumerate(names):
        candidates = (one for seed in range(50, 99) for one in forgers(told(at * 100 + seed)))
        found.append(next(one for one in candidates if KINDS[name](one)))
    return found


def test_a_mirror_in_which_no_rule_is_broken(node, capsys):
    shared, national = good()
    node(shared, national)
    code, said = audited(capsys)
    assert (code, said["breaches"], said["unread"]) == (0, [], 0)
    assert set(said["rules"].values()) == {"kept"}
    assert said["events"] == len(shared) + len(national)
    assert said["releases"] > 20


def test_what_was_forged_is_found_at_its_place_with_its_verdict(node, capsys):
    names = (
        "rests_on_nothing",
        "is_never_stopped",
        "reads_after_the_stop",
        "releases_a_stopped_epoch",
    )
    histories = forged(*names)
    shared, national = good()
    first = len(shared)
    shared += [heard for one in histories for heard in one.heard]
    node(shared, [*national, *(heard for one in histories for heard in one.looked)])
    code, said = audited(capsys)
    assert code == 3
    assert said["rules"] == dict.fromkeys(("R3", "R4", "R5", "R6"), "broken")
    found = {one["what"]: one for one in said["breaches"]}
    assert set(found) >= {"no_basis", "stop_missing", "after_stop", "epoch_reused"}
    last = first + len(histories[0].heard) - 1
    assert found["no_basis"]["position"] == f"shared/0@{last}"
    assert found["no_basis"]["void"] is True
    assert found["after_stop"]["position"].startswith("national/0@")


def test_a_person_reads_what_was_broken_and_where(node, capsys):
    (history,) = forged("rests_on_nothing")
    node(history.heard, [])
    code = cli.run(["audit", "rules"])
    out = capsys.readouterr().out
    assert code == 3
    assert "✘ R3 broken" in out
    assert str(history.heard[-1].event.event_id) in out


def test_without_the_national_keys_no_access_is_called_right(node, capsys, monkeypatch):
    (history,) = forged("reads_what_was_never_released")
    node(history.heard, history.looked)
    monkeypatch.delenv("LEDGER_NATIONAL_KEY_FILE")
    code, said = audited(capsys, "--within", "864000000")
    assert (code, said["rules"]["R5"]) == (0, "not_checked")


def test_what_cannot_be_read_keeps_its_place_and_is_counted(node, capsys, database):
    """A release under a schema that is not installed here: nothing is said, nothing slips by."""
    shared, national = good()
    node(shared, national)
    unknown = b"\xc3\x01" + uuid4().bytes[:8]
    database.run(
        "UPDATE mirror.record SET value = %s || substring(value FROM 11)"
        " WHERE topic = 'shared' AND \"offset\" = 0",
        unknown,
    )
    _, said = audited(capsys)
    assert said["unread"] == 1
