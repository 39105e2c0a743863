"""Who may take a step, and under which further conditions: the names that step rows use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from events.case import CaseJoined
from events.codes import DataScope, NeutralStatus
from events.data import KeysReleased
from events.stamp import Event
from ledger.case.plane import Handoff, Plane, VoidReason
from ledger.case.sharing import offered

Test = Callable[[Plane, Event], bool]


def _handoff(plane: Plane, event: Event) -> Handoff | None:
    handoff_id: UUID = event.handoff_id  # type: ignore[attr-defined]  # rows of handoffs only
    return plane.handoff(handoff_id)


def _party(plane: Plane, event: Event) -> bool:
    return event.origin in plane.identity.parties


def _responsible(plane: Plane, event: Event) -> bool:
    return event.origin == plane.identity.responsible


def _named_responsible(_plane: Plane, event: Event) -> bool:
    return event.origin == event.responsible  # type: ignore[attr-defined,no-any-return]


def _requester(_plane: Plane, event: Event) -> bool:
    return event.origin != event.holder  # type: ignore[attr-defined,no-any-return]


def _sender(plane: Plane, event: Event) -> bool:
    handoff = _handoff(plane, event)
    return handoff is not None and event.origin == handoff.sender


def _receiver(plane: Plane, event: Event) -> bool:
    handoff = _handoff(plane, event)
    return handoff is not None and event.origin == handoff.receiver


def _holder(plane: Plane, event: Event) -> bool:
    release = plane.releases.get(event.grant_id)  # type: ignore[attr-defined]  # rows of grants
    return release is not None and event.origin == release.recipient


def _concerned(plane: Plane, event: Event) -> bool:
    suspicion = plane.suspicions.get(event.suspicion_id)  # type: ignore[attr-defined]  # its rows
    return suspicion is not None and event.origin in {
        suspicion.asked,
        suspicion.holder,
        suspicion.origin,
    }


def _taker(plane: Plane, event: Event) -> bool:
    measure = plane.measures.get(event.measure_id)  # type: ignore[attr-defined]  # rows of measures
    return measure is not None and event.origin == measure.origin


#: Who may take a step. On the national plane there is one origin, so the question does not arise.
WHO: Mapping[str, Test] = {
    "party": _party,
    "responsible": _responsible,
    "named_responsible": _named_responsible,
    "requester": _requester,
    "sender": _sender,
    "receiver": _receiver,
    "holder": _holder,
    "concerned": _concerned,
    "taker": _taker,
    # Whoever may write on the topic at all: of the ledger itself no country is the owner.
    "signatory": lambda _plane, _event: True,
}


def _case_open(plane: Plane, _event: Event) -> bool:
    if plane.shared:
        return plane.identity.state == "open"
    # A country may work nationally with a child whose case another country opened.
    return plane.identity.state in {"none", "open"}


def _for_another(plane: Plane, event: Event) -> bool:
    """No country lets itself have the child's data. At home there is no other country."""
    return not plane.shared or event.origin != event.recipient  # type: ignore[attr-defined]


def _ready(plane: Plane, _event: Event) -> bool:
    return plane.identity.status is NeutralStatus.READY


def _basis_in_force(plane: Plane, event: Event) -> bool:
    """The basis the event names covers the receiver and the scopes on the day of the decision.

    Expiry is judged against `recorded_at`, never a clock, so every reader judges alike.
    """
    basis_id: UUID = event.basis_id  # type: ignore[attr-defined]
    basis = plane.consents.get(basis_id)
    if basis is None:
        return False
    handoff = _handoff(plane, event)
    if handoff is not None:
        recipient, scopes = handoff.receiver, handoff.scopes
    else:
        recipient, scopes = event.recipient, event.scopes  # type: ignore[attr-defined]
    return basis.covers(recipient, scopes, event.recorded_at.date())


def _no_open_transfer(plane: Plane, _event: Event) -> bool:
    return not plane.open_transfers


def _no_open_handoff(plane: Plane, _event: Event) -> bool:
    return not plane.open_transfers and not any(r.open for r in plane.referrals.values())


def _child_missing(plane: Plane, _event: Event) -> bool:
    return plane.identity.missing


def _own_earlier_version(_plane: Plane, event: Event) -> bool:
    return 1 <= event.corrects_version < event.version  # type: ignore[attr-defined,no-any-return]


def _key_offered(plane: Plane, event: Event) -> bool:
    """The receiver offered a one-time key for this step of the release, and may have it now."""
    handoff, scopes = _handoff(plane, event), event.scopes  # type: ignore[attr-defined]
    preview = scopes == (DataScope.PREVIEW,)
    return handoff is not None and offered(handoff, preview=preview)


def _scopes_permitted(plane: Plane, event: Event) -> bool:
    """A basis in force covers exactly what is released, and it is what the handoff is about."""
    assert isinstance(event, KeysReleased)
    scopes = event.scopes
    handoff, basis = _handoff(plane, event), plane.consents.get(event.basis_id)
    if handoff is None or basis is None or event.recipient != handoff.receiver:
        return False
    if not scopes or len(set(scopes)) != len(scopes) or len(event.commitments) != len(scopes):
        return False
    mixed = DataScope.PREVIEW in scopes and len(scopes) > 1
    within = set(scopes) <= set(handoff.scopes)
    return within and not mixed and basis.covers(handoff.receiver, scopes, event.recorded_at.date())


def _fresh_epoch(plane: Plane, event: Event) -> bool:
    """After a stop come other keys: what the former recipient holds opens nothing new."""
    assert isinstance(event, KeysReleased)
    return event.epoch > plane.stopped_epochs.get(event.origin, 0)


def _confirmed(plane: Plane, event: Event) -> bool:
    """Both sides have confirmed the suspicion; on the shared topic the other case is not named."""
    assert isinstance(event, CaseJoined)
    suspicion_id = event.suspicion_id
    found = plane.suspicions.get(suspicion_id) if suspicion_id is not None else None
    if found is None or found.state != "suspected" or not found.is_confirmed:
        return False
    return not plane.shared or event.into_case_id == suspicion_id


#: Further conditions of a step, with the reason given when one does not hold.
CONDITIONS: Mapping[str, tuple[Test, VoidReason]] = {
    "case_open": (_case_open, VoidReason.CASE_NOT_OPEN),
    "for_another": (_for_another, VoidReason.WRONG_COUNTRY),
    "ready": (_ready, VoidReason.NOT_READY),
    "basis_in_force": (_basis_in_force, VoidReason.NO_BASIS),
    "no_open_transfer": (_no_open_transfer, VoidReason.HANDOFF_OPEN),
    "no_open_handoff": (_no_open_handoff, VoidReason.HANDOFF_OPEN),
    "child_missing": (_child_missing, VoidReason.NOT_MISSING),
    "key_offered": (_key_offered, VoidReason.NO_KEY_OFFERED),
    "scopes_permitted": (_scopes_permitted, VoidReason.NO_BASIS),
    "fresh_epoch": (_fresh_epoch, VoidReason.STALE_EPOCH),
    "confirmed": (_confirmed, VoidReason.NOT_CONFIRMED),
    "own_earlier_version": (_own_earlier_version, VoidReason.UNKNOWN_VERSION),
}
