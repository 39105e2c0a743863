"""One case as its lines tell it up to the end of a quarter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node.statistics.quarter import Quarter
from node.statistics.suppression import Key

Row = Mapping[str, Any]


@dataclass
class CaseTold:
    """What figures ask of a case: it hears its lines in their order."""

    country: str
    quarter: Quarter
    #: When it was first opened here, and when that had begun.
    opened_at: datetime | None = None
    began_at: datetime | None = None
    #: Since when this country has answered for it; None: it does not.
    since: datetime | None = None
    #: Closings in the quarter: since when it was open, until when, at which risk.
    closed: list[tuple[datetime, datetime, str]] = field(default_factory=list)
    risk: str = "not_assessed"
    counts: Counter[Key] = field(default_factory=Counter)
    _heard: bool = False
    _guardians: set[str] = field(default_factory=set)
    _plan: str | None = None
    #: Plan -> what the child said of it.
    _said: dict[str, str] = field(default_factory=dict)
    #: Routing that was asked in the quarter -> what came of it, and by when it was to be answered.
    _asked: dict[str, datetime | None] = field(default_factory=dict)

    def hear(self, line: Row) -> None:
        """Take in the next line."""
        if name := _HEARS.get(line["event_type"]):
            getattr(self, name)(line, line["summary"])

    @property
    def standing(self) -> Iterator[tuple[str, str]]:
        """Yield table and row of what is true of it as it stands."""
        yield "children_heard", "heard" if self._heard else "not_heard"
        yield "guardianship", "with_guardian" if self._guardians else "without_guardian"
        yield "plan_coverage", "with_plan" if self._plan else "without_plan"

    def _opens(self, line: Row, said: Row) -> None:
        """The shared copy of an opening, at the first step abroad, opens nothing again."""
        if said["responsible"] == self.country and self.since is None and self.opened_at is None:
            self.opened_at = self.since = line["recorded_at"]
            self.began_at = line["occurred_at"]

    def _moves(self, line: Row, _said: Row) -> None:
        mine = line["origin"] == self.country
        self.since = (self.since or line["recorded_at"]) if mine else None

    def _closes(self, line: Row, _said: Row) -> None:
        if self.since is not None and self.quarter.holds(line["recorded_at"]):
            self.closed.append((self.since, line["recorded_at"], self.risk))
        self.since = None

    def _joins(self, _line: Row, _said: Row) -> None:
        self.since = None

    def _reopens(self, line: Row, _said: Row) -> None:
        if line["origin"] == self.country:
            self.since = self.since or line["recorded_at"]

    def _assesses(self, _line: Row, said: Row) -> None:
        risk = said["risk"]
        self.risk = "high" if risk == "UNKNOWN" else risk  # what nobody named counts as high

    def _hears_her(self, _line: Row, _said: Row) -> None:
        self._heard = True

    def _appoints(self, _line: Row, said: Row) -> None:
        self._guardians.add(said["guardian_id"])

    def _ends_guardian(self, _line: Row, said: Row) -> None:
        self._guardians.discard(said["guardian_id"])

    def _submits(self, _line: Row, said: Row) -> None:
        self._said[said["plan_id"]] = said["child"]

    def _approves(self, line: Row, said: Row) -> None:
        self._plan = said["plan_id"]
        child = self._said.get(said["plan_id"], "not_asked")
        self._count(line, "plans", "not_asked" if child == "UNKNOWN" else child, "approved")

    def _completes(self, line: Row, said: Row) -> None:
        if self._plan == said["plan_id"]:
            self._plan = None
        self._count(line, "counts", "plans_completed", "number")

    def _finishes(self, line: Row, said: Row) -> None:
        self._count(line, "plan_items", "done" if said["done"] else "not_done", "finished")

    def _asks(self, line: Row, said: Row) -> None:
        """A note of version 1 (without a decision) asked nobody."""
        if said.get("decision_id") is None or not self.quarter.holds(line["recorded_at"]):
            return
        if said["service"] is None:
            self._count(line, "routings", "duty_desk", "asked")
            return
        by = said["answer_by"]
        self._asked[said["routing_id"]] = None if by is None else datetime.fromisoformat(by)
        self._count(line, "routings", "waiting", "asked")

    def _answers(self, line: Row, said: Row) -> None:
        if said["routing_id"] in self._asked:
            by = self._asked[said["routing_id"]]
            late = by is not None and line["recorded_at"] > by
            accepted = "accepted_late" if late else "accepted_in_time"
            self._became(said, accepted if said["accepted"] else "declined")

    def _lapses(self, _line: Row, said: Row) -> None:
        self._became(said, "lapsed")

    def _ends(self, _line: Row, said: Row) -> None:
        self._became(said, "withdrawn")

    def _became(self, said: Row, row: str) -> None:
        """Only the first answer counts: what is over moves no more."""
        if said["routing_id"] in self._asked:
            del self._asked[said["routing_id"]]
            self.counts["routings", "waiting", "asked"] -= 1
            self.counts["routings", row, "asked"] += 1

    def _count(self, line: Row, table: str, row: str, column: str) -> None:
        if self.quarter.holds(line["recorded_at"]):
            self.counts[table, row, column] += 1


_HEARS: Final[Mapping[str, str]] = {
    "CaseOpened": "_opens",
    "CaseClosed": "_closes",
    "CaseReopened": "_reopens",
    "CaseJoined": "_joins",
    "ResponsibilityMoved": "_moves",
    "RiskAssessed": "_assesses",
    "ViewsRecorded": "_hears_her",
    "GuardianAppointed": "_appoints",
    "GuardianEnded": "_ends_guardian",
    "PlanSubmitted": "_submits",
    "PlanApproved": "_approves",
    "PlanCompleted": "_completes",
    "PlanItemFinished": "_finishes",
    "CaseRouted": "_asks",
    "RoutingAnswered": "_answers",
    "RoutingLapsed": "_lapses",
    "RoutingEnded": "_ends",
}
