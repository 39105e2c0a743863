"""Who can be given a child today: one answer for the rules and for people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.rules.routing import direct
from ledger.rules.standing import NO_ROUTE, standings
from tests.ruled import TODAY, facts, listed, ruled, services, situation

PACK = ruled().pack
DAY = timedelta(days=1)


def standing(line: str, **more):
    directory = services(f"one; {line}" if line else "one")
    (found,) = standings(PACK, directory, situation(directory, ruled(), **more))
    return found


def test_who_has_everything_can_be_given_a_child():
    found = standing("")
    assert ({}, ()) == (found.closed, found.why_not)
    assert found.routes


@pytest.mark.parametrize(
    ("line", "more", "why"),
    [
        ('status = "inactive"', {}, ("not_active",)),
        (f"licensed_until = {TODAY - DAY}", {}, ("licence_expired",)),
        ("", {"closed": frozenset({"one"})}, ("no_capacity",)),
        (
            f'status = "defunct"; licensed_until = {TODAY - DAY}',
            {"closed": frozenset({"one"})},
            ("not_active", "licence_expired", "no_capacity"),
        ),
    ],
)
def test_what_speaks_against_it_is_told_whole(line, more, why):
    found = standing(line, **more)
    assert () == found.routes
    assert why == found.why_not


def test_a_licence_counts_on_its_last_day():
    assert standing(f"licensed_until = {TODAY}").routes


def test_a_guideline_that_was_not_read_closes_the_routes_that_ask_for_it():
    found = standing('specialists=["uasc_caseworker"]', acknowledged={})
    asking = {one.id for one in PACK.route if one.guideline is not None}
    assert found.closed
    assert found.closed.keys() <= asking
    assert ("guideline_not_acknowledged",) == found.why_not
    assert not asking.intersection(found.routes)


def test_nothing_of_the_pack_leads_to_it():
    pack = PACK.model_copy(update={"route": PACK.route[:1]})
    directory = services('one; specialists=["ombudsman"]')
    (found,) = standings(pack, directory, situation(directory, ruled()))
    assert ((), (NO_ROUTE,)) == (found.routes, found.why_not)


def test_the_rules_leave_out_whom_it_calls_closed_and_choose_among_the_others():
    """One mechanism: each service that routing leaves out for itself is closed here, by that."""
    directory = listed()
    some = frozenset(sorted(directory.services)[::3])
    now = situation(directory, ruled(), closed=some)
    now = type(now)(today=now.today, acknowledged=dict(list(now.acknowledged.items())[::2]),
                    closed=now.closed)  # fmt: skip
    told = {one.service.id: one for one in standings(PACK, directory, now)}
    seen = set()
    for concern in ("child_labour", "unaccompanied", "trafficking", "sexual_abuse"):
        for need in direct(facts(concerns=(concern,)), PACK, directory, now, tie=b"case"):
            for one in need.candidates:
                closed = told[one.service].closed.get(need.rule, ())
                if one.excluded_by in {"guideline_not_acknowledged", "no_capacity"}:
                    seen.add(one.excluded_by)
                    assert one.excluded_by in closed
                elif one.excluded_by is None:
                    assert () == closed
    assert {"guideline_not_acknowledged", "no_capacity"} == seen
