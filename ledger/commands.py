"""How a request becomes rows: look, decide, append, and tell what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from events.codes import Purpose
from events.errors import (
    AccessRefused,
    KeyReused,
    Overtaken,
    ProtectiveRefusal,
)
from ledger.case.access import access_data, break_glass, deny_access
from ledger.case.care import record_refusal
from ledger.deciding import Decider, Plan
from ledger.history import Histories, History
from ledger.readiness import Readiness
from ledger.receipt import Receipt, recorded_event
from ledger.recorder import Keyed
from ledger.request import Decision, Request, decision
from ledger.snapshot import CaseReader, Snapshot
from ledger.store import Store
from ledger.verdicts import Verdicts

#: Decisions to show data: what is kept of their refusal says which data.
_LOOKS = frozenset({access_data.__name__, break_glass.__name__})
#: A refusal that protects is recorded even if others decide on the case at the same moment.
_REFUSAL_ATTEMPTS = 10


class Commands:
    """The parts of a command, for one at a time (`record`) and for many (`ledger/bulk.py`)."""

    def __init__(
        self, store: Store, histories: Histories, decider: Decider, *, partitions: int
    ) -> None:
        self.store = store
        self.reader = CaseReader(store, histories)
        self.verdicts = Verdicts(store)
        self._histories = histories
        self._decider = decider
        self._readiness = Readiness(store, partitions=partitions)

    def record(self, request: Request, *, retries: int = 0) -> Receipt:
        """Decide and record; decide again up to `retries` times if somebody else was first."""
        while True:
            try:
                return self._record(request)
            except Overtaken:
                if retries == 0 or request.expected_number is not None:
                    raise
                retries -= 1

    def look(self, request: Request) -> Snapshot:
        """Return what lies before a decision; ServiceUnavailable if the node may not decide yet.

        The pseudonym of a new case is random, never derived from the key: whoever knows the key
        must not find the child.
        """
        seen = self.reader.read(request.case_id or uuid4(), request.key)
        self._readiness.require(seen.incarnation, seen.generation)
        return seen

    def look_many(self, requests: Sequence[Request]) -> list[Snapshot]:
        """Return what lies before each request; new cases share one look."""
        known = self.reader.known([request.key for request in requests if request.key])
        shared: Snapshot | None = None
        seen = []
        for request in requests:
            if request.case_id is not None:
                seen.append(self.look(request))
                continue
            shared = shared or self.look(replace(request, key=None))
            history = History.nothing(uuid4(), shared.history.country)
            found = known.get(request.key) if request.key else None
            seen.append(replace(shared, history=history, known=found))
        return seen

    def plan(self, request: Request, seen: Snapshot) -> Plan:
        """Decide; a refusal that protects the child is recorded before it is raised."""
        try:
            return self._decider.plan(request, seen)
        except (ProtectiveRefusal, AccessRefused) as refusal:
            if seen.history.case.is_known:  # a case that was not opened has no history
                case_id = seen.history.settled.case_id
                self._keep_refusal(request, kept_of(request, refusal), case_id)
            raise

    def _keep_refusal(self, request: Request, kept: Decision, case_id: UUID) -> None:
        refused = Request(by=request.by, decisions=(kept,), case_id=case_id)
        self.record(refused, retries=_REFUSAL_ATTEMPTS)

    def conclude(self, request: Request, plan: Plan) -> Receipt:
        """Return the receipt of a plan after its append. Overtaken if it lost a race."""
        if plan.append.known is not None:
            return self.replay(request, plan.append.known)
        if plan.append.taken:
            raise Overtaken(f"case {plan.case_id}: somebody else decided first")
        self._histories.keep(plan.history)
        return plan.receipt

    def replay(self, request: Request, known: Keyed) -> Receipt:
        """Return what was recorded under a key. KeyReused if something else was asked then."""
        if known.request_hash != request.hash:
            raise KeyReused("this idempotency key was used for another request")
        rows = self.reader.events(known)
        receipt = Receipt(
            case_id=known.case_id,
            number=rows[-1][0].number if rows else 0,
            events=tuple(recorded_event(one, value) for one, value in rows),
            replayed=True,
        )
        return self.verdicts.judged(receipt)

    def _record(self, request: Request) -> Receipt:
        seen = self.look(request)
        if seen.known is not None:
            return self.replay(request, seen.known)
        plan = self.plan(request, seen)
        self.store.append(plan.append)
        return self.conclude(request, plan)


def kept_of(request: Request, refusal: ProtectiveRefusal | AccessRefused) -> Decision:
    """Return the decision that records a refusal, with its true rule."""
    rule = refusal.rule
    if isinstance(refusal, AccessRefused):
        rule = refusal.recorded_as
        for one in request.decisions:
            if one.name in _LOOKS:
                asked = one.arguments
                purpose = asked.get("purpose", Purpose.UNKNOWN)
                return decision(deny_access, scopes=asked["scopes"], purpose=purpose, rule=rule)
    tried = ", ".join(one.name for one in request.decisions)
    return decision(record_refusal, decision=tried, rule=rule)
