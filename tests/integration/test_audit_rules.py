"""`ledger audit check` over a node's real tables: what stands in the mirror, and nothing else."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from functools import cache
from uuid import UUID, uuid4

import pytest

from events.codec import read_stamp
from events.contract import log_header
from events.stamp import leaf_hash
from ledger.log.commitment import Commitment
from ledger.log.findings import Heard
from ledger.log.signature import LogSigner
from node import cli
from tests.audited import Mirror, made
from tests.sharing_play import told
from tests.violations import KINDS, Forger, forgers

ALL = tuple(f"R{number}" for number in range(1, 11))


@pytest.fixture
def node(database, tmp_path, monkeypatch) -> Mirror:
    """A node whose worker has read nothing yet; verbs find it by settings."""
    return made(database, tmp_path, monkeypatch)


def audited(capsys, *arguments: str) -> tuple[int, dict]:
    code = cli.run(["audit", "check", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


@cache
def _played() -> tuple[tuple[Heard, ...], tuple[Heard, ...]]:
    stories = [told(seed, steps=30) for seed in range(40)]
    shared = (heard for story in stories for heard in story.topic)
    return tuple(shared), tuple(heard for story in stories for heard in story.nodes["KG"].said)


def good() -> tuple[list[Heard], list[Heard]]:
    shared, national = _played()
    return [*shared], [*national]


def forged(*names: str) -> list[Forger]:
    """Return one history for each of these kinds, in which it is forged."""
    found = []
    for at, name in enumerate(names):
        candidates = (one for seed in range(50, 99) for one in forgers(told(at * 100 + seed)))
        found.append(next(one for one in candidates if KINDS[name](one)))
    return found


def test_a_mirror_in_which_no_rule_is_broken(node, capsys):
    shared, national = good()
    node.read(shared, national)
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
    node.read(shared, [*national, *(heard for one in histories for heard in one.looked)])
    code, said = audited(capsys)
    assert code == 3
    assert {rule for rule, state in said["rules"].items() if state == "broken"} == {
        *("R3", "R4", "R5", "R6")
    }
    found = {one["what"]: one for one in said["breaches"]}
    assert set(found) >= {"no_basis", "stop_missing", "after_stop", "epoch_reused"}
    last = first + len(histories[0].heard) - 1
    assert found["no_basis"]["position"] == f"shared/0@{last}"
    assert found["no_basis"]["void"] is True
    assert found["after_stop"]["position"].startswith("national/0@")


def test_a_person_reads_what_was_broken_and_where(node, capsys):
    (history,) = forged("rests_on_nothing")
    node.read(history.heard)
    code = cli.run(["audit", "check"])
    out = capsys.readouterr().out
    assert code == 3
    assert "✘ R3 broken" in out
    assert str(history.heard[-1].event.event_id) in out


def test_without_the_national_keys_no_access_is_called_right(node, capsys, monkeypatch):
    (history,) = forged("reads_what_was_never_released")
    node.read(history.heard, history.looked)
    monkeypatch.delenv("LEDGER_NATIONAL_KEY_FILE")
    code, said = audited(capsys, "--within", "864000000")
    assert (code, said["rules"]["R5"]) == (0, "not_checked")


def test_what_cannot_be_read_keeps_its_place_and_is_counted(node, capsys, database):
    """A release under a schema that is not installed here: nothing is said, nothing slips by."""
    shared, national = good()
    node.read(shared, national)
    unknown = b"\xc3\x01" + uuid4().bytes[:8]
    database.run(
        "UPDATE mirror.record SET value = %s || substring(value FROM 11)"
        " WHERE topic = 'shared' AND \"offset\" = 0",
        unknown,
    )
    code, said = audited(capsys)
    assert (code, said["unread"]) == (3, 1)
    assert "R8 schema_unknown" in said["found"]


def marked(node: Mirror) -> tuple[list[Heard], list[Heard]]:
    """Let a node read good stories, know some roots and orders, and break nothing."""
    shared, national = good()
    node.read(shared, national)
    for origin in ("KZ", "KG"):
        for size in (3, 50):
            node.signed(origin, size)
    for country, size in (("KZ", 7), ("KG", 40)):
        node.ordered(country, size)
    return shared, national


def test_roots_and_orders_that_are_right_prove_a_log(node, capsys):
    marked(node)
    code, said = audited(capsys)
    assert (code, said["found"]) == (0, {})
    assert set(said["rules"]) == set(ALL)
    logs = {one["log"]: one for one in said["logs"]}
    assert {"t.ledger/KZ", "t.ledger/KG", "t.ledger/UZ", "t.national.KG/KG"} == set(logs)
    kz = logs["t.ledger/KZ"]
    assert (kz["proven"], kz["checkpoints"], kz["waiting"]) == (50, 2, False)
    assert kz["events"] > kz["proven"]


#: One row of the mirror, by its place in the log of Kazakhstan.
ROW = "WHERE topic = 'shared' AND origin = 'KZ' AND log_index = 20"
TAMPERS = {
    "other bytes": (
        f"UPDATE mirror.record SET value = set_byte(value, 200, 255 - get_byte(value, 200)) {ROW}",
        {"R1 leaf_differs", "R1 root_differs", "R1 signature"},
    ),
    "other bytes with their hash": (
        (
            "UPDATE mirror.record SET value = value || '\\x00', leaf ="
            f" sha256('\\x00'::bytea || value || '\\x00'::bytea) {ROW}"
        ),
        {"R1 root_differs", "R1 signature"},
    ),
    "taken out": (f"DELETE FROM mirror.record {ROW}", {"R1 missing", "R9 projected_from_nothing"}),
    "another place of the log": (
        f"UPDATE mirror.record SET log_index = 21 {ROW}",
        {"R1 missing", "R1 index_twice", "R1 signature"},
    ),
    "another version": (
        f"UPDATE mirror.record SET version = version + 500 {ROW}",
        {"R1 row_differs"},
    ),
    "another root": (
        "UPDATE witness.checkpoint SET root = sha256(root) WHERE log = 't.ledger/KZ' AND size = 3",
        {"R1 note_differs"},
    ),
    "a root and a note that its country did not sign": (
        (
            "UPDATE witness.checkpoint SET root = sha256(root), note ="
            " replace(note, encode(root, 'base64'), encode(sha256(root), 'base64'))"
            " WHERE log = 't.ledger/KZ' AND size = 3"
        ),
        {"R1 note_differs"},
    ),
    "a time without an end": (
        f"UPDATE mirror.record SET mirrored_at = 'infinity' {ROW}",
        {"R10 mirrored_goes_back"},
    ),
    "bytes that are none": (
        (
            "ALTER TABLE mirror.record ALTER value DROP NOT NULL;"
            f" UPDATE mirror.record SET value = NULL {ROW}"
        ),
        {"R1 row_differs", "R1 missing"},
    ),
    "a checkpoint that was never heard": (
        "UPDATE witness.checkpoint SET signed_at = 'infinity' WHERE log = 't.ledger/KZ'",
        {"R1 note_differs"},
    ),
    "a checkpoint of no size": (
        (
            "ALTER TABLE witness.checkpoint DROP CONSTRAINT checkpoint_pkey CASCADE;"
            " ALTER TABLE witness.checkpoint ALTER size DROP NOT NULL;"
            " UPDATE witness.checkpoint SET size = NULL WHERE log = 't.ledger/KZ' AND size = 3"
        ),
        {"R1 note_differs"},
    ),
    "an order of no partition": (
        "UPDATE witness.order_note SET partition = -7 WHERE country = 'KZ'",
        {"R9 order_note_differs"},
    ),
    "something put aside in nobody's name": (
        (
            "INSERT INTO mirror.stray VALUES"
            " ('shared', 0, 9000, 'equivocation', 'x', NULL, '', '', '', 'ZZ')"
        ),
        {"R1 stray_differs"},
    ),
    "another order": (
        "UPDATE witness.order_note SET root = sha256(root) WHERE country = 'KZ'",
        {"R9 order_note_differs"},
    ),
    "a line of the trail taken out": (
        "DELETE FROM read_1.audit_trail WHERE topic = 'shared' AND \"offset\" = 20",
        {"R9 not_projected"},
    ),
    "a verdict": (
        (
            "UPDATE read_1.audit_trail SET effective = NOT effective"
            " WHERE topic = 'national' AND \"offset\" = 2"
        ),
        {"R9 verdict_differs"},
    ),
    "a line for another event": (
        (
            "UPDATE read_1.audit_trail SET leaf = sha256(leaf)"
            " WHERE topic = 'shared' AND \"offset\" = 20"
        ),
        {"R9 projected_otherwise"},
    ),
    "a line of no event": (
        (
            "INSERT INTO read_1.audit_trail SELECT case_id, topic, 9999, partition, 9999,"
            " effect_offset, effect_rank, event_id, origin, version, event_type, schema_version,"
            " recorded_at, occurred_at, actor_id, actor_role, actor_organisation, leaf, effective,"
            " void_reason, summary FROM read_1.audit_trail"
            " WHERE topic = 'shared' AND \"offset\" = 20"
        ),
        {"R9 projected_from_nothing"},
    ),
    "a state": (
        (
            "UPDATE read_1.case_state SET state = '{}' WHERE case_id ="
            f" (SELECT case_id FROM mirror.record {ROW}) AND topic = 'shared'"
        ),
        {"R9 state_differs"},
    ),
    "a state of no case": (
        "INSERT INTO read_1.case_state VALUES (gen_random_uuid(), 'shared', 1, '{}')",
        {"R9 projected_from_nothing"},
    ),
}


@pytest.mark.soak  # in `make test` test_tampering_rows tampers in a hundred ways
@pytest.mark.parametrize("name", TAMPERS)
def test_whoever_changes_a_row_is_found(node, capsys, name):
    marked(node)
    statement, expected = TAMPERS[name]
    index = "DROP INDEX mirror.record_version_idx; "
    node.run(index + "ALTER TABLE mirror.record DROP CONSTRAINT record_pkey; " + statement)
    code, said = audited(capsys)
    assert code == 3
    assert expected <= set(said["found"])
    assert all(one["log"] or one["case_id"] for one in said["breaches"])
    assert cli.run(["audit", "check"]) == 3  # a person is told, too


def test_a_changed_row_is_named_by_event_and_log(node, capsys):
    marked(node)
    node.run(TAMPERS["other bytes"][0])
    (event_id,) = (one.event_id for one in node.kept if is_row(one, "KZ", 20))
    _, said = audited(capsys)
    (found,) = (one for one in said["breaches"] if one["what"] == "leaf_differs")
    assert (found["log"], found["log_index"]) == ("t.ledger/KZ", 20)
    assert UUID(found["event_id"]) == event_id
    sizes = [one["size"] for one in said["breaches"] if one["what"] == "root_differs"]
    assert sizes == [50]


def is_row(record, origin: str, place: int) -> bool:
    return (record.topic, record.origin, record.log_index) == ("shared", origin, place)


def recorded(node: Mirror, origin: str, place: int) -> datetime:
    (value,) = (one.value for one in node.kept if is_row(one, origin, place))
    return read_stamp(value).recorded_at


def test_an_event_that_claims_another_time_than_its_log_had_is_found(node, capsys):
    shared, national = good()
    node.read(shared, national)
    day = timedelta(days=1)
    node.signed("KZ", 10, cosigned_at=recorded(node, "KZ", 9) + 300 * day)
    _, said = audited(capsys)
    assert "R10 backdated" in said["found"]
    node.run("DELETE FROM witness.cosignature")
    node.run("DELETE FROM witness.checkpoint")
    node.signed("KZ", 10, cosigned_at=recorded(node, "KZ", 0) - day)
    _, said = audited(capsys)
    assert "R10 too_late" in said["found"]
    late = [one for one in said["breaches"] if one["what"] == "too_late"]
    assert {one["log_index"] for one in late} == set(range(10))
    code, said = audited(capsys, "--tolerance", str(10**9))
    assert (code, said["found"]) == (0, {})


def test_two_signed_statements_that_cannot_both_be_true_are_found(node, capsys):
    shared, national = good()
    node.read(shared, national)
    record = next(one for one in node.kept if is_row(one, "KZ", 5))
    header = log_header(7, record.signature)
    stray = "INSERT INTO mirror.stray VALUES ('shared', 0, %s, %s, 'x', NULL, %s, %s, %s, 'KZ')"
    node.run(stray, 9_000, "equivocation", record.value, leaf_hash(record.value), header)
    node.run(stray, 9_001, "repeat", None, record.leaf, header)
    same = log_header(5, record.signature)
    node.run(stray, 9_002, "repeat", None, record.leaf, same)
    code, said = audited(capsys)
    assert code == 3
    assert said["found"] == {"R1 signed_twice": 1, "R1 index_twice": 1}


def test_an_alarm_that_nobody_has_resolved_is_remarked_and_breaks_no_rule(node, capsys):
    node.read(*good())
    assert audited(capsys)[1]["remarks"] == []
    ((alarm_id,),) = node.run(
        "INSERT INTO witness.alarm (rule, log, partition, size, words, found_at)"
        " VALUES ('order_differs', 't.order/KZ', 0, 7, 'two orders', 'infinity')"
        " RETURNING alarm_id"
    )
    code, said = audited(capsys)
    (remark,) = said["remarks"]
    assert (code, said["found"]) == (0, {})
    assert (remark["what"], remark["rule"], remark["log"]) == (
        "alarm_open", "order_differs", "t.order/KZ",
    )  # fmt: skip
    assert (remark["alarm_id"], remark["size"]) == (str(alarm_id), 7)
    assert cli.run(["audit", "check"]) == 0
    assert f"order_differs of t.order/KZ, partition 0, size 7, alarm {alarm_id}" in (
        capsys.readouterr().out
    )


def test_days_without_a_commitment_are_remarked_and_break_no_rule(node, capsys):
    """A sealer that stood still for days commits to nothing: only another country knows better."""
    node.read(*good())
    log = "t.national.KZ/KZ"
    for day in (1, 2, 3, 6, 7, 9):
        hidden = Commitment(log, date(2026, 3, day), bytes(32))
        note = hidden.signed_by(LogSigner(log, b"KZ" * 16)).render().decode()
        row = (log, hidden.day, hidden.hash, note)
        node.run("INSERT INTO witness.commitment VALUES (%s, %s, %s, %s)", *row)
    _, said = audited(capsys)
    assert [(one["what"], one["log"], one["first"], one["last"]) for one in said["remarks"]] == [
        ("day_missing", log, "2026-03-04", "2026-03-05"),
        ("day_missing", log, "2026-03-08", "2026-03-08"),
    ]
    cli.run(["audit", "check"])
    out = capsys.readouterr().out
    assert f"{log}, 2026-03-04 to 2026-03-05" in out
    assert f"{log}, 2026-03-08" in out
