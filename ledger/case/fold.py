"""The fold: the one pure function by which any two readers of a prefix agree.

An event takes effect at its place in the topic's order if its step is legal there; otherwise it
is void: kept with the reason, without effect, its version used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from events.contract import is_register
from events.stamp import Event
from ledger.case import (
    access,
    block,
    care,
    clocks,
    complaint,
    consent,
    data,
    documents,
    duplicate,
    erasure,
    gone,
    governance,
    identity,
    measure,
    monitoring,
    notice,
    plan,
    referral,
    routing,
    searching,
    transfer,
    withdrawal,
)
from ledger.case.changing import changed
from ledger.case.conditions import CONDITIONS, WHO
from ledger.case.effects import Effect
from ledger.case.plane import EFFECTIVE, Caution, Plane, Verdict, VoidReason
from ledger.case.steps import Kind, Step, step_of

_STATE: Mapping[str, Callable[[Plane, Event], str]] = {
    "case": identity.state,
    "consent": consent.state,
    "referral": referral.state,
    "transfer": transfer.state,
    "data": data.state,
    "duplicate": duplicate.state,
    # National work follows the state of the case.
    "care": identity.state,
    "routing": identity.state,
    "plan": identity.state,
    "monitoring": identity.state,
    "measure": measure.state,
    "access": identity.state,
    "block": identity.state,
    "erasure": identity.state,
    "governance": identity.state,
    "notice": identity.state,
}
EFFECTS: Mapping[type[Event], Effect] = {
    **identity.EFFECTS,
    **consent.EFFECTS,
    **referral.EFFECTS,
    **transfer.EFFECTS,
    **withdrawal.EFFECTS,
    **data.EFFECTS,
    **duplicate.EFFECTS,
    **care.EFFECTS,
    **routing.EFFECTS,
    **plan.EFFECTS,
    **monitoring.EFFECTS,
    **searching.EFFECTS,
    **complaint.EFFECTS,
    **measure.EFFECTS,
    **documents.EFFECTS,
    **access.EFFECTS,
    **block.EFFECTS,
    **erasure.EFFECTS,
    **governance.EFFECTS,
    **notice.EFFECTS,
}


def judge(plane: Plane, event: Event) -> Verdict:
    """Say whether the event's step is legal at this place. Reads nothing but its arguments."""
    step = step_of(event)
    if (step.part == governance.PART) is not is_register(plane.case_id):
        return Verdict(VoidReason.WRONG_CASE)
    kind = step.kind_of(event)
    if kind is Kind.PROTECTIVE:
        may = not plane.shared or event.origin in plane.identity.parties
        return EFFECTIVE if may else Verdict(VoidReason.NOT_PARTY)
    if (reason := _illegal(plane, event, step)) is not None:
        return Verdict(reason)
    if kind is Kind.PERMISSIVE and plane.caution.ignored_by(event.origin, event.seen):
        return Verdict(VoidReason.UNSEEN_PROTECTION)
    return EFFECTIVE


def _illegal(plane: Plane, event: Event, step: Step) -> VoidReason | None:
    if _STATE[step.part](plane, event) not in step.from_states:
        return VoidReason.WRONG_STATE
    if plane.shared and not WHO[step.by](plane, event):
        return VoidReason.NOT_PARTY if step.by == "party" else VoidReason.WRONG_COUNTRY
    for name in step.requires:
        holds, reason = CONDITIONS[name]
        if not holds(plane, event):
            return reason
    return None


def effect(plane: Plane, event: Event) -> Plane:
    """Return the plane after an effective event, without moving its place."""
    return EFFECTS[type(event)](plane, event)


def fold(plane: Plane, event: Event, leaf: bytes) -> tuple[Plane, Verdict]:
    """Return the plane after one more admitted event, and what its place made of it.

    `leaf` is the leaf hash of the event's bytes. Admission has checked that versions are
    contiguous and that `seen` is known; the fold only judges and applies.
    """
    verdict = judge(plane, event)
    after = effect(plane, event) if verdict.effective else plane
    if plane.attested or plane.releases:
        after = gone.compared(plane, after, event)
    if not plane.shared and verdict.effective:
        after = clocks.moved(plane, after, event)
    protective = verdict.effective and step_of(event).kind_of(event) is Kind.PROTECTIVE
    return _placed(plane, after, event.origin, event.version, leaf, protective), verdict


def pass_over(plane: Plane, origin: str, version: int, leaf: bytes) -> Plane:
    """Return the plane after an admitted record that is no readable event: its version is used."""
    return _placed(plane, plane, origin, version, leaf, protective=False)


def _placed(
    before: Plane, after: Plane, origin: str, version: int, leaf: bytes, protective: bool
) -> Plane:
    return changed(
        after,
        count=before.count + 1,
        head=leaf,
        versions={**before.versions, origin: version},
        caution=_caution(before, origin, leaf, protective=protective),
    )


def _caution(plane: Plane, origin: str, leaf: bytes, *, protective: bool) -> Caution:
    before = plane.caution
    if not plane.shared or not (before.tail or protective):
        return before
    tail = (*before.tail, leaf)
    last = {**before.last, origin: len(tail) - 1} if protective else before.last
    return Caution(tail=tail, last=last)


def fold_all(plane: Plane, history: Iterable[tuple[Event, bytes]]) -> Plane:
    """Return the plane after a whole history of (event, leaf hash)."""
    for event, leaf in history:
        plane, _ = fold(plane, event, leaf)
    return plane
