"""The part about two cases of one child: suspected, confirmed by both sides, or dismissed.

The suspicion stands in the case that would yield. Two ids that belong together are a link between
pseudonyms, so the shared topic holds a salted commitment; which case it is, those who answer for
the two tell each other, and each keeps it at home (ADR 44).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from uuid import UUID

from events.codes import DataScope
from events.duplicate import (
    CaseReserved,
    DuplicateConfirmed,
    DuplicateDismissed,
    DuplicateNoted,
    DuplicateSuspected,
)
from events.errors import BadInput, NotAllowedNow, ProtectiveRefusal
from events.stamp import Event
from ledger.case.block import require_unblocked
from ledger.case.case import Case
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.joint import Suspicion
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Noted
from ledger.case.personal import PersonalData
from ledger.case.plane import NONE, Plane, with_care
from ledger.case.reserving import is_open, open_case_of, require_answers

_DOMAIN = b"referral/duplicate/v1\0"
_SALT_BYTES = 32


def state(plane: Plane, event: Event) -> str:
    """Return the state of the suspicion that the event belongs to."""
    found = plane.suspicions.get(event.suspicion_id)  # type: ignore[attr-defined]  # rows of them
    return NONE if found is None else found.state


def commitment(case_id: UUID, other_case_id: UUID, salt: bytes) -> bytes:
    """Return what stands in clear of a suspicion: nobody without the salt knows which case it is.

    It is bound to the case in which it stands, so that it means nothing in another one.
    """
    return sha256(_DOMAIN + salt + case_id.bytes + other_case_id.bytes).digest()


def moved(plane: Plane, suspicion_id: UUID | None, state: str) -> Plane:
    """Return the plane with a suspicion in another state, if there is such a suspicion."""
    before = plane.suspicions.get(suspicion_id) if suspicion_id is not None else None
    if before is None or suspicion_id is None:
        return plane
    return _with(plane, suspicion_id, changed(before, state=state))


def _with(plane: Plane, suspicion_id: UUID, suspicion: Suspicion) -> Plane:
    return changed(plane, suspicions={**plane.suspicions, suspicion_id: suspicion})


def _suspected(plane: Plane, event: DuplicateSuspected) -> Plane:
    made = Suspicion(
        state="suspected",
        origin=event.origin,
        asked=plane.identity.responsible or event.origin,
        holder=event.holder,
        other=event.other,
    )
    return _with(plane, event.suspicion_id, made)


def _confirmed(plane: Plane, event: DuplicateConfirmed) -> Plane:
    before, who = plane.suspicions[event.suspicion_id], (event.origin, event.actor.id)
    if who in before.confirmed:
        return plane
    return _with(plane, event.suspicion_id, changed(before, confirmed=(*before.confirmed, who)))


def _noted(plane: Plane, event: DuplicateNoted) -> Plane:
    if event.other_case_id is None or event.salt is None:
        return plane
    noted = Noted(other_case_id=event.other_case_id, salt=event.salt)
    duplicates = {**plane.care.duplicates, event.suspicion_id: noted}
    return with_care(plane, duplicates=duplicates)


def _reserved(plane: Plane, event: CaseReserved) -> Plane:
    reserved = {**plane.care.reserved, event.suspicion_id: event.yielding_case_id}
    return with_care(plane, reserved=reserved)


EFFECTS: Mapping[type[Event], Effect] = {
    DuplicateSuspected: _suspected,
    DuplicateConfirmed: _confirmed,
    DuplicateDismissed: lambda plane, event: moved(plane, event.suspicion_id, "dismissed"),
    DuplicateNoted: _noted,
    CaseReserved: _reserved,
}


def suspect_duplicate(
    matter: Matter,
    /,
    *,
    other_case_id: UUID,
    privately: bool = False,
    data: PersonalData | None = None,
) -> Drafts:
    """Suspect that this case and another one are about the same child; this one would yield.

    The country that answers for the other one has to be a party to this case. Until then, and
    until this country wants others to know, it is noted `privately`, at home. Why is sealed.
    """
    matter.require_known()
    matter.require_working()
    matter.require_going_on()
    case = matter.case
    if other_case_id == case.case_id:
        raise BadInput("a case is no duplicate of its own", rule="duplicate")
    other = open_case_of(matter, other_case_id)
    suspicion_id, noted = _known(matter, other_case_id)
    said = _note(suspicion_id, noted, data)
    if privately:
        return (said,)
    holder = other.identity.responsible or case.country
    if holder not in {case.country, *(case.ahead.identity.parties if case.is_shared else ())}:
        raise NotAllowedNow(
            f"case {case.case_id}: {holder} answers for the other case and is no party to this one;"
            " note it privately until then",
            rule="party",
        )
    _require_tellable(matter, holder, other)
    fields = {
        "suspicion_id": suspicion_id,
        "holder": holder,
        "other": commitment(case.case_id, other_case_id, noted.salt),
    }
    return (said, Draft(DuplicateSuspected, fields))


def confirm_duplicate(
    matter: Matter,
    /,
    *,
    suspicion_id: UUID,
    other_case_id: UUID | None = None,
    opening: str | None = None,
    data: PersonalData | None = None,
) -> Drafts:
    """Find that both cases are the same child's, for one of the countries that answer for them.

    Which case it is, and what opens its commitment, the other side has told; at home it is known.
    """
    matter.require_supervising()
    case, suspicion = matter.case, _standing(matter, suspicion_id)
    noted = case.national.care.duplicates.get(suspicion_id) or _told(other_case_id, opening)
    if commitment(case.case_id, noted.other_case_id, noted.salt) != suspicion.other:
        raise BadInput("the other side has committed itself to another case", rule="commitment")
    other = None
    if suspicion.holder == case.country:
        other = matter.other(noted.other_case_id)
        require_answers(other)
    _require_tellable(matter, suspicion.holder, other)
    said = _note(suspicion_id, noted, data)
    return (said, Draft(DuplicateConfirmed, {"suspicion_id": suspicion_id}))


def dismiss_duplicate(
    matter: Matter, /, *, suspicion_id: UUID, data: PersonalData | None = None
) -> Drafts:
    """Put a suspicion at an end; why is kept at home, sealed, and others see no reason."""
    matter.require_supervising()
    _standing(matter, suspicion_id)
    dismissed = Draft(DuplicateDismissed, {"suspicion_id": suspicion_id})
    if data is None:
        return (dismissed,)
    return (_note(suspicion_id, None, data), dismissed)


def _standing(matter: Matter, suspicion_id: UUID) -> Suspicion:
    matter.require_known()
    case = matter.case
    found = case.ahead.suspicions.get(suspicion_id) or case.national.suspicions.get(suspicion_id)
    if found is None or found.state != "suspected":
        raise NotAllowedNow(
            f"case {case.case_id} has no open suspicion {suspicion_id}", rule="suspected"
        )
    return found


def _known(matter: Matter, other_case_id: UUID) -> tuple[UUID, Noted]:
    """Return the suspicion that this country keeps at home, or a new one."""
    case = matter.case
    for suspicion_id, noted in case.national.care.duplicates.items():
        if noted.other_case_id == other_case_id and is_open(case, suspicion_id):
            if suspicion_id not in (case.ahead if case.is_shared else case.national).suspicions:
                return suspicion_id, noted
            raise NotAllowedNow(
                f"case {case.case_id}: this is suspected already, {suspicion_id}", rule="suspected"
            )
    return matter.new_id(), Noted(other_case_id=other_case_id, salt=matter.new_salt())


def _told(other_case_id: UUID | None, opening: str | None) -> Noted:
    try:
        salt = bytes.fromhex(opening or "")
    except ValueError:
        salt = b""
    if other_case_id is None or len(salt) != _SALT_BYTES:
        raise BadInput(
            "name the other case and what opens its commitment, as the other side told them",
            rule="commitment",
        )
    return Noted(other_case_id=other_case_id, salt=salt)


def _note(suspicion_id: UUID, noted: Noted | None, data: PersonalData | None) -> Draft:
    if data is not None:
        data.require_only({DataScope.NARRATIVE}, "a suspicion")
    fields = {
        "suspicion_id": suspicion_id,
        "other_case_id": None if noted is None else noted.other_case_id,
        "salt": None if noted is None else noted.salt,
    }
    return Draft(DuplicateNoted, fields, data=data)


def _require_tellable(matter: Matter, holder: str, other: Case | None) -> None:
    """Refuse what every party to this case would hear, if one of them is excluded from either."""
    case = matter.case
    if not case.is_shared:
        return
    told: Collection[str] = {holder, *case.ahead.identity.parties} - {case.country}
    for country in sorted(told):
        require_unblocked(matter, country)
        if other is not None and other.national.care.excludes_country(country):
            raise ProtectiveRefusal(
                f"case {case.case_id}: a block stands against {country}", rule="blocked"
            )
