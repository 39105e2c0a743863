"""A protection plan, generated: what threatens a child, keeps her safe, and what she wants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.code_lists import code_list
from ledger.rules.planning import MOST_ITEMS, Generated, differences, generate
from ledger.rules.terms import URGENT
from tests.ruled import facts, ruled

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
PACK = ruled().pack


def plan(**child) -> Generated:
    return generate(facts(**child), PACK, AT)


def activities(found: Generated) -> list[str]:
    return [one.activity for one in found.items]


def item(found: Generated, activity: str):
    return next(one for one in found.items if one.activity == activity)


def test_each_concern_asks_for_its_goals_and_names_its_rule():
    found = plan(concerns=("unaccompanied",), risk="high")
    assert {
        "appoint_guardian",
        "alternative_care",
        "family_tracing_and_reunification",
        "best_interests_assessment",
        "basic_psychosocial_support",
    } == set(activities(found))
    assert {("unaccompanied",)} == {one.rules for one in found.items}
    assert {"legal_representation", "family_based_care", "family_contact", "recovery"} == set(
        found.goals
    )
    assert AT + timedelta(hours=48) == item(found, "appoint_guardian").due_at


@pytest.mark.parametrize(("risk", "hours"), [("emergency", 24), ("high", 48), (None, 48)])
def test_the_more_urgent_it_is_the_sooner_and_unknown_counts_as_high(risk, hours):
    found = plan(concerns=("unaccompanied",), risk=risk)
    assert {AT + timedelta(hours=hours)} == {one.due_at for one in found.items}


def test_what_two_rules_ask_for_is_there_once_by_the_shorter_time():
    found = plan(concerns=("trafficking", "lack_of_documentation_birth_registration"), risk="high")
    assert len(activities(found)) == len(set(activities(found)))
    legal = item(found, "legal_support")
    assert ("trafficking", "documents") == legal.rules
    assert AT + timedelta(hours=24) == legal.due_at
    assert ("justice_choice", True) == (legal.goal, legal.mandatory)


def test_what_one_rule_cannot_do_without_is_not_optional_because_another_could():
    found = plan(concerns=("sexual_abuse_violence", "trafficking"), risk="high")
    assert item(found, "legal_support").mandatory
    assert item(found, "medical").mandatory


def test_what_keeps_her_safe_goes_first():
    found = plan(concerns=("trafficking", "unaccompanied", "child_labour"))
    flags = [one.mandatory for one in found.items]
    assert sorted(flags, reverse=True) == flags
    due = [one.due_at for one in found.items if one.mandatory]
    assert sorted(due) == due


def test_she_is_asked_what_she_wants_and_does_not_want():
    found = plan(concerns=("unaccompanied",), wants=("language_class",))
    assert () == item(found, "language_class").rules
    unwanted = ("basic_psychosocial_support", "appoint_guardian")
    found = plan(concerns=("unaccompanied",), does_not_want=unwanted)
    assert ("basic_psychosocial_support",) == found.not_wanted
    assert "basic_psychosocial_support" not in activities(found)
    assert "appoint_guardian" in activities(found), "what keeps her safe is not up to her"


def test_a_wish_that_the_pack_does_not_know_is_for_a_person():
    assert "cash_assistance" not in activities(
        plan(concerns=("other",), wants=("cash_assistance",))
    )


def test_whoever_has_no_concern_of_the_list_has_a_plan_all_the_same():
    assert ["home_visits", "basic_psychosocial_support"] == activities(plan(concerns=()))


CONCERNS = sorted(set(code_list("concern").codes) - {"UNKNOWN"})


def test_more_than_anybody_can_keep_up_with_is_left_to_a_supervisor():
    found = plan(concerns=tuple(CONCERNS))
    optional = [one for one in found.items if not one.mandatory]
    assert len(found.items) == MOST_ITEMS or not optional
    assert found.left_out
    assert not any(one.mandatory for one in found.left_out)


several = st.lists(st.sampled_from(CONCERNS), max_size=6).map(tuple)
wishes = st.lists(st.sampled_from(sorted(code_list("plan_activity").codes)), max_size=4).map(tuple)
risks = st.sampled_from([None, "emergency", "high", "medium", "low"])


@given(several, risks, wishes, wishes)
def test_no_concern_is_without_a_goal_and_nothing_mandatory_is_ever_missing(
    concerns, risk, wants, does_not_want
):
    child = facts(concerns=concerns, risk=risk, wants=wants, does_not_want=does_not_want)
    found = generate(child, PACK, AT)
    asked = list(PACK.plans_for(concerns))
    named = {rule for one in (*found.items, *found.left_out) for rule in one.rules}
    for rule in asked:
        must = {one.activity for one in rule.item if one.mandatory}
        assert must <= set(activities(found))
        refused = {one.activity for one in rule.item} <= set(does_not_want)
        assert rule.id in named or refused
    assert len(activities(found)) == len(set(activities(found)))
    assert found == generate(child, PACK, AT)
    if risk in URGENT:
        assert all(one.due_at - AT <= timedelta(days=14) for one in found.items if one.mandatory)


def test_two_versions_differ_by_what_was_added_removed_and_moved():
    first = [one.words() for one in plan(concerns=("unaccompanied",)).items]
    second = [one.words() for one in plan(concerns=("unaccompanied", "child_labour")).items]
    assert [] == differences(first, first)
    added = {one["activity"] for one in differences(first, second) if one["change"] == "added"}
    assert {"education_formal", "cash_assistance", "livelihoods", "home_visits"} == added
    assert {"removed"} == {
        one["change"] for one in differences(second, first) if one["activity"] in added
    }
    later = [{**one, "due_at": "later"} for one in first]
    assert {"due_at"} == {one["change"] for one in differences(first, later)}
