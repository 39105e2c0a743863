"""What the order of the topic makes of events: effective, or void and why."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from events.codes import NeutralStatus, Purpose
from events.consent import ConsentGranted, ConsentWithdrawn
from events.referral import ReferralReceived
from ledger.case import closing, consent, identity, referral, searching, transfer, withdrawal
from ledger.case.encoding import plane_from_json, plane_to_json, state_hash
from ledger.case.fold import fold
from ledger.case.plane import VoidReason
from tests.given import (
    CASEWORKER,
    CLOSING,
    NOON,
    SCOPES,
    SOON,
    Story,
    changed,
    consented,
    opened,
    proposed,
    ready,
)


def _transfer_story(*countries: str) -> tuple[Story, object, object]:
    story = opened(*countries)
    basis = consented(story)
    ready(story)
    return story, basis, proposed(story, basis)


def test_acceptance_moves_nothing_and_the_move_moves_everything() -> None:
    """The sender answers for the child until the receiver says that it does."""
    story, _, handoff = _transfer_story()

    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    assert story["KZ"].settled.identity.responsible == "KZ"

    story.did("KG", transfer.move_responsibility, handoff_id=handoff)
    assert story["KZ"].settled.identity.responsible == "KG"
    assert story["KZ"].settled.identity.status is NeutralStatus.NOT_READY


def test_accepting_what_was_just_revoked_is_void_in_both_countries() -> None:
    """Each decided on its own view; the topic put the revocation first."""
    story, _, handoff = _transfer_story()
    (revoked,) = story["KZ"].decide(transfer.revoke_transfer, handoff_id=handoff)
    (accepted,) = story["KG"].decide(transfer.accept_transfer, handoff_id=handoff)

    story.publish("KZ")
    story.settle()

    assert story.verdict(revoked).effective
    assert story.verdict(accepted).void is VoidReason.WRONG_STATE
    assert story["KZ"].settled == story["KG"].settled


def test_the_other_order_makes_the_acceptance_count_until_it_is_revoked() -> None:
    """The same two decisions, the other way round: both are legal in turn."""
    story, _, handoff = _transfer_story()
    (revoked,) = story["KZ"].decide(transfer.revoke_transfer, handoff_id=handoff)
    (accepted,) = story["KG"].decide(transfer.accept_transfer, handoff_id=handoff)

    story.publish("KG")
    story.settle()

    assert story.verdict(accepted).effective
    assert story.verdict(revoked).effective
    assert story["KZ"].settled.transfers[handoff].state == "revoked"


def test_a_consent_withdrawn_in_time_voids_the_acceptance() -> None:
    """The withdrawal has no opinion on the state of the handoff; it only forbids."""
    story = opened()
    basis = consented(story, purpose=Purpose.SERVICE)
    handoff = uuid4()
    story.did(
        "KZ", referral.send_referral, recipient="KG", basis_id=basis, scopes=SCOPES, due_on=SOON,
        handoff_id=handoff,
    )  # fmt: skip
    story.did("KG", referral.receive_referral, handoff_id=handoff)
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis)
    (accepted,) = story["KG"].decide(referral.accept_referral, handoff_id=handoff)

    story.publish("KZ")
    story.settle()

    assert story.verdict(accepted).void is VoidReason.NO_BASIS
    assert story["KG"].settled.referrals[handoff].state == "received"


def test_withdrawal_stops_sharing_never_care() -> None:
    """An accepted referral keeps its state when the consent it rested on ends."""
    story = opened()
    basis = consented(story, purpose=Purpose.SERVICE)
    handoff = uuid4()
    story.did(
        "KZ", referral.send_referral, recipient="KG", basis_id=basis, scopes=SCOPES, due_on=SOON,
        handoff_id=handoff,
    )  # fmt: skip
    story.did("KG", referral.receive_referral, handoff_id=handoff)
    story.did("KG", referral.accept_referral, handoff_id=handoff)

    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)

    plane = story["KG"].settled
    assert plane.referrals[handoff].state == "accepted"
    assert not plane.in_force(basis, plane.referrals[handoff], NOON.date())


def test_withdrawal_revokes_a_proposed_transfer_and_leaves_the_case_not_ready() -> None:
    """Design §11: proposed, then withdrawn, is revoked."""
    story, basis, handoff = _transfer_story()

    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)

    plane = story["KG"].settled
    assert plane.transfers[handoff].state == "revoked"
    assert plane.identity.status is NeutralStatus.NOT_READY


def test_a_permission_decided_in_ignorance_of_a_protection_never_takes_effect() -> None:
    """The move would be legal in this state; but its decider had not seen the withdrawal."""
    story, basis, handoff = _transfer_story()
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis)
    (moved,) = story["KG"].decide(transfer.move_responsibility, handoff_id=handoff)

    story.publish("KZ")
    story.settle()

    assert story.verdict(moved).void is VoidReason.UNSEEN_PROTECTION
    assert story["KG"].settled.identity.responsible == "KZ"


def test_having_seen_the_protection_one_may_move_a_child_who_is_already_there() -> None:
    """Protection goes first: who is responsible rests on where she is, not on consent."""
    story, basis, handoff = _transfer_story()
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)

    moved = story.did("KG", transfer.move_responsibility, handoff_id=handoff, child_is_here=True)

    assert story.verdict(moved).effective


def test_ones_own_protection_is_always_seen() -> None:
    """A country need not wait for its own withdrawal to come back before it grants anew."""
    story, basis, _ = _transfer_story()
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis)
    (granted,) = story["KZ"].decide(
        consent.grant_consent, recipient="KG", purpose=Purpose.TRANSFER, scopes=SCOPES,
        expires_on=SOON,
    )  # fmt: skip

    story.settle()

    assert story.verdict(granted).effective


def test_a_protective_event_of_a_stranger_is_void() -> None:
    """A country that was never named in the case cannot stop it."""
    story, basis, _ = _transfer_story("KZ", "KG", "UZ")
    (withdrawn,) = story["UZ"].decide_anyway(withdrawal.withdraw_consent, consent_id=basis)

    story.settle()

    assert story.verdict(withdrawn).void is VoidReason.NOT_PARTY


def test_a_withdrawal_ordered_before_its_grant_uses_the_consent_up() -> None:
    """Protective events are never void because of the state, not even of none."""
    story, _, _ = _transfer_story()
    unknown = uuid4()
    base = story.topic[-1][0]
    plane = story["KZ"].settled
    withdrawn = ConsentWithdrawn(
        **{name: getattr(base, name) for name in _STAMP}, consent_id=unknown
    )
    granted = ConsentGranted(
        **{name: getattr(base, name) for name in _STAMP}, consent_id=unknown, recipient="KG",
        scopes=SCOPES, expires_on=SOON,
    )  # fmt: skip
    plane, first = fold(plane, withdrawn, bytes(32))
    _, second = fold(plane, granted, bytes(32))

    assert first.effective
    assert second.void is VoidReason.WRONG_STATE


_STAMP = (
    "event_id", "case_id", "origin", "version", "seen", "occurred_at", "recorded_at", "actor",
)  # fmt: skip


def test_expiry_is_judged_by_when_it_was_decided_never_by_a_clock() -> None:
    """The same bytes get the same verdict in every year."""
    story, _, handoff = _transfer_story()
    (accepted,) = story["KG"].decide(transfer.accept_transfer, handoff_id=handoff)
    late = changed(accepted, recorded_at=NOON + timedelta(days=31))
    plane = story["KG"].settled

    assert fold(plane, accepted, bytes(32))[1].effective
    assert fold(plane, late, bytes(32))[1].void is VoidReason.NO_BASIS


def test_a_void_event_uses_its_version_up_and_names_the_prefix() -> None:
    """Void is history too: the next event of that origin has the next version."""
    story, _, handoff = _transfer_story()
    story["KZ"].decide(transfer.revoke_transfer, handoff_id=handoff)
    (accepted,) = story["KG"].decide(transfer.accept_transfer, handoff_id=handoff)
    story.publish("KZ")
    story.settle()

    plane = story["KZ"].settled
    assert plane.versions["KG"] == accepted.version
    assert plane.count == len(story.topic)
    assert plane.head == story.topic[-1][1]


def test_falling_back_to_not_ready_holds_an_accepted_transfer() -> None:
    """One neutral event without a reason, from the holding country, stops the move."""
    story, _, handoff = _transfer_story()
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story["KZ"].decide(identity.change_status, status=NeutralStatus.NOT_READY)
    (moved,) = story["KG"].decide(transfer.move_responsibility, handoff_id=handoff)

    story.publish("KZ")
    story.settle()

    assert story.verdict(moved).void is VoidReason.NOT_READY


def test_closing_a_case_with_an_open_transfer_is_void() -> None:
    """KZ closes while KG accepts: whichever comes first, no child is left in between."""
    story, _, handoff = _transfer_story()
    story.did("KG", transfer.reject_transfer, handoff_id=handoff)
    story["KZ"].decide(closing.request_closure, by=CASEWORKER, **CLOSING)
    (closed,) = story["KZ"].decide(closing.close_case)
    early = changed(closed, seen=closed.seen)

    plane_with_open_transfer = _transfer_story()[0]["KZ"].settled
    assert fold(plane_with_open_transfer, early, bytes(32))[1].void is VoidReason.HANDOFF_OPEN
    story.settle()
    assert story.verdict(closed).effective


def test_an_id_of_a_transfer_is_never_legal_for_a_referral() -> None:
    """A confused or hostile node must not crash anybody's fold."""
    story, _, handoff = _transfer_story()
    (accepted,) = story["KG"].decide(transfer.accept_transfer, handoff_id=handoff)
    confused = ReferralReceived(
        **{name: getattr(accepted, name) for name in _STAMP}, handoff_id=handoff
    )

    assert fold(story["KG"].settled, confused, bytes(32))[1].void is VoidReason.WRONG_STATE


def test_a_plane_survives_being_written_down() -> None:
    """The encoded state row is the state; equal planes have equal hashes."""
    story, basis, handoff = _transfer_story()
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis)
    plane = story["KZ"].settled

    assert plane_from_json(plane_to_json(plane)) == plane
    assert state_hash(plane) == state_hash(story["KG"].settled)


def test_falling_back_to_not_ready_revokes_what_is_only_looked_at() -> None:
    """A previewed transfer is not accepted yet; it ends like a proposed one."""
    story, _, handoff = _transfer_story()
    story.did("KG", transfer.preview_transfer, handoff_id=handoff)

    story.did("KZ", identity.change_status, status=NeutralStatus.NOT_READY)

    assert story["KG"].settled.transfers[handoff].state == "revoked"


def test_a_refusal_stays_a_refusal() -> None:
    """Withdrawing what was refused does not turn the child's no into something weaker."""
    story, _, _ = _transfer_story()
    refused = uuid4()
    story.did("KZ", withdrawal.refuse_consent, recipient="KG", scopes=SCOPES, consent_id=refused)

    story.did("KZ", withdrawal.withdraw_consent, consent_id=refused)

    assert story["KG"].settled.consents[refused].state == "refused"


def test_the_receiver_of_a_referral_may_withdraw_for_the_child() -> None:
    """Named in a handoff, a country is a party: the child may speak through either."""
    story = opened()
    basis = consented(story, purpose=Purpose.SERVICE)
    story.did(
        "KZ", referral.send_referral, recipient="KG", basis_id=basis, scopes=SCOPES, due_on=SOON
    )

    withdrawn = story.did("KG", withdrawal.withdraw_consent, consent_id=basis)

    assert story.verdict(withdrawn).effective
    assert story["KZ"].settled.consents[basis].state == "withdrawn"


def test_seen_names_what_the_topic_had_settled_never_what_waits() -> None:
    """Else a country's own waiting event would hide a withdrawal ordered before it."""
    story, basis, handoff = _transfer_story()
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    settled = story["KG"].settled.head
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis)
    story.publish("KZ")
    (missing,) = story["KG"].decide(searching.report_missing)
    (moved,) = story["KG"].decide(transfer.move_responsibility, handoff_id=handoff)

    story.settle()

    assert missing.seen == moved.seen == settled
    assert story.verdict(moved).void is VoidReason.UNSEEN_PROTECTION
