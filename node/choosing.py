"""What a person need not type: the one consent, override or handoff that can be meant.

The choice is made inside the decision, on the case as it lies before it, so a repeated request
is the same request whatever has happened since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from events.codes import Purpose
from events.errors import BadInput, BasisMissing, NotAllowedNow
from ledger.case import bases, documents, referral, searching, transfer
from ledger.case.case import Case
from ledger.case.matter import Drafts, Matter
from ledger.case.plane import Basis, Handoff
from node.arguments import DaysAhead, Take, required_of

Given = Mapping[str, Any]

#: What a basis has to be for, by the decision that rests on it.
_PURPOSES: Mapping[Take, frozenset[Purpose]] = {
    referral.send_referral: bases.SERVICE,
    transfer.propose_transfer: bases.TRANSFER,
    searching.extend_search: bases.SERVICE,
    transfer.return_case: bases.TRANSFER,
}


#: Modules whose decisions are about transfers.
_OF_TRANSFERS = frozenset({transfer.__name__, documents.__name__})


def choosing(take: Take, chosen: dict[str, UUID]) -> Take:
    """Return the decision, able to fill in what it was not given; `chosen` receives the ids."""

    @wraps(take)
    def filled(matter: Matter, /, **typed: Any) -> Drafts:
        given = {name: _dated(value, matter) for name, value in typed.items()}
        for name in sorted(required_of(take) - set(given)):
            if name not in _CHOICES:
                raise BadInput(f"{take.__name__} needs {name}")
            chosen[name] = _CHOICES[name](matter, take, given)
            given[name] = chosen[name]
        return take(matter, **given)

    return filled


def _dated(value: Any, matter: Matter) -> Any:
    return value.after(matter.today) if isinstance(value, DaysAhead) else value


def can_choose(name: str) -> bool:
    """Say whether this argument may be left out."""
    return name in _CHOICES


def bases_of(case: Case) -> Mapping[UUID, Basis]:
    """Return every consent and override that this country knows of."""
    return {**case.national.consents, **case.ahead.consents}


def handoffs_of(case: Case, take: Take) -> Mapping[UUID, Handoff]:
    """Return the handoffs of the kind that a decision is about."""
    planes = (case.national, case.ahead)
    found: dict[UUID, Handoff] = {}
    for plane in planes:
        found |= plane.transfers if take.__module__ in _OF_TRANSFERS else plane.referrals
    return found


def _basis(matter: Matter, take: Take, given: Given) -> UUID:
    case, day = matter.case, matter.today
    purposes, terms = _PURPOSES[take], case.national.care.terms
    recipient = given.get("recipient") or _sender_of(case, given)
    fitting = [
        basis_id
        for basis_id, basis in bases_of(case).items()
        if basis.covers(recipient, given["scopes"], day)
        and basis_id in terms
        and terms[basis_id].purpose in purposes
    ]
    if not fitting:
        wanted = " or ".join(sorted(purposes))
        raise BasisMissing(
            f"case {case.case_id}: no consent or override for {wanted} lets these scopes go to"
            f" {recipient} today"
        )
    return _only(fitting, case, "basis", "--basis")


def _sender_of(case: Case, given: Given) -> str:
    """Return who takes a returned case back: the sender of the transfer by which it came."""
    found = case.ahead.transfers.get(given.get("returned_id") or _came_by(case))
    return "" if found is None else found.sender


def _came_by(case: Case) -> UUID:
    """Return the newest transfer by which this country got the case."""
    came = [
        key
        for key, one in case.ahead.transfers.items()
        if one.receiver == case.country and one.state in {"moved", "completed"}
    ]
    return _only(came[-1:], case, "transfer by which it came", "its id")


def _handoff(matter: Matter, take: Take, _given: Given) -> UUID:
    kind = "transfer" if take.__module__ in _OF_TRANSFERS else "referral"
    open_ones = [key for key, handoff in handoffs_of(matter.case, take).items() if handoff.open]
    return _only(open_ones, matter.case, f"open {kind}", "its id")


def _consent(matter: Matter, _take: Take, _given: Given) -> UUID:
    return _only(_granted(matter.case, override=False), matter.case, "consent in force", "its id")


def _override(matter: Matter, _take: Take, _given: Given) -> UUID:
    return _only(_granted(matter.case, override=True), matter.case, "override in force", "its id")


def _guardian(matter: Matter, _take: Take, _given: Given) -> UUID:
    return _only(list(matter.case.national.care.guardians), matter.case, "guardian", "the id")


def _granted(case: Case, *, override: bool) -> list[UUID]:
    return [
        basis_id
        for basis_id, basis in bases_of(case).items()
        if basis.override is override and basis.state == "granted"
    ]


def _only(found: list[UUID], case: Case, what: str, how: str) -> UUID:
    if not found:
        raise NotAllowedNow(f"case {case.case_id} has no {what}", rule="nothing_to_choose")
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise BadInput(f"case {case.case_id} has more than one {what}: give {how}, one of {ids}")
    return found[0]


def _block(matter: Matter, _take: Take, _given: Given) -> UUID:
    return _only(list(matter.case.national.care.blocks), matter.case, "block", "the id")


def _hold(matter: Matter, _take: Take, _given: Given) -> UUID:
    return _only(list(matter.case.national.care.holds), matter.case, "hold", "the id")


def _erasure(matter: Matter, _take: Take, _given: Given) -> UUID:
    erasures = matter.case.national.care.erasures.items()
    waiting = [key for key, one in erasures if one.state == "requested"]
    return _only(waiting, matter.case, "erasure that waits", "the id")


def _access(matter: Matter, _take: Take, _given: Given) -> UUID:
    glass = matter.case.national.care.broken_glass.items()
    waiting = [key for key, one in glass if not one.reviewed]
    return _only(waiting, matter.case, "emergency access to review", "the id")


def _grant(matter: Matter, _take: Take, _given: Given) -> UUID:
    case = matter.case
    owed = [
        key
        for key, one in case.ahead.releases.items()
        if one.recipient == case.country and one.state == "stopped"
    ]
    return _only(owed, case, "grant that is owed", "the id")


def _routing(matter: Matter, take: Take, _given: Given) -> UUID:
    wanted = {"accepted"} if take.__name__ == "end_routing" else {"asked"}
    routings = matter.case.national.care.routings.items()
    found = [key for key, one in routings if one.state in wanted]
    return _only(found, matter.case, "service that it can be about", "the id")


#: In which state a plan is that a decision can be about.
_PLAN_STATES = {
    "add_item": "draft",
    "remove_item": "draft",
    "submit_plan": "draft",
    "approve_plan": "submitted",
    "reject_plan": "submitted",
}


def _plan(matter: Matter, take: Take, _given: Given) -> UUID:
    wanted = _PLAN_STATES.get(take.__name__, "active")
    found = [key for key, one in matter.case.national.care.plans.items() if one.state == wanted]
    return _only(found, matter.case, f"{wanted} plan", "--plan")


def _suspicion(matter: Matter, _take: Take, _given: Given) -> UUID:
    case = matter.case
    suspicions = {**case.national.suspicions, **case.ahead.suspicions}
    found = [key for key, one in suspicions.items() if one.state == "suspected"]
    return _only(found, case, "open suspicion", "the id")


def _measure(matter: Matter, _take: Take, _given: Given) -> UUID:
    measures = matter.case.ahead.measures.items()
    found = [key for key, one in measures if one.state == "taken"]
    return _only(found, matter.case, "urgent measure", "the id")


_CHOICES: Mapping[str, Callable[[Matter, Take, Given], UUID]] = {
    "basis_id": _basis,
    "handoff_id": _handoff,
    "consent_id": _consent,
    "override_id": _override,
    "guardian_id": _guardian,
    "block_id": _block,
    "hold_id": _hold,
    "erasure_id": _erasure,
    "access_id": _access,
    "grant_id": _grant,
    "routing_id": _routing,
    "plan_id": _plan,
    "measure_id": _measure,
    "returned_id": lambda matter, _take, _given: _came_by(matter.case),
    "suspicion_id": _suspicion,
}
