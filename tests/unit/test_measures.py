"""Urgent measures: where the child is, she is protected, whoever answers for her."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from events.case import CaseOpened
from events.codes import DataScope, NeutralStatus, Purpose
from events.consent import ConsentGranted
from events.errors import BadInput, NotAllowedNow, ProtectiveRefusal, WrongCountry, WrongRole
from events.measure import UrgentMeasureEnded, UrgentMeasureReviewed, UrgentMeasureTaken
from events.referral import ReferralSent
from events.stamp import Actor
from events.transfer import ResponsibilityMoved, TransferAccepted, TransferProposed
from ledger.case import block, closing, identity, measure, referral, transfer
from ledger.case.matter import Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.recording import record
from tests.given import (
    CASEWORKER,
    CLOSING,
    SUPERVISOR,
    Story,
    consented,
    matter,
    new_id,
    opened,
    proposed,
    ready,
    sent,
)
from tests.history import History
from tests.unit.test_tasks import LATER, told

SHELTER = PersonalData({DataScope.PROTECTION: {"measure": "a bed in a shelter"}})
WHY = PersonalData({DataScope.NARRATIVE: {"why": "we begin a transfer"}})
BORDER = Actor(id="bo-1", role="border_officer", organisation="post-7")


def there() -> Story:
    """KZ answers for a child; KG is a party, and has her."""
    story = opened("KZ", "KG", "UZ")
    sent(story, consented(story, purpose=Purpose.SERVICE))
    return story


def taken(story: Story, **more: Any) -> UUID:
    measure_id = new_id()
    story.did("KG", measure.take_measure, measure_id=measure_id, data=SHELTER, **more)
    return measure_id


def test_a_measure_moves_no_responsibility_and_needs_no_readiness():
    story = there()
    before = story["KZ"].settled.identity
    measure_id = taken(story, by=CASEWORKER)
    after = story["KZ"].settled
    assert (before, "taken", "KG") == (
        after.identity, after.measures[measure_id].state, after.measures[measure_id].origin
    )  # fmt: skip
    assert NeutralStatus.NOT_READY == after.identity.status


def test_a_measure_stands_even_after_the_case_has_ended():
    story = there()
    handoff_id = next(iter(story["KZ"].settled.referrals))
    story.did("KZ", referral.revoke_referral, handoff_id=handoff_id)
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    story.did("KZ", closing.close_case)
    measure_id = taken(story)
    assert "taken" == story["KZ"].settled.measures[measure_id].state


def test_only_a_party_that_does_not_answer_for_her_takes_one():
    story = there()
    with pytest.raises(WrongCountry):
        story["UZ"].decide(measure.take_measure, data=SHELTER)
    with pytest.raises(NotAllowedNow) as refused:
        story["KZ"].decide(measure.take_measure, data=SHELTER)
    assert "answers_already" == refused.value.rule
    with pytest.raises(WrongRole):
        story["KG"].decide(measure.take_measure, data=SHELTER, by=BORDER)


@pytest.mark.parametrize("data", [WHY, PersonalData({DataScope.HEALTH: {"fever": "high"}})])
def test_what_is_done_is_said_and_nothing_else(data):
    with pytest.raises(BadInput):
        there()["KG"].decide(measure.take_measure, data=data)


def test_every_measure_carries_the_same_sealed_entries():
    story = there()
    lying = matter(story["KG"].case, by=SUPERVISOR)
    (made,) = record(lying, _take(lying), salt=bytes(32))
    assert measure.SCOPES == tuple(made.data)
    assert ["", "said", ""] == ["said" if text else "" for text in made.data.values()]


def _take(lying: Matter) -> Drafts:
    return measure.take_measure(lying, data=SHELTER)


def test_nobody_who_is_excluded_hears_that_she_is_there():
    story = there()
    story.did("KG", block.place_block, countries=("KZ",))
    with pytest.raises(ProtectiveRefusal) as refused:
        story["KG"].decide(measure.take_measure, data=SHELTER)
    assert "blocked" == refused.value.rule


def test_who_took_it_ends_it():
    story = there()
    measure_id = taken(story)
    with pytest.raises(WrongCountry):
        story["KZ"].decide(measure.end_measure, measure_id=measure_id)
    story.did("KG", measure.end_measure, measure_id=measure_id)
    assert "ended" == story["KZ"].settled.measures[measure_id].state
    with pytest.raises(NotAllowedNow):
        story["KG"].decide(measure.end_measure, measure_id=measure_id)


def test_who_answers_for_her_reviews_it():
    story = there()
    measure_id = taken(story)
    with pytest.raises(ProtectiveRefusal):
        story["KG"].decide(measure.review_measure, measure_id=measure_id, data=WHY)
    story.did("KZ", measure.review_measure, measure_id=measure_id, data=WHY)


def test_a_permission_decided_without_knowing_of_it_has_no_effect():
    """A move that was on its way must not cross a protection nobody had heard of."""
    story = opened()
    basis_id = consented(story)
    ready(story)
    handoff_id = proposed(story, basis_id)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff_id)
    story["KG"].decide(measure.take_measure, data=SHELTER)
    (event,) = story["KZ"].decide(identity.change_status, status=NeutralStatus.READY)
    story.publish("KG")
    story.publish("KZ")
    story.settle()
    assert "unseen_protection" == story.verdict(event).void


def shared() -> History:
    history = History("tasks/measure", "", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    history.put("KG", UrgentMeasureTaken, measure_id="one")
    return history


def test_who_answers_for_her_has_a_task_until_it_is_reviewed_or_ended():
    history, own = shared(), History("tasks/measure", "", shared=False, newest=True)
    assert ([("urgent_measure", "open")], []) == (told(history), told(history, country="KG"))
    own.put("KZ", CaseOpened)
    own.put("KZ", UrgentMeasureReviewed, measure_id="one", on=LATER)
    assert [("urgent_measure", "done")] == told(history, own)
    history.put("KG", UrgentMeasureEnded, measure_id="one")
    assert [("urgent_measure", "done")] == told(history)


def test_who_has_taken_the_case_over_has_no_task_of_its_own_measure():
    history = shared()
    history.put("KZ", identity.StatusChanged, status=NeutralStatus.READY)
    said = {"handoff_id": "transfer", "basis_id": "consent"}
    history.put("KZ", TransferProposed, **said)
    history.put("KG", TransferAccepted, **said)
    history.put("KG", ResponsibilityMoved, **said)
    assert [("urgent_measure", "done")] == told(history)
    assert [] == told(history, country="KG")
