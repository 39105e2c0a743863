"""Receipts of projections: what a worker skipped, took in another order or wrote otherwise (R9)."""

from __future__ import annotations

import json
from uuid import uuid4

import psycopg
import pytest

from events.errors import StartAgain
from node import cli
from projections.rebuild import rebuild
from projections.receipt import Receipt, schema_set, take
from tests.audited import COUNTRIES, Mirror, made
from tests.readers import (
    Running,
    events_of,
    eventually,
    read_all,
    running,
    settings_of,
    transferred,
    until_mirrored,
)
from tests.sharing_play import told


@pytest.fixture
def node(database, tmp_path, monkeypatch) -> Mirror:
    """A node that has read some stories, with positions where its worker stopped."""
    found = made(database, tmp_path, monkeypatch)
    stories = [told(seed, steps=20) for seed in range(12)]
    shared = [heard for story in stories for heard in story.topic]
    found.read(shared, [heard for story in stories for heard in story.nodes["KG"].said])
    monkeypatch.setattr("node.place.Place.dsn", lambda _, role: database.as_role(role))
    return found


def taken(node: Mirror) -> Receipt:
    with psycopg.connect(node.database.as_role("project"), autocommit=True) as connection:
        return take(connection, why="asked")


def audited(capsys, *arguments: str) -> list[dict]:
    capsys.readouterr()
    code = cli.run(["audit", "check", "--json", *arguments])
    said = json.loads(capsys.readouterr().out)
    assert code == (3 if said["breaches"] else 0)
    return said["breaches"]


def kinds(breaches: list[dict]) -> set[str]:
    return {f"{one['rule']} {one['what']}" for one in breaches}


def test_a_receipt_names_every_log_partition_and_read_model(node, capsys):
    for origin in COUNTRIES[:2]:
        node.signed(origin, sum((one.topic, one.origin) == ("shared", origin) for one in node.kept))
    receipt = taken(node)
    roots = dict(node.run("SELECT log, encode(root, 'hex') FROM witness.checkpoint"))
    shared = {one.origin: one.root for one in receipt.logs if one.topic == "shared"}
    assert shared["KZ"] == roots["t.ledger/KZ"]
    assert shared["KG"] == roots["t.ledger/KG"]
    assert {(one.topic, one.partition) for one in receipt.orders} == {
        *(("shared", 0), ("national", 0))
    }
    assert sum(one.size for one in receipt.orders) == len(node.kept)
    assert receipt.schemas == schema_set().hex()
    assert set(receipt.shared) < set(receipt.models)
    assert audited(capsys) == []


def test_where_nothing_was_changed_nothing_is_found_also_after_a_rebuild(node, capsys):
    taken(node)
    assert audited(capsys, "--replay") == []
    assert rebuild(node.database.as_role("project"), country="KG", keys=node.keys).equal
    assert taken(node).generation == 2
    assert audited(capsys) == []


@pytest.mark.parametrize(
    "said",
    [
        *("orders = '[[1]]'", "orders = '7'", "logs = '1'", "models = '[]'", "parked = 'null'"),
        'orders = \'[["shared", "x", null, 0, ""]]\'',
        'orders = \'[["shared", 99999999999, 1, 0, ""]]\'',
        'parked = \'[["x", "shared", 0, 0]]\'',
        *("taken_at = 'infinity'", 'logs = \'[["shared", "KZ", -1, ""]]\''),
    ],
)
def test_a_receipt_that_nobody_has_taken_is_named(node, capsys, said):
    """And the audit goes on with the rest."""
    taken(node)
    node.run("ALTER TABLE projections.receipt DISABLE TRIGGER ALL")
    node.run(f"UPDATE projections.receipt SET {said}")
    node.run("UPDATE read_1.case_state SET state = '{}'")
    assert kinds(audited(capsys)) >= {"R9 receipt_differs", "R9 state_differs"}


@pytest.mark.parametrize(("nobody", "by"), [(False, 10**6), (True, 0)])
def test_what_a_receipt_says_waited_had_come_by_then(node, capsys, nobody, by):
    """Whoever skipped an event may say that its case waited; but not for no event of it."""
    case_id, place = node.run(
        "SELECT case_id, effect_offset FROM read_1.audit_trail WHERE (topic, place) = ('shared', 2)"
    )[0]
    taken(node)
    said = [[str(uuid4() if nobody else case_id), "shared", place + by, 0]]
    node.run("ALTER TABLE projections.receipt DISABLE TRIGGER ALL")
    node.run("UPDATE projections.receipt SET parked = %s::jsonb", json.dumps(said))
    (one,) = [one for one in audited(capsys) if one["what"] == "receipt_differs"]
    assert said[0][0] == one["case_id"]


#: An event of KZ in the middle of its log.
PLACE = 30
LINE = f"""
WHERE (topic, partition, "offset") = (
    SELECT topic, partition, "offset" FROM mirror.record
    WHERE topic = 'shared' AND origin = 'KZ' AND log_index = {PLACE}
)
"""


def test_an_event_that_a_worker_skipped_is_named_at_its_place(node, capsys):
    node.run(f"DELETE FROM read_1.audit_trail {LINE}")
    taken(node)
    (found,) = [one for one in audited(capsys) if one["what"] == "receipt_log_differs"]
    event = next(
        one
        for one in node.kept
        if (one.topic, one.origin, one.log_index) == ("shared", "KZ", PLACE)
    )
    assert (found["rule"], found["log"], found["origin"]) == ("R9", "t.ledger/KZ", "KZ")
    assert (found["log_index"], found["size"]) == (PLACE, PLACE)
    assert (found["event_id"], found["case_id"]) == (str(event.event_id), str(event.case_id))
    assert found["position"] == f"shared/0@{event.offset}"


def test_a_receipt_remembers_what_was_skipped_then_and_mended_since(node, capsys):
    """What is shown is right again, and the worker was wrong all the same."""
    node.run(f"CREATE TABLE kept AS SELECT * FROM read_1.audit_trail {LINE}")
    node.run(f"DELETE FROM read_1.audit_trail {LINE}")
    taken(node)
    node.run("INSERT INTO read_1.audit_trail SELECT * FROM kept")
    node.run("UPDATE read_1.position SET next_offset = next_offset + 1 WHERE topic = 'shared'")
    assert kinds(audited(capsys)) == {"R9 receipt_log_differs", "R9 receipt_order_differs"}


def test_two_events_in_another_order_are_found_in_their_partition(node, capsys):
    """Of two cases, so that within each nothing looks wrong."""
    node.run(
        """
        UPDATE read_1.audit_trail AS line SET effect_offset = other.effect_offset
        FROM (
            SELECT one.effect_offset AS mine, two.effect_offset
            FROM read_1.audit_trail AS one JOIN read_1.audit_trail AS two
                ON two.topic = 'shared' AND two.case_id <> one.case_id
            WHERE one.topic = 'shared' AND one.effect_offset = 9
            ORDER BY two.effect_offset DESC LIMIT 1
        ) AS other
        WHERE line.topic = 'shared' AND line.effect_offset = 9
        """
    )
    taken(node)
    found = audited(capsys)
    assert "R9 receipt_order_differs" in kinds(found)
    (one,) = [one for one in found if one["what"] == "receipt_order_differs"]
    assert one["size"] == sum(record.topic == "shared" for record in node.kept)


@pytest.mark.parametrize(
    ("statement", "model"),
    [
        ("UPDATE read_1.case_file SET responsible = 'UZ' WHERE responsible = 'KZ'", "case_file"),
        ("DELETE FROM read_1.consents", "consents"),
    ],
)
def test_a_row_of_a_read_model_that_was_edited_is_found(node, capsys, statement, model):
    before = taken(node)
    node.run(statement)
    found = audited(capsys)
    assert {(one["what"], one["log"]) for one in found} == {("receipt_model_differs", model)}
    after = taken(node)  # a receipt that was taken of it says what it says ..
    assert before.models[model] != after.models[model]
    assert audited(capsys) == []
    found = audited(capsys, "--replay")  # .. and a replay says what it should say
    assert {(one["what"], one["log"]) for one in found} == {("replay_differs", model)}


def test_bytes_that_were_changed_after_a_receipt_are_found_by_it(node, capsys):
    """With a hash and a trail to fit: only what was said before does not."""
    taken(node)
    node.run(
        "UPDATE mirror.record SET value = value || '\\x00', leaf ="
        " sha256('\\x00'::bytea || value || '\\x00')"
        f" WHERE topic = 'shared' AND origin = 'KZ' AND log_index = {PLACE}"
    )
    node.run(
        "UPDATE read_1.audit_trail AS line SET leaf = record.leaf FROM mirror.record AS record"
        ' WHERE (line.topic, line.partition, line."offset")'
        ' = (record.topic, record.partition, record."offset")'
    )
    found = kinds(audited(capsys))
    assert {"R9 receipt_log_differs", "R9 receipt_order_differs"} <= found


def test_a_receipt_is_added_and_never_changed(node):
    taken(node)
    for role in ("project", "audit", "append"):
        for statement in (
            "UPDATE projections.receipt SET logs = '[]'",
            "DELETE FROM projections.receipt",
        ):
            with (
                psycopg.connect(node.database.as_role(role)) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(statement)


def test_of_a_case_that_waits_nothing_is_missed(node, capsys):
    """Parked in the middle: what stands behind is in no read model, and rightly so."""
    case_id, *since = node.run(
        "SELECT case_id, effect_offset, effect_rank FROM read_1.audit_trail"
        " WHERE topic = 'shared' AND place = 4 LIMIT 1"
    )[0]
    node.run(
        "INSERT INTO read_1.parked (case_id, topic, reason, since_offset, since_rank)"
        " VALUES (%s, 'shared', 'unknown_schema', %s, %s)",
        case_id, *since,
    )  # fmt: skip
    node.run(
        "DELETE FROM read_1.audit_trail WHERE case_id = %s AND topic = 'shared' AND place >= 4",
        case_id,
    )
    assert len(taken(node).parked) == 1
    assert [one for one in audited(capsys) if one["what"].startswith("receipt")] == []


def test_a_worker_that_was_killed_and_came_back_has_nothing_to_hide(
    topics, database, dsn, tmp_path, monkeypatch, capsys
):
    """Receipts in the middle of its work, between two starts, and after a rebuild."""
    agreement = tmp_path / "agreement.toml"
    agreement.write_text(topics.pens.agreement.render())
    for name, value in (
        ("AGREEMENT", str(agreement)),
        ("COUNTRY", "KZ"),
        ("PG", database.as_role("audit")),
    ):
        monkeypatch.setenv(f"LEDGER_{name}", value)
    events = events_of(*(transferred(seed) for seed in range(6)))

    def check() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            take(connection, why="asked")
        assert [one for one in audited(capsys) if one["rule"] == "R9"] == []

    topics.put(*events[:12])
    died = Running(settings_of(topics, dsn, batch_records=2), at=_die_after(4))
    died.thread.start()
    died.thread.join()
    check()
    with running(settings_of(topics, dsn, batch_records=2)) as worker:
        topics.put(*events[12:])
        until_mirrored(dsn, 14, worker)
        check()
        until_mirrored(dsn, len(events), worker)
    check()
    read_all(topics, dsn, len(events))
    eventually(lambda: rebuild(dsn, country="KZ").equal, "a rebuild")
    check()


def _die_after(batches: int):
    """Return a hook that ends a worker between two steps of a batch."""
    seen = []

    def at(step: str) -> None:
        seen.append(step)
        if step == "mirrored" and seen.count("mirrored") > batches:
            raise StartAgain("killed")

    return at
