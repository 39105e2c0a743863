"""Given a history, when a decision, then events or a refusal that names its rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from events.codes import DataScope, NeutralStatus, Outcome, Purpose
from events.errors import (
    BadInput,
    BasisMissing,
    CaseUnknown,
    CodeUnknown,
    DecisionRefused,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongCountry,
    WrongRole,
)
from events.referral import ReferralExpired
from events.stamp import Actor
from events.transfer import TransferProposed
from ledger.case import care, closing, consent, identity, referral, searching, transfer, withdrawal
from ledger.case.matter import Draft
from ledger.case.recording import record
from tests.given import (
    CASEWORKER,
    CLOSING,
    DUE,
    NOON,
    SCOPES,
    SOON,
    SUPERVISOR,
    Story,
    consented,
    matter,
    opened,
    proposed,
    ready,
    sent,
)

TODAY = NOON.date()


def test_a_case_opens_nationally_and_not_ready() -> None:
    """Nothing is shared before it must be; not_ready is the first state of every case."""
    story = opened()

    assert story.topic == []
    assert story["KZ"].national.identity.status is NeutralStatus.NOT_READY


def test_a_case_opens_once() -> None:
    """A second opening is refused, not repeated."""
    story = opened()

    with pytest.raises(NotAllowedNow, match="exists already"):
        story["KZ"].decide(identity.open_case)


def test_a_case_cannot_be_opened_in_the_future() -> None:
    """The day is a fact, not a plan."""
    with pytest.raises(BadInput, match="still to come"):
        Story()["KZ"].decide(identity.open_case, opened_on=TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    "decision",
    [closing.close_case, searching.report_missing, care.record_views, care.assess_risk],
    ids=lambda decision: decision.__name__,
)
def test_an_unknown_case_is_named_as_such(decision: object) -> None:
    """Refused before anything else, so that the caller looks at the id."""
    with pytest.raises(CaseUnknown, match="not known here"):
        Story()["KZ"].decide(decision)  # type: ignore[arg-type]


def test_a_proposal_needs_a_case_that_is_ready() -> None:
    """Leaving not_ready is a deliberate act."""
    story = opened()
    basis = consented(story)

    with pytest.raises(NotAllowedNow, match="not_ready"):
        proposed(story, basis)


def test_a_proposal_needs_a_basis_for_transfer() -> None:
    """A consent to a service is no consent to being handed over."""
    story = opened()
    basis = consented(story, purpose=Purpose.SERVICE)
    ready(story)

    with pytest.raises(BasisMissing, match="not given for this purpose"):
        proposed(story, basis)


def test_a_basis_covers_one_country_only() -> None:
    """Consent to KG says nothing about UZ."""
    story = opened("KZ", "KG", "UZ")
    basis = consented(story, to="UZ")
    ready(story)

    with pytest.raises(BasisMissing, match="does not permit these scopes to go to KG"):
        proposed(story, basis, to="KG")


def test_a_basis_covers_its_scopes_only() -> None:
    """What was not asked for does not travel."""
    story = opened()
    basis = consented(story)
    ready(story)

    with pytest.raises(BasisMissing):
        story["KZ"].decide(
            transfer.propose_transfer, recipient="KG", basis_id=basis,
            scopes=(DataScope.PHOTO,), due_on=SOON,
        )  # fmt: skip


def test_a_basis_covers_until_its_last_day() -> None:
    """On the last day yes, on the day after no."""
    story = opened()
    basis = consented(story, days=1)
    ready(story)
    late = NOON + timedelta(days=2)

    with pytest.raises(BasisMissing):
        story["KZ"].decide(
            transfer.propose_transfer, recipient="KG", basis_id=basis, scopes=SCOPES[:1],
            due_on=SOON, at=late,
        )  # fmt: skip


def test_a_withdrawn_consent_permits_nothing() -> None:
    """Also before the withdrawal has come back from the topic."""
    story = opened()
    basis = consented(story)
    ready(story)
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis)

    with pytest.raises(BasisMissing):
        proposed(story, basis)


def test_only_the_named_receiver_answers() -> None:
    """A proposal to KG is no invitation to UZ, nor to the sender itself."""
    story = opened("KZ", "KG", "UZ")
    handoff = (basis := consented(story)) and (ready(story), proposed(story, basis))[1]

    for stranger in ("UZ", "KZ"):
        with pytest.raises(WrongCountry, match="TransferAccepted refused"):
            story[stranger].decide(transfer.accept_transfer, handoff_id=handoff)


def test_a_second_transfer_waits_for_the_first() -> None:
    """One child cannot be on her way to two countries."""
    story = opened("KZ", "KG", "UZ")
    basis, other = consented(story), consented(story, to="UZ")
    ready(story)
    proposed(story, basis)

    with pytest.raises(NotAllowedNow, match="handoff_open"):
        proposed(story, other, to="UZ")


def test_a_move_on_hold_is_refused_by_name() -> None:
    """The receiver learns that a supervisor of the sender has to decide again."""
    story = opened()
    basis = consented(story)
    ready(story)
    handoff = proposed(story, basis)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)

    with pytest.raises(BasisMissing, match="on hold") as refusal:
        story["KG"].decide(transfer.move_responsibility, handoff_id=handoff)
    assert refusal.value.rule == "on_hold"


def test_an_override_needs_two_people() -> None:
    """Who asked for it cannot approve it; the refusal protects and is kept."""
    story = opened()
    terms = {
        "recipient": "KG", "purpose": Purpose.TRANSFER, "scopes": SCOPES, "expires_on": SOON,
    }  # fmt: skip

    with pytest.raises(ProtectiveRefusal, match="cannot approve it"):
        story["KZ"].decide(consent.approve_override, requested_by=SUPERVISOR.id, **terms)
    with pytest.raises(WrongRole):
        story["KZ"].decide(
            consent.approve_override, requested_by=SUPERVISOR.id, by=CASEWORKER, **terms
        )


@pytest.mark.parametrize("legal_duty", [False, True], ids=["override", "legal duty"])
def test_an_override_or_a_legal_duty_carries_a_transfer(legal_duty: bool) -> None:
    """Seen from outside the two cannot be told apart."""
    story = opened()
    override = uuid4()
    story.did(
        "KZ", consent.approve_override, recipient="KG", purpose=Purpose.TRANSFER, scopes=SCOPES,
        expires_on=SOON, requested_by="cw-1", legal_duty=legal_duty, override_id=override,
    )  # fmt: skip
    ready(story)
    handoff = proposed(story, override)

    assert story["KG"].settled.transfers[handoff].basis_id == override
    assert story["KG"].settled.consents[override].override


def test_closing_needs_a_request_by_somebody_else() -> None:
    """Four eyes on the end of care."""
    story = opened()
    with pytest.raises(NotAllowedNow, match="closure has not been requested"):
        story["KZ"].decide(closing.close_case)
    story["KZ"].decide(closing.request_closure, by=SUPERVISOR, **CLOSING)
    with pytest.raises(ProtectiveRefusal):
        story["KZ"].decide(closing.close_case, by=SUPERVISOR)

    story["KZ"].decide(
        closing.close_case, by=Actor(id="sup-2", role="supervisor", organisation="x")
    )

    assert story["KZ"].national.identity.state == "closed"


def test_a_reopened_case_needs_a_new_request_to_be_closed_again() -> None:
    """An old request does not close a case twice."""
    story = opened()
    story["KZ"].decide(closing.request_closure, by=CASEWORKER, **CLOSING)
    story["KZ"].decide(closing.close_case)
    story["KZ"].decide(closing.reopen_case, reason="other")

    with pytest.raises(NotAllowedNow, match="closure has not been requested"):
        story["KZ"].decide(closing.close_case)


def test_only_the_sender_lets_a_handoff_expire_and_not_too_early() -> None:
    """After the due day and the grace after it; and every node would name the event alike."""
    story = opened()
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    after_grace = NOON + (SOON - TODAY) + timedelta(days=2)

    with pytest.raises(NotAllowedNow, match="may be answered for a day more"):
        story["KZ"].decide(referral.expire_referral, handoff_id=handoff)
    with pytest.raises(WrongCountry):
        story["KG"].decide(referral.expire_referral, handoff_id=handoff, at=after_grace)
    (expired,) = story["KZ"].decide(referral.expire_referral, handoff_id=handoff, at=after_grace)

    assert isinstance(expired, ReferralExpired)
    assert expired.event_id.version == 5


def test_a_referral_from_sent_to_completed() -> None:
    """The whole way of a service, each step by the country whose turn it is."""
    story = opened()
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    story.did("KG", referral.receive_referral, handoff_id=handoff)
    story.did("KG", referral.accept_referral, handoff_id=handoff)
    story.did("KG", referral.start_referral, handoff_id=handoff)
    story.did("KG", referral.complete_referral, handoff_id=handoff, outcome=Outcome.FULFILLED)

    assert story["KZ"].settled.referrals[handoff].state == "completed"
    with pytest.raises(NotAllowedNow):
        story["KZ"].decide(referral.revoke_referral, handoff_id=handoff)


def test_an_answer_names_what_it_answers() -> None:
    """`caused_by` is the event that began the handoff."""
    story = opened()
    handoff = sent(story, consented(story, purpose=Purpose.SERVICE))
    began = story.topic[-1][0]

    received = story.did("KG", referral.receive_referral, handoff_id=handoff)

    assert received.caused_by == began.event_id


def test_a_request_may_ask_for_a_case_nobody_here_knows() -> None:
    """It discloses nothing, makes nobody a party, and is refused on its due day, never earlier."""
    story = Story()
    handoff = uuid4()
    story.did("KG", transfer.request_transfer, holder="KZ", due_on=SOON, handoff_id=handoff)
    assert story["KZ"].settled.identity.parties == ()

    early, due = DUE - timedelta(days=1), DUE
    with pytest.raises(NotAllowedNow, match="answered on its due day") as refusal:
        story["KZ"].decide(transfer.reject_transfer, handoff_id=handoff, at=early)
    assert refusal.value.rule == "due_on"
    story.did("KZ", transfer.reject_transfer, handoff_id=handoff, at=due)

    assert story["KG"].settled.transfers[handoff].state == "rejected"


def test_a_quick_yes_tells_as_much_as_a_quick_no() -> None:
    """A request is answered on its due day, by a proposal as by a refusal."""
    story = opened()
    request = uuid4()
    story.did("KG", transfer.request_transfer, holder="KZ", due_on=SOON, handoff_id=request)
    basis = consented(story)
    ready(story)
    with pytest.raises(NotAllowedNow, match="answered on its due day") as refusal:
        story["KZ"].decide(
            transfer.propose_transfer, recipient="KG", basis_id=basis, scopes=SCOPES[:1],
            due_on=SOON, request_id=request, at=DUE - timedelta(days=1),
        )  # fmt: skip
    assert refusal.value.rule == "due_on"


def test_a_proposal_answers_a_request() -> None:
    """The asker sees one handoff end and another begin."""
    story = opened()
    request = uuid4()
    story.did("KG", transfer.request_transfer, holder="KZ", due_on=SOON, handoff_id=request)
    basis = consented(story)
    ready(story)
    story.did(
        "KZ", transfer.propose_transfer, recipient="KG", basis_id=basis, scopes=SCOPES[:1],
        due_on=SOON + timedelta(days=9), request_id=request, at=DUE,
    )  # fmt: skip

    assert story["KG"].settled.transfers[request].state == "completed"
    assert len(story["KG"].settled.open_transfers) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"recipient": "XX"}, CodeUnknown),
        ({"scopes": ()}, CodeUnknown),
        ({"scopes": (DataScope.UNKNOWN,)}, CodeUnknown),
        ({"scopes": (DataScope.HEALTH, DataScope.HEALTH)}, CodeUnknown),
        ({"purpose": Purpose.UNKNOWN}, CodeUnknown),
        ({"expires_on": TODAY - timedelta(days=1)}, BadInput),
        ({"expires_on": date(2030, 1, 1)}, BadInput),
    ],
    ids=["country", "no scope", "unknown scope", "scope twice", "purpose", "past", "far"],
)
def test_bad_terms_are_refused_by_name(
    arguments: dict[str, object], error: type[DecisionRefused]
) -> None:
    """Nothing is recorded of a consent whose terms cannot be read."""
    story = opened()
    terms = {
        "recipient": "KG", "purpose": Purpose.TRANSFER, "scopes": SCOPES, "expires_on": SOON,
    }  # fmt: skip

    with pytest.raises(error):
        story["KZ"].decide(consent.grant_consent, **{**terms, **arguments})
    assert story["KZ"].case.number == 1


@pytest.mark.parametrize(
    "actor",
    [
        Actor(id="Айгүл Серікова", role="caseworker", organisation="cps"),
        Actor(id="cw-1", role="caseworker", organisation="a b"),
        Actor(id="cw-1", role="wizard", organisation="cps"),
    ],
    ids=["a name", "free text", "unknown role"],
)
def test_an_actor_is_a_pseudonym_in_a_known_role(actor: Actor) -> None:
    """Names of people must not reach an event that can never be deleted."""
    with pytest.raises(CodeUnknown):
        Story()["KZ"].decide(identity.open_case, by=actor)


def test_whoever_else_is_named_is_a_pseudonym_too() -> None:
    """The caseworker of a case, and who asked for an override."""
    story = opened()
    supervisor = Actor(id="s-1", role="supervisor", organisation="cps")
    terms = {
        "recipient": "KG", "purpose": Purpose.TRANSFER, "scopes": SCOPES, "expires_on": SOON,
    }  # fmt: skip

    with pytest.raises(CodeUnknown, match="the caseworker"):
        story["KZ"].decide(care.assign_case, assignee="Айгүл Серікова")
    with pytest.raises(CodeUnknown, match="who asked for it"):
        story["KZ"].decide(
            consent.approve_override, by=supervisor, requested_by="Aigul Serikova", **terms
        )
    assert story["KZ"].case.number == 1


def test_a_border_officer_takes_no_step_that_another_country_sees() -> None:
    """Shared events carry neutral roles only."""
    story = opened()
    basis = consented(story)
    ready(story)
    officer = Actor(id="bo-1", role="border_officer", organisation="post-7")

    with pytest.raises(WrongRole):
        story["KZ"].decide(
            transfer.propose_transfer, recipient="KG", basis_id=basis, scopes=SCOPES[:1],
            due_on=SOON, by=officer,
        )  # fmt: skip


def test_decisions_of_one_case_are_never_dated_back() -> None:
    """A clock that was set back does not make history run backwards."""
    story = opened()
    case = replace(story["KZ"].case, decided_at=NOON)
    before = matter(case, at=NOON - timedelta(hours=1))

    (entry,) = record(before, care.record_views(before), salt=bytes(32))

    assert entry.event.recorded_at == NOON


def test_a_consent_of_the_other_country_starts_nothing_here() -> None:
    """What it was given for stands in the other country's national history only (ADR 0004)."""
    story = opened("KZ", "KG", "UZ")
    basis = consented(story)
    ready(story)
    handoff = proposed(story, basis)
    onward = consented(story, to="UZ")
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff)
    ready(story, "KG")

    with pytest.raises(BasisMissing, match="not given for this purpose"):
        story["KG"].decide(
            transfer.propose_transfer, recipient="UZ", basis_id=onward, scopes=SCOPES[:1],
            due_on=SOON,
        )  # fmt: skip


def test_what_was_taken_back_is_never_published_as_granted() -> None:
    """Even for a decision without guards: the step then has no basis and is refused."""
    story = opened()
    basis = consented(story)
    ready(story)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)
    fields = {
        "handoff_id": uuid4(), "recipient": "KG", "basis_id": basis, "scopes": SCOPES,
        "due_on": SOON,
    }  # fmt: skip

    with pytest.raises(BasisMissing):
        story["KZ"].decide(lambda _matter: (Draft(TransferProposed, fields),))
    assert story["KZ"].case.national.care.shared_with is None
