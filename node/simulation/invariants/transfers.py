"""T1 to T7: responsibility moves in deliberate steps, and never to two or to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from node.simulation.history import Line, Story

#: How long after its due day a transfer may still be answered.
_GRACE = timedelta(days=1)
_FINAL = {"TransferRejected", "TransferRevoked", "TransferExpired"}
_ENDS = {"CaseClosed", "CaseJoined"}


@dataclass(slots=True)
class Transfer:
    """A transfer, as the topic has it."""

    sender: str
    receiver: str
    due_on: date
    basis_id: UUID
    state: str = "proposed"
    accepted_by: str | None = None
    key: bytes | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still move responsibility."""
        return self.state in {"proposed", "previewed", "accepted"}


Transfers = dict[UUID, Transfer]


def walked(lines: Sequence[Line]) -> Iterator[tuple[Line, Transfers, str | None]]:
    """Yield each line with the transfers, and who answers for the child, before it."""
    known: Transfers = {}
    answers: str | None = None
    for line in lines:
        yield line, known, answers
        event: Any = line.event
        if line.kind == "CaseOpened":
            answers = event.responsible
        elif line.kind == "ResponsibilityMoved":
            answers = event.origin
        _hear(known, line)


def _hear(known: Transfers, line: Line) -> None:
    event: Any = line.event
    if line.kind == "TransferProposed":
        known[event.handoff_id] = Transfer(
            event.origin, event.recipient, event.due_on, event.basis_id
        )
        return
    _falls_back(known, line)
    one = known.get(getattr(event, "handoff_id", None))  # type: ignore[arg-type]
    if one is None:
        return
    if line.kind == "TransferPreviewed":
        one.state = "previewed"
    elif line.kind == "TransferAccepted":
        one.state, one.accepted_by, one.key = "accepted", event.origin, event.grant_key
    elif line.kind == "ResponsibilityMoved":
        one.state = "moved"
    elif line.kind in _FINAL:
        one.state = "ended"


def _falls_back(known: Transfers, line: Line) -> None:
    """A case that is not ready any more revokes what nobody has accepted."""
    event: Any = line.event
    ended = getattr(event, "consent_id", None) or getattr(event, "override_id", None)
    taken_back = line.kind in {"ConsentWithdrawn", "OverrideEnded", "ConsentRefused"}
    waiting = [one for one in known.values() if one.state in {"proposed", "previewed"}]
    not_ready = line.kind == "StatusChanged" and event.status == "not_ready"
    # A refusal may meet any consent: what rests on one that it met is found by what follows.
    if not_ready or (taken_back and any(one.basis_id == ended for one in waiting)):
        for one in waiting:
            one.state = "ended"


def one_country_answers_at_every_place(story: Story) -> Iterator[str]:
    """T1: for every open case and every instant exactly one responsible country.

    The intervals of every country's read model begin where the lines say, and end where the next
    begins: no gap and no overlap.
    """
    expected = _beginnings(story.shared)
    for country, told in story.told.items():
        shared = [one for one in told.spans if one["topic"] == "shared"]
        begun = [(one["since_place"], one["country"]) for one in shared]
        if told.shared and begun != expected:
            yield f"{country} shows other intervals than the lines have"
        ends = [*(one["since_place"] for one in shared[1:]), None]
        for one, until in zip(shared, ends, strict=False):
            if one["until_place"] != until:
                yield f"{country} shows a gap or an overlap from {one['since_place']}"
        if told.file is not None and told.file["responsible"] is None:
            yield f"in {country} nobody answers"


def _beginnings(lines: Sequence[Line]) -> list[tuple[int, str]]:
    """Return the places, from 1, at which somebody begins to answer, by the lines themselves."""
    found: list[tuple[int, str]] = []
    for place, line in enumerate(lines, 1):
        event: Any = line.event
        if line.effective and line.kind == "CaseOpened":
            found.append((place, event.responsible))
        elif line.effective and line.kind == "ResponsibilityMoved" and found[-1:]:
            found.append((place, event.origin))
    return found


def acceptance_moves_nothing(story: Story) -> Iterator[str]:
    """T2: the sender answers until ResponsibilityMoved, which its receiver appends after accepting.

    Only an accepted transfer to this very country moves it, and never while nothing was proposed.
    """
    for line, known, answers in walked(story.effective):
        if line.kind != "ResponsibilityMoved":
            continue
        event: Any = line.event
        one = known.get(event.handoff_id)
        if one is None or one.state != "accepted" or event.origin != one.receiver:
            yield f"{event.event_id} moved what was not accepted by who took it"
        elif answers != one.sender:
            yield f"{event.event_id} took a child over from who did not answer for her"


def every_answer_has_its_time(story: Story) -> Iterator[str]:
    """T3: a pending acceptance has an expiry, and then the case returns to its sender.

    Nobody accepts after the due day and its grace; only the sender lets it expire, and not before.
    """
    for line, known, answers in walked(story.effective):
        event: Any = line.event
        one = known.get(getattr(event, "handoff_id", None))  # type: ignore[arg-type]
        if one is None or line.kind not in {"TransferAccepted", "TransferExpired"}:
            continue
        late = event.recorded_at.date() > one.due_on + _GRACE
        if line.kind == "TransferAccepted" and late:
            yield f"{event.event_id} accepted after its time"
        if line.kind == "TransferExpired" and not (late and event.origin == one.sender == answers):
            yield f"{event.event_id} expired before its time, or by another country"


def nothing_closes_while_handed_over(story: Story) -> Iterator[str]:
    """T4: closing, joining or deleting a case with a pending transfer is refused."""
    for line, known, _ in walked(story.effective):
        if line.kind in _ENDS and any(one.is_open for one in known.values()):
            yield f"{line.event.event_id} ended a case that was being handed over"


def nothing_pulls_responsibility_back(story: Story) -> Iterator[str]:
    """T5: related streams (siblings, tracing, referrals) do not pull ownership back.

    There are as many intervals as openings and moves, in every country, whatever else happened.
    """
    moves = sum(line.kind == "ResponsibilityMoved" for line in story.effective)
    for country, told in story.told.items():
        shared = [one for one in told.spans if one["topic"] == "shared"]
        if told.shared and len(shared) != moves + 1:
            yield f"{country} has {len(shared)} intervals after {moves} moves"


def sharing_again_is_another_sharing(story: Story) -> Iterator[str]:
    """T6: to share again with the same party is legal and versioned.

    A handoff begins once; a new one has an id of its own. A proposal is void for another one only
    while another one is open.
    """
    begun: set[UUID] = set()
    for line in story.effective:
        event: Any = line.event
        if line.kind in {"TransferProposed", "ReferralSent", "TransferRequested"}:
            if event.handoff_id in begun:
                yield f"{event.event_id} began a handoff that was there"
            begun.add(event.handoff_id)
    for line, known in _with_void(story):
        void = line.kind == "TransferProposed" and line.void_reason == "handoff_open"
        if void and not any(one.is_open for one in known.values()):
            yield f"{line.event.event_id} was void for a handoff that was over"


def _with_void(story: Story) -> Iterator[tuple[Line, Transfers]]:
    known: Transfers = {}
    for line in story.shared:
        yield line, known
        if line.effective:
            _hear(known, line)


def who_answers_has_more_than_a_pseudonym(story: Story) -> Iterator[str]:
    """T7: a copy that is only pseudonymised is not the copy of who answers for the child.

    Whoever takes her over has asked for what is known of her, when it accepted: with a key.
    """
    for line, known, _ in walked(story.effective):
        event: Any = line.event
        if line.kind == "ResponsibilityMoved":
            one = known.get(event.handoff_id)
            if one is None or one.key is None:
                yield f"{event.event_id} took over a pseudonym, and nothing that is known of her"
