"""One case as its shared topic tells it: who is party, what was permitted, what was handed over.

Made for auditors, and not from the ledger's fold: it imports nothing of `ledger.case`, judges
less, and can be written again in another language in a day. It does not follow by which states a
case and its handoffs pass; what takes effect by the full rules (design §3) never breaks these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import DataScope
from ledger.log.findings import Heard


class Word(NamedTuple):
    """Where in the case something was said, counted from 0, and by whom."""

    at: int
    origin: str


#: Why something is not permitted, and the word that forbids it, if it was ever permitted.
Objection = tuple[str, Word | None]


@dataclass(slots=True, kw_only=True)
class Permission:
    """A consent or an override; or an id that was used up by a withdrawal or refusal."""

    recipient: str = ""
    scopes: frozenset[DataScope] = frozenset()
    expires_on: date = date.min
    override: bool = False
    ended: Word | None = None
    refused: dict[DataScope, Word] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Handoff:
    """A referral or transfer, as far as a release depends on it."""

    sender: str
    receiver: str
    scopes: frozenset[DataScope]
    transfer: bool
    #: Whether its receiver offered a key for the preview, and for the rest.
    preview_key: bool = False
    key: bool = False
    accepted: bool = False
    moved: bool = False
    ends: list[Word] = field(default_factory=list)


class Ended(NamedTuple):
    """Scopes of a permission that are permitted no longer."""

    basis_id: UUID
    scopes: frozenset[DataScope]


class HeardCase:
    """What one case's events have said so far."""

    __slots__ = (
        *("_data", "_knew", "_leaves", "_protective"),
        *("count", "handoffs", "mistaken", "parties", "permissions"),
    )

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.count = 0
        self.parties: set[str] = set()
        self.permissions: dict[UUID, Permission] = {}
        self.handoffs: dict[UUID, Handoff] = {}
        #: Permissions that are none, because their decider had not seen this word of another.
        self.mistaken: dict[UUID, Word] = {}
        self._leaves: dict[bytes, int] = {}
        #: How much of the case each country had seen, by its own words: that never goes back.
        self._knew: dict[str, int] = {}
        self._protective: dict[str, int] = {}
        #: Events that hold data about the child, and whose it is.
        self._data: dict[UUID, str] = {}

    def place(self, heard: Heard, *, protective: bool) -> None:
        """Give an event its place, the next one."""
        if protective:
            self._protective[heard.event.origin] = self.count
        if getattr(heard.event, "sealed", ()):
            self._data[heard.event.event_id] = heard.event.origin
        self._leaves[heard.leaf] = self.count
        self.count += 1

    def note(self, heard: Heard) -> None:
        """Take in what the decider of the next event says that it had seen."""
        event = heard.event
        self._knew[event.origin] = max(self.place_of(event.seen), self._knew.get(event.origin, -1))

    def place_of(self, seen: bytes) -> int:
        """Return the place that a leaf hash names; -1 for none, or for one not heard here."""
        return self._leaves.get(seen, -1)

    def is_anothers(self, event_id: UUID, country: str) -> bool:
        """Say whether an event of the case holds data of another country than this one."""
        return self._data.get(event_id, country) != country

    def had_seen(self, origin: str, word: Word) -> bool:
        """Say whether a country knew of a word, as its own events show."""
        return word.origin == origin or word.at <= self._knew.get(origin, -1)

    def unseen(self, event: Any) -> Word | None:
        """Return another country's newest protective word, if the decider had not seen it."""
        others = [Word(at, who) for who, at in self._protective.items() if who != event.origin]
        newest = max(others, default=None)
        return newest if newest is not None and newest.at > self.place_of(event.seen) else None

    def objections(
        self, basis_id: UUID, recipient: str, scopes: Collection[DataScope], on: date
    ) -> Iterator[Objection]:
        """Yield what keeps a basis from permitting scopes to go to a country on a day (UTC)."""
        basis = self.permissions.get(basis_id)
        if basis is None:
            yield "no_basis", self.mistaken.get(basis_id)
            return
        if basis.ended is not None:
            yield "withdrawn", basis.ended
            return
        if basis.recipient != recipient:
            yield "other_recipient", None
        if not basis.scopes.issuperset(scopes):
            yield "beyond_basis", None
        if on > basis.expires_on:
            yield "expired", None
        taken = [basis.refused[scope] for scope in scopes if scope in basis.refused]
        for word in dict.fromkeys(taken):
            yield "refused", word
