"""`ledger audit check` over cases that wait: what is said of waiting is found out, not believed."""

from __future__ import annotations

import json

import pytest

from ledger.mirror import Record
from node import cli
from tests.audited import UNKNOWN, Mirror, made
from tests.sharing_play import told

#: The story that waits, and which of its shared events it waits for.
STORY, AT = 1, 3


@pytest.fixture
def node(database, tmp_path, monkeypatch) -> Mirror:
    """A node in which one case waits for a schema, and nothing else is unusual."""
    found = made(database, tmp_path, monkeypatch)
    stories = [told(seed, steps=20) for seed in range(6)]
    shared = [heard for story in stories for heard in story.topic]
    at = sum(len(story.topic) for story in stories[:STORY]) + AT
    national = [heard for story in stories for heard in story.nodes["KG"].said]
    found.read(shared, national, unknown={at})
    return found


def stopped(node: Mirror) -> Record:
    """Return the event for which it waits."""
    return next(one for one in node.kept if one.value.startswith(UNKNOWN))


def behind(node: Mirror) -> list[Record]:
    """Return the events of its case that wait behind it."""
    first = stopped(node)
    of_side = [one for one in node.kept if one[0] == first[0] and one.case_id == first.case_id]
    return [one for one in of_side if one.offset > first.offset]


def shown(capsys) -> dict[str, list[dict]]:
    """Return what breaks R9, by its name."""
    capsys.readouterr()
    cli.run(["audit", "check", "--json"])
    said = json.loads(capsys.readouterr().out)
    broken = [one for one in said["breaches"] if one["rule"] == "R9"]
    return {what: [one for one in broken if one["what"] == what] for what in _names(broken)}


def _names(broken: list[dict]) -> set[str]:
    return {one["what"] for one in broken}


def event_ids(broken: list[dict]) -> set[str]:
    return {one["event_id"] for one in broken}


def test_a_case_that_waits_for_a_schema_is_as_it_has_to_be(node, capsys):
    assert node.run("SELECT reason, fingerprint FROM read_1.parked") == [
        ("unknown_schema", UNKNOWN[2:])
    ]
    assert len(behind(node)) > 2
    assert shown(capsys) == {}


@pytest.mark.parametrize(
    "said",
    [
        "reason = 'ZeroDivisionError'",
        "fingerprint = sha256('x')",
        "fingerprint = NULL",
    ],
)
def test_another_cause_than_it_has_is_named_and_silences_nothing(node, capsys, said):
    node.run(f"UPDATE read_1.parked SET {said}")
    found = shown(capsys)
    assert {"parked_without_cause"} == found.keys()
    assert {str(stopped(node).event_id)} == event_ids(found["parked_without_cause"])


def test_a_case_that_cannot_be_read_on_and_does_not_wait_is_named(node, capsys):
    node.run("DELETE FROM read_1.parked")
    found = shown(capsys)
    assert {"not_parked", "not_projected", "state_differs"} == found.keys()
    assert {str(stopped(node).event_id)} == event_ids(found["not_parked"])
    waiting = {str(one.event_id) for one in (stopped(node), *behind(node))}
    assert waiting == event_ids(found["not_projected"])


def test_a_case_that_does_not_wait_is_named_with_lines_made_up_for_it(node, capsys):
    """Whoever takes the row away and writes the lines, too: nobody here can have read them."""
    node.run("DELETE FROM read_1.parked")
    for place, one in enumerate((stopped(node), *behind(node)), AT + 1):
        node.run(
            "INSERT INTO read_1.audit_trail SELECT case_id, topic, %s, partition, %s, %s, 0, %s,"
            " %s, %s, event_type, schema_version, recorded_at, occurred_at, actor_id, actor_role,"
            " actor_organisation, %s, true, NULL, '{}' FROM read_1.audit_trail"
            " WHERE (case_id, topic, place) = (%s, 'shared', 1)",
            place, one.offset, one.offset, one.event_id, one.origin, one.version, one.leaf,
            one.case_id,
        )  # fmt: skip
    found = shown(capsys)
    assert {str(stopped(node).event_id)} == event_ids(found["not_parked"])


@pytest.mark.parametrize("by", [-2, -1, 1, 2, 10**6])
def test_the_place_since_when_it_waits_is_the_one_where_it_stops(node, capsys, by):
    node.run("UPDATE read_1.parked SET since_offset = since_offset + %s", by)
    found = shown(capsys)
    assert {str(stopped(node).event_id)} == event_ids(found["not_parked"])
    (one,) = found["parked_without_cause"]
    assert str(stopped(node).case_id) == one["case_id"]


def test_the_state_before_is_still_the_state_of_a_case_that_waits(node, capsys):
    side = (stopped(node).case_id, "shared")
    node.run("UPDATE read_1.case_state SET state = '{}' WHERE (case_id, topic) = (%s, %s)", *side)
    assert {"state_differs"} == shown(capsys).keys()
    node.run("DELETE FROM read_1.case_state WHERE (case_id, topic) = (%s, %s)", *side)
    assert {"state_differs"} == shown(capsys).keys()


def test_without_the_national_keys_a_case_may_wait_and_nothing_behind_it_is_shown(
    node, capsys, monkeypatch
):
    """From outside nobody can tell for what; that it stands still can be seen all the same."""
    monkeypatch.delenv("LEDGER_NATIONAL_KEY_FILE")
    case_id, offset = node.run(
        "SELECT case_id, effect_offset FROM read_1.audit_trail"
        " WHERE (topic, place) = ('national', 2) ORDER BY 1 LIMIT 1"
    )[0]
    behind = "WHERE (case_id, topic) = (%s, 'national') AND place > 1"
    node.run(
        "INSERT INTO read_1.parked (case_id, topic, reason, since_offset, since_rank)"
        " VALUES (%s, 'national', 'KeyUnknown', %s, 0)",
        case_id, offset,
    )  # fmt: skip
    ((lines,),) = node.run(f"SELECT count(*) FROM read_1.audit_trail {behind}", case_id)
    found = shown(capsys)
    assert {"projected_while_parked", "state_differs"} == found.keys()
    assert lines == len(found["projected_while_parked"])
    node.run(f"DELETE FROM read_1.audit_trail {behind}", case_id)
    node.run(
        "UPDATE read_1.case_state SET count = 1 WHERE (case_id, topic) = (%s, 'national')", case_id
    )
    assert shown(capsys) == {}
    node.run("UPDATE read_1.parked SET since_offset = 1000000 WHERE topic = 'national'")
    assert {"parked_without_cause", "not_projected", "state_differs"} == shown(capsys).keys()
