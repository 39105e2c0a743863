"""From drafts to events: stamp, topic, version, legality. Pure; the service encodes and stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from events.access import AccessDenied, BreakGlassUsed, PersonalDataAccessed
from events.care import CaseShared, RefusalRecorded
from events.case import CaseJoined, CaseOpened
from events.codes import NEUTRAL_ROLES, DataScope
from events.consent import ConsentGranted, OverrideApproved, WithdrawalAsked
from events.errors import (
    AccessRefused,
    BasisMissing,
    CodeUnknown,
    DecisionRefused,
    NotAllowedNow,
    WrongCountry,
    WrongRole,
)
from events.measure import UrgentMeasureTaken
from events.referral import ReferralSent
from events.registry import NEWEST
from events.stamp import Actor, Event
from events.transfer import TransferProposed
from ledger.case import measure
from ledger.case.block import require_not_excluded
from ledger.case.case import Case, Topic, topic
from ledger.case.changing import changed
from ledger.case.fold import effect, judge
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.plane import Basis, Plane, VoidReason

_REFUSAL: dict[VoidReason, type[DecisionRefused]] = {
    VoidReason.NOT_PARTY: WrongCountry,
    VoidReason.WRONG_COUNTRY: WrongCountry,
    VoidReason.NO_BASIS: BasisMissing,
}


#: What each event on the shared topic carries in sealed form, whether or not anything is said: an
#: entry that is sometimes there would tell (design §6). KeysReleased brings its own.
SEALED_WITH: Mapping[type[Event], tuple[DataScope, ...]] = {
    ReferralSent: (DataScope.PREVIEW,),
    TransferProposed: (DataScope.PREVIEW,),
    UrgentMeasureTaken: measure.SCOPES,
}


#: What is recorded about people who only look.
_LOOKED_AT = frozenset({PersonalDataAccessed, AccessDenied, BreakGlassUsed})
#: What is recorded about a person who is excluded from the case: what was refused, and what waits
#: for somebody else's review. Who is shown data is judged where that is decided.
_OF_EXCLUDED = _LOOKED_AT | {RefusalRecorded, WithdrawalAsked}


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with the two places it gets in this country: its topic and its decision number."""

    topic: Topic
    number: int
    event: Event
    #: Data about the child that is to be sealed into it by scope; what is empty is sealed, too.
    data: Mapping[DataScope, bytes] = field(default_factory=dict, repr=False)


def decided(matter: Matter, take: Callable[[Matter], Drafts]) -> Drafts:
    """Decide. Who is excluded hears no other reason: each would tell him something of the case."""
    try:
        return take(matter)
    except (AccessRefused, CodeUnknown):  # of which the latter tells only what was typed
        raise
    except DecisionRefused:
        require_not_excluded(matter)
        raise


def record(matter: Matter, drafts: Drafts, *, salt: bytes) -> tuple[Recorded, ...]:
    """Return the events of a decision, in order; a DecisionRefused if one is not legal now.

    `salt` (32 random bytes) is used if this is the first cross-border step.
    """
    matter.require_actor(decides=not all(draft.kind in _LOOKED_AT for draft in drafts))
    if not all(draft.kind in _OF_EXCLUDED for draft in drafts):
        require_not_excluded(matter)
    case = matter.case
    recorded: list[Recorded] = []
    for draft in _with_sharing(matter, drafts, salt):
        event = _stamped(matter, draft, case)
        on = topic(event, case)
        plane = case.plane(on)
        version = plane.versions.get(case.country, 0) + 1
        event = replace(_neutral(event) if on is Topic.SHARED else event, version=version)
        case = _advanced(case, on, _legal(plane, event))
        recorded.append(Recorded(on, case.number, event, _data(draft, on)))
    return tuple(recorded)


def _data(draft: Draft, on: Topic) -> Mapping[DataScope, bytes]:
    """Return what is to be sealed into an event; BadInput if it may not stand on that topic."""
    said = draft.data
    if on is Topic.NATIONAL:
        return {} if said is None else {scope: said.text(scope) for scope in said.scopes}
    fixed = SEALED_WITH.get(draft.kind, ())
    if said is not None:
        said.require_only(fixed, "a step that another country sees")
    return {scope: said.text(scope) if said is not None else b"" for scope in fixed}


def _stamped(matter: Matter, draft: Draft, case: Case) -> Event:
    recorded_at = max(matter.at, case.decided_at or matter.at)
    return draft.kind(
        event_id=draft.event_id or matter.new_id(),
        case_id=case.case_id,
        origin=case.country,
        version=0,
        seen=case.settled.head,
        occurred_at=recorded_at,
        recorded_at=recorded_at,
        actor=matter.by,
        caused_by=draft.caused_by,
        rules=draft.rules,
        sealed=draft.sealed,
        schema_version=NEWEST[draft.kind.__name__].version,
        **draft.fields,
    )


def _neutral(event: Event) -> Event:
    """Return the event as another country may see it: by the day, by the focal point."""
    if event.actor.role not in NEUTRAL_ROLES:
        raise WrongRole(f"a {event.actor.role} takes no step that another country sees")
    organisation = f"focal-point-{event.origin}"
    actor = Actor(id=event.actor.id, role=event.actor.role, organisation=organisation)
    if isinstance(event, CaseJoined):  # two ids would link two pseudonyms (ADR 44)
        event = replace(event, into_case_id=event.suspicion_id or event.into_case_id)
    midnight = datetime.combine(event.occurred_at.date(), datetime.min.time(), tzinfo=UTC)
    return replace(event, actor=actor, occurred_at=midnight)


def _legal(plane: Plane, event: Event) -> Plane:
    verdict = judge(plane, event)
    if verdict.void is not None:
        kind = _REFUSAL.get(verdict.void, NotAllowedNow)
        name = type(event).__name__
        raise kind(f"case {event.case_id}: {name} refused: {verdict.void}", rule=verdict.void)
    after = effect(plane, event)
    return changed(
        after, count=plane.count + 1, versions={**plane.versions, event.origin: event.version}
    )


def _advanced(case: Case, on: Topic, plane: Plane) -> Case:
    case = replace(case, number=case.number + 1)
    if on is Topic.SHARED:
        return replace(case, ahead=plane)
    return replace(case, national=plane)


def _with_sharing(matter: Matter, drafts: Drafts, salt: bytes) -> Drafts:
    """Put before a cross-border step what the other country needs for it, and no more."""
    case = matter.case
    step = next((draft for draft in drafts if _crosses_border(draft, case)), None)
    if step is None:
        return drafts
    opening = () if case.is_shared else _opening(case, step.fields["recipient"], salt)
    basis_id: UUID = step.fields["basis_id"]
    basis = case.national.consents.get(basis_id)
    unpublished = basis_id not in case.ahead.consents and basis is not None
    bases = (
        (_shared_basis(basis_id, basis),)
        if unpublished and basis is not None and basis.state == "granted"
        else ()
    )
    return (*opening, *bases, *drafts)


def _crosses_border(draft: Draft, case: Case) -> bool:
    handoff = draft.kind in {TransferProposed, ReferralSent}
    return handoff and draft.fields["recipient"] != case.country


def _opening(case: Case, with_country: str, salt: bytes) -> Drafts:
    before = case.national.identity
    if before.state != "open":
        return ()
    commitment = sha256(b"referral/history/v1\0" + salt + b"".join(case.national_leaves)).digest()
    fields = {
        "opened_on": before.opened_on,
        "responsible": case.country,
        "status": before.status,
        "history_commitment": commitment,
    }
    return (
        Draft(CaseShared, {"with_country": with_country, "salt": salt}),
        Draft(CaseOpened, fields),
    )


def _shared_basis(basis_id: UUID, basis: Basis) -> Draft:
    kind: type[Event] = OverrideApproved if basis.override else ConsentGranted
    id_field = "override_id" if basis.override else "consent_id"
    fields = {"recipient": basis.recipient, "scopes": basis.scopes, "expires_on": basis.expires_on}
    return Draft(kind, {id_field: basis_id, **fields})
