"""One country's part in a case, played through the country's ledger as its people would.

Every decision is a real one: the ledger looks, judges and records or refuses. Nothing is known of
what the other country does at the same moment; what became of it is told by the topic.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from events.errors import DecisionRefused, KeyReused, LedgerError, Overtaken, ServiceUnavailable
from events.stamp import Actor
from ledger.case import access, care, identity
from ledger.receipt import Receipt
from ledger.service import Ledger
from node.simulation import invented
from node.simulation.agenda import Agenda
from node.simulation.moves import WAIT, Move, forbidden, moves
from node.simulation.plan import CasePlan, Manner, Part, Turn, draw_of
from node.simulation.seen import Seen
from node.simulation.tally import Tally

#: How often somebody looks again whether anything that he wishes for is possible, and after what.
_LOOKS, _LOOK_S = 4, 0.2
#: How long whoever has not heard of a case waits before he listens again.
_LISTEN_S = 0.5
#: Two countries contradict each other after so long: time for both to be ready.
_AT_ONCE_S = 0.05
#: After this somebody asks again who got no answer, and for so long he does not give up.
_AGAIN_S, _PATIENCE_S = 0.5, 240.0
#: How often somebody decides again who was overtaken.
_ATTEMPTS = 5


@dataclass(frozen=True)
class Desk:
    """One country: its ledger, and the turns that wait for a free person."""

    country: str
    ledger: Ledger
    agenda: Agenda


@dataclass(frozen=True)
class Stage:
    """What all cases of a run share."""

    #: In every idempotency key: another run with the same seed asks for something else.
    run: str
    seed: int
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Attempt:
    """A move with everything that is said by it."""

    move: Move
    by: Actor
    arguments: Mapping[str, Any]
    key: str
    #: Last shared event that was seen, and the case's last decision then.
    head: bytes
    number: int
    numbered: bool = False
    #: How often somebody else was first.
    overtaken: int = 0


def chosen(turn: Turn, seen: Seen) -> Move | None:
    """Return the dearest wish that is possible; None if that is to wait."""
    table = forbidden() if turn.manner is Manner.FORBIDDEN else moves()
    wishes = takewhile(lambda name: name != WAIT, turn.wishes)
    return next((table[name] for name in wishes if table[name].when(seen)), None)


class PartPlay:
    """What one country does in a case, turn by turn."""

    def __init__(self, plan: CasePlan, part: Part, desk: Desk, stage: Stage) -> None:
        self.part, self._plan, self._desk, self._stage = part, plan, desk, stage
        #: The other countries in this case; who is told of the end.
        self.others: Mapping[str, PartPlay] = {}
        self.ended: Callable[[], None] = lambda: None
        self._case_id = UUID(int=0)
        self._at, self._looks, self.is_over = 0, 0, False

    def open(self, told: Callable[[UUID], None]) -> None:
        """Open the case, and tell its pseudonym."""
        draw = draw_of(f"{self._stage.seed}/{self._plan.number}/child")
        data = invented.child(draw, self.part.country)

        def opening() -> None:
            by = self.part.cast["caseworker"]
            door = self._desk.ledger.open(by=by, key=self._key("open"))
            receipt = door.decide(identity.open_case, data=data)
            self._stage.tally.decides("open_case")
            self._stage.tally.opens(receipt.case_id, self._plan.kind, self.part.country)
            told(receipt.case_id)

        self._later(opening, 0.0)

    def begin(self, case_id: UUID) -> None:
        """Take part in a case that is open."""
        self._case_id = case_id
        self._next()

    def contradict(self, name: str, turn: Turn, label: str) -> bool:
        """Make one move at the moment at which another country makes its own, if it is possible."""
        seen = self._seen(replace(turn, seed=turn.seed + 1), label)
        move = moves()[name]
        if seen is None or not move.when(seen):
            return False
        attempt = self._attempt(move, seen, label)
        self._later(lambda: self._decide(attempt, turn, then=lambda: None), _AT_ONCE_S)
        return True

    def _next(self) -> None:
        """Wait for the next turn; after the last one the part is over."""
        if self._at == len(self.part.turns):
            self.is_over = True
            self.ended()
            return
        self._looks = 0
        self._later(self._look, self.part.turns[self._at].pause_s)

    def _done(self) -> None:
        self._at += 1
        self._next()

    def _look(self) -> None:
        """Choose the dearest wish that is possible on what this country knows, and make it."""
        turn = self.part.turns[self._at]
        seen = self._seen(turn, str(self._at))
        if seen is None:
            self._listen()
            return
        move = chosen(turn, seen)
        if move is None:
            self._look_again(turn)
            return
        attempt = self._attempt(move, seen, str(self._at))
        pause_s = self._pause(attempt, turn)
        self._later(lambda: self._decide(attempt, turn, then=self._done), pause_s)

    def _pause(self, attempt: Attempt, turn: Turn) -> float:
        """Return how long to wait with a decision: to think, or for who contradicts."""
        if turn.manner in {Manner.LATE, Manner.LATE_NUMBERED}:
            return turn.late_s
        if not turn.contradicted or attempt.move.against is None:
            return 0.0
        label = f"{self.part.country}.{self._at}"
        other = self.others.get(self.part.other)
        if other is None or not other.contradict(attempt.move.against, turn, label):
            return 0.0
        self._stage.tally.count("contradicted")
        return _AT_ONCE_S

    def _decide(self, attempt: Attempt, turn: Turn, then: Callable[[], None]) -> None:
        """Take a decision, count what comes of it, and go on."""
        tally = self._stage.tally
        numbered = turn.manner in {Manner.LATE_NUMBERED, Manner.FORBIDDEN}
        try:
            receipt = self._taken(replace(attempt, numbered=numbered))
            self._compare(attempt, turn, receipt)
        except Overtaken:
            tally.count("overtaken")
            if not numbered and attempt.overtaken < _ATTEMPTS:
                again = replace(attempt, overtaken=attempt.overtaken + 1)
                self._later(lambda: self._decide(again, turn, then), 0.01)
                return
        except DecisionRefused as refusal:
            tally.refuses(refusal.rule)
        else:
            tally.decides(attempt.move.take.__name__)
        if turn.manner is Manner.FORBIDDEN:
            tally.count("forbidden")
        then()

    def _taken(self, attempt: Attempt) -> Receipt | None:
        take, ledger = attempt.move.take, self._desk.ledger
        if take is access.access_data:
            ledger.read(self._case_id, by=attempt.by, **attempt.arguments)
            return None
        number = attempt.number if attempt.numbered else None
        door = ledger.on(self._case_id, by=attempt.by, key=attempt.key, expected_number=number)
        return door.decide(take, **attempt.arguments)

    def _compare(self, attempt: Attempt, turn: Turn, receipt: Receipt | None) -> None:
        """Look whether a forbidden move was let in, and whether a repeated one was repeated."""
        tally, name = self._stage.tally, attempt.move.name
        if turn.manner is Manner.FORBIDDEN and attempt.head == self._head():
            tally.lets_in(name, self._case_id)
        if turn.manner is Manner.REPEATED and receipt is not None:
            tally.count("repeated")
            if not self._is_repeated(attempt, receipt):
                tally.repeats_otherwise(name, self._case_id)

    def _is_repeated(self, attempt: Attempt, receipt: Receipt) -> bool:
        """Say whether the same request gives the recorded result, and another one nothing."""
        again = self._taken(attempt)
        recorded = [event.event_id for event in receipt.events]
        if again is None or [event.event_id for event in again.events] != recorded:
            return False
        door = self._desk.ledger.on(self._case_id, by=attempt.by, key=attempt.key)
        try:
            door.decide(care.record_views, views_id=UUID(int=0))
        except KeyReused:
            return True
        except ServiceUnavailable:
            raise
        except LedgerError:
            return False
        return False

    def _attempt(self, move: Move, seen: Seen, label: str) -> Attempt:
        head, number = seen.case.settled.head, seen.case.number
        arguments = move.arguments(seen)
        return Attempt(move, move.actor(seen), arguments, self._key(label), head, number)

    def _seen(self, turn: Turn, label: str) -> Seen | None:
        """Return what this country knows of the case; None if it has heard nothing."""
        case = self._desk.ledger.case(self._case_id)
        if not case.is_known:
            return None
        return Seen(
            case=case,
            other=self.part.other,
            kind=self._plan.kind,
            cast=self.part.cast,
            progress=self._at / len(self.part.turns),
            turn=f"{self.part.country}/{label}",
            draw=draw_of(turn.seed),
            today=datetime.now(UTC).date(),
            neighbour=self._stage.tally.neighbour(self.part.country, self._case_id),
        )

    def _head(self) -> bytes:
        return self._desk.ledger.case(self._case_id).settled.head

    def _listen(self) -> None:
        """Wait until somebody tells of the case; when nobody can any more, there is no part."""
        if not all(one.is_over for one in self.others.values()):
            self._later(self._look, _LISTEN_S)
            return
        self._at = len(self.part.turns)
        self._next()

    def _look_again(self, turn: Turn) -> None:
        """Wait for the other country's answer, for a while; where there is none, go on."""
        self._looks += 1
        waits = bool(self.others) and not all(one.is_over for one in self.others.values())
        if waits and self._looks < _LOOKS and turn.manner is not Manner.FORBIDDEN:
            self._later(self._look, _LOOK_S * self._looks)
            return
        self._stage.tally.count("idle")
        self._done()

    def _later(self, task: Callable[[], None], pause_s: float, since: float | None = None) -> None:
        """Do something after a pause; again if a program or a server does not answer meanwhile."""

        def patiently() -> None:
            try:
                task()
            except ServiceUnavailable:
                first = since or time.monotonic()
                if time.monotonic() - first > _PATIENCE_S:
                    raise
                self._stage.tally.count("unavailable")
                self._later(task, _AGAIN_S, first)

        self._desk.agenda.put(patiently, time.monotonic() + pause_s)

    def _key(self, label: str) -> str:
        return f"sim/{self._stage.run}/{self._plan.number}/{self.part.country}/{label}"
