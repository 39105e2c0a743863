"""Who has the child: asked by the rules, answered by a service, or chosen by a person."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from events.care import ConcernRecorded
from events.codes import DataScope, LadderLevel, RiskLevel
from events.errors import (
    BadInput,
    CodeUnknown,
    DecisionRefused,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongCountry,
    WrongRole,
)
from events.routing import CaseDirected, CaseRouted
from events.stamp import Actor
from ledger.case import block, care, closing, routing, transfer
from ledger.case.personal import PersonalData
from ledger.case.recording import record
from ledger.case.routing import Routed, has_to_be_directed, is_at_the_desk, live
from tests.given import (
    CASEWORKER,
    CLOSING,
    NOON,
    SUPERVISOR,
    Story,
    consented,
    matter,
    opened,
    proposed,
    ready,
)
from tests.reacting import SYSTEM

WHY = PersonalData({DataScope.PROTECTION: {"routing": {"facts": {}}}})
REASON = PersonalData({DataScope.NARRATIVE: {"why": "her aunt works there"}})
PROVIDER = Actor(id="p-1", role="provider", organisation="of-a")
RULES = "KZ/1/" + "ab" * 32
LATER = NOON + timedelta(hours=24)


def asked(service: str | None = "a", *, leads: bool = True, **more) -> Routed:
    usual = {
        "routing_id": uuid4(), "service": service, "leads": leads, "ladder": LadderLevel.PLACE,
        "organisation": None if service is None else f"of-{service}",
        "answer_by": LATER, "contact_by": LATER,
    }  # fmt: skip
    return Routed(**usual | more)


def directs(
    story: Story, *routes: Routed, ends: tuple[UUID, ...] = (), country="KZ", **more
) -> None:
    case = story[country].case
    said = {
        "by": SYSTEM, "decision_id": uuid4(), "cause": case.national.care.to_direct,
        "rules": RULES, "directory": bytes(32), "routes": routes, "ends": ends, "data": WHY,
    }  # fmt: skip
    story.did(country, routing.direct_case, **said | more)


def routed(service: str | None = "a", **more) -> tuple[Story, Routed]:
    story, one = opened(), asked(service, **more)
    directs(story, one)
    return story, one


def states(story: Story) -> list[str]:
    return [one.state for one in story["KZ"].case.national.care.routings.values()]


def wanted(story: Story) -> bool:
    return has_to_be_directed(story["KZ"].case)


def test_a_case_has_to_be_directed_until_somebody_leads():
    story = opened()
    assert wanted(story)
    directs(story, asked(leads=True))
    assert not wanted(story)
    assert ["asked"] == states(story)


def test_what_is_decided_by_rules_names_them_and_why_is_sealed():
    story = opened()
    before = matter(story["KZ"].case, by=SYSTEM)
    drafts = routing.direct_case(
        before, decision_id=uuid4(), cause=None, rules=RULES, directory=bytes(32),
        routes=(asked(),), ends=(), data=WHY,
    )  # fmt: skip
    directed, one = record(before, drafts, salt=bytes(32))
    assert (CaseDirected, CaseRouted) == (type(directed.event), type(one.event))
    assert RULES == directed.event.rules == one.event.rules
    assert {DataScope.PROTECTION} == set(directed.data)
    assert "routing" not in str(directed.event)
    assert directed.topic == one.topic == "national"


NEWS = [
    (care.record_concern, {}),
    (care.assess_risk, {"risk": RiskLevel.LOW}),
    (care.assess_risk, {}),
]


@pytest.mark.parametrize(("decision", "said"), NEWS)
def test_what_is_new_about_her_is_asked_of_the_rules_again(decision, said):
    story, _ = routed()
    story.did("KZ", decision, **said)
    assert wanted(story)


def test_a_risk_that_rises_is_news_and_one_that_falls_is_none():
    story, _ = routed()
    for risk, is_news in (
        (RiskLevel.LOW, True), (RiskLevel.MEDIUM, True), (RiskLevel.MEDIUM, False),
        (RiskLevel.LOW, False), (RiskLevel.UNKNOWN, True), (RiskLevel.HIGH, True),
        (RiskLevel.EMERGENCY, True), (RiskLevel.HIGH, False),
    ):  # fmt: skip
        story.did("KZ", care.assess_risk, risk=risk)
        assert is_news is wanted(story), risk
        if is_news:
            directs(story)
    assert RiskLevel.HIGH is story["KZ"].case.national.care.risk


def test_a_resolved_concern_is_none_any_more_and_an_unknown_one_is_refused():
    story, concern = opened(), uuid4()
    story.did("KZ", care.record_concern, concern_id=concern)
    assert (concern,) == story["KZ"].case.national.care.concerns
    story.did("KZ", care.resolve_concern, concern_id=concern)
    assert () == story["KZ"].case.national.care.concerns
    with pytest.raises(NotAllowedNow) as error:
        story["KZ"].decide(care.resolve_concern, concern_id=concern)
    assert "concern_known" == error.value.rule


def test_two_concerns_have_a_field_each_and_a_wrong_code_is_refused():
    said = PersonalData({DataScope.PROTECTION: {"concern": "trafficking", "seen": "x"}})
    story, concern = opened(), uuid4()
    (draft,) = care.record_concern(matter(story["KZ"].case), concern_id=concern, data=said)
    assert draft.kind is ConcernRecorded
    assert b'"concern:%s":"trafficking"' % str(concern).encode() in draft.data.text("protection")
    for wrong in ("poverty", "UNKNOWN", 7):
        bad = PersonalData({DataScope.PROTECTION: {"concern": wrong}})
        with pytest.raises(CodeUnknown):
            care.record_concern(matter(story["KZ"].case), data=bad)
    free = PersonalData({DataScope.PROTECTION: {"seen": "x"}})
    (draft,) = care.record_concern(matter(story["KZ"].case), data=free)
    assert free.text("protection") == draft.data.text("protection")


def test_who_accepts_has_her_and_who_declines_makes_the_rules_be_asked_again():
    story, one = routed()
    story.did("KZ", routing.accept_routing, routing_id=one.routing_id, by=PROVIDER)
    assert (["accepted"], False) == (states(story), wanted(story))

    story, one = routed()
    story.did(
        "KZ", routing.decline_routing, routing_id=one.routing_id, reason="no_capacity", by=PROVIDER
    )
    assert (["declined"], True) == (states(story), wanted(story))


def test_an_accepted_child_may_be_given_back_and_not_accepted_twice():
    story, one = routed()
    story.did("KZ", routing.accept_routing, routing_id=one.routing_id)
    with pytest.raises(NotAllowedNow):
        story["KZ"].decide(routing.accept_routing, routing_id=one.routing_id)
    story.did("KZ", routing.decline_routing, routing_id=one.routing_id, reason="other")
    assert (["declined"], True) == (states(story), wanted(story))


OTHERS = [
    Actor(id="p-2", role="provider", organisation="of-b"),
    Actor(id="b-1", role="border_officer", organisation="of-a"),
    Actor(id="s-1", role="system", organisation="of-a"),
    Actor(id="g-1", role="guardian", organisation="of-a"),
]


@pytest.mark.parametrize("by", OTHERS, ids=lambda by: by.role)
@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_nobody_else_answers_for_a_service(by, answer):
    story, one = routed()
    take = routing.accept_routing if answer == "accept" else routing.decline_routing
    said = {} if answer == "accept" else {"reason": "no_capacity"}
    with pytest.raises(WrongRole):
        story["KZ"].decide(take, routing_id=one.routing_id, by=by, **said)


@pytest.mark.parametrize("reason", ["UNKNOWN", "because"])
def test_a_service_declines_with_a_reason_of_the_list(reason):
    story, one = routed()
    with pytest.raises(CodeUnknown):
        story["KZ"].decide(routing.decline_routing, routing_id=one.routing_id, reason=reason)


def test_a_service_that_does_not_answer_is_not_waited_for_and_not_before_its_time():
    story, one = routed()
    said = {"routing_id": one.routing_id, "by": SYSTEM}
    with pytest.raises(NotAllowedNow):
        story["KZ"].decide(routing.lapse_routing, at=LATER - timedelta(seconds=1), **said)
    with pytest.raises(WrongRole):
        story["KZ"].decide(routing.lapse_routing, at=LATER, **said | {"by": SUPERVISOR})
    story.did("KZ", routing.lapse_routing, at=LATER, **said)
    assert (["lapsed"], True) == (states(story), wanted(story))


def test_who_has_accepted_does_not_lapse():
    story, one = routed()
    story.did("KZ", routing.accept_routing, routing_id=one.routing_id)
    with pytest.raises(NotAllowedNow):
        story["KZ"].decide(routing.lapse_routing, routing_id=one.routing_id, by=SYSTEM, at=LATER)


def test_no_decision_leaves_a_child_to_nobody():
    story, one = routed()
    with pytest.raises(ProtectiveRefusal) as error:
        story["KZ"].decide(routing.end_routing, routing_id=one.routing_id)
    assert "somebody_leads" == error.value.rule
    story.did("KZ", care.record_concern)
    with pytest.raises(ProtectiveRefusal):
        directs(story, asked("b", leads=False), ends=(one.routing_id,))
    other = opened()
    with pytest.raises(ProtectiveRefusal):
        directs(other, asked("b", leads=False))


def test_a_service_may_end_its_work_if_another_one_leads():
    story, one = routed()
    second = asked("b", leads=False)
    story.did("KZ", care.record_concern)
    directs(story, second)
    story.did("KZ", routing.accept_routing, routing_id=second.routing_id)
    story.did("KZ", routing.end_routing, routing_id=second.routing_id)
    assert ["asked", "ended"] == states(story)
    assert [one.routing_id] == list(live(story["KZ"].case))


def test_what_nobody_had_taken_on_is_withdrawn_and_not_ended():
    story, one = routed()
    story.did("KZ", care.record_concern)
    directs(story, asked("b"), ends=(one.routing_id,))
    assert ["withdrawn", "asked"] == states(story)


def test_where_no_service_is_left_the_duty_desk_has_her_and_may_be_asked_again():
    story, one = routed(None, ladder=LadderLevel.DUTY_DESK)
    assert is_at_the_desk(story["KZ"].case)
    assert not wanted(story)
    directs(story, asked("b"), ends=(one.routing_id,))
    assert ["withdrawn", "asked"] == states(story)


def test_rules_are_not_applied_to_what_has_changed_since_they_were_asked():
    story, _ = routed()
    story.did("KZ", care.record_concern)
    for cause in (None, uuid4()):
        with pytest.raises(NotAllowedNow) as error:
            directs(story, asked("b"), cause=cause)
        assert "cause" == error.value.rule
    directs(story, asked("b"))
    with pytest.raises(NotAllowedNow):
        directs(story, asked("c"))


def test_a_person_does_not_pass_for_the_rules():
    with pytest.raises(WrongRole):
        directs(opened(), asked(), by=SUPERVISOR)


def test_a_service_is_asked_once_by_a_decision():
    one = asked()
    with pytest.raises(BadInput):
        directs(opened(), one, one)


def chooses(story: Story, service: str = "b", **more) -> None:
    said = {
        "service": service, "organisation": f"of-{service}", "data": REASON,
        "answer_by": LATER, "contact_by": LATER,
    }  # fmt: skip
    story.did("KZ", routing.override_routing, **said | more)


def test_a_supervisor_lets_another_service_lead_and_says_why():
    story, _ = routed()
    chooses(story)
    assert ["withdrawn", "asked"] == states(story)
    (led,) = live(story["KZ"].case).values()
    assert ("b", True) == (led.service, led.leads)
    assert not wanted(story), "what a person chose stands until something is new"


def test_nobody_below_a_supervisor_does():
    story, _ = routed()
    for by in (CASEWORKER, PROVIDER, SYSTEM):
        with pytest.raises(WrongRole):
            chooses(story, by=by)


def test_a_reason_is_needed_and_goes_nowhere_else():
    story, _ = routed()
    with pytest.raises(BadInput):
        chooses(story, data=WHY)


def test_a_service_that_a_block_names_is_refused_to_any_hand():
    story, _ = routed()
    story.did("KZ", block.place_block, countries=(), persons=("of-b",), data=None)
    with pytest.raises(ProtectiveRefusal) as error:
        chooses(story, "b")
    assert "excluded" == error.value.rule
    chooses(story, "c")


def test_only_the_country_that_answers_for_her_directs_her():
    story = opened()
    ready(story)
    basis = consented(story)
    handoff = proposed(story, basis)
    story.did("KG", transfer.preview_transfer, handoff_id=handoff)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    assert wanted(story)
    assert not has_to_be_directed(story["KG"].case)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff)
    assert not wanted(story)
    assert has_to_be_directed(story["KG"].case)
    directs(story, asked(), country="KG")
    with pytest.raises(WrongCountry):
        directs(story, asked())


def test_a_closed_case_is_not_directed():
    story = opened()
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    story.did("KZ", closing.close_case)
    assert not wanted(story)
    with pytest.raises(DecisionRefused):
        directs(story, asked())


def test_a_sister_is_another_case():
    story = opened()
    story.did("KZ", care.link_sibling, sibling_case_id=UUID(int=7, version=4), together=False)
    assert [False] == list(story["KZ"].case.national.care.siblings.values())
    with pytest.raises(BadInput):
        story["KZ"].decide(care.link_sibling, sibling_case_id=story.case_id)
