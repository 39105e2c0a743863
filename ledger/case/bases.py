"""What a decision has to ask about consents and overrides before it grants one or rests on one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from uuid import UUID

from events.codes import ConsentGiver, DataScope, Purpose
from events.errors import BasisMissing, CodeUnknown, NotAllowedNow, ProtectiveRefusal
from ledger.case.matter import SUPERVISING, Matter
from ledger.case.plane import Basis, Handoff, Plane

Scopes = tuple[DataScope, ...]

#: What a basis has to be for if a service rests on it, and if responsibility moves.
SERVICE = frozenset({Purpose.SERVICE, Purpose.CASE_MANAGEMENT})
TRANSFER = frozenset({Purpose.TRANSFER})


def basis_known(matter: Matter, basis_id: UUID) -> Basis | None:
    """Return a consent or override from whichever plane knows it."""
    case = matter.case
    return case.ahead.consents.get(basis_id) or case.national.consents.get(basis_id)


def require_new_basis(matter: Matter, basis_id: UUID | None) -> None:
    """Refuse an id that a permission has, here or on the topic: what that was for would change."""
    if basis_id is None:
        return
    if basis_known(matter, basis_id) or basis_id in matter.case.national.care.terms:
        raise NotAllowedNow(
            f"case {matter.case.case_id}: a permission {basis_id} is there already",
            rule="basis_new",
        )


def bases_of(plane: Plane, handoff: Handoff) -> Iterator[UUID]:
    """Yield the basis of a handoff, and those that its sender gave for it since.

    There is none for one that is held: a basis that is given for it now ends that.
    """
    if handoff.held:
        return
    if handoff.basis_id is not None:
        yield handoff.basis_id
    for basis_id, basis in plane.consents.items():
        if basis_id != handoff.basis_id and is_for(basis, handoff):
            yield basis_id


def has_basis(plane: Plane, handoff: Handoff, on: date) -> bool:
    """Say whether any of them permits the handoff's data to reach its receiver on a day (UTC)."""
    return any(plane.in_force(basis_id, handoff, on) for basis_id in bases_of(plane, handoff))


def meet(basis: Basis, other: Basis) -> bool:
    """Say whether two consents are about the same data for the same country."""
    return (
        not (basis.override or other.override)
        and basis.recipient == other.recipient
        and not set(basis.scopes).isdisjoint(other.scopes)
    )


def consents_met(matter: Matter, recipient: str, scopes: Scopes) -> tuple[UUID, ...]:
    """Return the consents in force, here or on the topic, that permit any of this."""
    asked = Basis(state="asked", origin="", recipient=recipient, scopes=scopes)
    return tuple(
        basis_id
        for plane in (matter.case.ahead, matter.case.national)
        for basis_id, basis in plane.consents.items()
        if basis.state == "granted" and meet(basis, asked)
    )


def require_basis(matter: Matter, basis_id: UUID, *, override: bool) -> Basis:
    """Return a consent (or an override) that this node knows, or refuse."""
    matter.require_known()
    basis = basis_known(matter, basis_id)
    if basis is None or basis.override is not override:
        what = "override" if override else "consent"
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no {what} {basis_id}", rule="basis_known"
        )
    return basis


def require_terms(
    matter: Matter,
    basis_id: UUID | None,
    recipient: str,
    purpose: Purpose,
    scopes: Scopes,
    expires_on: date,
) -> None:
    """Refuse a basis for nobody, for nothing, for ever, or under an id that another has."""
    matter.require_known()
    require_new_basis(matter, basis_id)
    matter.require_country(recipient)
    matter.require_scopes(scopes)
    if purpose is Purpose.UNKNOWN:
        raise CodeUnknown("a purpose has to be named", rule="purpose_known")
    matter.require_day_ahead(expires_on, "the last day")


def require_review(
    matter: Matter,
    recipient: str,
    scopes: Scopes,
    given_by: ConsentGiver,
    giver: str | None = None,
) -> None:
    """What was refused or taken back is not granted again without a review (design §11).

    The child may give again what the child, or an adult, has taken back. What an adult refused
    may be given again by the same person of the same standing. Everything else, and whatever was
    taken back by somebody whom this country did not record, needs a supervisor or focal point. So
    does an override that somebody took back; one that its authority ended is no word of the
    child's.
    """
    case, care = matter.case, matter.case.national.care
    ended_by = care.ended_by
    taken_back = [
        basis_id
        for plane in (case.ahead, case.national)
        for basis_id in (
            *_taken_back(plane, recipient, scopes),
            *_overrides_taken_back(plane, recipient, scopes, ended_by),
        )
    ]
    if given_by is ConsentGiver.CHILD or not taken_back:
        return
    by = {(ended_by.get(one), care.ended_by_person.get(one)) for one in taken_back}
    if given_by is not ConsentGiver.UNKNOWN and by == {(given_by, giver)}:
        return
    if matter.by.role not in SUPERVISING:
        raise ProtectiveRefusal(
            f"case {case.case_id}: this was refused or taken back; after a review of the child's"
            " best interests a supervisor or focal point may record a new consent",
            rule="taken_back",
        )


def require_basis_for(
    matter: Matter,
    basis_id: UUID,
    recipient: str,
    scopes: Scopes,
    *,
    purposes: frozenset[Purpose],
) -> None:
    """Refuse unless a consent, override or legal duty covers recipient, purpose and scopes today.

    Purpose is national: a basis whose purpose this country did not record permits nothing here.
    """
    case = matter.case
    basis = basis_known(matter, basis_id)
    if basis is None or not basis.covers(recipient, scopes, matter.today):
        raise BasisMissing(
            f"case {case.case_id}: {basis_id} does not permit these scopes to go to"
            f" {recipient} today"
        )
    # Two topics have no common order: a consent that only this country knows gives way.
    unpublished = case.is_shared and basis_id not in case.ahead.consents and not basis.override
    if unpublished and _taken_back(case.ahead, recipient, scopes):
        raise BasisMissing(
            f"case {case.case_id}: what {basis_id} permits was refused or taken back since"
        )
    _require_purpose(matter, basis_id, purposes)
    agreed = matter.agreed(recipient)
    if agreed is not None and case.national.care.terms[basis_id].purpose not in agreed.purposes:
        raise BasisMissing(
            f"case {case.case_id}: this is no purpose agreed on with {recipient}", rule="pair"
        )


def basis_of(
    matter: Matter,
    handoff_id: UUID,
    handoff: Handoff,
    basis_id: UUID | None,
    *,
    purposes: frozenset[Purpose],
) -> UUID:
    """Return the basis that an answer rests on: the handoff's, or another of the right purpose.

    The sender has judged what its own basis is for: the one it named, and one that it recorded for
    this handoff when that was withdrawn. Any other may be for anything, so an answer rests on one
    only if this country recorded what it is for (ADR 4).
    """
    cited = basis_id or handoff.basis_id
    if cited is None:
        raise BasisMissing(f"handoff {handoff_id} names no basis; name one")
    if cited != handoff.basis_id and not is_for(basis_known(matter, cited), handoff):
        _require_purpose(matter, cited, purposes)
    return cited


def is_for(basis: Basis | None, handoff: Handoff) -> bool:
    """Say whether the sender of a handoff gave this basis for it."""
    return (
        basis is not None
        and basis.origin == handoff.sender
        and basis.given_for == handoff.began_with
    )


def waiting_for(
    matter: Matter,
    recipient: str,
    purpose: Purpose,
    scopes: Scopes,
    given_by: ConsentGiver = ConsentGiver.UNKNOWN,
) -> UUID | None:
    """Return what began the handoff that waits for such a basis, because it has lost its own.

    A new consent or override is caused by it, so that the receiver may rest its answer on it.
    A consent of the child's own is waited for as well where others gave the present one: that
    ends when she comes of age, and what she wants then goes on. It is for one handoff.
    """
    plane, today = matter.case.ahead, matter.today
    open_ones = [
        handoff
        for handoffs, purposes in ((plane.referrals, SERVICE), (plane.transfers, TRANSFER))
        for handoff in (handoffs.values() if purpose in purposes else ())
        if (handoff.open or handoff.held)
        and (handoff.sender, handoff.receiver) == (matter.case.country, recipient)
        and handoff.basis_id is not None
        and set(handoff.scopes) <= set(scopes)
    ]
    waiting = [one for one in open_ones if not has_basis(plane, one, today)]
    if given_by is ConsentGiver.CHILD:
        waiting += [one for one in open_ones if not _has_hers(matter, one)]
    return waiting[0].began_with if waiting else None


def _has_hers(matter: Matter, handoff: Handoff) -> bool:
    """Say whether a handoff rests on a consent in force that the child herself gave."""
    plane, terms = matter.case.ahead, matter.case.national.care.terms
    return any(
        plane.in_force(basis_id, handoff, matter.today)
        and basis_id in terms
        and terms[basis_id].given_by is ConsentGiver.CHILD
        for basis_id in bases_of(plane, handoff)
    )


def require_decided_again(matter: Matter, recipient: str) -> None:
    """Refuse a caseworker's consent while an accepted transfer is on hold without its basis.

    The fold asks no purpose, so any consent might let the child be moved (design §11).
    """
    plane = matter.case.ahead
    held = any(
        (transfer.held or transfer.state == "accepted")
        and (transfer.sender, transfer.receiver) == (matter.case.country, recipient)
        and not has_basis(plane, transfer, matter.today)
        for transfer in plane.transfers.values()
    )
    if held and matter.by.role not in SUPERVISING:
        raise ProtectiveRefusal(
            f"case {matter.case.case_id}: an accepted transfer to {recipient} has lost its basis"
            " and is on hold until a supervisor or focal point decides again",
            rule="on_hold",
        )


def _taken_back(plane: Plane, recipient: str, scopes: Scopes) -> list[UUID]:
    """Return refusals of any of this on this topic, and consents to it that were withdrawn."""
    asked = Basis(state="asked", origin="", recipient=recipient, scopes=scopes)
    return [
        basis_id
        for basis_id, basis in plane.consents.items()
        if basis.state in {"refused", "withdrawn"} and meet(basis, asked)
    ]


def _overrides_taken_back(
    plane: Plane, recipient: str, scopes: Scopes, ended_by: Mapping[UUID, ConsentGiver]
) -> list[UUID]:
    """Return overrides to any of this that ended by the word of somebody recorded here."""
    return [
        basis_id
        for basis_id, basis in plane.consents.items()
        if basis.override
        and basis.state == "withdrawn"
        and basis_id in ended_by
        and basis.recipient == recipient
        and not set(basis.scopes).isdisjoint(scopes)
    ]


def _require_purpose(matter: Matter, basis_id: UUID, purposes: frozenset[Purpose]) -> None:
    terms = matter.case.national.care.terms.get(basis_id)
    if terms is None or terms.purpose not in purposes:
        raise BasisMissing(
            f"case {matter.case.case_id}: {basis_id} was not given for this purpose",
            rule="purpose",
        )
