"""Workload: what cases weigh, whose they are, and what is counted once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from ledger.rules.pack import Load
from node.workload import weighed
from projections.workload import OpenCase, Routed

ONE, TWO, THREE = (UUID(int=at) for at in (1, 2, 3))
CASES = {
    ONE: OpenCase(ONE, "emergency", "cw-1", 3, 1),
    TWO: OpenCase(TWO, None, "cw-1", 2, 0),
    THREE: OpenCase(THREE, "low", "cw-2", 1, 1),
}
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def routed(case, service, organisation, state="accepted", *, leads=True):
    return Routed(case, service, organisation, state, leads, NOON)


def test_a_case_weighs_what_the_pack_says_and_an_unknown_risk_is_high():
    (one, two) = weighed(CASES, [], Load(low=7), {})["caseworkers"]
    assert ("cw-1", 2, 6 + 4, 5, 1) == tuple(one.values())
    assert ("cw-2", 1, 7, 1, 1) == tuple(two.values())


def test_a_case_with_two_services_of_one_organisation_counts_once_for_it():
    there = [routed(ONE, "a", "x"), routed(ONE, "b", "x", leads=False)]
    said = weighed(CASES, there, Load(), {"a": 2})
    (whole,) = said["organisations"]
    assert (1, 6, 3, 1) == tuple(
        whole[name] for name in ("cases", "load", "open_items", "overdue_items")
    )
    (first, second) = said["services"]
    assert (3, 100) == (first["open_items"], first["limit"])
    assert (0, 6, None) == (second["open_items"], second["load"], second["limit"])


def test_what_is_asked_weighs_and_is_no_case_yet_and_the_duty_desk_is_nobodys():
    there = [routed(TWO, "a", "x", "asked"), routed(THREE, None, None, "asked")]
    said = weighed(CASES, there, Load(), {})
    (whole,) = said["organisations"]
    assert (0, 4, 1, NOON, 0) == tuple(
        whole[name] for name in ("cases", "load", "to_answer", "answer_by", "open_items")
    )
    assert {None, "a"} == {one["service"] for one in said["services"]}


def test_of_one_organisation_only_the_caseworkers_of_its_cases():
    said = weighed(CASES, [routed(THREE, "a", "x")], Load(), {}, {THREE})
    assert ["cw-2"] == [one["caseworker"] for one in said["caseworkers"]]
