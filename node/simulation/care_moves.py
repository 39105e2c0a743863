"""Moves of the everyday work with a child: heard, looked at, looked after."""

from __future__ import annotations

from events.codes import DataScope, Purpose, RiskLevel
from ledger.case import access, block, care, identity
from node.simulation import invented
from node.simulation.moves import BETWEEN, WORKED, Move
from node.simulation.seen import Seen

_RISKS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.MEDIUM, RiskLevel.HIGH)


def _risk(seen: Seen) -> RiskLevel:
    return RiskLevel.LOW if seen.kind not in WORKED else seen.one(_RISKS)


#: When somebody in this country works with the child.
def _works(seen: Seen) -> bool:
    return seen.answers


MOVES = (
    Move(
        take=care.assess_risk,
        when=lambda seen: seen.answers and not seen.care.risk_assessed,
        arguments=lambda seen: {"risk": _risk(seen), "assessment_id": seen.id()},
        weight=20,
    ),
    Move(
        take=care.assess_risk,
        called="assess_risk_again",
        when=lambda seen: seen.answers and seen.care.risk_assessed,
        arguments=lambda seen: {"risk": _risk(seen), "data": invented.words()},
        weight=0.5,
        kinds=WORKED,
    ),
    Move(
        take=care.record_views,
        when=_works,
        arguments=lambda seen: {"data": invented.words(), "views_id": seen.id()},
    ),
    Move(
        take=care.assign_case,
        when=lambda seen: seen.answers and seen.care.assignee is None,
        arguments=lambda seen: {"assignee": seen.cast["caseworker"].id},
        by="supervisor",
        weight=10,
    ),
    Move(
        take=care.complete_assessment,
        when=lambda seen: seen.answers and seen.care.risk_assessed and not seen.care.plans,
        arguments=lambda seen: {"data": invented.words(), "assessment_id": seen.id()},
        weight=3,
        kinds=WORKED,
    ),
    Move(
        take=care.record_concern,
        when=lambda seen: seen.answers and len(seen.care.concerns) < 2,
        arguments=lambda seen: {"data": invented.concern(seen), "concern_id": seen.id()},
        weight=2,
        kinds=WORKED,
    ),
    Move(
        take=care.resolve_concern,
        when=lambda seen: seen.answers and bool(seen.care.concerns) and seen.progress > 0.5,
        arguments=lambda seen: {"concern_id": seen.one(seen.care.concerns)},
        kinds=WORKED,
    ),
    Move(
        take=care.appoint_guardian,
        when=lambda seen: seen.answers and not seen.care.guardians,
        arguments=lambda seen: {"data": invented.words(), "guardian_id": seen.id()},
        weight=2,
        kinds=WORKED,
    ),
    Move(
        take=care.end_guardian,
        when=lambda seen: seen.answers and bool(seen.care.guardians),
        arguments=lambda seen: {"guardian_id": seen.one(seen.care.guardians)},
        weight=0.2,
        kinds=WORKED,
    ),
    Move(
        take=care.link_sibling,
        when=lambda seen: seen.answers and seen.neighbour is not None and not seen.care.siblings,
        arguments=lambda seen: {"sibling_case_id": seen.neighbour, "together": seen.chance(0.5)},
        weight=0.3,
    ),
    # A visit to a child who is monitored, a follow-up of one who is protected.
    Move(
        take=access.record_data,
        when=_works,
        arguments=lambda _seen: {"data": invented.words()},
        weight=3,
    ),
    Move(
        take=access.access_data,
        when=_works,
        arguments=lambda _seen: {"scopes": (DataScope.IDENTITY,), "purpose": Purpose.SERVICE},
        weight=1.5,
    ),
    Move(
        take=identity.correct_record,
        when=lambda seen: seen.answers and seen.case.national.versions.get(seen.country, 0) > 2,
        arguments=lambda _seen: {"corrects_version": 1},
        weight=0.3,
    ),
    Move(
        take=block.place_block,
        when=lambda seen: seen.answers and not seen.care.blocks,
        arguments=lambda seen: {"countries": (seen.other,), "block_id": seen.id()},
        weight=0.3,
        kinds=BETWEEN,
    ),
    Move(
        take=block.place_block,
        called="exclude_person",
        when=lambda seen: seen.answers and not seen.care.blocks,
        arguments=lambda seen: {"persons": (seen.cast["uncle"].id,), "block_id": seen.id()},
        weight=0.3,
        kinds=WORKED,
    ),
    Move(
        take=block.lift_block,
        when=lambda seen: seen.answers and bool(seen.care.blocks),
        arguments=lambda seen: {"block_id": seen.one([*seen.care.blocks])},
        by="supervisor",
        weight=1,
        kinds=WORKED,
    ),
)
