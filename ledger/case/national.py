"""What a country's own events say about its work with the child: parts of the national plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from events.codes import AgeBand, BasisKind, ConsentGiver, DataScope, Purpose, RiskLevel


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
class Noted:
    """Which case a suspicion is about, as this country knows it, and what opens its commitment."""

    __pydantic_config__: ClassVar = {"ser_json_bytes": "hex", "val_json_bytes": "hex"}

    other_case_id: UUID
    salt: bytes


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
class Routing:
    """A service that was asked to work with the child, and what became of it."""

    #: asked, accepted; declined, lapsed (no answer in time), withdrawn (not needed), ended.
    state: str
    #: None: the duty desk of the focal point.
    service: str | None
    organisation: str | None
    leads: bool
    answer_by: datetime | None
    contact_by: datetime | None

    @property
    def is_live(self) -> bool:
        """Whether the service has the child, or has still to say whether it takes her."""
        return self.state in LIVE


@dataclass(frozen=True, kw_only=True)
class PlannedItem:
    """Something that is done for the child."""

    #: open, done, not_done, removed.
    state: str
    #: Whether it keeps her safe.
    mandatory: bool
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One version of her protection plan."""

    #: draft, submitted, active, superseded, completed.
    state: str
    number: int
    #: Concerns that it answers.
    concerns: tuple[UUID, ...] = ()
    items: Mapping[UUID, PlannedItem] = field(default_factory=dict)
    submitted_by: str | None = None
    review_by: date | None = None


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Something that is missing for the child, and since when."""

    #: Code of the list `deadline_step`.
    step: str
    #: Which one, if there are several.
    subject: UUID | None
    #: Names the deadline that may be set for it.
    deadline_id: UUID
    since: datetime
    #: When it is over, if somebody has said so; else the rules do.
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """By when it has to be there, and who was told that it is not."""

    due_at: datetime
    breached: bool = False
    #: How often somebody else was told after the breach.
    told: int = 0
    #: When the next one is told.
    next_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A desk that was told that a task waits, or that nobody could reach."""

    task_id: UUID
    step: int
    desk: str
    #: Roles that may acknowledge it.
    roles: tuple[str, ...]
    at: datetime
    reached: bool = True


#: States in which somebody has the child, or is asked.
LIVE = frozenset({"asked", "accepted"})


@dataclass(frozen=True, kw_only=True)
class Care:
    """The national work with the child, as far as later decisions depend on it."""

    terms: Mapping[UUID, Terms] = field(default_factory=dict)
    closure_requested_by: str | None = None
    #: Which closure of the case was asked for (1, 2, ...); 0 = none.
    closure_requested: int = 0
    #: Which of them came about on the shared topic, before the work began again; 0 = none.
    closure_reopened: int = 0
    assignee: str | None = None
    guardians: tuple[UUID, ...] = ()
    views_heard: bool = False
    risk_assessed: bool = False
    #: How urgent it was when it was last assessed.
    risk: RiskLevel = RiskLevel.UNKNOWN
    #: Concerns that are not resolved.
    concerns: tuple[UUID, ...] = ()
    #: Concerns that are none any more, this country's and those that came with a child.
    resolved: tuple[UUID, ...] = ()
    #: Cases of brothers and sisters here, and whether they may go to the same services.
    siblings: Mapping[UUID, bool] = field(default_factory=dict)
    routings: Mapping[UUID, Routing] = field(default_factory=dict)
    #: Event since which the rules have to be asked to whom the case goes; None: they were.
    to_direct: UUID | None = None
    plans: Mapping[UUID, Plan] = field(default_factory=dict)
    #: Event since which the rules have to be asked for a plan; None: they were, or it is too early.
    to_plan: UUID | None = None
    #: Whether deadlines run for the child here.
    monitored: bool = False
    #: What is missing for her, by step and subject; and what is set for it, by deadline.
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    deadlines: Mapping[UUID, Deadline] = field(default_factory=dict)
    #: Event since which the rules have to be asked by when; None: they were.
    to_reckon: UUID | None = None
    #: Whether somebody has spoken to her, an assessment was completed, and she was heard or it was
    #: said why not: since the work with her began, or began again.
    contacted: bool = False
    assessed: bool = False
    views_told: bool = False
    #: The last follow-up; and what asks for a new look at the risk.
    last_follow_up: UUID | None = None
    unsafe: UUID | None = None
    #: Days on which nobody could be reached, since somebody was.
    attempts: tuple[date, ...] = ()
    #: The search for her, and the referrals by which neighbours search, too.
    search: UUID | None = None
    searched_by: tuple[UUID, ...] = ()
    #: Complaints that nobody has answered, and about whom each is.
    complaints: Mapping[UUID, str | None] = field(default_factory=dict)
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
    #: Suspicions that this case yields to another one, as far as this country knows which.
    duplicates: Mapping[UUID, Noted] = field(default_factory=dict)
    #: Suspicion -> case that is to yield to this one, which goes on until that is decided.
    reserved: Mapping[UUID, UUID] = field(default_factory=dict)
    #: The newest notices of each task that nobody has acknowledged.
    notices: Mapping[UUID, Notice] = field(default_factory=dict)
    #: Tasks that somebody has acknowledged, each with the notice by which.
    acknowledged: Mapping[UUID, UUID] = field(default_factory=dict)

    @property
    def known_risk(self) -> str | None:
        """How urgent it was when it was last assessed; None if nobody has said."""
        return None if self.risk is RiskLevel.UNKNOWN else str(self.risk)

    @property
    def is_led(self) -> bool:
        """Whether a service, or the duty desk, leads the work with the child, or is asked to."""
        return any(one.leads and one.is_live for one in self.routings.values())

    def excludes_country(self, country: str) -> bool:
        """Say whether a block stands against a country."""
        return any(country in block.countries for block in self.blocks.values())

    def excludes_person(self, person: str) -> bool:
        """Say whether a block stands against a person."""
        return any(person in block.persons for block in self.blocks.values())
