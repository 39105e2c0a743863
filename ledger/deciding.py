"""From a request and what lies before it to the rows that would record it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from events.errors import NotAllowedNow, Overtaken
from events.stamp import leaf_hash
from ledger.case.case import Case
from ledger.case.dispute import RULE as ORDER_DISPUTED
from ledger.case.dispute import waits_for_order
from ledger.case.matter import Matter, Paired
from ledger.case.recording import Recorded, decided, record
from ledger.case.steps import Kind, step_of
from ledger.history import History, Own
from ledger.keys.sealing import Sealer, sealed
from ledger.receipt import Receipt, recorded_event
from ledger.recorder import Append, Keyed
from ledger.request import Request
from ledger.snapshot import Snapshot
from ledger.store import Store
from ledger.writing_with import WrittenWith


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be recorded."""

    case_id: UUID
    append: Append
    receipt: Receipt
    #: What is known of the case once it has been recorded.
    history: History


class Decider:
    """Takes decisions; touches neither database nor topic."""

    def __init__(
        self,
        store: Store,
        countries: frozenset[str],
        clock: Callable[[], datetime],
        sealer: Sealer | None = None,
        *,
        partitions: int,
        look: Callable[[UUID], Case],
        paired: Callable[[str, date], Paired | None],
        written_with: WrittenWith | None = None,
    ) -> None:
        self._store = store
        self._partitions = partitions
        self._written_with = written_with
        self._look = look
        self._paired = paired
        self._sealer = sealer
        self._countries = countries
        self._clock = clock

    def plan(self, request: Request, seen: Snapshot) -> Plan:
        """Decide on what was seen. DecisionRefused, Overtaken, NotEncodable, EventTooLarge."""
        history = seen.history
        case_id = history.settled.case_id
        if request.expected_number not in {None, history.number}:
            raise Overtaken(
                f"case {case_id}: its last decision is {history.number},"
                f" not {request.expected_number}"
            )
        made: list[tuple[Recorded, StoredEvent]] = []
        for decision in request.decisions:
            at = self._clock()
            matter = Matter(
                case=history.case,
                by=request.by,
                at=at,
                countries=self._countries,
                new_id=uuid7,
                one_time=partial(self._one_time, case_id),
                look=self._look,
                new_salt=partial(os.urandom, 32),
                agreed=partial(self._agreed, at.date()),
            )
            drafted = record(matter, decided(matter, decision.drafts), salt=os.urandom(32))
            recorded = sealed(drafted, self._sealer)
            fresh = list(zip(recorded, self._store.rows(recorded), strict=True))
            history = history.add([_own(one, row) for one, row in fresh])
            made += fresh
        _require_permitted(seen, [one for one, _ in made])
        self._require_undisputed(seen, [one for one, _ in made])
        if self._written_with is not None:
            self._written_with.require([one for one, _ in made])
        return _plan(request, history, made)

    def _require_undisputed(self, seen: Snapshot, made: list[Recorded]) -> None:
        """Refuse what rests on an order of which countries have two accounts."""
        partition = seen.dispute(self._partitions)
        if partition is not None and any(map(waits_for_order, made)):
            raise NotAllowedNow(
                f"case {seen.history.settled.case_id}: countries have heard partition {partition}"
                " of the shared topic in different orders, so nothing is shared there but what"
                " protects; a person has to find out why: `ledger alarm list`, then"
                " docs/runbooks/order-disputed.md",
                rule=ORDER_DISPUTED,
            )

    def _agreed(self, today: date, country: str) -> Paired | None:
        return self._paired(country, today)

    def _one_time(self, case_id: UUID, handoff_id: UUID, preview: bool) -> bytes | None:
        if self._sealer is None:
            return None
        return self._sealer.one_time(case_id, handoff_id, preview=preview)


def _plan(request: Request, history: History, made: list[tuple[Recorded, StoredEvent]]) -> Plan:
    case_id = history.settled.case_id
    keyed = None
    if request.key is not None:
        event_ids = tuple(one.event.event_id for one, _ in made)
        keyed = Keyed(request.key, request.hash, case_id, event_ids)
    return Plan(
        case_id=case_id,
        append=Append([row for _, row in made], keyed),
        receipt=Receipt(
            case_id=case_id,
            number=history.number,
            events=tuple(recorded_event(one, row.state) for one, row in made),
        ),
        history=history,
    )


def _own(recorded: Recorded, row: StoredEvent) -> Own:
    return Own(recorded.number, recorded.topic, recorded.event, leaf_hash(row.state))


def _require_permitted(seen: Snapshot, made: list[Recorded]) -> None:
    """Refuse permissions while an event of the case is out of sight: it may be a prohibition."""
    if not (seen.held or seen.parked):
        return
    for one in made:
        if step_of(one.event).kind_of(one.event) is Kind.PERMISSIVE:
            why = "is held" if seen.held else "cannot be read here"
            raise NotAllowedNow(
                f"case {one.event.case_id}: an event of it {why}, so no permission is given",
                rule="held" if seen.held else "parked",
            )
