"""The part about reading the child's data: recorded before it is shown, refused aloud."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from events.access import (
    AccessDenied,
    AccessReviewed,
    BreakGlassUsed,
    PersonalDataAccessed,
    PersonalDataRecorded,
)
from events.codes import DataScope, Purpose, Role
from events.errors import AccessRefused, BadInput, CodeUnknown, NotAllowedNow, ProtectiveRefusal
from events.stamp import Event
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import SUPERVISING, Draft, Drafts, Matter
from ledger.case.national import BrokenGlass
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane

#: How long broken glass lets somebody read, and within what time somebody else looks again.
GLASS = timedelta(hours=3)
REVIEW = timedelta(hours=24)
#: Roles that work with the child, and may read what they need for it. Border, consular, police and
#: migration roles never do; what the protection roles of issue F may read comes with them.
READING = frozenset({Role.CASEWORKER, Role.SUPERVISOR, Role.FOCAL_POINT, Role.GUARDIAN})
#: Ways in for which the one who asks has a right of another kind.
_BY_OFFICE: Mapping[str, frozenset[str]] = {
    "receipt": frozenset({Role.DATA_PROTECTION_OFFICER, *READING}),
    # The search for what stands in clear (`ledger audit plaintext`): nobody looks at the values.
    "audit": frozenset({Role.DATA_PROTECTION_OFFICER, Role.AUDITOR}),
}
DOORS = frozenset({"read", "search", "export", "receipt", "audit", "break_glass"})


def _shown_in_trail(plane: Plane, _event: Event) -> Plane:
    return plane


def _glass(plane: Plane, access_id: UUID, broken: BrokenGlass) -> Plane:
    glass = {**plane.care.broken_glass, access_id: broken}
    return changed(plane, care=changed(plane.care, broken_glass=glass))


def _broken(plane: Plane, event: BreakGlassUsed) -> Plane:
    broken = BrokenGlass(actor=event.actor.id, scopes=event.scopes, until=event.until)
    return _glass(plane, event.access_id, broken)


def _reviewed(plane: Plane, event: AccessReviewed) -> Plane:
    before = plane.care.broken_glass.get(event.access_id)
    if before is None:
        return plane
    # Found wrong while it lasts, it ends.
    until = before.until if event.upheld else min(before.until, event.recorded_at)
    return _glass(plane, event.access_id, changed(before, reviewed=True, until=until))


EFFECTS: Mapping[type[Event], Effect] = {
    PersonalDataRecorded: _shown_in_trail,
    PersonalDataAccessed: _shown_in_trail,
    AccessDenied: _shown_in_trail,
    BreakGlassUsed: _broken,
    AccessReviewed: _reviewed,
}


def record_data(matter: Matter, /, *, data: PersonalData) -> Drafts:
    """Record data about the child; a field that is set to null is taken away."""
    matter.require_known()
    matter.require_care()
    data.require_only(set(DataScope) - {DataScope.UNKNOWN}, "a record")
    return (Draft(PersonalDataRecorded, data=data),)


def access_data(
    matter: Matter,
    /,
    *,
    scopes: tuple[DataScope, ...],
    purpose: Purpose,
    access_id: UUID | None = None,
    basis_id: UUID | None = None,
    about: UUID | None = None,
    door: str = "read",
) -> Drafts:
    """Record that somebody is about to be shown data; AccessRefused if that may not be.

    The refusal is recorded by whoever asks for this decision (AccessDenied).
    """
    matter.require_known()
    matter.require_scopes(scopes)
    if purpose is Purpose.UNKNOWN:
        raise CodeUnknown("a purpose has to be named", rule="purpose_known")
    if door not in DOORS:
        raise BadInput(f"ways in are {', '.join(sorted(DOORS))}", rule="door_known")
    _require_right(matter, scopes, door)
    fields: dict[str, Any] = {
        "access_id": access_id or matter.new_id(),
        "scopes": scopes,
        "purpose": purpose,
        "basis_id": basis_id,
        "about": about,
        "door": door,
    }
    return (Draft(PersonalDataAccessed, fields),)


def _require_right(matter: Matter, scopes: tuple[DataScope, ...], door: str) -> None:
    care, by, case_id = matter.case.national.care, matter.by, matter.case.case_id
    for who in (by.id, by.organisation):
        if care.excludes_person(who):
            raise AccessRefused(f"case {case_id}: not for this person", rule="excluded")
        if any(who in terms.withheld_from for terms in care.terms.values()):
            raise AccessRefused(f"case {case_id}: withheld from this person", rule="withheld")
    if by.role in _BY_OFFICE.get(door, READING):
        return
    if _has_broken_glass(matter, scopes):
        return
    raise AccessRefused(f"case {case_id}: a {by.role} is not shown this", rule="role")


def _has_broken_glass(matter: Matter, scopes: tuple[DataScope, ...]) -> bool:
    return any(
        broken.actor == matter.by.id
        and matter.at < broken.until
        and set(scopes) <= set(broken.scopes)
        for broken in matter.case.national.care.broken_glass.values()
    )


def deny_access(
    matter: Matter, /, *, scopes: tuple[DataScope, ...], purpose: Purpose, rule: str
) -> Drafts:
    """Keep that somebody was refused data."""
    matter.require_known()
    return (Draft(AccessDenied, {"scopes": scopes, "purpose": purpose, "rule": rule}),)


def break_glass(
    matter: Matter,
    /,
    *,
    scopes: tuple[DataScope, ...],
    data: PersonalData,
    access_id: UUID | None = None,
) -> Drafts:
    """Open data for three hours in an emergency; why is sealed, and somebody looks again.

    Who is excluded from the case stays out: an emergency is no way around a block.
    """
    matter.require_known()
    matter.require_scopes(scopes)
    data.require_only({DataScope.NARRATIVE}, "broken glass")
    care = matter.case.national.care
    if care.excludes_person(matter.by.id) or care.excludes_person(matter.by.organisation):
        raise AccessRefused(f"case {matter.case.case_id}: not for this person", rule="excluded")
    if matter.by.role in {Role.BORDER_OFFICER, Role.CONSULAR_OFFICER, Role.SYSTEM}:
        raise AccessRefused(f"a {matter.by.role} never breaks the glass", rule="role")
    fields = {
        "access_id": access_id or matter.new_id(),
        "scopes": scopes,
        "until": matter.at + GLASS,
    }
    return (Draft(BreakGlassUsed, fields, data=data),)


def review_access(matter: Matter, /, *, access_id: UUID, upheld: bool) -> Drafts:
    """Look again at an emergency access, as a supervisor who was not the one."""
    matter.require_known()
    broken = matter.case.national.care.broken_glass.get(access_id)
    if broken is None:
        raise NotAllowedNow(
            f"case {matter.case.case_id}: {access_id} is no emergency access", rule="access_known"
        )
    if broken.actor == matter.by.id:
        raise ProtectiveRefusal("who broke the glass cannot review it", rule="four_eyes")
    if matter.by.role not in {*SUPERVISING, Role.DATA_PROTECTION_OFFICER}:
        matter.require_supervising()
    return (Draft(AccessReviewed, {"access_id": access_id, "upheld": upheld}),)
