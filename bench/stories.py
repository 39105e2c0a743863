"""The cases that benchmarks are made of: what happens to children, not what is easy to measure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from bench.play import CASEWORKER, Play
from events.codes import DataScope, NeutralStatus, Outcome, Purpose
from ledger.case import care, consent, identity, referral, searching, transfer, withdrawal

_SCOPES = (DataScope.IDENTITY, DataScope.HEALTH, DataScope.CONTACT)


def _in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _opened(purpose: Purpose) -> tuple[Play, UUID]:
    """A case as it stands before another country is asked: national, assessed, consented."""
    play, consent_id = Play(), uuid7()
    play.did("KZ", identity.open_case, by=CASEWORKER)
    play.did("KZ", care.assess_risk, by=CASEWORKER)
    play.did("KZ", care.record_views, by=CASEWORKER)
    play.did(
        "KZ",
        consent.grant_consent,
        recipient="KG",
        purpose=purpose,
        scopes=_SCOPES,
        expires_on=_in_days(300).date(),
        consent_id=consent_id,
    )
    return play, consent_id


def _referred(play: Play, consent_id: UUID) -> UUID:
    handoff_id = uuid7()
    play.did(
        "KZ",
        referral.send_referral,
        recipient="KG",
        basis_id=consent_id,
        scopes=_SCOPES,
        due_on=_in_days(14).date(),
        handoff_id=handoff_id,
    )
    play.did("KG", referral.receive_referral, handoff_id=handoff_id)
    return handoff_id


def _proposed(play: Play, consent_id: UUID) -> UUID:
    handoff_id = uuid7()
    play.did("KZ", identity.change_status, status=NeutralStatus.READY)
    play.did(
        "KZ",
        transfer.propose_transfer,
        recipient="KG",
        basis_id=consent_id,
        scopes=_SCOPES[:2],
        due_on=_in_days(21).date(),
        handoff_id=handoff_id,
    )
    return handoff_id


def served() -> Play:
    """A referral that is accepted and given."""
    play, consent_id = _opened(Purpose.SERVICE)
    handoff_id = _referred(play, consent_id)
    play.did("KG", referral.accept_referral, handoff_id=handoff_id)
    play.did("KG", referral.start_referral, handoff_id=handoff_id)
    play.did("KG", referral.complete_referral, handoff_id=handoff_id, outcome=Outcome.FULFILLED)
    return play


def sent_again() -> Play:
    """A referral that is rejected, and a second one that is taken on."""
    play, consent_id = _opened(Purpose.SERVICE)
    first = _referred(play, consent_id)
    play.did("KG", referral.reject_referral, handoff_id=first)
    second = _referred(play, consent_id)
    play.did("KG", referral.accept_referral, handoff_id=second)
    return play


def handed_over() -> Play:
    """A child for whom another country comes to answer."""
    play, consent_id = _opened(Purpose.TRANSFER)
    handoff_id = _proposed(play, consent_id)
    play.did("KG", transfer.preview_transfer, handoff_id=handoff_id)
    play.did("KG", transfer.accept_transfer, handoff_id=handoff_id)
    play.did("KG", transfer.move_responsibility, handoff_id=handoff_id)
    play.did("KG", transfer.complete_handover, handoff_id=handoff_id)
    return play


def withdrawn_in_time() -> Play:
    """A consent withdrawn while the other country accepts: the acceptance is void."""
    play, consent_id = _opened(Purpose.TRANSFER)
    handoff_id = _proposed(play, consent_id)
    play.did("KG", transfer.preview_transfer, handoff_id=handoff_id)
    play.decide("KZ", withdrawal.withdraw_consent, consent_id=consent_id)
    play.decide("KG", transfer.accept_transfer, handoff_id=handoff_id)
    play.settle("KZ", "KG")
    return play


def raced() -> Play:
    """A referral revoked while the other country accepts it, then work at home."""
    play, consent_id = _opened(Purpose.SERVICE)
    handoff_id = _referred(play, consent_id)
    play.decide("KZ", referral.revoke_referral, handoff_id=handoff_id)
    play.decide("KG", referral.accept_referral, handoff_id=handoff_id)
    play.settle("KZ", "KG")
    play.did("KZ", searching.report_missing)
    play.did("KZ", searching.report_found)
    return play


STORIES: tuple[Callable[[], Play], ...] = (
    served,
    sent_again,
    handed_over,
    withdrawn_in_time,
    raced,
)


def long_national() -> Play:
    """A case of twenty events that has not left its country: what one more decision reads."""
    play, _ = _opened(Purpose.TRANSFER)
    statuses = (NeutralStatus.READY, NeutralStatus.NOT_READY)
    while len(play.said) < 20:
        play.did("KZ", identity.change_status, status=statuses[len(play.said) % 2])
    return play
