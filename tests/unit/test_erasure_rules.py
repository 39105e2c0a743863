"""Erasure: of no open case, under no hold, by two people, and said as it is (design §11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.codes import DataScope, Outcome, Purpose, RetentionGround
from events.errors import (
    BadInput,
    CaseUnknown,
    DecisionRefused,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongRole,
)
from events.stamp import Actor
from ledger.case import closing, consent, data, erasure, referral
from ledger.case.erasure import (
    OVERWRITTEN,
    holds_on,
    require_erasable,
    require_of_this_record,
)
from ledger.case.personal import PersonalData
from tests.given import CASEWORKER, CLOSING, NOON, SOON, SUPERVISOR, Story, new_id, opened
from tests.reacting import ALL, DPO, SYSTEM, granted, react, reacted, referred, states

TODAY = NOON.date()
OTHER = Actor(id="sup-2", role="supervisor", organisation="cps")
DONE = {"slots": 2, "replicas": 2, "method": OVERWRITTEN}


def _closed(story: Story | None = None) -> Story:
    story = story or opened()
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    story.did("KZ", closing.close_case)
    return story


def _shared_and_closed() -> tuple[Story, UUID]:
    story = opened()
    referral_id = referred(story, granted(story), "completed")
    reacted(story)
    return _closed(story), referral_id


def _requested(story: Story, *, by: Actor = SUPERVISOR, at: str = "KZ") -> UUID:
    erasure_id = new_id()
    story.did(at, erasure.request_erasure, erasure_id=erasure_id, by=by)
    return erasure_id


def _approved(story: Story, at: str = "KZ") -> UUID:
    erasure_id = _requested(story, at=at)
    story.did(at, erasure.approve_erasure, erasure_id=erasure_id, by=DPO)
    return erasure_id


def _rule(decide: Callable[[], object], error: type[DecisionRefused]) -> str | None:
    with pytest.raises(error) as refusal:
        decide()
    return refusal.value.rule


def test_what_is_known_of_a_child_in_care_is_not_erased() -> None:
    """Neither asked for, nor approved, nor done."""
    story = opened()

    with pytest.raises(ProtectiveRefusal) as refusal:
        story["KZ"].decide(erasure.request_erasure)
    assert refusal.value.rule == "case_open"
    with pytest.raises(CaseUnknown):
        Story()["KZ"].decide(erasure.request_erasure)


def test_a_closure_counts_when_the_topic_has_ordered_it() -> None:
    """It may come back void, and keys do not come back at all."""
    story = opened()
    referred(story, granted(story), "completed")
    reacted(story)
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    story["KZ"].decide(closing.close_case)

    assert story["KZ"].case.identity.state == "closed"
    with pytest.raises(ProtectiveRefusal, match="is open"):
        require_erasable(story["KZ"].case, TODAY)
    story.settle()
    require_erasable(story["KZ"].case, TODAY)


def test_two_people_approve_and_one_of_them_is_the_data_protection_officer() -> None:
    """Whoever of them asks."""
    story = _closed()
    erasure_id = _requested(story)
    approve = story["KZ"].decide

    def asked(by: Actor, which: UUID = erasure_id) -> Callable[[], object]:
        return lambda: approve(erasure.approve_erasure, erasure_id=which, by=by)

    assert _rule(asked(SUPERVISOR), ProtectiveRefusal) == "four_eyes"
    with pytest.raises(WrongRole, match="data-protection officer"):
        asked(OTHER)()
    assert _rule(asked(DPO, uuid4()), NotAllowedNow) == "erasure_requested"
    by_officer = _requested(story, by=DPO)
    assert _rule(asked(DPO, by_officer), ProtectiveRefusal) == "four_eyes"
    story.did("KZ", erasure.approve_erasure, erasure_id=by_officer, by=OTHER)
    # Whoever asks again asks for the record as it is then: what was asked before has lapsed.
    assert _rule(asked(DPO), NotAllowedNow) == "erasure_requested"


def test_what_was_approved_of_an_earlier_record_erases_no_later_one() -> None:
    """Approved, and opened again before it was done: a year of care is not what they approved."""
    story = _closed()
    asked_for, approved = _requested(story), _requested(story)
    story.did("KZ", erasure.approve_erasure, erasure_id=approved, by=DPO)
    story.did("KZ", closing.reopen_case, reason="other")
    _closed(story)
    case = story["KZ"].case

    assert case.national.care.erasures[asked_for].state == "lapsed"
    assert _rule(lambda: require_of_this_record(case, approved), ProtectiveRefusal) == (
        "erasure_record"
    )
    again = _requested(story)
    require_of_this_record(story["KZ"].case, again)
    assert story["KZ"].case.national.care.erasures[approved].state == "lapsed"


@pytest.mark.parametrize("until", [None, TODAY, TODAY + timedelta(days=9)])
def test_a_hold_forbids_erasure_until_it_ends(until: Any) -> None:
    """On its last day, too; at every step."""
    story = _closed()
    erasure_id, hold_id = _requested(story), uuid4()
    story.did("KZ", erasure.place_hold, hold_id=hold_id, until=until, by=DPO)

    def approve() -> object:
        return story["KZ"].decide(erasure.approve_erasure, erasure_id=erasure_id, by=DPO)

    assert _rule(approve, ProtectiveRefusal) == "hold"
    assert holds_on(story["KZ"].national, TODAY) == (hold_id,)
    story.did("KZ", erasure.end_hold, hold_id=hold_id)
    assert holds_on(story["KZ"].national, TODAY) == ()
    approve()


def test_a_hold_ends_by_itself_after_its_day() -> None:
    """The day after it, and not before."""
    story = _closed()
    story.did("KZ", erasure.place_hold, until=TODAY)
    tomorrow = TODAY + timedelta(days=1)

    with pytest.raises(ProtectiveRefusal, match="hold"):
        require_erasable(story["KZ"].case, TODAY)
    require_erasable(story["KZ"].case, tomorrow)


def test_a_hold_placed_after_the_approval_keeps_the_keys() -> None:
    """The keystore asks once more before it destroys anything."""
    story = _closed()
    _approved(story)
    story.did("KZ", erasure.place_hold)

    with pytest.raises(ProtectiveRefusal, match="hold"):
        require_erasable(story["KZ"].case, TODAY)


def test_a_reopened_case_keeps_its_keys() -> None:
    """Whatever was approved before."""
    story = _closed()
    _approved(story)
    story.did("KZ", closing.reopen_case, reason="other")

    with pytest.raises(ProtectiveRefusal, match="is open"):
        require_erasable(story["KZ"].case, TODAY)


def test_a_referral_at_home_keeps_the_keys_of_a_case_that_another_country_closed() -> None:
    """KZ closes what both share; KG may still be at work for her."""
    story = opened()
    referred(story, granted(story), "completed")
    basis = new_id()
    story.did(
        "KG", consent.grant_consent, recipient="KG", purpose=Purpose.SERVICE, scopes=ALL,
        expires_on=SOON, consent_id=basis,
    )  # fmt: skip
    story.did("KG", referral.send_referral, recipient="KG", basis_id=basis, scopes=ALL, due_on=SOON)
    _closed(story)
    require_erasable(story["KZ"].case, TODAY)

    with pytest.raises(NotAllowedNow, match="a handoff is open"):
        require_erasable(story["KG"].case, TODAY)


def test_what_the_keystore_did_is_recorded_whatever_was_decided_meanwhile() -> None:
    """A hold or a reopening brings no key back; a record that lacks it would be untrue."""
    story = _closed()
    erasure_id = _approved(story)
    story.did("KZ", erasure.place_hold)
    story.did("KZ", erasure.record_erased, erasure_id=erasure_id, by=SYSTEM, **DONE)

    assert story["KZ"].national.care.erasures[erasure_id].state == "erased"


def test_only_what_was_approved_is_recorded_as_erased_and_only_erased_is_attested() -> None:
    """In this order: asked, approved, erased, attested."""
    story = _closed()
    erasure_id = _requested(story)
    last = TODAY + timedelta(days=35)

    def erased(which: UUID = erasure_id) -> object:
        return story["KZ"].decide(erasure.record_erased, erasure_id=which, by=SYSTEM, **DONE)

    def attested(on: Any = last) -> object:
        return story["KZ"].decide(
            data.attest_erasure, erasure_id=erasure_id, keys=(), backups_expire_on=on, by=SYSTEM
        )

    assert _rule(erased, NotAllowedNow) == "erasure_approved"
    assert _rule(lambda: erased(uuid4()), NotAllowedNow) == "erasure_approved"
    assert _rule(attested, NotAllowedNow) == "keys_erased"
    story.did("KZ", erasure.approve_erasure, erasure_id=erasure_id, by=DPO)
    assert _rule(attested, NotAllowedNow) == "keys_erased"
    erased()
    assert _rule(erased, NotAllowedNow) == "erasure_approved"
    with pytest.raises(BadInput):
        attested(TODAY - timedelta(days=1))
    attested()


def test_an_attestation_tells_the_others_what_is_gone() -> None:
    """What KG held is destroyed; what KZ gave away KZ cannot take back, and nobody says so."""
    story, referral_id = _shared_and_closed()
    erasure_id = _approved(story, at="KG")
    story.did("KG", erasure.record_erased, erasure_id=erasure_id, by=SYSTEM, **DONE)
    attest = {"erasure_id": erasure_id, "keys": (bytes(16),), "backups_expire_on": TODAY}
    story.did("KG", data.attest_erasure, by=SYSTEM, **attest)

    assert set(states(story, referral_id)) == {"destroyed"}
    assert set(story["KZ"].settled.attested) == {"KG"}
    assert react(story, "KZ") == []


def test_the_senders_erasure_does_not_speak_for_the_recipient() -> None:
    """Never deleted everywhere."""
    story, referral_id = _shared_and_closed()
    erasure_id = _approved(story)
    story.did("KZ", erasure.record_erased, erasure_id=erasure_id, by=SYSTEM, **DONE)
    attest = {"erasure_id": erasure_id, "keys": (), "backups_expire_on": TODAY}
    story.did("KZ", data.attest_erasure, by=SYSTEM, **attest)
    for grant_id in story["KG"].settled.releases:
        ground = {"ground": RetentionGround.LEGAL_DUTY, "until": TODAY}
        story.did("KG", data.claim_retention, grant_id=grant_id, **ground)

    assert set(states(story, referral_id)) == {"claimed"}


def test_who_places_and_ends_a_hold() -> None:
    """A data-protection officer or a supervisor, for a day to come, on a ground that is sealed."""
    story = _closed()
    hold_id = uuid4()
    decide = story["KZ"].decide
    identity_data = PersonalData({DataScope.IDENTITY: {"name": "A"}})

    with pytest.raises(WrongRole):
        decide(erasure.place_hold, by=CASEWORKER)
    yesterday = TODAY - timedelta(days=1)
    assert _rule(lambda: decide(erasure.place_hold, until=yesterday), NotAllowedNow) == "hold_until"
    with pytest.raises(BadInput):
        decide(erasure.place_hold, data=identity_data)
    story.did("KZ", erasure.place_hold, hold_id=hold_id)
    with pytest.raises(WrongRole):
        decide(erasure.end_hold, hold_id=hold_id, by=CASEWORKER)
    assert _rule(lambda: decide(erasure.end_hold, hold_id=uuid4()), NotAllowedNow) == "hold_known"


def test_a_completed_service_is_all_that_closing_waits_for() -> None:
    """No handoff is open, so the case closes and may be erased, while grants are outstanding."""
    story = opened()
    referral_id = referred(story, granted(story), "started")
    story.did("KG", referral.complete_referral, handoff_id=referral_id, outcome=Outcome.FULFILLED)
    _closed(story)

    require_erasable(story["KZ"].case, TODAY)


@pytest.mark.parametrize("role", ["caseworker", "guardian", "provider", "auditor", "system"])
def test_both_persons_of_an_erasure_answer_for_the_case_or_its_data(role: str) -> None:
    """A supervisor, a focal point or the data-protection officer; nobody else asks or approves."""
    story = _closed()
    by = Actor(id="a-1", role=role, organisation="office-1")
    erasure_id = _requested(story, by=DPO)

    with pytest.raises(WrongRole):
        story["KZ"].decide(erasure.request_erasure, by=by)
    with pytest.raises(WrongRole):
        story["KZ"].decide(erasure.approve_erasure, erasure_id=erasure_id, by=by)
    point = Actor(id="fp-1", role="focal_point", organisation="cps")
    story.did("KZ", erasure.approve_erasure, erasure_id=erasure_id, by=point)


@pytest.mark.parametrize("by", [SUPERVISOR, DPO], ids=["supervisor", "officer"])
def test_no_person_says_that_keys_are_gone(by: Actor) -> None:
    """Only the program that saw them fail."""
    story = _closed()
    erasure_id = _approved(story)

    with pytest.raises(WrongRole):
        story["KZ"].decide(erasure.record_erased, erasure_id=erasure_id, by=by, **DONE)
    story.did("KZ", erasure.record_erased, erasure_id=erasure_id, by=SYSTEM, **DONE)


@pytest.mark.parametrize("role", ["guardian", "caseworker", "provider", "auditor"])
def test_what_another_country_gave_is_destroyed_by_who_answers_for_the_case(role: str) -> None:
    """It may be evidence, and against somebody: refused before any key is overwritten."""
    story = opened()
    referral_id = referred(story, granted(story), "accepted")
    grant_id = next(iter(story["KG"].settled.releases))
    story.did("KZ", referral.revoke_referral, handoff_id=referral_id)
    reacted(story)
    by = Actor(id="a-1", role=role, organisation="cps")
    with pytest.raises(WrongRole):
        story["KG"].decide(data.destroy_keys, grant_id=grant_id, by=by)
    story.did("KG", data.destroy_keys, grant_id=grant_id, by=SUPERVISOR)
