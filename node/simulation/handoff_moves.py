"""Moves between countries, and between organisations of one: referrals and transfers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.codes import NeutralStatus, Outcome, Purpose
from ledger.case import identity, referral, transfer
from node.simulation import invented
from node.simulation.kinds import DOMESTIC
from node.simulation.moves import BETWEEN, WORKED, Move
from node.simulation.seen import Seen

SERVICES = (Purpose.SERVICE, Purpose.CASE_MANAGEMENT)


def got(what: str, *states: str) -> Callable[[Seen], bool]:
    """Say that this country got such a handoff."""
    return lambda seen: bool(seen.handoffs(what, *states, got=True))


def sent(what: str, *states: str) -> Callable[[Seen], bool]:
    """Say that this country sent such a handoff."""
    return lambda seen: bool(seen.handoffs(what, *states, sent=True))


def of(what: str, *states: str, mine: str = "got", **more: Any) -> Callable[[Seen], Any]:
    """Return the arguments of a step of such a handoff."""

    def arguments(seen: Seen) -> Mapping[str, Any]:
        found = seen.handoffs(what, *states, **{mine: True})
        return {"handoff_id": seen.one(found)[0], **more}

    return arguments


def sends(seen: Seen, recipient: str, *purposes: Purpose) -> Mapping[str, Any]:
    """Return the arguments of a new handoff, on a permission that there is."""
    basis_id = seen.one(seen.permitted(recipient, *purposes))
    return {
        "recipient": recipient,
        "basis_id": basis_id,
        "scopes": seen.basis(basis_id).scopes,
        "due_on": seen.after(14),
        "data": invented.needs(),
        "handoff_id": seen.id(),
    }


def _completed(seen: Seen) -> Mapping[str, Any]:
    outcome = Outcome.FULFILLED if seen.chance(0.8) else Outcome.UNFULFILLED
    return {**of("referrals", "started")(seen), "outcome": outcome}


def _may_refer(recipient: Callable[[Seen], str]) -> Callable[[Seen], bool]:
    return lambda seen: (
        seen.answers
        and not seen.ends
        and not seen.care.excludes_country(recipient(seen))
        and len(seen.handoffs("referrals")) < 2
        and bool(seen.permitted(recipient(seen), *SERVICES))
    )


def may_propose(seen: Seen) -> bool:
    """Say whether another country could be asked to take over."""
    return (
        seen.answers
        and seen.case.identity.status is NeutralStatus.READY
        and not seen.care.excludes_country(seen.other)
        and not seen.case.ahead.open_transfers
        and bool(seen.permitted(seen.other, Purpose.TRANSFER))
    )


def _may_be_ready(seen: Seen) -> bool:
    return (
        seen.answers
        and seen.case.identity.status is not NeutralStatus.READY
        and not seen.care.blocks
        and bool(seen.permitted(seen.other, Purpose.TRANSFER))
    )


def _may_fall_back(seen: Seen) -> bool:
    return seen.answers and seen.case.identity.status is NeutralStatus.READY


def _is_home(seen: Seen) -> str:
    return seen.country


def _is_abroad(seen: Seen) -> str:
    return seen.other


_UNANSWERED = ("proposed", "previewed")
#: States in which a referral can be taken back.
_UNDER_WAY = ("sent", "received", "accepted", "started")

MOVES = (
    Move(
        take=referral.send_referral,
        when=_may_refer(_is_abroad),
        arguments=lambda seen: sends(seen, seen.other, *SERVICES),
        weight=4,
        kinds=BETWEEN,
    ),
    Move(
        take=referral.send_referral,
        called="refer_at_home",
        when=_may_refer(_is_home),
        arguments=lambda seen: sends(seen, seen.country, *SERVICES),
        weight=3,
        kinds=frozenset({DOMESTIC}),
    ),
    Move(
        take=referral.receive_referral,
        when=got("referrals", "sent"),
        arguments=of("referrals", "sent"),
        weight=8,
        kinds=WORKED,
        against="revoke_referral",
    ),
    Move(
        take=referral.accept_referral,
        when=got("referrals", "received"),
        arguments=of("referrals", "received"),
        weight=6,
        kinds=WORKED,
        against="revoke_referral",
    ),
    Move(
        take=referral.reject_referral,
        when=got("referrals", "received"),
        arguments=of("referrals", "received"),
        weight=1,
        kinds=WORKED,
        against="revoke_referral",
    ),
    Move(
        take=referral.start_referral,
        when=got("referrals", "accepted"),
        arguments=of("referrals", "accepted"),
        by="provider",
        weight=6,
        kinds=WORKED,
        against="withdraw_consent",
    ),
    Move(
        take=referral.complete_referral,
        when=got("referrals", "started"),
        arguments=_completed,
        by="provider",
        weight=4,
        kinds=WORKED,
        against="revoke_referral",
    ),
    Move(
        take=referral.revoke_referral,
        when=sent("referrals", *_UNDER_WAY),
        arguments=of("referrals", *_UNDER_WAY, mine="sent"),
        weight=0.3,
        kinds=WORKED,
        against="accept_referral",
    ),
    Move(
        take=identity.change_status,
        called="say_ready",
        when=_may_be_ready,
        arguments=lambda _seen: {"status": NeutralStatus.READY},
        weight=6,
        kinds=BETWEEN,
    ),
    Move(
        take=identity.change_status,
        called="say_not_ready",
        when=_may_fall_back,
        arguments=lambda _seen: {"status": NeutralStatus.NOT_READY},
        weight=0.2,
        kinds=BETWEEN,
        against="accept_transfer",
    ),
    Move(
        take=transfer.request_transfer,
        when=lambda seen: seen.is_open and not seen.answers and not seen.handoffs("transfers"),
        arguments=lambda seen: {
            "holder": seen.other,
            "due_on": seen.after(seen.one((0, 5))),
            "handoff_id": seen.id(),
        },
        by="focal_point",
        weight=0.4,
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.propose_transfer,
        when=may_propose,
        arguments=lambda seen: sends(seen, seen.other, Purpose.TRANSFER),
        by="focal_point",
        weight=6,
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.preview_transfer,
        when=got("transfers", "proposed"),
        arguments=of("transfers", "proposed"),
        by="focal_point",
        weight=8,
        kinds=BETWEEN,
        against="revoke_transfer",
    ),
    Move(
        take=transfer.accept_transfer,
        when=got("transfers", *_UNANSWERED),
        arguments=of("transfers", *_UNANSWERED),
        by="focal_point",
        weight=6,
        kinds=BETWEEN,
        against="revoke_transfer",
    ),
    Move(
        take=transfer.reject_transfer,
        when=got("transfers", *_UNANSWERED),
        arguments=of("transfers", *_UNANSWERED),
        by="focal_point",
        weight=1,
        kinds=BETWEEN,
        against="revoke_transfer",
    ),
    Move(
        take=transfer.revoke_transfer,
        when=sent("transfers", *_UNANSWERED, "accepted"),
        arguments=of("transfers", *_UNANSWERED, "accepted", mine="sent"),
        by="focal_point",
        weight=0.3,
        kinds=BETWEEN,
        against="accept_transfer",
    ),
    Move(
        take=transfer.move_responsibility,
        when=got("transfers", "accepted"),
        arguments=of("transfers", "accepted"),
        by="focal_point",
        weight=5,
        kinds=BETWEEN,
        against="withdraw_consent",
    ),
    Move(
        take=transfer.move_responsibility,
        called="move_though_here",
        when=lambda seen: any(
            seen.lost(one) for one in seen.handoffs("transfers", "accepted", got=True)
        ),
        arguments=of("transfers", "accepted", child_is_here=True),
        by="focal_point",
        weight=3,
        kinds=BETWEEN,
        against="revoke_transfer",
    ),
    Move(
        take=transfer.complete_handover,
        when=got("transfers", "moved"),
        arguments=of("transfers", "moved"),
        by="focal_point",
        weight=6,
        kinds=BETWEEN,
    ),
)
