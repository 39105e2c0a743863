"""Which records of a topic are events, and where they take effect: one pure function.

It reads the records of one partition in order, the pinned log keys, and nothing else; so every
reader of the same prefix admits the same events, whatever its batches and its installed schemas.
What becomes of a record:

* *noise*: no event of any case. Not framed, too large, no readable stamp, another case's key or
  partition, an origin that may not write here, or no valid signature of that origin.
* *repeat*: the very bytes of an event that was admitted before, dropped, whatever index it has in
  the origin's log this time.
* *equivocation*: another event of the same origin with the same version of the case, or with the
  same event id. The first in topic order counts, the second is kept and pages a person. An event
  id is unique per origin: otherwise one country could use up an id that another will derive.
* *placed*: takes effect here. Then every held event of the case that waited for it follows at
  once, lowest offset first.
* *held*: the origin's version before it has not taken effect, or (on the shared topic) what its
  decider had seen has not. Other origins' events go on. A national event is never held for what
  it has seen: that stands on another topic, and two topics have no common order.

What needs the schema, such as a body that cannot be read, is judged at the event's place
(ledger.case.reading), because a reader without the schema has to admit the same events. The log
index is covered by the signature and judged by the witness: records of one log stand in several
partitions, so "the first of two with one index" is no function of a partition's prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from consumers.examination import Claim, Outcome, Reason, Stray
from events.stamp import NOTHING_SEEN
from ledger.case.case import Topic
from ledger.mirror import Said, Standing, Waiting
from ledger.mirror.standing import LEAF_BYTES, stands_in


class Placement(NamedTuple):
    """An event at its place: its own offset and rank 0, or that of the record that released it."""

    event: Claim | Waiting
    case_id: UUID
    effect_offset: int
    effect_rank: int


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of some records."""

    placed: tuple[Placement, ...]
    held: tuple[Claim, ...]
    strays: tuple[Stray, ...]
    #: What is known of their cases afterwards; only `admit` tells.
    standings: Mapping[UUID, Standing] = field(default_factory=dict)


class Admitter:
    """Admits the records of one partition, and remembers what it has to know of their cases."""

    def __init__(self, topic: Topic) -> None:
        self._shared = topic is Topic.SHARED
        self._cases: dict[UUID, _Case] = {}

    def unknown(self, found: Iterable[Claim | Stray]) -> set[UUID]:
        """Return the cases of which nothing is remembered: their standing has to be learnt."""
        return {
            one.case_id
            for one in found
            if isinstance(one, Claim) and one.case_id not in self._cases
        }

    def learn(self, cases: Iterable[UUID], known: Mapping[UUID, Standing]) -> None:
        """Take over what is known of cases; of those not in `known` there is no earlier record."""
        for case_id in cases:
            self._cases[case_id] = _Case.of(known.get(case_id, Standing()), shared=self._shared)

    def standings(self) -> dict[UUID, Standing]:
        """Return what is known of every case that is remembered."""
        return {case_id: case.standing() for case_id, case in self._cases.items()}

    def forget(self, *, most: int) -> None:
        """Keep only so many cases, those that were learnt last."""
        for case_id in list(self._cases)[: max(0, len(self._cases) - most)]:
            del self._cases[case_id]

    def admit(self, found: Iterable[Claim | Stray]) -> Admission:
        """Return what becomes of checked records, in offset order; their cases are known."""
        placed: list[Placement] = []
        held: dict[int, Claim] = {}
        strays: list[Stray] = []
        for claim in found:
            if isinstance(claim, Stray):
                strays.append(claim)
                continue
            case, at = self._cases[claim.case_id], claim.offset
            if (stray := case.refuse(claim)) is not None:
                strays.append(stray)
            elif follow := case.settle(claim):
                for rank, event in enumerate(follow):
                    placed.append(Placement(event, claim.case_id, at, rank))
                    held.pop(event.offset, None)
            else:
                held[at] = claim
        for claim in held.values():
            self._cases[claim.case_id].put_by(claim)
        return Admission(tuple(placed), tuple(held.values()), tuple(strays))


def admit(
    found: Sequence[Claim | Stray], known: Mapping[UUID, Standing], *, topic: Topic
) -> Admission:
    """Return what becomes of checked records of one partition, and what is known afterwards.

    The whole of admission as one pure function: `known` tells what is known of earlier records,
    for every case that is known at all.
    """
    admitter = Admitter(topic)
    admitter.learn(admitter.unknown(found), known)
    return replace(admitter.admit(found), standings=admitter.standings())


@dataclass(slots=True)
class _Case:
    """A case while records are admitted to it."""

    shared: bool
    leaves: dict[str, bytearray]
    event_ids: dict[str, bytearray]
    waiting: dict[tuple[str, int], Claim | Waiting]
    #: Event ids of the waiting ones, by origin.
    waiting_ids: set[tuple[str, UUID]] = field(default_factory=set)

    @classmethod
    def of(cls, standing: Standing, *, shared: bool) -> _Case:
        said = standing.said.items()
        return cls(
            shared,
            {origin: bytearray(one.leaves) for origin, one in said},
            {origin: bytearray(one.event_ids) for origin, one in said},
            {(one.origin, one.version): one for one in standing.held},
            {(one.origin, one.event_id) for one in standing.held},
        )

    def standing(self) -> Standing:
        said = {
            origin: Said(bytes(leaves), bytes(self.event_ids[origin]))
            for origin, leaves in self.leaves.items()
        }
        waiting = sorted(self.waiting.values(), key=lambda one: one.offset)
        return Standing(said, tuple(Waiting(*one[:6]) for one in waiting))

    def refuse(self, claim: Claim) -> Stray | None:
        """Return why a signed record is no new event of the case, or None if it is one."""
        origin, version = claim.origin, claim.version
        leaves = self.leaves.get(origin, b"")
        end = version * LEAF_BYTES
        before: bytes | bytearray | None = None
        if end <= len(leaves):
            before = leaves[end - LEAF_BYTES : end]
        elif (waiting := self.waiting.get((origin, version))) is not None:
            before = waiting.leaf
        if before is not None:
            if before == claim.leaf:
                return _stray(Outcome.REPEAT, Reason.SAME_BYTES, claim)
            return _stray(Outcome.EQUIVOCATION, Reason.SAME_VERSION, claim)
        said = stands_in(self.event_ids.get(origin, b""), claim.event_id.bytes)
        if said or (origin, claim.event_id) in self.waiting_ids:
            return _stray(Outcome.EQUIVOCATION, Reason.SAME_EVENT_ID, claim)
        return None

    def put_by(self, claim: Claim) -> None:
        """Remember a held event as later batches will find it: in the mirror."""
        self.waiting[claim.origin, claim.version] = Waiting(*claim[:6])

    def settle(self, claim: Claim) -> list[Claim | Waiting]:
        """Return the events that take effect now, in order; none if the new one has to wait."""
        follow: list[Claim | Waiting] = []
        ready: Claim | Waiting | None = claim
        if not self._is_ready(claim):
            self.waiting[claim.origin, claim.version] = claim
            self.waiting_ids.add((claim.origin, claim.event_id))
            return follow
        while ready is not None:
            self._take(ready)
            follow.append(ready)
            ready = self._next() if self.waiting else None
        return follow

    def _is_ready(self, event: Claim | Waiting) -> bool:
        if event.version * LEAF_BYTES != len(self.leaves.get(event.origin, b"")) + LEAF_BYTES:
            return False
        if not self.shared or event.seen == NOTHING_SEEN:
            return True
        return any(stands_in(leaves, event.seen) for leaves in self.leaves.values())

    def _take(self, event: Claim | Waiting) -> None:
        self.leaves.setdefault(event.origin, bytearray()).extend(event.leaf)
        self.event_ids.setdefault(event.origin, bytearray()).extend(event.event_id.bytes)
        if self.waiting.pop((event.origin, event.version), None) is not None:
            self.waiting_ids.discard((event.origin, event.event_id))

    def _next(self) -> Claim | Waiting | None:
        """Return the waiting event of lowest offset that may take effect now."""
        origins = {origin for origin, _ in self.waiting}
        following = (
            self.waiting.get((origin, len(self.leaves.get(origin, b"")) // LEAF_BYTES + 1))
            for origin in origins
        )
        ready = [event for event in following if event is not None and self._is_ready(event)]
        return min(ready, key=lambda event: event.offset, default=None)


def _stray(outcome: Outcome, reason: Reason, claim: Claim) -> Stray:
    return Stray(outcome, reason, claim.offset, claim.leaf, claim.origin)
