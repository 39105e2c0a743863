"""What a refusal, a withdrawal, a purpose and a due day keep from happening."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.codes import AgeBand, Assent, ConsentGiver, DataScope, NeutralStatus, Purpose, Role
from events.errors import (
    BasisMissing,
    CodeUnknown,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongCountry,
    WrongRole,
)
from events.stamp import Actor
from ledger.case import closing, consent, identity, referral, transfer, withdrawal
from ledger.case.plane import VoidReason
from tests.given import (
    CASEWORKER,
    CLOSING,
    DUE,
    NOON,
    SCOPES,
    SOON,
    Story,
    consented,
    opened,
    proposed,
    ready,
    sent,
)
from tests.reacting import ALL, granted, referred

TODAY = NOON.date()
IDENTITY, HEALTH = SCOPES


def _actor(role: str) -> Actor:
    return Actor(id="a-1", role=role, organisation="cps")


def _refused(story: Story, *scopes: DataScope, to: str = "KG") -> None:
    story.did("KZ", withdrawal.refuse_consent, recipient=to, scopes=scopes)


def _accepted_transfer(story: Story) -> tuple[UUID, UUID]:
    basis = consented(story)
    ready(story)
    handoff = proposed(story, basis)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    return basis, handoff


def test_a_refusal_takes_the_refused_scopes_out_of_earlier_consents() -> None:
    """Said no to her health record: her name may still go, and what needed both may not."""
    story = opened()
    basis = consented(story, purpose=Purpose.SERVICE)
    both, name = sent(story, basis), sent(story, basis, scopes=(IDENTITY,))
    for handoff in (both, name):
        story.did("KG", referral.receive_referral, handoff_id=handoff)
    _refused(story, HEALTH)

    assert story["KG"].settled.consents[basis].scopes == (IDENTITY,)
    with pytest.raises(BasisMissing):
        story["KG"].decide(referral.accept_referral, handoff_id=both)
    story.did("KG", referral.accept_referral, handoff_id=name)


def test_an_acceptance_decided_before_the_refusal_was_heard_is_void() -> None:
    """The topic's order decides, in both countries alike."""
    story = opened()
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    story.did("KG", referral.receive_referral, handoff_id=handoff)
    story["KZ"].decide(withdrawal.refuse_consent, recipient="KG", scopes=SCOPES)
    (acceptance,) = story["KG"].decide(referral.accept_referral, handoff_id=handoff)
    story.settle()

    assert story.verdict(acceptance).void is VoidReason.NO_BASIS


def test_a_refusal_of_everything_ends_a_consent_and_stops_what_is_proposed_on_it() -> None:
    """As a withdrawal does."""
    story = opened()
    basis = consented(story)
    ready(story)
    handoff = proposed(story, basis)
    _refused(story, *SCOPES)

    plane = story["KG"].settled
    assert plane.consents[basis].state == "withdrawn"
    assert plane.transfers[handoff].state == "revoked"
    assert plane.identity.status is NeutralStatus.NOT_READY


def test_a_refusal_says_nothing_about_other_countries_or_overrides() -> None:
    """An override is release without consent: it has people of its own who answer for it."""
    story = opened("KZ", "KG", "UZ")
    elsewhere = consented(story, to="UZ", purpose=Purpose.SERVICE)
    override = uuid4()
    story.did(
        "KZ", consent.approve_override, recipient="KG", purpose=Purpose.SERVICE, scopes=SCOPES,
        expires_on=SOON, requested_by="cw-1", override_id=override,
    )  # fmt: skip
    _refused(story, *SCOPES)

    assert story["KZ"].national.consents[elsewhere].state == "granted"
    assert story["KZ"].national.consents[override].state == "granted"


def _take_back(story: Story) -> None:
    story.did("KZ", withdrawal.withdraw_consent, consent_id=consented(story))


def _refuse(story: Story) -> None:
    _refused(story, HEALTH)


@pytest.mark.parametrize("before", [_take_back, _refuse], ids=["withdrawn", "refused"])
def test_what_was_taken_back_is_granted_again_only_after_a_review(
    before: Callable[[Story], None],
) -> None:
    """No adult grants again what the child refused; the attempt is kept (design §11)."""
    story = opened()
    before(story)
    terms = {"recipient": "KG", "purpose": Purpose.SERVICE, "expires_on": SOON}

    with pytest.raises(ProtectiveRefusal) as refusal:
        story["KZ"].decide(consent.grant_consent, by=CASEWORKER, scopes=SCOPES, **terms)
    assert refusal.value.rule == "taken_back"
    story["KZ"].decide(consent.grant_consent, by=CASEWORKER, scopes=(DataScope.FAMILY,), **terms)
    story["KZ"].decide(consent.grant_consent, by=_actor("supervisor"), scopes=SCOPES, **terms)


def test_a_consent_known_at_home_only_gives_way_to_a_refusal_that_all_have_heard() -> None:
    """Two topics have no common order, so the refusal counts as the later one."""
    story = opened()
    unpublished = consented(story, purpose=Purpose.SERVICE)
    published = consented(story, purpose=Purpose.SERVICE)
    sent(story, published)
    _refused(story, *SCOPES)

    with pytest.raises(BasisMissing, match="refused or taken back"):
        sent(story, unpublished)


@pytest.mark.parametrize("decision", [consent.grant_consent, consent.approve_override])
def test_no_country_lets_itself_have_the_data(decision: Callable[..., object]) -> None:
    """A node without guards is judged by everybody else."""
    story = opened()
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    extra = {} if decision is consent.grant_consent else {"requested_by": "cw-1"}
    own, *_ = story["KG"].decide_anyway(
        decision, recipient="KG", purpose=Purpose.SERVICE, scopes=SCOPES, expires_on=SOON, **extra
    )  # fmt: skip
    story.settle()

    assert story.verdict(own).void is VoidReason.WRONG_COUNTRY
    assert story["KZ"].settled.referrals[handoff].state == "sent"


def test_an_answer_cannot_rest_on_a_consent_to_something_else() -> None:
    """What the sender's other consents are for is known to the sender alone."""
    story = opened()
    service = consented(story, purpose=Purpose.SERVICE)
    handoff = sent(story, service)
    research = consented(story, purpose=Purpose.RESEARCH)
    story.did("KG", referral.receive_referral, handoff_id=handoff)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=service)

    with pytest.raises(BasisMissing) as refusal:
        story["KG"].decide(referral.accept_referral, handoff_id=handoff, basis_id=research)
    assert refusal.value.rule == "purpose"


def test_a_consent_given_anew_for_a_referral_carries_its_answer() -> None:
    """The sender asks again, and says for which referral, so that the receiver may rely on it."""
    story = opened()
    first = consented(story, purpose=Purpose.SERVICE)
    handoff, other = sent(story, first), sent(story, consented(story, purpose=Purpose.SERVICE))
    for one in (handoff, other):
        story.did("KG", referral.receive_referral, handoff_id=one)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=first)
    again = consented(story, purpose=Purpose.SERVICE)

    with pytest.raises(BasisMissing):
        story["KG"].decide(referral.accept_referral, handoff_id=other, basis_id=again)
    story.did("KG", referral.accept_referral, handoff_id=handoff, basis_id=again)


@pytest.mark.parametrize("override", [False, True], ids=["asked again", "overridden"])
def test_a_move_on_hold_goes_on_when_the_sender_has_decided_again(override: bool) -> None:
    """Design §11: on hold until a supervisor re-decides."""
    story = opened()
    basis, handoff = _accepted_transfer(story)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)
    anew = uuid4()
    terms = {
        "recipient": "KG", "purpose": Purpose.TRANSFER, "scopes": SCOPES, "expires_on": SOON,
    }  # fmt: skip
    if override:
        terms |= {"requested_by": "cw-1", "override_id": anew}
        story.did("KZ", consent.approve_override, **terms)
    else:
        story.did("KZ", consent.grant_consent, consent_id=anew, **terms)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff, basis_id=anew)

    assert story["KZ"].settled.identity.responsible == "KG"


def test_a_move_on_hold_does_not_go_on_with_a_consent_to_something_else() -> None:
    """It waits until the sender has decided again."""
    story = opened()
    basis, handoff = _accepted_transfer(story)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)
    research = consented(story, purpose=Purpose.RESEARCH)
    ready(story)

    with pytest.raises(BasisMissing) as refusal:
        story["KG"].decide(transfer.move_responsibility, handoff_id=handoff, basis_id=research)
    assert refusal.value.rule == "purpose"


@pytest.mark.parametrize("kind", ["referral", "transfer"])
def test_an_answer_comes_in_time_or_not_at_all(kind: str) -> None:
    """The day after the due day is the last one."""
    story = opened()
    if kind == "referral":
        basis = consented(story, purpose=Purpose.SERVICE, days=60)
        handoff, accept = sent(story, basis), referral.accept_referral
        story.did("KG", referral.receive_referral, handoff_id=handoff)
    else:
        basis = consented(story, days=60)
        ready(story)
        handoff, accept = proposed(story, basis), transfer.accept_transfer

    with pytest.raises(NotAllowedNow) as refusal:
        story["KG"].decide(accept, handoff_id=handoff, at=DUE + timedelta(days=2))
    assert refusal.value.rule == "due_on"
    story["KG"].decide(accept, handoff_id=handoff, at=DUE + timedelta(days=1))


def test_only_who_answers_for_the_case_stops_what_is_under_way() -> None:
    """Least of all a country that took part once: it may be the one she fled from."""
    story = opened("KZ", "KG", "UZ")
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    story.did("KG", referral.reject_referral, handoff_id=handoff)
    basis = consented(story, to="UZ")
    ready(story)
    proposed(story, basis, to="UZ")

    with pytest.raises(WrongCountry, match="KZ answers for it"):
        story["KG"].decide(identity.change_status, status=NeutralStatus.NOT_READY)


def test_a_proposal_answers_a_request_of_its_own_recipient() -> None:
    """Not one that nobody made, nor somebody else's."""
    story = opened("KZ", "KG", "UZ")
    request = uuid4()
    story.did("UZ", transfer.request_transfer, holder="KZ", due_on=SOON, handoff_id=request)
    basis = consented(story)
    ready(story)
    terms = {"recipient": "KG", "basis_id": basis, "scopes": SCOPES[:1], "due_on": SOON}

    with pytest.raises(NotAllowedNow, match="no open request of KG"):
        story["KZ"].decide(transfer.propose_transfer, request_id=request, **terms)
    with pytest.raises(NotAllowedNow, match="has no handoff"):
        story["KZ"].decide(transfer.propose_transfer, request_id=uuid4(), **terms)
    made = story["KZ"].decide_anyway(transfer.propose_transfer, **terms)
    assert made


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SUPERVISOR, Role.FOCAL_POINT}))
def test_countries_speak_about_responsibility_through_their_focal_points(role: str) -> None:
    """domain.md b.5: proposed, accepted, revoked and moved by the focal point."""
    story = opened()
    _, handoff = _accepted_transfer(story)
    by = _actor(role)

    with pytest.raises(WrongRole):
        story["KG"].decide(transfer.move_responsibility, handoff_id=handoff, by=by)
    with pytest.raises(WrongRole):
        story["KZ"].decide(transfer.revoke_transfer, handoff_id=handoff, by=by)
    with pytest.raises(WrongRole):
        story["KG"].decide(transfer.request_transfer, holder="KZ", due_on=SOON, by=by)


def test_an_auditor_decides_nothing() -> None:
    """Whoever looks at the work of others has none of his own here."""
    with pytest.raises(WrongRole, match="decides nothing"):
        Story()["KZ"].decide(identity.open_case, by=_actor("auditor"))


def test_a_border_officer_asks_for_no_consent() -> None:
    """Consent is the work of those who work for the child."""
    story = opened()
    terms = {"recipient": "KG", "purpose": Purpose.SERVICE, "scopes": SCOPES, "expires_on": SOON}

    with pytest.raises(WrongRole):
        story["KZ"].decide(consent.grant_consent, by=_actor("border_officer"), **terms)
    with pytest.raises(WrongRole):
        story["KZ"].decide(
            identity.change_status, by=_actor("border_officer"), status=NeutralStatus.READY
        )


def test_an_override_found_wrong_ends_with_the_review() -> None:
    """Looking again has consequences."""
    story = opened()
    override = uuid4()
    story.did(
        "KZ", consent.approve_override, recipient="KG", purpose=Purpose.TRANSFER, scopes=SCOPES,
        expires_on=SOON, requested_by="cw-1", override_id=override,
    )  # fmt: skip
    story.did("KZ", consent.review_override, override_id=override, upheld=True)
    assert story["KZ"].national.consents[override].state == "granted"

    story.did("KZ", consent.review_override, override_id=override, upheld=False)

    assert story["KZ"].national.consents[override].state == "withdrawn"


def _domestic(story: Story) -> UUID:
    handoff = uuid4()
    at_home = consented(story, to="KZ", purpose=Purpose.SERVICE)
    story.did(
        "KZ", referral.send_referral, recipient="KZ", basis_id=at_home, scopes=SCOPES, due_on=SOON,
        handoff_id=handoff,
    )  # fmt: skip
    return handoff


def _refused_at_once(story: Story) -> None:
    _domestic(story)
    story["KZ"].decide(closing.request_closure, by=CASEWORKER, **CLOSING)


def test_a_shared_case_does_not_end_over_a_referral_at_home() -> None:
    """The shared topic knows nothing of it; the country does."""
    story = opened()
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    story.did("KG", referral.reject_referral, handoff_id=handoff)
    with pytest.raises(NotAllowedNow, match="referral at home is open"):
        _refused_at_once(opened())
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    at_home = _domestic(story)

    with pytest.raises(NotAllowedNow, match="referral at home is open"):
        story["KZ"].decide(closing.close_case)
    story.did("KZ", referral.revoke_referral, handoff_id=at_home)
    story.did("KZ", closing.close_case)
    with pytest.raises(NotAllowedNow, match="is closed"):
        _domestic(story)


def test_what_is_typed_in_place_of_a_country_is_not_repeated() -> None:
    """A code may be; a name may not."""
    story = opened()
    terms = {"purpose": Purpose.SERVICE, "scopes": SCOPES, "expires_on": SOON}

    with pytest.raises(CodeUnknown, match="what was named is not part") as refusal:
        story["KZ"].decide(consent.grant_consent, recipient="Aigul Serikova", **terms)
    assert "Aigul" not in str(refusal.value)
    with pytest.raises(CodeUnknown, match="country XX is not part of this agreement"):
        story["KZ"].decide(consent.grant_consent, recipient="XX", **terms)


def _overridden(story: Story) -> UUID:
    override_id = uuid4()
    story.did(
        "KZ", consent.approve_override, recipient="KG", purpose=Purpose.SERVICE, scopes=SCOPES,
        expires_on=SOON, requested_by="sup-2", override_id=override_id,
    )  # fmt: skip
    return override_id


def test_who_asked_for_an_override_does_not_review_it() -> None:
    """Four eyes again: who approved it may, and anybody else who supervises."""
    story = opened()
    override_id = _overridden(story)
    asker = Actor(id="sup-2", role="supervisor", organisation="cps-osh")

    with pytest.raises(ProtectiveRefusal) as refusal:
        story["KZ"].decide(consent.review_override, override_id=override_id, upheld=True, by=asker)
    assert refusal.value.rule == "four_eyes"
    story.did("KZ", consent.review_override, override_id=override_id, upheld=True)


@pytest.mark.parametrize("role", sorted(Role))
def test_who_works_with_the_case_ends_an_override(role: str) -> None:
    """Others ask for its end, and a supervisor decides."""
    story = opened()
    override_id = _overridden(story)
    if role in {Role.CASEWORKER, Role.SUPERVISOR, Role.FOCAL_POINT}:
        story.did("KZ", consent.end_override, override_id=override_id, by=_actor(role))
        return
    with pytest.raises(WrongRole):
        story["KZ"].decide(consent.end_override, override_id=override_id, by=_actor(role))


@pytest.mark.parametrize("ends", ["withdrawn", "expired"])
def test_an_accepted_transfer_comes_off_its_hold_by_a_supervisors_consent_only(ends: str) -> None:
    """On hold until a supervisor decides again, whoever gives the new consent."""
    story = opened("KZ", "KG", "UZ")
    basis = consented(story, days=1)
    ready(story)
    handoff = proposed(story, basis)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    terms = {"purpose": Purpose.TRANSFER, "scopes": SCOPES, "expires_on": SOON}
    hers = {"given_by": ConsentGiver.CHILD, "age_band": AgeBand.FROM_15_TO_17}
    at = NOON
    story.did("KZ", consent.grant_consent, recipient="KG", by=CASEWORKER, **terms | hers)
    if ends == "withdrawn":
        for one in list(story["KZ"].settled.consents):
            story.did("KZ", withdrawal.withdraw_consent, consent_id=one)
    else:
        at = DUE + timedelta(days=1)
        terms = {**terms, "expires_on": at.date()}

    for said in (hers, {}):
        with pytest.raises(ProtectiveRefusal):
            story["KZ"].decide(
                consent.grant_consent, recipient="KG", by=CASEWORKER, at=at, **terms | said
            )
    with pytest.raises(ProtectiveRefusal) as refusal:
        story["KZ"].decide(
            consent.grant_consent, recipient="KG", by=CASEWORKER, at=at, **terms | hers
        )
    assert refusal.value.rule == "on_hold"
    story.did("KZ", consent.grant_consent, recipient="UZ", by=CASEWORKER, at=at, **terms | hers)
    story.did("KZ", consent.grant_consent, recipient="KG", at=at, **terms | hers)
    story.did("KZ", consent.grant_consent, recipient="KG", by=CASEWORKER, at=at, **terms | hers)


HERS: dict[str, Any] = {
    "purpose": Purpose.SERVICE, "scopes": ALL, "expires_on": SOON, "assent": Assent.WRITTEN,
    "given_by": ConsentGiver.CHILD, "age_band": AgeBand.FROM_15_TO_17,
}  # fmt: skip


@pytest.mark.parametrize("to", ["KG", "KZ"])
def test_an_id_that_a_permission_has_is_given_to_no_other(to: str) -> None:
    """Else what was given for a transfer would be for a service, and withheld from nobody."""
    story = opened()
    basis = granted(story, purpose=Purpose.TRANSFER, withheld_from=("father-1",))
    referred(story, granted(story), "accepted")
    terms = story["KZ"].national.care.terms[basis]
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(consent.grant_consent, **HERS, recipient=to, consent_id=basis)
    assert refusal.value.rule == "basis_new"
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(
            consent.approve_override, recipient=to, purpose=Purpose.SERVICE, scopes=ALL,
            expires_on=SOON, requested_by="cw-1", override_id=basis,
        )  # fmt: skip
    assert refusal.value.rule == "basis_new"
    assert story["KZ"].national.care.terms[basis] == terms


@pytest.mark.parametrize("role", ["guardian", "provider", "border_officer"])
def test_only_who_is_in_charge_records_that_the_child_said_yes(role: str) -> None:
    """Her no would else be overruled by the one it was said against."""
    with pytest.raises(WrongRole):
        opened()["KZ"].decide(consent.grant_consent, **HERS, recipient="KG", by=_actor(role))
