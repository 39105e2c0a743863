"""Moves of which each has to be refused: by the wrong person, country or role, or too early.

They are tried on a view, and the case may change before the decision: only one that is let in while
nothing changed is counted against the ledger. What none of them may have done is asked of the
history afterwards as well (`invariants`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.codes import AgeBand, Assent, ConsentGiver, DataScope, NeutralStatus, Purpose
from events.stamp import Actor
from ledger.case import care, closing, consent, identity, plan, referral, transfer
from node.simulation import invented
from node.simulation.consent_moves import granted, overridden
from node.simulation.handoff_moves import SERVICES, may_propose, sends
from node.simulation.moves import BETWEEN, WORKED, Move
from node.simulation.ruled_moves import in_state, plan_id
from node.simulation.seen import Seen

_STRANGER = "sim-stranger"


def _abroad_answers(seen: Seen) -> bool:
    return seen.is_open and seen.case.identity.responsible == seen.other


def _asked_by_supervisor(seen: Seen) -> bool:
    care_, identity_ = seen.care, seen.case.identity
    mine = care_.closure_requested_by == seen.cast["supervisor"].id
    return seen.answers and mine and care_.closure_requested == identity_.closures + 1


def _by_submitter(seen: Seen) -> bool:
    return any(one.submitted_by == seen.cast["supervisor"].id for _, one in seen.plans("submitted"))


def _again_by_another(seen: Seen) -> Mapping[str, Any]:
    """Another adult than the one who took it back gives it again, through a caseworker."""
    given_by = {
        "given_by": ConsentGiver.CAREGIVER,
        "giver": _STRANGER,
        "age_band": AgeBand.FROM_6_TO_11,
        "assent": Assent.ORAL,
    }
    return {
        **granted(seen, seen.other, Purpose.SERVICE),
        "scopes": seen.one([one for one in seen.ended(seen.other) if one.scopes]).scopes,
        **given_by,
    }


def _was_ended(seen: Seen) -> bool:
    return seen.answers and any(one.scopes for one in seen.ended(seen.other))


def _uncovered(seen: Seen) -> Mapping[str, Any]:
    """More goes out than was permitted."""
    basis_id = seen.one(seen.permitted(seen.other, *SERVICES))
    scopes = (*seen.basis(basis_id).scopes, DataScope.PHOTO)
    return {**sends(seen, seen.other, *SERVICES), "basis_id": basis_id, "scopes": scopes}


def _excluded(seen: Seen) -> Actor:
    return seen.cast["uncle"]


MOVES = (
    Move(
        take=closing.close_case,
        called="close_own_request",
        weight=20,
        when=lambda seen: _asked_by_supervisor(seen) and not seen.handoffs("referrals"),
        by="supervisor",
    ),
    Move(
        take=plan.approve_plan,
        called="approve_own_plan",
        when=lambda seen: in_state("submitted")(seen) and _by_submitter(seen),
        arguments=lambda seen: plan_id(seen, "submitted"),
        by="supervisor",
        kinds=WORKED,
    ),
    Move(
        take=consent.approve_override,
        called="approve_own_override",
        when=lambda seen: seen.answers,
        arguments=lambda seen: overridden(seen, Purpose.SERVICE, seen.cast["supervisor"].id),
        by="supervisor",
        kinds=BETWEEN,
    ),
    Move(
        take=identity.change_status,
        called="ready_elsewhere",
        when=_abroad_answers,
        arguments=lambda _seen: {"status": NeutralStatus.READY},
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.accept_transfer,
        called="accept_own_transfer",
        weight=20,
        when=lambda seen: bool(seen.handoffs("transfers", "proposed", "previewed", sent=True)),
        arguments=lambda seen: {
            "handoff_id": seen.one(seen.handoffs("transfers", "proposed", "previewed", sent=True))[
                0
            ]
        },
        by="focal_point",
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.move_responsibility,
        called="move_from_here",
        when=lambda seen: bool(seen.handoffs("transfers", "accepted", sent=True)),
        arguments=lambda seen: {
            "handoff_id": seen.one(seen.handoffs("transfers", "accepted", sent=True))[0]
        },
        by="focal_point",
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.revoke_transfer,
        called="revoke_after_move",
        when=lambda seen: bool(seen.handoffs("transfers", "moved", "completed", sent=True)),
        arguments=lambda seen: {
            "handoff_id": seen.one(seen.handoffs("transfers", "moved", "completed", sent=True))[0]
        },
        by="focal_point",
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.propose_transfer,
        called="propose_by_caseworker",
        when=may_propose,
        arguments=lambda seen: sends(seen, seen.other, Purpose.TRANSFER),
        kinds=BETWEEN,
    ),
    Move(
        take=consent.grant_consent,
        called="grant_at_the_border",
        when=lambda seen: seen.answers,
        arguments=lambda seen: granted(seen, seen.other, Purpose.SERVICE),
        by="border_officer",
    ),
    Move(
        take=care.record_views,
        called="views_by_auditor",
        when=lambda seen: seen.answers,
        arguments=lambda _seen: {"data": invented.words()},
        by="auditor",
    ),
    Move(
        take=care.record_views,
        called="views_by_excluded",
        when=lambda seen: seen.care.excludes_person(_excluded(seen).id),
        arguments=lambda _seen: {"data": invented.words()},
        by="uncle",
    ),
    Move(
        take=consent.grant_consent,
        called="grant_again_by_another",
        when=_was_ended,
        arguments=_again_by_another,
        kinds=BETWEEN,
    ),
    Move(
        take=referral.send_referral,
        called="send_more_than_permitted",
        when=lambda seen: seen.answers and bool(seen.permitted(seen.other, *SERVICES)),
        arguments=_uncovered,
        kinds=BETWEEN,
    ),
    Move(
        take=referral.send_referral,
        called="send_where_excluded",
        when=lambda seen: (
            seen.answers
            and seen.care.excludes_country(seen.other)
            and bool(seen.permitted(seen.other, *SERVICES))
        ),
        arguments=lambda seen: sends(seen, seen.other, *SERVICES),
        kinds=BETWEEN,
    ),
    Move(
        take=closing.close_case,
        called="close_while_handed_over",
        when=lambda seen: seen.answers and bool(seen.case.ahead.open_transfers),
        by="second",
        kinds=BETWEEN,
    ),
)
