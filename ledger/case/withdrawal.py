"""Taking permission back: who may, what happens at once, and what is reviewed (design §11)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from events.codes import ConsentGiver, DataScope, Role
from events.consent import (
    ConsentRefused,
    ConsentWithdrawn,
    DataForgone,
    OverrideEnded,
    WithdrawalAsked,
    WithdrawalRecorded,
    WithdrawalReviewed,
)
from events.errors import NotAllowedNow, ProtectiveRefusal, WrongRole
from events.stamp import Event
from ledger.case.bases import basis_known, consents_met, has_basis, require_basis
from ledger.case.block import is_excluded
from ledger.case.effects import Effect
from ledger.case.givers import asked_only, require_giver, require_may_withdraw
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Asked
from ledger.case.plane import Plane, with_care
from ledger.case.referral import standing


def _recorded(plane: Plane, event: WithdrawalRecorded) -> Plane:
    """The child's word stays, whatever an adult adds to it; of adults the first one's does."""
    care, basis_id = plane.care, event.basis_id
    if basis_id in care.ended_by and event.given_by is not ConsentGiver.CHILD:
        return plane
    persons = {one: who for one, who in care.ended_by_person.items() if one != basis_id}
    if event.giver is not None:
        persons[basis_id] = event.giver
    ended_by = {**care.ended_by, basis_id: event.given_by}
    return with_care(plane, ended_by=ended_by, ended_by_person=persons)


def _asked(plane: Plane, event: WithdrawalAsked) -> Plane:
    asked = Asked(given_by=event.given_by, giver=event.giver, why=event.why)
    return with_care(
        plane, withdrawals_asked={**plane.care.withdrawals_asked, event.basis_id: asked}
    )


def _reviewed(plane: Plane, event: WithdrawalReviewed) -> Plane:
    waiting = {
        basis_id: asked
        for basis_id, asked in plane.care.withdrawals_asked.items()
        if basis_id != event.basis_id
    }
    return with_care(plane, withdrawals_asked=waiting)


EFFECTS: Mapping[type[Event], Effect] = {
    WithdrawalRecorded: _recorded,
    WithdrawalAsked: _asked,
    WithdrawalReviewed: _reviewed,
    DataForgone: lambda plane, event: with_care(
        plane, forgone=(*plane.care.forgone, event.handoff_id)
    ),
}


def refuse_consent(
    matter: Matter,
    /,
    *,
    recipient: str,
    scopes: tuple[DataScope, ...],
    given_by: ConsentGiver = ConsentGiver.UNKNOWN,
    giver: str | None = None,
    consent_id: UUID | None = None,
) -> Drafts:
    """Record that permission was asked for and refused.

    It ends consents given before, so an adult refuses only what he could take back, too. What an
    excluded person records is kept and reviewed.
    """
    matter.require_known()
    matter.require_country(recipient)
    matter.require_scopes(scopes)
    consent_id = consent_id or matter.new_id()
    met = consents_met(matter, recipient, scopes)
    if is_excluded(matter):
        return tuple(_asks(matter, one, given_by, giver) for one in met or (consent_id,))
    require_giver(matter, given_by, giver)
    for basis_id in met:
        terms = matter.case.national.care.terms.get(basis_id)
        require_may_withdraw(matter, basis_id, terms, given_by, giver)
    refused = {"consent_id": consent_id, "recipient": recipient, "scopes": scopes}
    return (Draft(ConsentRefused, refused), *_who(consent_id, given_by, giver))


def withdraw_consent(
    matter: Matter,
    /,
    *,
    consent_id: UUID,
    given_by: ConsentGiver = ConsentGiver.UNKNOWN,
    giver: str | None = None,
) -> Drafts:
    """Take a permission back, at any time and without a reason. Stops sharing, never care.

    The child may at any age, whoever gave it, and the present guardian. An adult's word does not
    end an override, and an excluded person's ends nothing, nor what such a person records: it is
    kept and reviewed.
    """
    matter.require_known()
    basis = basis_known(matter, consent_id)
    if basis is None or not basis.override:
        basis = require_basis(matter, consent_id, override=False)
    terms = matter.case.national.care.terms.get(consent_id)
    override = basis.override and basis.state == "granted"
    why = asked_only(matter, given_by, giver, override=override)
    if why is not None:
        return (_asks(matter, consent_id, given_by, giver, why),)
    if basis.override and given_by is not ConsentGiver.CHILD:
        require_basis(matter, consent_id, override=False)
    require_may_withdraw(matter, consent_id, terms, given_by, giver)
    if basis.state != "granted" and given_by is not ConsentGiver.CHILD:
        # Somebody has taken it back before: an adult who says so, too, does not become who did.
        return (_ended(consent_id, override=basis.override),)
    return (_ended(consent_id, override=basis.override), *_who(consent_id, given_by, giver))


def review_withdrawal(matter: Matter, /, *, consent_id: UUID, upheld: bool) -> Drafts:
    """Decide on a withdrawal that did not act at once; one that was right ends the permission.

    A refusal of what nobody had permitted ends nothing: if it was right, it is recorded anew.
    """
    matter.require_known()
    matter.require_supervising()
    asked = matter.case.national.care.withdrawals_asked.get(consent_id)
    basis = basis_known(matter, consent_id)
    if asked is None:
        raise NotAllowedNow(
            f"{consent_id}: no withdrawal waits for a review", rule="withdrawal_asked"
        )
    if asked.giver == matter.by.id:
        raise ProtectiveRefusal("who asked for it cannot review it", rule="four_eyes")
    review = Draft(WithdrawalReviewed, {"basis_id": consent_id, "upheld": upheld})
    if not upheld or basis is None or basis.state != "granted":
        return (review,)
    ended = _ended(consent_id, override=basis.override)
    return (review, ended, *_who(consent_id, asked.given_by, asked.giver))


def end_by_age(matter: Matter, /, *, consent_id: UUID) -> Drafts:
    """End a consent that others gave, because the child has come of age; her own is asked.

    Only the reactor decides this, on the first day of a month: the keystore has used nothing on it
    since the day itself.
    """
    if matter.by.role != Role.SYSTEM:
        raise WrongRole("consents end by age through the reactor, not through a person")
    basis = require_basis(matter, consent_id, override=False)
    if basis.state != "granted":
        raise NotAllowedNow(f"{consent_id} is {basis.state}", rule="consent_in_force")
    return (_ended(consent_id, override=False),)


def forgo_data(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Go on with a handoff that has lost its basis, without further data."""
    handoff = standing(matter, handoff_id)
    if handoff.sender != matter.case.country:
        raise NotAllowedNow(f"handoff {handoff_id}: {handoff.sender} decides this", rule="sender")
    case = matter.case
    plane = case.national if case.ahead.handoff(handoff_id) is None else case.ahead
    if has_basis(plane, handoff, matter.today):
        raise NotAllowedNow(f"handoff {handoff_id} has its basis", rule="basis_lost")
    return (Draft(DataForgone, {"handoff_id": handoff_id}),)


def _asks(
    matter: Matter,
    basis_id: UUID,
    given_by: ConsentGiver,
    giver: str | None,
    why: str = "excluded_person",
) -> Draft:
    if giver is not None:
        matter.require_pseudonym("who takes it back", giver)
    asked = {"basis_id": basis_id, "given_by": given_by, "giver": giver, "why": why}
    return Draft(WithdrawalAsked, asked)


def _ended(basis_id: UUID, *, override: bool) -> Draft:
    if override:
        return Draft(OverrideEnded, {"override_id": basis_id})
    return Draft(ConsentWithdrawn, {"consent_id": basis_id})


def _who(basis_id: UUID, given_by: ConsentGiver, giver: str | None) -> Drafts:
    """Who it was stays in this country; if nobody said so, there is nothing to record."""
    if given_by is ConsentGiver.UNKNOWN:
        return ()
    fields = {"basis_id": basis_id, "given_by": given_by, "giver": giver}
    return (Draft(WithdrawalRecorded, fields),)
