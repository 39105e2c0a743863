"""Histories in the words of the domain: who said what, in the order of the topic.

`Story` plays the part of two countries and the referee without any server: each country decides
on what it has seen, and the shared topic is the list in which their events are put.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from events.codec import encode
from events.codes import DataScope, NeutralStatus, Purpose
from events.stamp import Actor, Event, leaf_hash
from ledger.case import consent, identity, referral, transfer
from ledger.case.case import Case, Topic
from ledger.case.fold import fold
from ledger.case.matter import Drafts, Matter
from ledger.case.plane import Plane, Verdict, empty
from ledger.case.recording import Recorded, decided, record

COUNTRIES = frozenset({"KZ", "KG", "UZ"})
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOON = date(2026, 12, 24)
#: Noon of the day on which handoffs are due.
DUE = NOON + (SOON - NOON.date())
SCOPES = (DataScope.IDENTITY, DataScope.HEALTH)

CASEWORKER = Actor(id="cw-1", role="caseworker", organisation="cps-almaty")
#: Why a case is closed, where nothing else is told of it.
CLOSING = {"reason": "case_opened_in_error", "informed": True}
SUPERVISOR = Actor(id="sup-1", role="supervisor", organisation="cps-almaty")


_CHANCE = Random(0)


def new_id() -> UUID:
    """Return an id; the same story told again from its start gets the same ids."""
    return UUID(int=_CHANCE.getrandbits(128), version=4)


def matter(
    case: Case,
    *,
    by: Actor = SUPERVISOR,
    at: datetime = NOON,
    look: Callable[[UUID], Case] | None = None,
) -> Matter:
    """Return what lies before a person who decides on this case."""
    return Matter(
        case=case, by=by, at=at, countries=COUNTRIES, new_id=new_id, new_salt=_salt,
        look=look or (lambda case_id: Case.unknown(case_id, case.country)),
    )  # fmt: skip


def _salt() -> bytes:
    return _CHANCE.randbytes(32)


@dataclass
class Node:
    """One country: what it has seen of the topic, and what it decided and has not seen back."""

    country: str
    case_id: UUID
    seen: int = 0
    settled: Plane = field(init=False)
    national: Plane = field(init=False)
    waiting: list[tuple[Event, bytes]] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    number: int = 0
    #: The same country's view of other cases.
    others: dict[UUID, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.settled = empty(self.case_id, shared=True)
        self.national = empty(self.case_id, shared=False)

    @property
    def case(self) -> Case:
        """The case as this country would decide on it now."""
        ahead = self.settled
        for event, leaf in self.waiting:
            ahead, _ = fold(ahead, event, leaf)
        return Case(
            case_id=self.case_id,
            country=self.country,
            settled=self.settled,
            ahead=ahead,
            national=self.national,
            number=self.number,
            national_leaves=tuple(self.leaves),
        )

    def decide(self, decision: Callable[..., Drafts], /, **arguments: Any) -> list[Event]:
        """Decide, record, and return the shared events that wait for their place."""
        by = arguments.pop("by", SUPERVISOR)
        at = arguments.pop("at", NOON)
        before = matter(self.case, by=by, at=at, look=self._look)
        drafts = decided(before, partial(decision, **arguments))
        return [
            entry.event for entry in record(before, drafts, salt=bytes(32)) if self._keep(entry)
        ]

    def _look(self, case_id: UUID) -> Case:
        other = self.others.get(case_id)
        return Case.unknown(case_id, self.country) if other is None else other.case

    def decide_anyway(self, decision: Callable[..., Drafts], /, **arguments: Any) -> list[Event]:
        """Record shared events without asking whether they are legal: a node without guards."""
        before = matter(self.case)
        made = []
        for draft in decision(before, **arguments):
            event = draft.kind(
                event_id=new_id(),
                case_id=self.case_id,
                origin=self.country,
                version=before.case.ahead.versions.get(self.country, 0) + 1,
                seen=self.settled.head,
                occurred_at=NOON,
                recorded_at=NOON,
                actor=SUPERVISOR,
                **draft.fields,
            )
            self.waiting.append((event, leaf_hash(encode(event))))
            made.append(event)
        return made

    def _keep(self, entry: Recorded) -> bool:
        leaf = leaf_hash(encode(entry.event))
        self.number = entry.number
        if entry.topic is Topic.SHARED:
            self.waiting.append((entry.event, leaf))
            return True
        self.leaves.append(leaf)
        self.national, verdict = fold(self.national, entry.event, leaf)
        assert verdict.effective, verdict
        return False

    def read(self, event: Event, leaf: bytes) -> Verdict:
        """Fold one more event of the topic."""
        self.waiting = [(own, mark) for own, mark in self.waiting if mark != leaf]
        self.settled, verdict = fold(self.settled, event, leaf)
        self.seen += 1
        return verdict


class Story:
    """A shared topic and the countries that write and read it."""

    def __init__(self, *countries: str, seed: int = 0) -> None:
        """Begin with an unknown case in each country; another seed is another child's case."""
        _CHANCE.seed(len(countries) + 1_000 * seed)
        self.case_id = new_id()
        self.topic: list[tuple[Event, bytes]] = []
        self.verdicts: dict[UUID, Verdict] = {}
        self.nodes = {code: Node(code, self.case_id) for code in countries or ("KZ", "KG")}

    def __getitem__(self, country: str) -> Node:
        """Return one country's node."""
        return self.nodes[country]

    def publish(self, country: str, count: int | None = None) -> None:
        """Put a country's waiting events on the topic, oldest first."""
        node = self.nodes[country]
        known = {leaf for _, leaf in self.topic}
        fresh = [entry for entry in node.waiting if entry[1] not in known]
        self.topic.extend(fresh if count is None else fresh[:count])

    def deliver(self, country: str, count: int | None = None) -> None:
        """Let a country read the topic, all of it or some records further."""
        node = self.nodes[country]
        until = len(self.topic) if count is None else min(len(self.topic), node.seen + count)
        for event, leaf in self.topic[node.seen : until]:
            self.verdicts[event.event_id] = node.read(event, leaf)

    def settle(self) -> None:
        """Publish everything and let everybody read everything."""
        for country in self.nodes:
            self.publish(country)
        for country in self.nodes:
            self.deliver(country)

    def did(self, country: str, decision: Callable[..., Drafts], /, **arguments: Any) -> Event:
        """Decide, settle, and return the last event of the decision."""
        node = self.nodes[country]
        before = node.national
        shared = node.decide(decision, **arguments)
        self.settle()
        assert shared or node.national is not before
        return shared[-1] if shared else _NOTHING

    def verdict(self, event: Event) -> Verdict:
        """Return what the topic's order made of an event."""
        return self.verdicts[event.event_id]


_NOTHING: Any = None


def opened(*countries: str, seed: int = 0) -> Story:
    """Return a story in which KZ has opened a case."""
    story = Story(*countries, seed=seed)
    story.did("KZ", identity.open_case, by=CASEWORKER)
    return story


def known_together(*stories: Story) -> None:
    """Let every country look from each of these cases at the others."""
    for one in stories:
        for country, node in one.nodes.items():
            node.others = {other.case_id: other[country] for other in stories}


def consented(
    story: Story, *, to: str = "KG", purpose: Purpose = Purpose.TRANSFER, days: int = 30
) -> UUID:
    """Let KZ record a consent, and return its id."""
    consent_id = new_id()
    story.did(
        "KZ",
        consent.grant_consent,
        recipient=to,
        purpose=purpose,
        scopes=SCOPES,
        expires_on=NOON.date() + timedelta(days=days),
        consent_id=consent_id,
    )
    return consent_id


def ready(story: Story, country: str = "KZ") -> None:
    """Let a country say that the case may be handed over."""
    story.did(country, identity.change_status, status=NeutralStatus.READY)


def proposed(story: Story, basis_id: UUID, *, to: str = "KG") -> UUID:
    """Let KZ propose a transfer, and return its id."""
    handoff_id = new_id()
    story.did(
        "KZ",
        transfer.propose_transfer,
        recipient=to,
        basis_id=basis_id,
        scopes=SCOPES[:1],
        due_on=SOON,
        handoff_id=handoff_id,
    )
    return handoff_id


def sent(story: Story, basis_id: UUID, *, scopes: tuple[DataScope, ...] = SCOPES) -> UUID:
    """Let KZ send a referral to KG, and return its id."""
    handoff_id = new_id()
    story.did(
        "KZ",
        referral.send_referral,
        recipient="KG",
        basis_id=basis_id,
        scopes=scopes,
        due_on=SOON,
        handoff_id=handoff_id,
    )
    return handoff_id


def changed(event: Event, **fields: Any) -> Event:
    """Return an event with other field values: what a forger or a faulty node would write."""
    return replace(event, **fields)
