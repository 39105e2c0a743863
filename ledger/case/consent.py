"""The part that says which data may go where: consents and overrides, alike to a reader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from events.code_lists import code_list
from events.codes import AgeBand, Assent, BasisKind, ConsentGiver, DataScope, Purpose
from events.consent import (
    BasisRecorded,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OverrideApproved,
    OverrideEnded,
    OverrideReviewed,
)
from events.errors import ProtectiveRefusal
from events.stamp import Event
from ledger.case.bases import (
    is_for,
    meet,
    require_basis,
    require_decided_again,
    require_review,
    require_terms,
    waiting_for,
)
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.givers import Given
from ledger.case.identity import stopped
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Terms
from ledger.case.plane import NONE, Basis, Plane
from ledger.case.steps import step_of


def state(plane: Plane, event: Event) -> str:
    """Return the state of the consent or override that the event is about."""
    basis = plane.consents.get(_subject(event))
    return NONE if basis is None else basis.state


def _subject(event: Event) -> UUID:
    basis_id: UUID = getattr(event, step_of(event).subject)
    return basis_id


def _with(plane: Plane, basis_id: UUID, basis: Basis) -> Plane:
    return changed(plane, consents={**plane.consents, basis_id: basis})


def _given(plane: Plane, event: ConsentGranted | OverrideApproved) -> Plane:
    """Return the plane with a basis; a transfer of its giver's that was held for one goes on."""
    basis_id = _subject(event)
    basis = Basis(
        state="granted",
        origin=event.origin,
        override=isinstance(event, OverrideApproved),
        recipient=event.recipient,
        scopes=event.scopes,
        expires_on=event.expires_on,
        given_for=event.caused_by,
    )
    after = _with(plane, basis_id, basis)
    freed = {
        handoff_id: changed(transfer, held=False)
        for handoff_id, transfer in plane.transfers.items()
        if transfer.held and is_for(basis, transfer)
    }
    return changed(after, transfers={**plane.transfers, **freed}) if freed else after


def _refused(plane: Plane, event: ConsentRefused) -> Plane:
    """A refusal stands for ever, also over a grant with the same id, and blocks what it names.

    Consents given before lose the refused scopes; overrides are release without consent and stay.
    """
    refused = Basis(
        state="refused", origin=event.origin, recipient=event.recipient, scopes=event.scopes
    )
    after = _ended(_with(plane, event.consent_id, refused), event.consent_id)
    for basis_id, basis in plane.consents.items():
        if basis_id != event.consent_id and basis.state == "granted" and meet(basis, refused):
            after = _ended(_with(after, basis_id, _without(basis, event.scopes)), basis_id)
    return after


def _without(basis: Basis, refused: tuple[DataScope, ...]) -> Basis:
    kept = tuple(scope for scope in basis.scopes if scope not in refused)
    return changed(basis, scopes=kept) if kept else changed(basis, state="withdrawn")


def _withdrawn(plane: Plane, event: ConsentWithdrawn) -> Plane:
    return _taken_back(plane, event.consent_id, event.origin)


def _override_ended(plane: Plane, event: OverrideEnded) -> Plane:
    return _taken_back(plane, event.override_id, event.origin)


def _taken_back(plane: Plane, basis_id: UUID, origin: str) -> Plane:
    """Idempotent, and also for an id not known yet: a grant ordered after it finds it used up."""
    before = plane.consents.get(basis_id)
    if before is not None and before.state == "refused":
        return plane
    after = (
        Basis(state="withdrawn", origin=origin)
        if before is None
        else changed(before, state="withdrawn")
    )
    return _ended(_with(plane, basis_id, after), basis_id)


def _ended(plane: Plane, basis_id: UUID) -> Plane:
    """Stop what is only proposed on this basis (design §11); what is accepted goes on hold.

    Accepted referrals keep their state: withdrawal stops sharing, never care.
    """
    rests_on_it = any(
        transfer.basis_id == basis_id and transfer.state in {"proposed", "previewed"}
        for transfer in plane.transfers.values()
    )
    return stopped(plane) if rests_on_it else plane


def _reviewed(plane: Plane, _event: OverrideReviewed) -> Plane:
    return plane  # the trail shows it


def _terms(plane: Plane, event: BasisRecorded) -> Plane:
    """What a permission was given for is written once; what comes under its id changes nothing."""
    if event.basis_id in plane.care.terms:
        return plane
    terms = Terms(
        kind=event.kind,
        purpose=event.purpose,
        requested_by=event.requested_by,
        given_by=event.given_by,
        giver=event.giver,
        age_band=event.age_band,
        withheld_from=event.withheld_from,
        reason=event.override_reason,
    )
    care = changed(
        plane.care,
        terms={**plane.care.terms, event.basis_id: terms},
        own_consent_sought=plane.care.own_consent_sought
        and event.given_by is not ConsentGiver.CHILD,
    )
    return changed(plane, care=care)


EFFECTS: Mapping[type[Event], Effect] = {
    ConsentGranted: _given,
    ConsentRefused: _refused,
    ConsentWithdrawn: _withdrawn,
    OverrideApproved: _given,
    OverrideEnded: _override_ended,
    OverrideReviewed: _reviewed,
    BasisRecorded: _terms,
}


#: Reasons that hold for an emergency only, and how long that is (domain §b.3: 72 hours).
EMERGENCIES = frozenset(
    {"imminent_risk_of_harm", "giver_unreachable_and_urgent", "medical_emergency"}
)
EMERGENCY = timedelta(days=3)
_NOBODY = Given()


def grant_consent(
    matter: Matter,
    /,
    *,
    recipient: str,
    purpose: Purpose,
    scopes: tuple[DataScope, ...],
    expires_on: date,
    given_by: ConsentGiver = ConsentGiver.UNKNOWN,
    giver: str | None = None,
    age_band: AgeBand = AgeBand.UNKNOWN,
    assent: Assent = Assent.UNKNOWN,
    language: str | None = None,
    interpreter: bool = False,
    withheld_from: tuple[str, ...] = (),
    consent_id: UUID | None = None,
) -> Drafts:
    """Record that data scopes of this case may go to a country for a purpose until a day."""
    matter.require_working()  # a guardian could else say that it was the child
    require_terms(matter, consent_id, recipient, purpose, scopes, expires_on)
    given = Given(
        given_by=given_by,
        giver=giver,
        age_band=age_band,
        assent=assent,
        language=language,
        interpreter=interpreter,
        withheld_from=withheld_from,
    )
    given.require_valid(matter)
    require_review(matter, recipient, scopes, given_by, giver)
    require_decided_again(matter, recipient)
    consent_id = consent_id or matter.new_id()
    granted = {"consent_id": consent_id, **_reach(recipient, scopes, expires_on)}
    terms = _recorded_terms(consent_id, BasisKind.CONSENT, purpose, matter.by.id, given=given)
    caused_by = waiting_for(matter, recipient, purpose, scopes, given_by)
    return (Draft(ConsentGranted, granted, caused_by), terms)


def approve_override(
    matter: Matter,
    /,
    *,
    recipient: str,
    purpose: Purpose,
    scopes: tuple[DataScope, ...],
    expires_on: date,
    requested_by: str,
    legal_duty: bool = False,
    reason: str | None = None,
    override_id: UUID | None = None,
) -> Drafts:
    """Approve release without consent, as a second person (domain §b.3: requester != approver).

    `reason` is a code of the list `override_reason`; an emergency lasts three days at most.
    """
    if requested_by == matter.by.id:
        raise ProtectiveRefusal("who asked for an override cannot approve it", rule="four_eyes")
    matter.require_supervising()
    matter.require_pseudonym("who asked for it", requested_by)
    require_terms(matter, override_id, recipient, purpose, scopes, expires_on)
    _require_reason(matter, reason, expires_on)
    override_id = override_id or matter.new_id()
    approved = {"override_id": override_id, **_reach(recipient, scopes, expires_on)}
    kind = BasisKind.LEGAL_DUTY if legal_duty else BasisKind.OVERRIDE
    terms = _recorded_terms(override_id, kind, purpose, requested_by, reason=reason)
    caused_by = waiting_for(matter, recipient, purpose, scopes)
    return (Draft(OverrideApproved, approved, caused_by), terms)


def end_override(matter: Matter, /, *, override_id: UUID) -> Drafts:
    """End an override before its date, as somebody who works with the case.

    Whoever else wants it ended asks (`withdraw_consent`), and a supervisor reviews it.
    """
    matter.require_working()
    require_basis(matter, override_id, override=True)
    return (Draft(OverrideEnded, {"override_id": override_id}),)


def review_override(matter: Matter, /, *, override_id: UUID, upheld: bool) -> Drafts:
    """Look again at an override after the emergency; one that was wrong ends with the review.

    Not as the person who asked for it.
    """
    matter.require_supervising()
    basis = require_basis(matter, override_id, override=True)
    terms = matter.case.national.care.terms.get(override_id)
    if terms is not None and terms.requested_by == matter.by.id:
        raise ProtectiveRefusal("who asked for an override cannot review it", rule="four_eyes")
    review = Draft(OverrideReviewed, {"override_id": override_id, "upheld": upheld})
    if upheld or basis.state != "granted":
        return (review,)
    return (review, Draft(OverrideEnded, {"override_id": override_id}))


def _reach(recipient: str, scopes: tuple[DataScope, ...], expires_on: date) -> Mapping[str, object]:
    return {"recipient": recipient, "scopes": scopes, "expires_on": expires_on}


def _require_reason(matter: Matter, reason: str | None, expires_on: date) -> None:
    if reason is None:
        return
    code_list("override_reason").require(reason)
    if reason in EMERGENCIES and expires_on > matter.today + EMERGENCY:
        raise ProtectiveRefusal(
            f"for {reason} an override ends after three days at the latest; then a review of the"
            " child's best interests decides",
            rule="emergency_ends",
        )


def _recorded_terms(
    basis_id: UUID,
    kind: BasisKind,
    purpose: Purpose,
    asked_by: str,
    *,
    given: Given = _NOBODY,
    reason: str | None = None,
) -> Draft:
    fields = {"basis_id": basis_id, "kind": kind, "purpose": purpose, "requested_by": asked_by}
    said = {name: getattr(given, name) for name in Given.__slots__}
    return Draft(BasisRecorded, {**fields, **said, "override_reason": reason})
