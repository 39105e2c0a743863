"""A case ends for a reason, by a checklist, by a second person; and begins again for a reason."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from events.codes import DataScope, Safety, Satisfaction
from events.errors import (
    BadInput,
    BasisMissing,
    CodeUnknown,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongRole,
)
from events.stamp import Actor
from ledger.case import block, care, closing, complaint, monitoring, plan, searching
from ledger.case.closing import CHECKLIST, LOST_AFTER
from ledger.case.personal import PersonalData
from ledger.case.routing import has_to_be_directed, live
from tests.given import (
    CASEWORKER,
    NOON,
    SCOPES,
    SOON,
    SUPERVISOR,
    Story,
    opened,
)
from tests.reacting import SYSTEM, overridden, referred
from tests.unit.test_plan_decisions import AGREE, generates, refused
from tests.unit.test_redirection import routed

OTHER = Actor(id="sup-2", role="supervisor", organisation="cps")
MET = {"reason": "overall_goal_of_the_case_plan", "informed": True}
LOST = {"reason": "child_no_longer_contactable"}
WHY = PersonalData({DataScope.NARRATIVE: {"why": "she has nobody to go to"}})
DAY = timedelta(days=1)


def heard() -> Story:
    story = opened()
    story.did("KZ", care.record_views)
    return story


def asks(story: Story, **said) -> None:
    story.did("KZ", closing.request_closure, **{"by": CASEWORKER, **MET, **said})


def test_a_case_ends_by_two_people_for_a_reason_of_the_list():
    story = heard()
    refused(story, "reason", closing.request_closure, CodeUnknown, reason="UNKNOWN", informed=True)
    with pytest.raises(CodeUnknown):
        story["KZ"].decide(closing.request_closure, reason="transferred", informed=True)
    asks(story)
    story.did("KZ", closing.close_case)
    assert "closed" == story["KZ"].case.identity.state


def test_whoever_leaves_knows_that_she_can_come_back_and_was_heard():
    story = opened()
    refused(story, "informed", closing.request_closure, **{**MET, "informed": False})
    refused(story, "views_recorded", closing.request_closure, **MET)
    story.did("KZ", care.record_views, heard=False, data=WHY)
    asks(story)


def test_views_that_were_not_heard_need_a_reason():
    refused(opened(), "reason_given", care.record_views, heard=False)


def _planned(story: Story) -> None:
    story.did("KZ", care.complete_assessment)
    generates(story)


def _missing(story: Story) -> None:
    story.did("KZ", searching.report_missing)


def _complained(story: Story) -> None:
    story.did("KZ", complaint.receive_complaint, data=WHY)


OPEN = {"plan_open": _planned, "child_missing": _missing, "complaint_open": _complained}


@pytest.mark.parametrize("rule", OPEN)
def test_no_case_ends_over_what_is_open_neither_when_asked_for_nor_when_closed(rule):
    story = heard()
    OPEN[rule](story)
    refused(story, rule, closing.request_closure, **MET)
    story = heard()
    asks(story)
    OPEN[rule](story)
    refused(story, rule, closing.close_case)


def test_every_line_of_the_checklist_is_tried():
    """A withdrawal that waits is tried where it is asked for (test_withdrawal_table)."""
    assert {one.rule for one in CHECKLIST} == {*OPEN, "withdrawal_open"}


def test_a_completed_plan_lets_a_case_end():
    story = heard()
    story.did("KZ", care.complete_assessment)
    plan_id = generates(story)
    story.did("KZ", plan.submit_plan, plan_id=plan_id, by=CASEWORKER, **AGREE)
    story.did("KZ", plan.approve_plan, plan_id=plan_id)
    refused(story, "plan_open", closing.request_closure, **MET)
    for item in story["KZ"].case.national.care.plans[plan_id].items:
        story.did("KZ", plan.finish_item, plan_id=plan_id, item_id=item, done=False, data=WHY)
    story.did("KZ", plan.complete_plan, plan_id=plan_id)
    asks(story)


def test_a_child_is_lost_from_sight_after_three_months_and_three_days_of_trying():
    story = opened()
    refused(story, "lost_contact", closing.request_closure, **LOST)
    for days in (0, 0, 0, 40):
        story.did("KZ", monitoring.attempt_contact, at=NOON + days * DAY)
    late = NOON + LOST_AFTER
    refused(story, "lost_contact", closing.request_closure, at=late, **LOST)
    story.did("KZ", monitoring.attempt_contact, at=NOON + 91 * DAY)
    refused(story, "lost_contact", closing.request_closure, at=late - DAY, **LOST)
    asks(story, at=late, **LOST)


def test_who_was_reached_is_not_lost():
    story = opened()
    for days in (0, 40, 80):
        story.did("KZ", monitoring.attempt_contact, at=NOON + days * DAY)
    story.did("KZ", monitoring.complete_follow_up, safety=Safety.SAFE, at=NOON + 90 * DAY)
    refused(story, "lost_contact", closing.request_closure, at=NOON + 99 * DAY, **LOST)


def test_a_supervisor_says_why_the_work_goes_on_and_closure_is_asked_for_anew():
    story = heard()
    asks(story)
    with pytest.raises(WrongRole):
        story["KZ"].decide(closing.reject_closure, by=CASEWORKER, data=WHY)
    told = PersonalData({DataScope.HEALTH: {"asthma": True}})
    refused(story, "reason_given", closing.reject_closure, data=told)
    story.did("KZ", closing.reject_closure, data=WHY)
    refused(story, "four_eyes", closing.close_case, NotAllowedNow, by=OTHER)
    asks(story)
    story.did("KZ", closing.close_case)


def test_services_that_had_her_have_her_no_more():
    story, _ = routed()
    story.did("KZ", care.record_views)
    asks(story)
    story.did("KZ", closing.close_case)
    assert not live(story["KZ"].case)
    assert not has_to_be_directed(story["KZ"].case)


def test_a_case_begins_again_for_a_reason_and_everything_with_it():
    story, _ = routed()
    story.did("KZ", care.record_views)
    story.did("KZ", care.complete_assessment)
    plan_id = generates(story)
    story.did("KZ", plan.submit_plan, plan_id=plan_id, by=CASEWORKER, **AGREE)
    story.did("KZ", plan.approve_plan, plan_id=plan_id)
    for item in story["KZ"].case.national.care.plans[plan_id].items:
        story.did("KZ", plan.finish_item, plan_id=plan_id, item_id=item, done=True)
    story.did("KZ", plan.complete_plan, plan_id=plan_id)
    asks(story)
    story.did("KZ", closing.close_case)
    with pytest.raises(CodeUnknown):
        story["KZ"].decide(closing.reopen_case, reason="UNKNOWN")
    with pytest.raises(WrongRole):
        story["KZ"].decide(closing.reopen_case, reason="abuse", by=CASEWORKER)
    story.did("KZ", closing.reopen_case, reason="abuse")
    case = story["KZ"].case
    assert ("open", True) == (case.identity.state, has_to_be_directed(case))
    story.did("KZ", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    running = set(story["KZ"].case.national.care.clocks)
    assert {"first_contact", "views", "assessment"} <= running


# Missing, and found.


def test_who_is_missing_is_searched_for_and_looked_at_anew_when_she_is_found():
    story = opened()
    story.did("KZ", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    story.did("KZ", searching.report_missing)
    search_id = story["KZ"].case.national.care.search
    assert search_id == story["KZ"].case.national.care.clocks["child_missing"].subject
    story.did("KZ", searching.report_missing)
    assert search_id == story["KZ"].case.national.care.search, "one search for one child"
    story.did("KZ", searching.report_found)
    care_ = story["KZ"].case.national.care
    assert (None, search_id) == (care_.search, care_.clocks["risk_review"].subject)
    assert "child_missing" not in care_.clocks


def test_a_neighbour_searches_on_an_override_and_stops_when_she_is_found():
    story = opened()
    override_id = overridden(story)
    asked = {"recipient": "KG", "basis_id": override_id, "scopes": SCOPES, "due_on": SOON}
    refused(story, "search", searching.extend_search, NotAllowedNow, **asked)
    story.did("KZ", searching.report_missing)
    handoff_id = uuid4()
    story.did("KZ", searching.extend_search, handoff_id=handoff_id, **asked)
    assert "sent" == story["KG"].case.ahead.referrals[handoff_id].state
    story.did("KZ", searching.report_found)
    assert "revoked" == story["KG"].case.ahead.referrals[handoff_id].state
    assert not story["KG"].case.identity.missing


def test_nothing_goes_to_a_neighbour_whom_a_block_excludes_or_without_a_basis():
    story = opened()
    override_id = overridden(story)
    story.did("KZ", searching.report_missing)
    asked = {"recipient": "KG", "scopes": SCOPES, "due_on": SOON}
    with pytest.raises(BasisMissing):
        story["KZ"].decide(searching.extend_search, basis_id=uuid4(), **asked)
    story.did("KZ", block.place_block, countries=("KG",))
    with pytest.raises(ProtectiveRefusal, match="a block stands"):
        story["KZ"].decide(searching.extend_search, basis_id=override_id, **asked)
    assert not story["KG"].case.is_known


def test_a_search_follows_the_alarm_of_another_country_and_its_end():
    story = opened()
    story.did("KZ", searching.report_missing)
    refused(story, "search", searching.begin_search, NotAllowedNow, by=SYSTEM, search_id=uuid4())
    refused(story, "search", searching.end_search, NotAllowedNow, by=SYSTEM)
    story.did("KZ", searching.report_found)
    refused(story, "search", searching.end_search, NotAllowedNow, by=SYSTEM)


def test_a_shared_case_that_began_again_waits_for_no_closure_that_is_over():
    """It ends on the shared topic, and the clock is national: neither reads the other."""
    story = opened()
    story.did("KZ", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    story.did("KZ", care.record_views)
    referred(story, overridden(story), "completed")
    asks(story)
    assert "closure_decision" in story["KZ"].case.national.care.clocks
    story.did("KZ", closing.close_case)
    story.did("KZ", monitoring.end_monitoring, by=SYSTEM)
    story.did("KZ", closing.reopen_case, reason="neglect_medical")
    assert 1 == monitoring.begun_again(story["KZ"].case)
    story.did("KZ", monitoring.begin_monitoring, since=NOON, by=SYSTEM)
    assert "closure_decision" not in story["KZ"].case.national.care.clocks
    story.did("KZ", care.record_views)
    asks(story)
    assert "closure_decision" in story["KZ"].case.national.care.clocks


# Complaints, and what she says of the help.


def test_whom_a_complaint_is_about_does_not_answer_it():
    story, complaint_id = opened(), uuid4()
    story.did(
        "KZ", complaint.receive_complaint, complaint_id=complaint_id, against="sup-1", data=WHY
    )
    answer = {"complaint_id": complaint_id, "upheld": True, "data": WHY}
    refused(story, "four_eyes", complaint.answer_complaint, by=SUPERVISOR, **answer)
    with pytest.raises(WrongRole):
        story["KZ"].decide(complaint.answer_complaint, by=CASEWORKER, **answer)
    story.did("KZ", complaint.answer_complaint, by=OTHER, **answer)
    refused(story, "complaint_known", complaint.answer_complaint, NotAllowedNow, by=OTHER, **answer)


def test_a_complaint_says_something_and_so_does_its_answer():
    story, complaint_id = opened(), uuid4()
    told = PersonalData({DataScope.HEALTH: {"asthma": True}})
    refused(story, "data_given", complaint.receive_complaint, BadInput, data=told)
    story.did("KZ", complaint.receive_complaint, complaint_id=complaint_id, data=WHY)
    refused(
        story, "data_given", complaint.answer_complaint, BadInput, complaint_id=complaint_id,
        upheld=False, data=told,
    )  # fmt: skip


def test_a_closed_case_may_be_complained_about():
    story = heard()
    asks(story)
    story.did("KZ", closing.close_case)
    story.did("KZ", complaint.receive_complaint, data=WHY)
    assert 1 == len(story["KZ"].case.national.care.complaints)


def test_feedback_is_a_word_of_three():
    refused(
        opened(), "rating", complaint.receive_feedback, CodeUnknown, rating=Satisfaction.UNKNOWN
    )
