"""What each event of the shared topic says to an auditor: permissions, handoffs, and their ends.

Coarser than the ledger's fold: an acceptance or a receiver counts here wherever it may count there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from events.case import CaseOpened, ChildMissing, StatusChanged
from events.codes import NeutralStatus
from events.consent import (
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OverrideApproved,
    OverrideEnded,
)
from events.data import ErasureAttested, KeysDestroyed, ReleaseStopped
from events.referral import (
    ReferralAccepted,
    ReferralExpired,
    ReferralReceived,
    ReferralRejected,
    ReferralRevoked,
    ReferralSent,
)
from events.transfer import (
    ResponsibilityMoved,
    TransferAccepted,
    TransferExpired,
    TransferPreviewed,
    TransferProposed,
    TransferRejected,
    TransferRevoked,
)
from ledger.log.findings import Heard
from ledger.log.hearing import Ended, Handoff, HeardCase, Permission, Word

#: Events that only add prohibitions: a permission decided without knowing of one is none.
PROTECTIVE = frozenset(
    {
        *(ConsentRefused, ConsentWithdrawn, OverrideEnded, ReleaseStopped),
        *(KeysDestroyed, ErasureAttested, ChildMissing),
    }
)


def hear(case: HeardCase, heard: Heard) -> Collection[Ended]:
    """Take in the next event of a case; return what is permitted no longer."""
    event = heard.event
    word = Word(case.count, event.origin)
    said = _SAID.get(type(event))
    ended = said(case, event, word) if said is not None else ()
    case.place(heard, protective=event.origin in case.parties and _is_protective(event))
    return ended


def _is_protective(event: Any) -> bool:
    if type(event) in PROTECTIVE:
        return True
    return isinstance(event, StatusChanged) and event.status is NeutralStatus.NOT_READY


def _opened(case: HeardCase, event: CaseOpened, _word: Word) -> Collection[Ended]:
    if not case.parties and event.responsible == event.origin:
        case.parties.add(event.origin)
    return ()


def _granted(case: HeardCase, event: ConsentGranted, _word: Word) -> Collection[Ended]:
    _permitted(case, event, event.consent_id, override=False)
    return ()


def _approved(case: HeardCase, event: OverrideApproved, _word: Word) -> Collection[Ended]:
    _permitted(case, event, event.override_id, override=True)
    return ()


def _permitted(
    case: HeardCase, event: ConsentGranted | OverrideApproved, basis_id: UUID, *, override: bool
) -> None:
    """A permission comes from a party, is for another country, and its id is used once."""
    may = event.origin in case.parties and event.origin != event.recipient
    if not may or basis_id in case.permissions:
        return
    unseen = case.unseen(event)
    if unseen is not None:
        case.mistaken[basis_id] = unseen
        return
    case.permissions[basis_id] = Permission(
        recipient=event.recipient,
        scopes=frozenset(event.scopes),
        expires_on=event.expires_on,
        override=override,
    )


def _withdrawn(case: HeardCase, event: ConsentWithdrawn, word: Word) -> Collection[Ended]:
    return _taken_back(case, event.consent_id, word)


def _override_ended(case: HeardCase, event: OverrideEnded, word: Word) -> Collection[Ended]:
    return _taken_back(case, event.override_id, word)


def _taken_back(case: HeardCase, basis_id: UUID, word: Word) -> Collection[Ended]:
    """Any party may, whoever gave it; an id not known yet is used up."""
    if word.origin not in case.parties:
        return ()
    basis = case.permissions.get(basis_id)
    if basis is None:
        case.permissions[basis_id] = Permission(ended=word)
        return ()
    if basis.ended is not None:
        return ()
    basis.ended = word
    return (Ended(basis_id, basis.scopes),)


def _refused(case: HeardCase, event: ConsentRefused, word: Word) -> Collection[Ended]:
    """A refusal takes what it names from consents given before; overrides stay."""
    if word.origin not in case.parties:
        return ()
    ended = [*_taken_back(case, event.consent_id, word)]
    for basis_id, basis in case.permissions.items():
        given = basis.ended is None and not basis.override and basis.recipient == event.recipient
        taken = (basis.scopes - basis.refused.keys()) & set(event.scopes) if given else frozenset()
        if taken:
            basis.refused.update(dict.fromkeys(taken, word))
            ended.append(Ended(basis_id, frozenset(taken)))
    return ended


def _handed(
    case: HeardCase, event: ReferralSent | TransferProposed, _word: Word
) -> Collection[Ended]:
    """A handoff that a party begins on a permission makes its receiver a party."""
    on, known = event.recorded_at.date(), event.handoff_id in case.handoffs
    if event.origin not in case.parties or known:
        return ()
    if not any(case.objections(event.basis_id, event.recipient, event.scopes, on)):
        case.handoffs[event.handoff_id] = Handoff(
            sender=event.origin,
            receiver=event.recipient,
            scopes=frozenset(event.scopes),
            transfer=isinstance(event, TransferProposed),
        )
        case.parties.add(event.recipient)
    return ()


def _of_receiver(case: HeardCase, event: Any) -> Handoff | None:
    handoff = case.handoffs.get(event.handoff_id)
    return handoff if handoff is not None and handoff.receiver == event.origin else None


def _of_sender(case: HeardCase, event: Any) -> Handoff | None:
    handoff = case.handoffs.get(event.handoff_id)
    return handoff if handoff is not None and handoff.sender == event.origin else None


def _looked(
    case: HeardCase, event: ReferralReceived | TransferPreviewed, _word: Word
) -> Collection[Ended]:
    handoff = _of_receiver(case, event)
    if handoff is not None and event.grant_key is not None:
        handoff.preview_key = True
    return ()


def _accepted(
    case: HeardCase, event: ReferralAccepted | TransferAccepted, _word: Word
) -> Collection[Ended]:
    handoff = _of_receiver(case, event)
    if handoff is not None:
        handoff.accepted = True
        handoff.key = handoff.key or event.grant_key is not None
    return ()


def _moved(case: HeardCase, event: ResponsibilityMoved, _word: Word) -> Collection[Ended]:
    handoff = _of_receiver(case, event)
    if handoff is not None and handoff.accepted:
        handoff.moved = True
    return ()


def _over(case: HeardCase, event: Any, word: Word) -> Collection[Ended]:
    """A handoff ends by its sender or its receiver, where that ends it for certain.

    Completion is not certain: it is void if the acceptance before it was.
    """
    theirs = type(event) in _BY_RECEIVER
    handoff = _of_receiver(case, event) if theirs else _of_sender(case, event)
    if handoff is not None and _CAN_END[type(event)](handoff):
        handoff.ends.append(word)
    return ()


_BY_RECEIVER = frozenset({ReferralRejected, TransferRejected})
_CAN_END: Mapping[type[Any], Callable[[Handoff], bool]] = {
    ReferralRejected: lambda handoff: not handoff.accepted,
    TransferRejected: lambda handoff: not handoff.accepted,
    ReferralRevoked: lambda _handoff: True,
    TransferRevoked: lambda handoff: not handoff.moved,
    ReferralExpired: lambda handoff: not handoff.accepted,
    TransferExpired: lambda handoff: not handoff.moved,
}
_SAID: Mapping[type[Any], Callable[[HeardCase, Any, Word], Collection[Ended]]] = {
    CaseOpened: _opened,
    ConsentGranted: _granted,
    OverrideApproved: _approved,
    ConsentWithdrawn: _withdrawn,
    OverrideEnded: _override_ended,
    ConsentRefused: _refused,
    ReferralSent: _handed,
    TransferProposed: _handed,
    ReferralReceived: _looked,
    TransferPreviewed: _looked,
    ReferralAccepted: _accepted,
    TransferAccepted: _accepted,
    ResponsibilityMoved: _moved,
    **dict.fromkeys(_CAN_END, _over),
}
