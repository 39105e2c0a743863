"""What is missing for a child is known from events alone; what is late is said once, by rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import Agreement, DataScope, RiskLevel, Safety
from events.errors import BadInput, CodeUnknown, NotAllowedNow, WrongCountry, WrongRole
from ledger.case import care, identity, monitoring, plan, transfer
from ledger.case.monitoring import Reckoned
from ledger.case.personal import PersonalData
from ledger.rules.deadlines import asks_for_facts, next_of, reckon
from tests.given import CASEWORKER, NOON, SUPERVISOR, Story, consented, opened, proposed, ready
from tests.reacting import SYSTEM
from tests.ruled import facts, ruled
from tests.unit.test_plan_decisions import AGREE, generates
from tests.unit.test_plan_decisions import refused as refused_by

SAID = PersonalData({DataScope.PROTECTION: {"deadlines": {"due": []}}})
WHY = PersonalData({DataScope.NARRATIVE: {"why": "she sleeps"}})
DAY = timedelta(days=1)
#: What is refused here is refused for the state of the case, if nothing else is said.
refused = partial(refused_by, kind=NotAllowedNow)
FIRST = {"first_contact", "guardian", "risk", "views", "assessment"}


def monitored(since: datetime = NOON) -> Story:
    story = opened()
    story.did("KZ", monitoring.begin_monitoring, since=since, by=SYSTEM)
    return story


def clocks(story: Story, country: str = "KZ"):
    return story[country].case.national.care.clocks


def deadlines(story: Story):
    return story["KZ"].case.national.care.deadlines


def reckoned(story: Story, *steps: str, due_at: datetime = NOON + DAY, **more) -> None:
    care_ = story["KZ"].case.national.care
    found = tuple(
        Reckoned(one.deadline_id, one.step, one.subject, one.since, due_at)
        for key, one in care_.clocks.items()
        if key in steps
    )
    said = {"decision_id": uuid4(), "cause": care_.to_reckon, "rules": "KZ/1/ab"}
    story.did(
        "KZ", monitoring.reckon_deadlines, deadlines=found, data=SAID, by=SYSTEM, **said | more
    )


def test_nothing_runs_before_somebody_watches_and_everything_since_the_country_answers():
    story = opened()
    assert ({}, True) == (clocks(story), story["KZ"].case.goes_on_here)
    before = NOON - 3 * DAY
    story.did("KZ", monitoring.begin_monitoring, since=before, by=SYSTEM)
    assert FIRST == set(clocks(story))
    assert {before} == {one.since for one in clocks(story).values()}


@pytest.mark.parametrize(
    ("step", "decision", "said"),
    [
        ("first_contact", monitoring.complete_follow_up, {"safety": Safety.SAFE}),
        ("first_contact", care.record_views, {}),
        ("guardian", care.appoint_guardian, {}),
        ("risk", care.assess_risk, {"risk": RiskLevel.LOW}),
        ("views", care.record_views, {}),
        ("views", care.record_views, {"heard": False, "data": WHY}),
        ("assessment", care.complete_assessment, {}),
    ],
)
def test_a_clock_stops_with_what_it_waits_for(step, decision, said):
    story = monitored()
    reckoned(story, step)
    assert 1 == len(deadlines(story))
    story.did("KZ", decision, **said)
    assert step not in clocks(story)
    assert not deadlines(story), "a deadline goes with its clock"


def test_a_reason_why_she_was_not_heard_is_no_contact():
    story = monitored()
    story.did("KZ", care.record_views, heard=False, data=WHY)
    assert "first_contact" in clocks(story)


def test_a_guardian_who_leaves_starts_the_clock_again():
    story, guardian = monitored(), uuid4()
    story.did("KZ", care.appoint_guardian, guardian_id=guardian)
    story.did("KZ", care.end_guardian, guardian_id=guardian, at=NOON + DAY)
    assert NOON + DAY == clocks(story)["guardian"].since


def test_each_follow_up_starts_the_time_to_the_next_one_and_unsafe_asks_for_a_new_look():
    story = monitored()
    story.did("KZ", monitoring.complete_follow_up, safety=Safety.SAFE)
    first = clocks(story)["follow_up"]
    unsafe = {"safety": Safety.UNSAFE, "at": NOON + DAY}
    story.did("KZ", monitoring.complete_follow_up, **unsafe)
    second = clocks(story)["follow_up"]
    assert first.deadline_id != second.deadline_id
    assert NOON + DAY == second.since == clocks(story)["risk_review"].since
    story.did("KZ", monitoring.complete_follow_up, safety=Safety.SAFE, at=NOON + 2 * DAY)
    assert "risk_review" in clocks(story), "only a new look at the risk answers it"
    story.did("KZ", care.assess_risk, risk=RiskLevel.HIGH, at=NOON + 2 * DAY)
    assert "risk_review" not in clocks(story)


def test_a_plan_has_a_clock_for_every_step_and_every_item():
    story = monitored()
    story.did("KZ", care.record_concern)
    story.did("KZ", care.complete_assessment)
    plan_id = generates(story)
    assert plan_id == clocks(story)["plan_submission"].subject
    story.did("KZ", plan.submit_plan, plan_id=plan_id, by=CASEWORKER, **AGREE)
    assert plan_id == clocks(story)["plan_approval"].subject
    story.did("KZ", plan.approve_plan, plan_id=plan_id)
    items = story["KZ"].case.national.care.plans[plan_id].items
    running = clocks(story)
    assert {f"plan_item/{one}" for one in items} <= set(running)
    assert {one.due_at for one in items.values()} == {
        clock.due_at for clock in running.values() if clock.step == "plan_item"
    }
    story.did("KZ", plan.review_plan, plan_id=plan_id, review_by=(NOON + 30 * DAY).date())
    assert (NOON + 30 * DAY).date() == clocks(story)["plan_review"].due_at.date()
    for one in items:
        story.did("KZ", plan.finish_item, plan_id=plan_id, item_id=one, done=True)
    story.did("KZ", plan.complete_plan, plan_id=plan_id)
    assert not {one.step for one in clocks(story).values()} & {"plan_item", "plan_review"}


def test_a_rise_of_risk_and_a_new_concern_are_asked_of_the_rules_again():
    story = monitored()
    reckoned(story, "guardian")
    assert story["KZ"].case.national.care.to_reckon is None
    for decision, said in (
        (care.assess_risk, {"risk": RiskLevel.EMERGENCY}),
        (care.record_concern, {}),
    ):
        story.did("KZ", decision, **said)
        assert story["KZ"].case.national.care.to_reckon is not None
        reckoned(story)


def test_what_is_reckoned_is_reckoned_for_what_is_so_now_and_by_a_program():
    story = monitored()
    refused(story, "cause", monitoring.reckon_deadlines, by=SYSTEM, **_reckoning(cause=uuid4()))
    refused(
        story, "wrong_role", monitoring.reckon_deadlines, kind=WrongRole, by=SUPERVISOR,
        **_reckoning(cause=story["KZ"].case.national.care.to_reckon),
    )  # fmt: skip
    unknown = Reckoned(uuid4(), "guardian", None, NOON, NOON)
    refused(
        story, "deadline_known", monitoring.reckon_deadlines, by=SYSTEM,
        **_reckoning(cause=story["KZ"].case.national.care.to_reckon, deadlines=(unknown,)),
    )  # fmt: skip


def _reckoning(**changes):
    said = {"decision_id": uuid4(), "rules": "KZ/1/ab", "deadlines": (), "data": SAID}
    return said | changes


def breached(story: Story, at: datetime, **more) -> UUID:
    (deadline_id,) = deadlines(story)
    said = {"deadline_id": deadline_id, "rules": "KZ/1/ab", "by": SYSTEM, "at": at}
    story.did("KZ", monitoring.breach_deadline, **said | more)
    return deadline_id


def test_a_deadline_is_over_once_and_not_before_its_time():
    story = monitored()
    reckoned(story, "guardian")
    (deadline_id,) = deadlines(story)
    said = {"deadline_id": deadline_id, "rules": "KZ/1/ab", "by": SYSTEM}
    early = NOON + DAY - timedelta(microseconds=1)
    refused(story, "deadline_over", monitoring.breach_deadline, at=early, **said)
    breached(story, NOON + DAY)
    assert deadlines(story)[deadline_id].breached
    refused(story, "deadline_over", monitoring.breach_deadline, at=NOON + 2 * DAY, **said)


def test_others_are_told_in_order_each_once_and_each_after_its_time():
    story = monitored()
    reckoned(story, "guardian")
    first, second = NOON + DAY + timedelta(hours=4), NOON + 2 * DAY
    key = {"deadline_id": breached(story, NOON + DAY, next_at=first)}
    told = {**key, "role": "supervisor", "rules": "KZ/1/ab", "by": SYSTEM}
    escalate = monitoring.escalate_deadline
    refused(story, "next_at", escalate, told=1, at=first - timedelta(seconds=1), **told)
    refused(story, "told", escalate, told=2, at=first, **told)
    story.did("KZ", escalate, told=1, next_at=second, at=first, **told)
    refused(story, "next_at", escalate, told=1, at=first, **told)
    story.did("KZ", escalate, told=2, at=second, **told)
    refused(story, "next_at", escalate, told=3, at=second + 9 * DAY, **told)


def test_what_was_breached_stays_so_whatever_the_rules_say_afterwards():
    story = monitored()
    reckoned(story, "guardian")
    deadline_id = breached(story, NOON + DAY)
    story.did("KZ", care.record_concern, at=NOON + DAY)
    reckoned(story, "guardian", due_at=NOON + 9 * DAY, at=NOON + DAY)
    assert (True, NOON + DAY) == (
        deadlines(story)[deadline_id].breached,
        deadlines(story)[deadline_id].due_at,
    )


def test_nobody_watches_a_case_that_another_country_answers_for():
    story = monitored()
    ready(story)
    handoff = proposed(story, consented(story))
    refused(story, "monitored", monitoring.end_monitoring, by=SYSTEM)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff)
    assert not story["KZ"].case.goes_on_here
    refused(story, "deadline_known", monitoring.breach_deadline, by=SYSTEM, **_over(uuid4()))
    story.did("KZ", monitoring.end_monitoring, by=SYSTEM)
    assert ({}, {}) == (clocks(story), deadlines(story))
    with pytest.raises(WrongCountry):
        story["KZ"].decide(monitoring.complete_follow_up, safety=Safety.SAFE)
    assert (0, 1) == tuple(monitoring.begun_again(story[one].case) for one in ("KZ", "KG"))
    story.did("KG", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    assert set(clocks(story, "KG")) == FIRST, "the country that took over looks for itself"


def _over(deadline_id: UUID):
    return {"deadline_id": deadline_id, "rules": "KZ/1/ab"}


def test_monitoring_begins_once_and_never_ahead_of_time():
    story = opened()
    refused(story, "since", monitoring.begin_monitoring, kind=BadInput, since=NOON + DAY, by=SYSTEM)
    story.did("KZ", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    refused(story, "monitored", monitoring.begin_monitoring, since=NOON, by=SYSTEM)


def test_how_she_was_found_is_a_code_and_an_attempt_counts_by_its_day():
    story = monitored()
    refused(story, "safety", monitoring.complete_follow_up, kind=CodeUnknown, safety=Safety.UNKNOWN)
    wrong = PersonalData({DataScope.PROTECTION: {"follow_up": "by telephone"}})
    with pytest.raises(CodeUnknown):
        story["KZ"].decide(monitoring.complete_follow_up, safety=Safety.SAFE, data=wrong)
    story.did("KZ", monitoring.attempt_contact)
    story.did("KZ", monitoring.attempt_contact, at=NOON + DAY)
    care_ = story["KZ"].case.national.care
    assert (NOON.date(), (NOON + DAY).date()) == care_.attempts
    story.did("KZ", monitoring.complete_follow_up, safety=Safety.CONCERN, at=NOON + DAY)
    assert () == story["KZ"].case.national.care.attempts


# What follows from the rules.


def test_a_child_who_is_alone_has_a_guardian_within_a_day_whatever_her_risk():
    story = monitored()
    for risk in ("emergency", "high", "medium", "low", None):
        alone = facts(concerns=("separated",), risk=risk)
        due = {one.clock.step: one for one in reckon(alone, ruled().pack, clocks(story))}
        assert NOON + DAY >= due["guardian"].due_at
    with_parents = facts(concerns=("child_labour",))
    assert "guardian" not in {
        one.clock.step for one in reckon(with_parents, ruled().pack, clocks(story))
    }


def test_her_record_is_opened_only_if_a_rule_asks_for_what_threatens_her():
    story = monitored()
    assert asks_for_facts(ruled().pack, clocks(story).values())
    story.did("KZ", care.appoint_guardian)
    assert not asks_for_facts(ruled().pack, clocks(story).values())


def test_a_time_that_somebody_has_named_counts():
    story = monitored()
    story.did("KZ", care.complete_assessment)
    plan_id = generates(story)
    story.did("KZ", plan.submit_plan, plan_id=plan_id, by=CASEWORKER, child=Agreement.AGREES,
              caregiver=Agreement.AGREES)  # fmt: skip
    story.did("KZ", plan.approve_plan, plan_id=plan_id)
    due = {one.clock.subject: one.due_at for one in reckon(facts(), ruled().pack, clocks(story))}
    items = story["KZ"].case.national.care.plans[plan_id].items
    assert {due[key] for key in items} == {one.due_at for one in items.values()}


def test_working_days_are_those_of_the_country_and_unknown_risk_knows_none():
    friday = datetime(2026, 11, 27, 10, tzinfo=UTC)
    story = opened()
    story.did("KZ", identity.change_status, status="not_ready")
    story.did("KZ", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    story.did("KZ", care.complete_assessment)
    plan_id = generates(story)
    story.did("KZ", plan.submit_plan, plan_id=plan_id, by=CASEWORKER, at=friday, **AGREE)
    waits = {"plan_approval": clocks(story)["plan_approval"]}
    (low,) = reckon(facts(risk="low"), ruled().pack, waits)
    (unknown,) = reckon(facts(risk=None), ruled().pack, waits)
    # Friday evening in Almaty: the fifth working day ends with Friday, 4 December there.
    assert datetime(2026, 12, 4, 19, tzinfo=UTC) == low.due_at
    assert friday + DAY == unknown.due_at


def test_whom_a_ministry_tells_is_told_in_its_order():
    pack = ruled().pack
    ladder = [next_of(pack, "guardian", at) for at in range(3)]
    assert ["supervisor", "focal_point"] == [str(one.to) for one in ladder if one is not None]
    assert ladder[2] is None
    assert next_of(pack, "no such step", 0) is None


ACTS = {
    "views": (care.record_views, {}),
    "guardian": (care.appoint_guardian, {}),
    "risk": (care.assess_risk, {"risk": RiskLevel.HIGH}),
    "assessment": (care.complete_assessment, {}),
    "safe": (monitoring.complete_follow_up, {"safety": Safety.SAFE}),
    "unsafe": (monitoring.complete_follow_up, {"safety": Safety.UNSAFE}),
    "attempt": (monitoring.attempt_contact, {}),
    "concern": (care.record_concern, {}),
}


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=12), st.booleans())
def test_whatever_happens_a_clock_runs_for_what_is_missing_and_for_nothing_else(acts, reckons):
    """Whatever the order: the clocks are what is missing, each since the event that made it so."""
    story = monitored()
    for number, name in enumerate(acts, 1):
        decision, said = ACTS[name]
        story.did("KZ", decision, at=NOON + number * DAY, **said)
        if reckons:
            story_care = story["KZ"].case.national.care
            if story_care.to_reckon is not None:
                reckoned(story, *story_care.clocks, at=NOON + number * DAY)
    care_ = story["KZ"].case.national.care
    done = set(acts)
    expected = {
        "first_contact": not done & {"views", "safe", "unsafe"},
        "guardian": "guardian" not in done,
        "risk": "risk" not in done,
        "views": "views" not in done,
        "assessment": "assessment" not in done,
        "follow_up": bool(done & {"views", "safe", "unsafe"}),
        "risk_review": "unsafe" in acts and "risk" not in acts[_last(acts, "unsafe") :],
    }
    assert {step for step, runs in expected.items() if runs} == set(care_.clocks)
    assert set(care_.deadlines) <= {one.deadline_id for one in care_.clocks.values()}
    if reckons and acts and care_.to_reckon is None:
        assert len(care_.deadlines) == len(care_.clocks)


def _last(acts: list[str], name: str) -> int:
    return max(at for at, one in enumerate(acts) if one == name)
