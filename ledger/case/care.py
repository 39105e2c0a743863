"""The part of the national work with the child that later decisions depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from events.care import (
    AssessmentCompleted,
    CaseAssigned,
    CaseShared,
    ClosureRejected,
    ClosureRequested,
    ConcernRecorded,
    ConcernResolved,
    GuardianAppointed,
    GuardianEnded,
    OwnConsentSought,
    RefusalRecorded,
    ReopeningJustified,
    RiskAssessed,
    SiblingLinked,
    ViewsRecorded,
)
from events.codes import DataScope, RiskLevel
from events.errors import BadInput, NotAllowedNow, ProtectiveRefusal
from events.stamp import Event
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care

#: The most urgent first; what nobody has assessed counts as high.
_URGENCY: Final = (
    RiskLevel.EMERGENCY,
    RiskLevel.HIGH,
    RiskLevel.UNKNOWN,
    RiskLevel.MEDIUM,
    RiskLevel.LOW,
)


def _appointed(plane: Plane, event: GuardianAppointed) -> Plane:
    return with_care(plane, guardians=(*plane.care.guardians, event.guardian_id))


def _ended(plane: Plane, event: GuardianEnded) -> Plane:
    kept = tuple(one for one in plane.care.guardians if one != event.guardian_id)
    return with_care(plane, guardians=kept)


def _new(plane: Plane, event: Event) -> dict[str, UUID]:
    """Return what has to be asked of the rules again: whoever has a plan needs another one."""
    asked = {"to_direct": event.event_id}
    return asked | {"to_plan": event.event_id} if plane.care.plans else asked


def _risk_assessed(plane: Plane, event: RiskAssessed) -> Plane:
    rises = _URGENCY.index(event.risk) < _URGENCY.index(plane.care.risk)
    first = not plane.care.risk_assessed
    news = _new(plane, event) if first or rises else {}
    return with_care(plane, risk_assessed=True, risk=event.risk, unsafe=None, **news)


def _concerned(plane: Plane, event: ConcernRecorded) -> Plane:
    rest = tuple(one for one in plane.care.concerns if one != event.concern_id)
    resolved = tuple(one for one in plane.care.resolved if one != event.concern_id)
    news = _new(plane, event)
    return with_care(plane, concerns=(*rest, event.concern_id), resolved=resolved, **news)


def _resolved(plane: Plane, event: ConcernResolved) -> Plane:
    care = plane.care
    rest = tuple(one for one in care.concerns if one != event.concern_id)
    return with_care(plane, concerns=rest, resolved=(*care.resolved, event.concern_id))


def _linked(plane: Plane, event: SiblingLinked) -> Plane:
    return with_care(plane, siblings={**plane.care.siblings, event.sibling_case_id: event.together})


def _assessed(plane: Plane, event: AssessmentCompleted) -> Plane:
    return with_care(plane, to_plan=event.event_id, assessed=True)


def _told(plane: Plane, event: ViewsRecorded) -> Plane:
    """Who was heard was spoken to; a reason why she was not is no contact."""
    heard = plane.care.views_heard or event.heard
    return with_care(
        plane, views_told=True, views_heard=heard, contacted=plane.care.contacted or event.heard
    )


def _reopened(plane: Plane, event: ReopeningJustified) -> Plane:
    """Contact, assessment and views have to be there anew, and the rules are asked again."""
    again = {"contacted": False, "assessed": False, "views_told": False, "attempts": ()}
    care = plane.care
    if care.closure_requested > plane.identity.closures:  # the case ended on the shared topic
        plane = with_care(plane, closure_reopened=care.closure_requested)
    return with_care(plane, to_direct=event.event_id, **again)


def _shown_in_trail(plane: Plane, _event: Event) -> Plane:
    return plane


EFFECTS: Mapping[type[Event], Effect] = {
    CaseShared: lambda plane, event: with_care(plane, shared_with=event.with_country),
    RiskAssessed: _risk_assessed,
    ConcernRecorded: _concerned,
    ConcernResolved: _resolved,
    SiblingLinked: _linked,
    AssessmentCompleted: _assessed,
    ViewsRecorded: _told,
    CaseAssigned: lambda plane, event: with_care(plane, assignee=event.assignee),
    GuardianAppointed: _appointed,
    GuardianEnded: _ended,
    ClosureRequested: lambda plane, event: with_care(
        plane, closure_requested_by=event.actor.id, closure_requested=event.closing
    ),
    ClosureRejected: lambda plane, _event: with_care(plane, closure_requested=0),
    ReopeningJustified: _reopened,
    RefusalRecorded: _shown_in_trail,
    OwnConsentSought: lambda plane, _event: with_care(plane, own_consent_sought=True),
}


def _national(
    matter: Matter, kind: type[Event], data: PersonalData | None = None, **fields: object
) -> Drafts:
    matter.require_known()
    return (Draft(kind, fields, data=data),)


def assess_risk(
    matter: Matter,
    /,
    *,
    risk: RiskLevel = RiskLevel.UNKNOWN,
    data: PersonalData | None = None,
    assessment_id: UUID | None = None,
) -> Drafts:
    """Record that the risk to the child was assessed; without a level it counts as high."""
    fields = {"assessment_id": assessment_id or matter.new_id(), "risk": risk}
    return _national(matter, RiskAssessed, data, **fields)


def record_concern(
    matter: Matter, /, *, data: PersonalData | None = None, concern_id: UUID | None = None
) -> Drafts:
    """Record a protection concern. Its code is data, `protection.concern`: the rules read it.

    CodeUnknown if it is not on the list `concern`.
    """
    concern_id = concern_id or matter.new_id()
    if data is not None:
        data = data.coded(DataScope.PROTECTION, "concern", list_id="concern", key=concern_id)
    return _national(matter, ConcernRecorded, data, concern_id=concern_id)


def resolve_concern(
    matter: Matter, /, *, concern_id: UUID, data: PersonalData | None = None
) -> Drafts:
    """Say that a concern is none any more; why is data."""
    matter.require_known()
    matter.require_working()
    care, came_here = matter.case.national.care, matter.case.identity.opener != matter.case.country
    # What came with a child who was taken over stands in her record, which only the keystore reads.
    if concern_id not in care.concerns and (not came_here or concern_id in care.resolved):
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no open concern {concern_id}", rule="concern_known"
        )
    return _national(matter, ConcernResolved, data, concern_id=concern_id)


def link_sibling(matter: Matter, /, *, sibling_case_id: UUID, together: bool = True) -> Drafts:
    """Say that another case here is a brother's or sister's, and whether they stay together."""
    matter.require_known()
    matter.require_working()
    if sibling_case_id == matter.case.case_id:
        raise BadInput("a child is no brother or sister of her own", rule="sibling")
    return _national(matter, SiblingLinked, sibling_case_id=sibling_case_id, together=together)


def complete_assessment(
    matter: Matter, /, *, data: PersonalData | None = None, assessment_id: UUID | None = None
) -> Drafts:
    """Record that an assessment was completed."""
    return _national(
        matter, AssessmentCompleted, data, assessment_id=assessment_id or matter.new_id()
    )


def record_views(
    matter: Matter,
    /,
    *,
    heard: bool = True,
    data: PersonalData | None = None,
    views_id: UUID | None = None,
) -> Drafts:
    """Record that the child was heard, or, with a reason (scope narrative), that she was not."""
    if not heard and (data is None or DataScope.NARRATIVE not in data.scopes):
        raise ProtectiveRefusal(
            "say why she was not heard (--data, scope narrative)", rule="reason_given"
        )
    fields = {"views_id": views_id or matter.new_id(), "heard": heard}
    return _national(matter, ViewsRecorded, data, **fields)


def assign_case(matter: Matter, /, *, assignee: str) -> Drafts:
    """Name the caseworker, by pseudonym."""
    matter.require_pseudonym("the caseworker", assignee)
    return _national(matter, CaseAssigned, assignee=assignee)


def appoint_guardian(
    matter: Matter, /, *, data: PersonalData | None = None, guardian_id: UUID | None = None
) -> Drafts:
    """Record that the child has a guardian."""
    return _national(matter, GuardianAppointed, data, guardian_id=guardian_id or matter.new_id())


def end_guardian(matter: Matter, /, *, guardian_id: UUID) -> Drafts:
    """Record that a guardianship ended."""
    if guardian_id not in matter.case.national.care.guardians:
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no guardian {guardian_id}", rule="guardian_known"
        )
    return _national(matter, GuardianEnded, guardian_id=guardian_id)


def record_refusal(matter: Matter, /, *, decision: str, rule: str) -> Drafts:
    """Keep that a decision was refused in order to protect the child."""
    return _national(matter, RefusalRecorded, decision=decision, rule=rule)


def seek_own_consent(matter: Matter, /) -> Drafts:
    """Record that the young person is to be asked herself, before she comes of age."""
    return _national(matter, OwnConsentSought)
