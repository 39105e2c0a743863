"""A case once more, step by step from the mirror: what each event did, and who knew what by then.

Two topics have no common order: the shared steps come first, then the country's own. What a country
had certainly seen is a lower bound, by what its own events say (`seen`); it may have seen more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from events.codec import read_stamp
from events.errors import BadInput, CaseUnknown, KeyUnknown, RecordRejected, UnknownSchema
from events.stamp import Event
from ledger import mirror
from ledger.case.case import Topic
from ledger.case.encoding import plane_to_json
from ledger.case.plane import Plane, Verdict, empty
from ledger.case.reading import read_on
from ledger.keys.national import opened
from ledger.mirror import Placed
from node.reading import Reader
from node.words import VOID_WORDS, said
from projections.audit_trail import summary


class Knowledge:
    """How many shared events of the case each country had certainly seen."""

    def __init__(self) -> None:
        """Begin with nobody knowing anything."""
        self._places: dict[bytes, int] = {}
        self._origins: list[str] = []
        self._knew: dict[str, int] = {}

    def of(self, origin: str, seen: bytes) -> int:
        """Take in what the decider of the next event had seen; return its country's place."""
        self._knew[origin] = max(self._places.get(seen, 0), self._knew.get(origin, 0))
        return self._knew[origin]

    def unseen(self, origin: str, place: int) -> list[int]:
        """Return the places above one at which others had spoken."""
        said_since = enumerate(self._origins[place:], place + 1)
        return [at for at, country in said_since if country != origin]

    def add(self, origin: str, leaf: bytes) -> None:
        """Give the next shared event its place, from 1."""
        self._origins.append(origin)
        self._places[leaf] = len(self._origins)

    def all(self) -> dict[str, int]:
        """Return country -> the place up to which it had certainly seen."""
        return dict(self._knew)


def replay(reading: Reader, case_id: UUID) -> Iterator[dict[str, Any]]:
    """Yield the steps of a case in order; CaseUnknown if nothing of it has taken effect here."""
    records = mirror.history(reading.connection, case_id)
    if not records:
        raise CaseUnknown(f"nothing of case {case_id} has taken effect here")
    knowledge, step = Knowledge(), 0
    for topic in (Topic.SHARED, Topic.NATIONAL):
        plane: Plane | None = empty(case_id, shared=topic is Topic.SHARED)
        for record in (one for one in records if one.topic == topic):
            step += 1
            plane, verdict, event = _on(reading, plane, record)
            yield {
                "step": step,
                **_told(record, event, verdict),
                **_known(knowledge, record),
                **_after(plane),
            }


def one_step(reading: Reader, case_id: UUID, number: int) -> dict[str, Any]:
    """Return one step with the whole state after it; BadInput if the case has not so many."""
    last = 0
    for step in replay(reading, case_id):
        last = step["step"]
        if last == number:
            return step
    raise BadInput(f"case {case_id} has {last} steps here, no step {number}")


def waiting(reading: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return what is held: admitted, and without effect until an earlier event arrives."""
    held = mirror.held(reading.connection, case_id)
    return [dict(zip(("topic", "origin", "version"), row, strict=True)) for row in held]


def brief(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step without its whole state, which its hash stands for."""
    return {name: value for name, value in step.items() if name != "state_after"}


def _on(
    reading: Reader, plane: Plane | None, record: Placed
) -> tuple[Plane | None, Verdict | None, Event | None]:
    """Fold on; what follows on an event that cannot be read here cannot be folded, either."""
    if plane is None:
        return None, None, None
    try:
        return read_on(
            plane,
            record.value,
            record.leaf,
            origin=record.origin,
            version=record.version,
            unsealed=partial(opened, keys=reading.keys),
        )
    except (UnknownSchema, KeyUnknown):
        return None, None, None


def _told(record: Placed, event: Event | None, verdict: Verdict | None) -> dict[str, Any]:
    void = None if verdict is None else verdict.void
    says = {} if event is None else summary(event)
    state = "unread" if verdict is None else "void" if void else "effective"
    return {
        "position": f"{record.topic}/{record.partition}@{record.effect_offset}",
        "arrived": record.offset,
        "event": "" if event is None else type(event).__name__,
        "event_id": None if event is None else event.event_id,
        "origin": record.origin,
        "version": record.version,
        "by": "" if event is None else f"{record.origin} {event.actor.role}",
        "recorded_at": None if event is None else event.recorded_at,
        "leaf": record.leaf,
        "state": state,
        "void_reason": void,
        "why": VOID_WORDS.get(void, void) if void else None,
        "says": said(says),
    }


def _known(knowledge: Knowledge, record: Placed) -> dict[str, Any]:
    """Say what the decider had seen, what it had not, and what everybody had after this step."""
    try:
        seen = read_stamp(record.value).seen
    except RecordRejected:  # somebody changed the bytes: `ledger audit check` names it
        seen = b""
    place = knowledge.of(record.origin, seen)
    unseen = knowledge.unseen(record.origin, place) if record.topic == Topic.SHARED else []
    if record.topic == Topic.SHARED:
        knowledge.add(record.origin, record.leaf)
    return {"had_seen": place, "had_not_seen": unseen, "certainly_seen": knowledge.all()}


def _after(plane: Plane | None) -> dict[str, Any]:
    if plane is None:
        return {"responsible": None, "case_state": None, "status": None, "parties": []} | {
            "state_hash": None,
            "state_after": None,
        }
    text = plane_to_json(plane)
    return {
        "responsible": plane.identity.responsible,
        "case_state": plane.identity.state,
        "status": plane.identity.status,
        "parties": list(plane.identity.parties),
        "state_hash": sha256(text).hexdigest(),
        "state_after": json.loads(text),
    }
