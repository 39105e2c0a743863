"""What a country's own events say about its work with the child: parts of the national plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from events.codes import AgeBand, BasisKind, ConsentGiver, DataScope, Purpose


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a basis is for, who asked for it, who gave it, and who must not see the data."""

    kind: BasisKind
    purpose: Purpose
    requested_by: str
    given_by: ConsentGiver = ConsentGiver.UNKNOWN
    giver: str | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    withheld_from: tuple[str, ...] = ()
    reason: str | None = None
    #: Who refused it or took it back.
    ended_by: ConsentGiver = ConsentGiver.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A withdrawal that did not act at once and waits for its review."""

    given_by: ConsentGiver
    giver: str | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Block:
    """Nothing about the child goes to these countries and persons."""

    countries: tuple[str, ...]
    persons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BrokenGlass:
    """An emergency access: for whom, until when, and whether somebody has looked again."""

    actor: str
    scopes: tuple[DataScope, ...]
    until: datetime
    reviewed: bool = False


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """An erasure on its way: requested, approved, erased; lapsed if another was asked for since."""

    state: str
    requested_by: str
    requester_role: str
    #: How often the case had been closed when it was asked for: it is about that record.
    closures: int


@dataclass(frozen=True, kw_only=True)
class Care:
    """The national work with the child, as far as later decisions depend on it."""

    terms: Mapping[UUID, Terms] = field(default_factory=dict)
    closure_requested_by: str | None = None
    #: Which closure of the case was asked for (1, 2, ...); 0 = none.
    closure_requested: int = 0
    assignee: str | None = None
    guardians: tuple[UUID, ...] = ()
    views_heard: bool = False
    risk_assessed: bool = False
    shared_with: str | None = None
    #: Who refused permission or took it back, where no terms were recorded here.
    ended_by: Mapping[UUID, ConsentGiver] = field(default_factory=dict)
    #: Which adult that was, by pseudonym.
    ended_by_person: Mapping[UUID, str] = field(default_factory=dict)
    withdrawals_asked: Mapping[UUID, Asked] = field(default_factory=dict)
    #: Handoffs that go on without further data.
    forgone: tuple[UUID, ...] = ()
    #: Whether the young person's own consent is sought and not given yet.
    own_consent_sought: bool = False
    #: Blocks that stand; a lifted one is gone.
    blocks: Mapping[UUID, Block] = field(default_factory=dict)
    broken_glass: Mapping[UUID, BrokenGlass] = field(default_factory=dict)
    #: Holds that stand, with their last day.
    holds: Mapping[UUID, date | None] = field(default_factory=dict)
    erasures: Mapping[UUID, Erasure] = field(default_factory=dict)

    def excludes_country(self, country: str) -> bool:
        """Say whether a block stands against a country."""
        return any(country in block.countries for block in self.blocks.values())

    def excludes_person(self, person: str) -> bool:
        """Say whether a block stands against a person."""
        return any(person in block.persons for block in self.blocks.values())
