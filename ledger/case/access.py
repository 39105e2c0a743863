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
from ledger.case.bases import Scopes
from ledger.case.block import is_excluded
from ledger.case.case import Case
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import WORKING, Draft, Drafts, Matter
from ledger.case.national import BrokenGlass
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care
from ledger.case.receiving import is_for, standing_grants

#: How long broken glass lets somebody read, and within what time somebody else looks again.
GLASS = timedelta(hours=3)
REVIEW = timedelta(hours=24)
#: Roles that work with the child, and may read what they need for it. Border, consular, police and
#: migration roles never do; what the protection roles of issue F may read comes with them.
READING = WORKING | {Role.GUARDIAN}
#: Ways in for which the one who asks has a right of another kind.
_BY_OFFICE: Mapping[str, frozenset[str]] = {
    "receipt": frozenset({Role.DATA_PROTECTION_OFFICER, *READING}),
    # A program that asks the country's rules: it reads codes, and shows nobody anything.
    "rules": frozenset({Role.SYSTEM}),
    # The search for what stands in clear (`ledger audit plaintext`): nobody looks at the values.
    "audit": frozenset({Role.DATA_PROTECTION_OFFICER}),
}
#: Who may break the glass: who works with children or answers for their data, and nobody who may
#: be a party to the case.
BREAKING = WORKING | {Role.PROTECTION_OFFICER, Role.DATA_PROTECTION_OFFICER}
DOORS = frozenset({"read", "search", "export", "receipt", "audit", "break_glass", "rules"})


def _shown_in_trail(plane: Plane, _event: Event) -> Plane:
    return plane


def _glass(plane: Plane, access_id: UUID, broken: BrokenGlass) -> Plane:
    glass = {**plane.care.broken_glass, access_id: broken}
    return with_care(plane, broken_glass=glass)


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
    about: UUID | None = None,
    door: str = "read",
) -> Drafts:
    """Record that somebody is about to be shown data; AccessRefused if that may not be.

    What it rests on is read from the case, never told: who looks would say what suits him. Where
    a permission covers a part only, that part is recorded once more, on it. The refusal is
    recorded by whoever asks for this decision (AccessDenied).
    """
    matter.require_known()
    matter.require_scopes(scopes)
    if purpose is Purpose.UNKNOWN:
        raise CodeUnknown("a purpose has to be named", rule="purpose_known")
    if door not in DOORS:
        raise BadInput(f"ways in are {', '.join(sorted(DOORS))}", rule="door_known")
    _require_right(matter, scopes, door, about)
    said: dict[str, Any] = {"purpose": purpose, "about": about, "door": door}
    rests = _rests_on(matter, scopes, **said)
    access_id = access_id or matter.new_id()
    if len(rests) == 1 and rests[0][1] == scopes:
        return (_accessed(access_id, scopes, rests[0][0], said),)
    apart = [_accessed(matter.new_id(), part, basis_id, said) for basis_id, part in rests]
    return (_accessed(access_id, scopes, None, said), *apart)


def _accessed(
    access_id: UUID, scopes: Scopes, basis_id: UUID | None, said: dict[str, Any]
) -> Draft:
    fields = {"access_id": access_id, "scopes": scopes, "basis_id": basis_id, **said}
    return Draft(PersonalDataAccessed, fields)


def _rests_on(
    matter: Matter, scopes: Scopes, purpose: Purpose, about: UUID | None, door: str
) -> list[tuple[UUID, Scopes]]:
    """Return on which permissions these scopes of other countries' data are shown, newest first.

    Of each country and scope the newest grant is shown, and is what counts. An event that is asked
    for alone is shown on one or on none: whether it says the country's own data is not known here.
    """
    standing = list(standing_grants(matter.case, matter.today))
    given = matter.case.settled.releases.get(about) if about is not None else None
    if given is not None:
        standing = [grant for grant in standing if grant == given]
    found = [grant for grant in standing if not set(scopes).isdisjoint(grant.scopes)]
    fit = [one for one in found if is_for(matter.case, one, purpose, door)]
    if found and not fit:
        raise AccessRefused(
            f"case {matter.case.case_id}: what another country released is not for this purpose",
            rule="purpose",
        )
    newest = {(grant.origin, scope): grant.basis_id for grant in fit for scope in grant.scopes}
    bases = dict.fromkeys(grant.basis_id for grant in reversed(fit))
    rests = [(basis_id, _on(basis_id, newest, scopes)) for basis_id in bases]
    if about is not None:
        rests = [one for one in rests if one[1] == scopes][:1]
    return [one for one in rests if one[1]]


def _on(basis_id: UUID, newest: Mapping[tuple[str, DataScope], UUID], scopes: Scopes) -> Scopes:
    """Return the scopes of which something is shown on a permission."""
    has = {scope for (_, scope), one in newest.items() if one == basis_id}
    return tuple(scope for scope in scopes if scope in has)


def _require_right(matter: Matter, scopes: Scopes, door: str, about: UUID | None) -> None:
    """Refuse who may not be shown this; in the same words, whether by role, block or wish."""
    by, excluded = matter.by, is_excluded(matter)
    words = f"case {matter.case.case_id}: a {by.role} is not shown this"
    if excluded or _is_withheld(matter):
        hidden = "excluded" if excluded else "withheld"
        raise AccessRefused(words, rule="role", recorded_as=hidden)
    if by.role == Role.GUARDIAN and not may_guardian_look(matter.case):
        raise AccessRefused(words, rule="role", recorded_as="guardian")
    # Broken glass is a way in of its own, for whoever has broken it.
    allowed = frozenset[str]() if door == "break_glass" else _BY_OFFICE.get(door, READING)
    if by.role in allowed or _has_broken_glass(matter, scopes):
        return
    # An auditor looks for one thing at a time, never through a whole record.
    if door in {"audit", "export"} and by.role == Role.AUDITOR and about is not None:
        return
    raise AccessRefused(words, rule="role")


def may_guardian_look(case: Case) -> bool:
    """Say whether a guardian may be shown anything of a case, or told who was.

    No pseudonym tells one guardian from another here. So there has to be one, and no block: it
    may be meant for the one who asks, or for somebody he lives with.
    """
    care = case.national.care
    return bool(care.guardians) and not care.blocks


def _is_withheld(matter: Matter) -> bool:
    """Say whether the child, or who gave permission, wants it kept from who asks."""
    terms = matter.case.national.care.terms.values()
    return any(
        who in one.withheld_from for one in terms for who in (matter.by.id, matter.by.organisation)
    )


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
    words = f"a {matter.by.role} does not break the glass"
    if is_excluded(matter):
        raise AccessRefused(words, rule="role", recorded_as="excluded")
    if matter.by.role not in BREAKING:
        raise AccessRefused(words, rule="role")
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
    matter.require_answering()
    return (Draft(AccessReviewed, {"access_id": access_id, "upheld": upheld}),)
