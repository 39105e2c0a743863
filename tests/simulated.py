"""Cases as `ledger simulate` reads them: lines by hand, and plans played without any server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from events.codes import DataScope
from events.errors import DecisionRefused
from events.stamp import NOTHING_SEEN, Actor, Event
from ledger.case import identity
from node.simulation.history import Line, Story, Told
from node.simulation.moves import Move
from node.simulation.part import chosen
from node.simulation.plan import CasePlan, Manner, Part, Turn, draw_of, planned
from node.simulation.seen import Seen
from tests import given
from tests.given import NOON, SUPERVISOR

CASE = UUID(int=1, version=4)
HEALTH = (DataScope.HEALTH,)
WORKER = Actor(id="cw-1", role="caseworker", organisation="cps")
SECOND = Actor(id="sup-2", role="supervisor", organisation="cps")


class Written:
    """Writes lines: each one minute after the last, with the next version of its origin."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._versions: Counter[tuple[str, str]] = Counter()
        self._minutes = 0

    def __call__(
        self,
        what: type[Event],
        /,
        *,
        origin: str = "KZ",
        by: Actor = SUPERVISOR,
        at: datetime | None = None,
        void: str | None = None,
        topic: str = "shared",
        **fields: Any,
    ) -> Line:
        """Return one more line."""
        self._versions[topic, origin] += 1
        self._minutes += 1
        at = at or NOON + timedelta(minutes=self._minutes)
        event = what(
            event_id=uuid4(), case_id=CASE, origin=origin, version=self._versions[topic, origin],
            seen=NOTHING_SEEN, occurred_at=at, recorded_at=at, actor=by, caused_by=None, **fields,
        )  # fmt: skip
        return Line(event, void is None, void, event.event_id.bytes)

    def home(self, what: type[Event], /, **more: Any) -> Line:
        """Return one more line that only its own country sees."""
        return self(what, topic="national", **more)


def told(shared: Sequence[Line], kz: Sequence[Line] = (), kg: Sequence[Line] = ()) -> Story:
    """Return a case of which both countries have the same, and show what the lines say."""
    began = [
        (at, line.event.responsible if hasattr(line.event, "responsible") else line.event.origin)
        for at, line in enumerate(shared, 1)
        if line.effective and line.kind in {"CaseOpened", "ResponsibilityMoved"}
    ]
    until = [*(at for at, _ in began[1:]), None]
    spans = [
        {"topic": "shared", "country": who, "since_place": at, "until_place": end}
        for (at, who), end in zip(began, until, strict=False)
    ]
    file = {"responsible": began[-1][1] if began else "KZ", "is_shared": bool(shared)}
    return Story(
        CASE,
        {
            country: Told(list(shared), list(national), [*map(dict, spans)], dict(file))
            for country, national in (("KZ", kz), ("KG", kg))
        },
    )


def seen(story: given.Story, plan: CasePlan, part: Part, at: int) -> Seen:
    """Return what a country sees of a case that is played without a server."""
    turn = part.turns[at]
    return Seen(
        case=story[part.country].case,
        other=part.other,
        kind=plan.kind,
        cast=part.cast,
        progress=at / len(part.turns),
        turn=f"{part.country}/{at}",
        draw=draw_of(turn.seed),
        today=NOON.date(),
        neighbour=UUID(int=7, version=4),
    )


def taken(story: given.Story, view: Seen, move: Move) -> None:
    """Take a move on the case that was seen, and let everybody hear of it. DecisionRefused."""
    story[view.country].decide(move.take, by=move.actor(view), **move.arguments(view))
    story.settle()


def played(cases: int, seed: int) -> Iterator[tuple[Move, Turn, str | None]]:
    """Play plans in memory, one turn at a time; yield each move and the rule that refused it."""
    for plan in planned(cases, seed, ("KZ", "KG")):
        story = given.Story("KZ", "KG", seed=plan.number)
        first = plan.parts[0]
        story.did(first.country, identity.open_case, by=first.cast["caseworker"])
        yield from _turns(story, plan)


def _turns(story: given.Story, plan: CasePlan) -> Iterator[tuple[Move, Turn, str | None]]:
    """Take the parts' turns by their share of the way: both end at the same time."""
    order = sorted(
        (at / len(part.turns), part.country, at)
        for part in plan.parts
        for at in range(len(part.turns))
    )
    parts = {part.country: part for part in plan.parts}
    for _, country, at in order:
        part = parts[country]
        view, turn = seen(story, plan, part, at), part.turns[at]
        move = chosen(turn, view) if view.case.is_known else None
        if move is None:
            continue
        try:
            taken(story, view, move)
        except DecisionRefused as refusal:
            yield move, turn, refusal.rule
        else:
            yield move, turn, None


def is_forbidden(turn: Turn) -> bool:
    """Say whether a turn is taken to be refused."""
    return turn.manner is Manner.FORBIDDEN
