"""Withdrawal stops sharing, never care: the table of design §11, line by line, from both sides."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from events.codes import ConsentGiver, NeutralStatus, Outcome, Purpose, RetentionGround
from events.errors import (
    BadInput,
    BasisMissing,
    CodeUnknown,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongCountry,
    WrongRole,
)
from ledger.case import block, care, consent, data, referral, transfer, withdrawal
from ledger.case.plane import VoidReason
from tests.given import CASEWORKER, SOON, SUPERVISOR, Story, opened
from tests.reacting import (
    ALL,
    AUNT,
    due,
    granted,
    grants,
    handoff,
    overridden,
    react,
    reacted,
    referred,
    states,
    transferred,
    with_key,
)

CHILD: dict[str, Any] = {"given_by": ConsentGiver.CHILD}
GIVER: dict[str, Any] = {"given_by": ConsentGiver.CAREGIVER, "giver": AUNT}
GUARDIAN: dict[str, Any] = {"given_by": ConsentGiver.GUARDIAN, "giver": "guardian-1"}
UNCLE: dict[str, Any] = {"given_by": ConsentGiver.OTHER, "giver": "uncle-1"}
#: Who may take back what the aunt gave in KZ, and where.
WITHDRAWN = pytest.mark.parametrize(
    ("country", "who"),
    [
        pytest.param("KZ", {}, id="in KZ, nobody recorded"),
        pytest.param("KZ", CHILD, id="in KZ by the child"),
        pytest.param("KZ", GIVER, id="in KZ by the giver"),
        pytest.param("KZ", GUARDIAN, id="in KZ by the present guardian"),
        pytest.param("KG", {}, id="in KG, nobody recorded"),
        pytest.param("KG", CHILD, id="in KG by the child"),
        pytest.param("KG", GIVER, id="in KG by an adult"),
    ],
)
AGAIN: dict[str, Any] = {"recipient": "KG", "scopes": ALL, "expires_on": SOON}


def _story(*countries: str) -> Story:
    story = opened(*countries)
    story.did("KZ", care.appoint_guardian)
    return story


def _withdraw(story: Story, basis: UUID, country: str = "KZ", **who: Any) -> None:
    story.did(country, withdrawal.withdraw_consent, consent_id=basis, **who)


@WITHDRAWN
@pytest.mark.parametrize("state", ["sent", "received", "accepted", "started", "completed"])
def test_a_referral_keeps_its_state_and_what_was_released_is_stopped(
    state: str, country: str, who: dict[str, Any]
) -> None:
    """Accepted referral: state stays, release stopped; so does every other state."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, state)
    released = len(grants(story))
    _withdraw(story, basis, country, **who)
    reacted(story)

    assert handoff(story, referral_id).state == state
    assert states(story, referral_id) == ["stopped"] * released
    assert due(story) == []


def test_care_goes_on_after_the_withdrawal() -> None:
    """The service begins and ends as if nothing had happened; only no data comes."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis, **CHILD)
    reacted(story)
    story.did("KG", referral.start_referral, handoff_id=referral_id)
    story.did("KG", referral.complete_referral, handoff_id=referral_id, outcome=Outcome.FULFILLED)

    assert handoff(story, referral_id).state == "completed"
    assert reacted(story) == []


def test_a_received_referral_is_accepted_on_a_basis_in_force_only() -> None:
    """Its acceptance would ask for data that nobody may have."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "received")
    _withdraw(story, basis)

    with pytest.raises(BasisMissing):
        story["KG"].decide(with_key(referral.accept_referral), handoff_id=referral_id)
    story.did("KG", referral.reject_referral, handoff_id=referral_id)


def test_the_sender_asks_again_and_its_referral_goes_on_with_new_keys() -> None:
    """The first of the four things that its task allows."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis, **GIVER)
    reacted(story)
    again = granted(story)
    reacted(story)

    assert states(story, referral_id) == ["stopped", "stopped", "released", "released"]
    assert {one.basis_id for one in grants(story) if one.state == "released"} == {again}
    assert {one.epoch for one in grants(story) if one.state == "released"} == {3, 4}


def test_the_sender_overrides_and_its_referral_goes_on_with_new_keys() -> None:
    """The second: release without consent, which two people answer for."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis, **CHILD)
    reacted(story)
    overridden(story)
    reacted(story)

    assert states(story, referral_id) == ["stopped", "stopped", "released", "released"]


def test_the_sender_goes_on_without_data() -> None:
    """The third; there is nothing to go without as long as a basis is in force."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.forgo_data, handoff_id=referral_id)
    assert refusal.value.rule == "basis_lost"
    _withdraw(story, basis, **GIVER)
    with pytest.raises(NotAllowedNow) as refusal:
        story["KG"].decide(withdrawal.forgo_data, handoff_id=referral_id)
    assert refusal.value.rule == "sender"
    story.did("KZ", withdrawal.forgo_data, handoff_id=referral_id)

    assert story["KZ"].national.care.forgone == (referral_id,)
    assert handoff(story, referral_id).state == "accepted"


def test_nothing_is_forgone_while_a_basis_given_since_is_in_force() -> None:
    """Otherwise the case would say without data, and the data would go."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis, **GIVER)
    overridden(story)

    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.forgo_data, handoff_id=referral_id)
    assert refusal.value.rule == "basis_lost"


def test_a_referral_at_home_has_its_basis_at_home() -> None:
    """A consent that only this country knows is in force, too."""
    story = _story()
    referral_id = referred(story, granted(story, to="KZ"), "sent", to="KZ")

    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.forgo_data, handoff_id=referral_id)
    assert refusal.value.rule == "basis_lost"


def test_the_sender_revokes_the_referral() -> None:
    """The fourth: its own deliberate act, never the withdrawal's."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis)
    reacted(story)
    story.did("KZ", referral.revoke_referral, handoff_id=referral_id)

    assert handoff(story, referral_id).state == "revoked"
    assert reacted(story) == []


@WITHDRAWN
@pytest.mark.parametrize("state", ["proposed", "previewed"])
def test_a_proposed_transfer_is_revoked_and_the_case_not_ready(
    state: str, country: str, who: dict[str, Any]
) -> None:
    """Proposed transfer: revoked, not ready; what was previewed is shared no longer."""
    story = _story()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, state)
    _withdraw(story, basis, country, **who)
    reacted(story)

    assert handoff(story, transfer_id).state == "revoked"
    assert story["KG"].settled.identity.status is NeutralStatus.NOT_READY
    assert story["KG"].settled.identity.responsible == "KZ"
    assert set(states(story, transfer_id)) <= {"stopped"}


@WITHDRAWN
def test_an_accepted_transfer_is_on_hold_and_its_move_refused(
    country: str, who: dict[str, Any]
) -> None:
    """Accepted, not moved: the state stays, the data stops, and the child stays where she is."""
    story = _story()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, "accepted")
    _withdraw(story, basis, country, **who)
    reacted(story)

    assert handoff(story, transfer_id).state == "accepted"
    assert states(story, transfer_id) == ["stopped", "stopped"]
    with pytest.raises(BasisMissing) as refusal:
        story["KG"].decide(transfer.move_responsibility, handoff_id=transfer_id)
    assert refusal.value.rule == "on_hold"


def test_a_move_on_hold_happens_if_the_child_is_already_there() -> None:
    """Protection goes first: somebody has to answer for the child where she is."""
    story = _story()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, "accepted")
    _withdraw(story, basis, **CHILD)
    reacted(story)
    story.did("KG", transfer.move_responsibility, handoff_id=transfer_id, child_is_here=True)

    assert story["KZ"].settled.identity.responsible == "KG"
    assert states(story, transfer_id) == ["stopped", "stopped"]
    assert reacted(story) == []


def test_a_move_decided_before_the_withdrawal_was_heard_is_void() -> None:
    """A permission taken in ignorance of a withdrawal never takes effect (design §3.2)."""
    story = _story()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, "accepted")
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis, **CHILD)
    (move,) = story["KG"].decide(transfer.move_responsibility, handoff_id=transfer_id)
    story.settle()

    assert story.verdict(move).void is VoidReason.UNSEEN_PROTECTION
    assert story["KG"].settled.identity.responsible == "KZ"


def test_a_supervisor_decides_again_after_the_child_took_it_back() -> None:
    """On hold until then; a caseworker alone does not end the hold."""
    story = _story()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, "accepted")
    _withdraw(story, basis, **CHILD)
    terms = {**AGAIN, "purpose": Purpose.TRANSFER}
    with pytest.raises(ProtectiveRefusal):
        story["KZ"].decide(consent.grant_consent, by=CASEWORKER, **terms)
    with pytest.raises(WrongRole):
        story["KZ"].decide(consent.approve_override, by=CASEWORKER, requested_by="cw-2", **terms)
    again = uuid4()
    story.did("KZ", consent.approve_override, requested_by="cw-1", override_id=again, **terms)
    story.did("KG", transfer.move_responsibility, handoff_id=transfer_id, basis_id=again)

    assert story["KZ"].settled.identity.responsible == "KG"


@WITHDRAWN
@pytest.mark.parametrize("state", ["moved", "completed"])
def test_after_the_move_nothing_moves_back(state: str, country: str, who: dict[str, Any]) -> None:
    """Moved: the responsible country keeps what its mandate needs, and says so."""
    story = _story()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, state)
    _withdraw(story, basis, country, **who)
    reacted(story)

    assert handoff(story, transfer_id).state == state
    assert story["KZ"].settled.identity.responsible == "KG"
    assert states(story, transfer_id) == ["stopped", "stopped"]
    for grant_id in story["KG"].settled.releases:
        story.did(
            "KG", data.claim_retention, grant_id=grant_id,
            ground=RetentionGround.MANDATE, until=SOON,
        )  # fmt: skip
    assert states(story, transfer_id) == ["claimed", "claimed"]


@pytest.mark.parametrize("state", ["accepted", "moved"])
def test_without_a_withdrawal_a_transfer_shares_on(state: str) -> None:
    """The other side of the table: what no one takes back is not stopped."""
    story = _story()
    transfer_id = transferred(story, granted(story, purpose=Purpose.TRANSFER), state)

    assert states(story, transfer_id) == ["released", "released"]
    assert reacted(story) == []


def test_a_recipient_destroys_what_is_shared_no_longer() -> None:
    """Outstanding holder until it says so, and only it can say so."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis)
    reacted(story)
    for grant_id in story["KG"].settled.releases:
        with pytest.raises(WrongCountry, match="KG holds its keys"):
            story["KZ"].decide(data.destroy_keys, grant_id=grant_id)
        story.did("KG", data.destroy_keys, grant_id=grant_id)

    assert states(story, referral_id) == ["destroyed", "destroyed"]
    assert reacted(story) == []


def test_a_claim_names_a_ground_and_a_day_and_a_supervisor_answers_for_it() -> None:
    """It is no way to keep everything for ever."""
    story = _story()
    basis = granted(story)
    referred(story, basis, "accepted")
    _withdraw(story, basis)
    reacted(story)
    grant_id, other = story["KG"].settled.releases
    claim = {"grant_id": grant_id, "ground": RetentionGround.LEGAL_CLAIM, "until": SOON}
    decide = story["KG"].decide

    with pytest.raises(WrongRole):
        decide(data.claim_retention, by=CASEWORKER, **claim)
    with pytest.raises(CodeUnknown):
        decide(data.claim_retention, **{**claim, "ground": RetentionGround.UNKNOWN})
    with pytest.raises(BadInput):
        decide(data.claim_retention, **{**claim, "until": SOON.replace(year=SOON.year + 2)})
    story.did("KG", data.destroy_keys, grant_id=other)
    with pytest.raises(NotAllowedNow) as refusal:
        decide(data.claim_retention, **{**claim, "grant_id": other})
    assert refusal.value.rule == "grant_destroyed"
    with pytest.raises(NotAllowedNow) as refusal:
        decide(data.claim_retention, **{**claim, "grant_id": uuid4()})
    assert refusal.value.rule == "grant_known"


def test_another_adult_takes_nothing_back() -> None:
    """Neither the giver nor the present guardian: refused, and nothing is stopped."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")

    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis, **UNCLE)
    assert refusal.value.rule == "giver_known"
    assert states(story, referral_id) == ["released", "released"]


def test_a_guardian_whose_guardianship_ended_takes_nothing_back() -> None:
    """The present guardian may; who was one once is another adult."""
    story = opened()
    basis = granted(story)
    guardian = uuid4()
    story.did("KZ", care.appoint_guardian, guardian_id=guardian)
    story.did("KZ", care.end_guardian, guardian_id=guardian)

    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis, **GUARDIAN)
    assert refusal.value.rule == "giver_known"


@pytest.mark.parametrize(("upheld", "ends"), [(True, True), (False, False)])
def test_an_excluded_persons_withdrawal_is_recorded_and_reviewed(upheld: bool, ends: bool) -> None:
    """It ends nothing before somebody else has looked at it."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    story.did("KZ", block.place_block, persons=(AUNT,))
    _withdraw(story, basis, **GIVER)

    assert story["KZ"].national.care.withdrawals_asked[basis].why == "excluded_person"
    assert reacted(story) == []
    story.did("KZ", withdrawal.review_withdrawal, consent_id=basis, upheld=upheld)
    reacted(story)
    assert story["KZ"].national.care.withdrawals_asked == {}
    assert ("stopped" in states(story, referral_id)) is ends


def test_an_excluded_person_does_not_refuse_what_he_may_not_take_back() -> None:
    """A refusal ends consents, so it is no back door; the attempt is kept (ProtectiveRefusal)."""
    story = _story()
    referral_id = referred(story, granted(story), "accepted")
    story.did("KZ", block.place_block, persons=("uncle-1",))

    with pytest.raises(ProtectiveRefusal) as refusal:
        story["KZ"].decide(withdrawal.refuse_consent, recipient="KG", scopes=ALL, **UNCLE)
    assert refusal.value.rule == "excluded_person"
    assert states(story, referral_id) == ["released", "released"]


def test_another_adult_does_not_refuse_what_somebody_else_has_given() -> None:
    """But may refuse where nobody has consented, and the giver may refuse what she gave."""
    story = _story("KZ", "KG", "UZ")
    granted(story)
    refuse = withdrawal.refuse_consent

    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(refuse, recipient="KG", scopes=ALL[:1], **UNCLE)
    assert refusal.value.rule == "giver_known"
    story.did("KZ", refuse, recipient="UZ", scopes=ALL, **UNCLE)
    story.did("KZ", refuse, recipient="KG", scopes=ALL, **GIVER)


def test_an_adults_word_does_not_end_an_override_in_force() -> None:
    """It waits for a supervisor; the child's word acts at once."""
    story = _story()
    basis = overridden(story)
    referral_id = referred(story, basis, "accepted")
    _withdraw(story, basis, **GIVER)

    assert story["KZ"].national.care.withdrawals_asked[basis].why == "override_in_force"
    assert reacted(story) == []
    _withdraw(story, basis, **CHILD)
    reacted(story)
    assert states(story, referral_id) == ["stopped", "stopped"]


@pytest.mark.parametrize("upheld", [True, False])
def test_an_adult_asks_in_the_receivers_country_to_end_an_override(upheld: bool) -> None:
    """Through any country party to the case; its own supervisor reviews, and who asked does not."""
    story = _story()
    basis = overridden(story)
    referral_id = referred(story, basis, "accepted")
    who = {"given_by": ConsentGiver.OTHER, "giver": SUPERVISOR.id}
    _withdraw(story, basis, "KG", **who)
    review = withdrawal.review_withdrawal
    with pytest.raises(ProtectiveRefusal) as refusal:
        story["KG"].decide(review, consent_id=basis, upheld=True)
    assert refusal.value.rule == "four_eyes"
    _withdraw(story, basis, "KG", **GIVER)
    with pytest.raises(WrongRole):
        story["KG"].decide(review, consent_id=basis, upheld=True, by=CASEWORKER)
    story.did("KG", review, consent_id=basis, upheld=upheld)
    reacted(story)

    assert ("stopped" in states(story, referral_id)) is upheld
    with pytest.raises(NotAllowedNow) as refused:
        story["KG"].decide(review, consent_id=basis, upheld=True)
    assert refused.value.rule == "withdrawal_asked"


def test_a_withdrawal_and_a_release_that_cross_release_nothing() -> None:
    """KG heard of it first: what KZ released in ignorance is void in both countries."""
    story = _story()
    basis = granted(story)
    referral_id = referred(story, basis, "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    story["KG"].decide(withdrawal.withdraw_consent, consent_id=basis, **CHILD)
    (release,) = react(story, "KZ")
    story.publish("KG")
    story.settle()

    assert story.verdict(release).void is VoidReason.NO_BASIS
    assert grants(story) == []
    assert reacted(story) == []
