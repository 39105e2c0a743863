"""The key-free rules R3 to R7 of one case: no keys leave without permission (design §11, §12).

Read from the shared topic alone, in its order, in one pass, case by case or interleaved. Nothing
here asks the ledger's fold, so that a fold that lets a release through is found, too.

* R3: every `KeysReleased` rests on a consent or override in force for its recipient and scopes,
  and follows a key that the receiver of its handoff offered for it.
* R4: after the end of a basis nothing is released on it, and sharing is stopped within a minute.
* R5: every access to another country's data lies inside a grant (ledger/log/accesses.py).
* R6: every release has keys and an epoch of its own, and nothing is sealed under them after it.
* R7: of erased keys every country that held some answers (ledger/log/rule_erasure.py).

Whoever writes a release that breaks R3 has broken it, also where every reader takes the event for
void. But a capsule leaves only after its release took effect: if the node's verdict is given, the
finding says whether any key can have left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from events.codes import DataScope
from events.data import KeysDestroyed, KeysReleased, ReleaseStopped, RetentionClaimed
from ledger.log.accesses import Accesses
from ledger.log.findings import Finding, Heard, found
from ledger.log.grants import Epochs, Grant
from ledger.log.hearing import Ended, HeardCase, Objection
from ledger.log.rule_erasure import ErasureRules
from ledger.log.saying import hear

#: How soon after the end of a basis its sharing is stopped.
WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Owed:
    """A stop that has to come, and the event after which."""

    because: Heard
    until: datetime


@dataclass(slots=True)
class CaseRules:
    """The rules over one case: `hear` its shared events in the topic's order, then `end`.

    Before `end`, `look` takes the country's own national events of the case, for R5. Memory is
    what the case holds: 32 bytes per event, and its permissions, handoffs and grants.
    """

    case_id: UUID
    #: How soon after the end of a basis its sharing has to be stopped, by what both record.
    within: timedelta = WITHIN
    _case: HeardCase = field(default_factory=HeardCase)
    _grants: dict[UUID, Grant] = field(default_factory=dict)
    _epochs: dict[str, Epochs] = field(default_factory=dict)
    _owed: dict[tuple[UUID, str], _Owed] = field(default_factory=dict)
    _accesses: Accesses = field(default_factory=Accesses)
    _erasure: ErasureRules = field(default_factory=ErasureRules)

    def hear(self, heard: Heard) -> list[Finding]:
        """Take in the next event of the case on the shared topic; return what it breaks."""
        event = heard.event
        self._case.note(heard)
        findings = [*self._sealed(heard)]
        judged = _JUDGED.get(type(event))
        if judged is not None:
            findings += judged(self, heard)
        epochs, party = self._epochs.get(event.origin), event.origin in self._case.parties
        findings += self._erasure.hear(heard, self._case.count, epochs, party=party)
        for ended in hear(self._case, heard):
            self._owe(ended, heard)
        return findings

    def look(self, heard: Heard) -> list[Finding]:
        """Take in the next national event of the case, out of its envelope; return what it breaks.

        What it names of the shared topic has to have been heard.
        """
        return self._accesses.look(heard, self._case, self._grants.values())

    def end(self, until: datetime) -> list[Finding]:
        """Return what had to come by an instant, at which everything said had been heard."""
        missing = [
            found("R4", "stop_missing", owed.because, handoff_id, origin=sender)
            for (handoff_id, sender), owed in self._owed.items()
            if owed.until < until
        ]
        return [*missing, *self._erasure.end(self._grants.values(), until)]

    def _sealed(self, heard: Heard) -> Iterator[Finding]:
        """R6: under which keys an event's data is sealed."""
        entries = getattr(heard.event, "sealed", ())
        epochs = self._epochs.get(heard.event.origin)
        if epochs is not None and any(epochs.opens(entry.box) for entry in entries):
            yield found("R6", "sealed_under_released_key", heard, heard.event.event_id)

    def _released(self, heard: Heard) -> list[Finding]:
        event: Any = heard.event
        whats: dict[str, bool] = {}
        for what, word in self._objections(event):
            crossed = word is not None and not self._case.had_seen(event.origin, word)
            whats[what] = crossed and whats.get(what, True)
        findings = [
            found("R3", what, heard, event.grant_id, crossed=crossed)
            for what, crossed in whats.items()
        ]
        if not whats.get("withdrawn", True) or not whats.get("refused", True):
            findings.append(found("R4", "released_after_end", heard, event.basis_id))
        epochs = self._epochs.setdefault(event.origin, Epochs())
        findings += [found("R6", what, heard, event.grant_id) for what in epochs.released(event)]
        void = heard.void is True or self._case.unseen(event) is not None
        if not findings and not void:
            self._grants[event.grant_id] = Grant.of(event, self._case.count)
        return findings

    def _objections(self, event: KeysReleased) -> Iterator[Objection]:
        """R3: yield what keeps this release from being permitted at its place."""
        scopes = frozenset(event.scopes)
        mixed = DataScope.PREVIEW in scopes and len(scopes) > 1
        if mixed or not 0 < len(scopes) == len(event.scopes) == len(event.commitments):
            yield "malformed", None
        if event.grant_id in self._grants:
            yield "grant_reused", None
        on = event.recorded_at.date()
        yield from self._case.objections(event.basis_id, event.recipient, scopes, on)
        handoff = self._case.handoffs.get(event.handoff_id)
        if handoff is None:
            yield "handoff_unknown", None
            return
        if event.origin != handoff.sender:
            yield "not_sender", None
        if event.recipient != handoff.receiver:
            yield "other_receiver", None
        if not scopes <= handoff.scopes:
            yield "beyond_handoff", None
        if not (handoff.preview_key if scopes == {DataScope.PREVIEW} else handoff.key):
            yield "no_key_offered", None
        for word in handoff.ends:
            yield "handoff_ended", word

    def _owe(self, ended: Ended, heard: Heard) -> None:
        """R4: every handoff whose keys were released on what has ended is to be stopped."""
        until = heard.event.recorded_at + self.within
        for grant in self._grants.values():
            rested = grant.basis_id == ended.basis_id and not grant.scopes.isdisjoint(ended.scopes)
            if rested and self._owes(grant):
                self._owed.setdefault((grant.handoff_id, grant.origin), _Owed(heard, until))

    def _stopped(self, heard: Heard) -> list[Finding]:
        """A stop counts for what its own origin released; another's word stops no keystore."""
        event: Any = heard.event
        findings = []
        owed = self._owed.pop((event.handoff_id, event.origin), None)
        if owed is not None and event.recorded_at > owed.until:
            findings.append(found("R4", "stop_late", heard, event.handoff_id))
        grants = [
            grant
            for grant in self._grants.values()
            if (grant.handoff_id, grant.origin) == (event.handoff_id, event.origin)
            and grant.stopped is None
        ]
        if any(grant.epoch > event.epoch for grant in grants):
            findings.append(found("R6", "stop_understated", heard, event.handoff_id))
        for grant in grants:
            grant.stopped = self._case.count
        self._epochs.setdefault(event.origin, Epochs()).stop(event.epoch)
        self._account()
        return findings

    def _destroyed(self, heard: Heard) -> Collection[Finding]:
        event: Any = heard.event
        grant = self._grants.get(event.grant_id)
        if grant is not None and grant.recipient == event.origin and grant.destroyed is None:
            grant.destroyed = self._case.count
            self._account()
        return ()

    def _claimed(self, heard: Heard) -> Collection[Finding]:
        event: Any = heard.event
        grant = self._grants.get(event.grant_id)
        if grant is not None and grant.recipient == event.origin:
            grant.claims.append((self._case.count, event.until))
            self._account()
        return ()

    def _account(self) -> None:
        """Let go of stops without which nobody can read anything new."""
        owing = {
            (grant.handoff_id, grant.origin) for grant in self._grants.values() if self._owes(grant)
        }
        for done in self._owed.keys() - owing:
            del self._owed[done]

    def _owes(self, grant: Grant) -> bool:
        """Say whether a grant has still to be stopped once its basis has ended.

        Not if its epoch was stopped with another handoff, and its recipient has said what became
        of its keys: then nothing new is sealed under them, and nobody holds them unaccounted for.
        """
        said = grant.destroyed is not None or bool(grant.claims)
        return grant.stopped is None and not (
            said and grant.epoch <= self._epochs[grant.origin].stopped
        )


_JUDGED: Mapping[type[Any], Callable[[CaseRules, Heard], Collection[Finding]]] = {
    KeysReleased: CaseRules._released,  # noqa: SLF001 - its own methods
    ReleaseStopped: CaseRules._stopped,  # noqa: SLF001
    KeysDestroyed: CaseRules._destroyed,  # noqa: SLF001
    RetentionClaimed: CaseRules._claimed,  # noqa: SLF001
}


class Rules:
    """The rules over many cases whose events come interleaved, each case in its order."""

    def __init__(self, *, within: timedelta = WITHIN) -> None:
        """Begin with no case."""
        self._within = within
        self._cases: dict[UUID, CaseRules] = {}

    def hear(self, heard: Heard) -> list[Finding]:
        """Take in the next event of the shared topic; return what it breaks."""
        return self._of(heard.event.case_id).hear(heard)

    def look(self, heard: Heard) -> list[Finding]:
        """Take in the next event of the own national topic; return what it breaks."""
        return self._of(heard.event.case_id).look(heard)

    def end(self, until: datetime, case_id: UUID | None = None) -> list[Finding]:
        """Let go of one case, or of all; return what had to come by then and has not."""
        if case_id is not None:
            case = self._cases.pop(case_id, None)
            return [] if case is None else case.end(until)
        cases, self._cases = self._cases, {}
        return [finding for case in cases.values() for finding in case.end(until)]

    def _of(self, case_id: UUID) -> CaseRules:
        case = self._cases.get(case_id)
        if case is None:
            case = self._cases[case_id] = CaseRules(case_id, self._within)
        return case
