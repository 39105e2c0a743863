"""Which tables there are, what their rows and columns are called, and which sums tie them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from node.statistics.suppression import Key, Sum

TOTAL: Final = "total"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One table. Its rows add up, or nothing of it does; its columns add up if `across`."""

    name: str
    #: What it counts, in words.
    words: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    adds_up: bool = True
    across: bool = False
    #: Column whose total is the total of the same column in another table.
    shares: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_rows(self) -> tuple[str, ...]:
        """Its rows as they are told, the total last."""
        return (*self.rows, TOTAL) if self.adds_up else self.rows

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """Its columns as they are told, the total last."""
        return (*self.columns, TOTAL) if self.across else self.columns

    def key(self, row: str, column: str) -> Key:
        """Return which cell that is: a shared total is one cell, wherever it is shown."""
        table = self.shares.get(column, self.name) if row == TOTAL else self.name
        return (table, row, column)

    def sums(self) -> Iterator[Sum]:
        """Yield which cells of it are sums of which."""
        if not self.adds_up:
            return
        for column in self.shown_columns:
            yield Sum(self.key(TOTAL, column), tuple(self.key(row, column) for row in self.rows))
        if self.across:
            for row in self.shown_rows:
                parts = tuple(self.key(row, column) for column in self.columns)
                yield Sum(self.key(row, TOTAL), parts)


_DIRECTIONS: Final = ("sent", "received")
_OPEN: Final = {"open_at_end": "cases"}

SHAPES: Final = (
    Shape(
        name="cases",
        words="children whose case was opened or closed here, or was open at the end, by risk",
        rows=("emergency", "high", "medium", "low", "not_assessed"),
        columns=("opened", "closed", "open_at_end"),
    ),
    Shape(
        name="duration",
        words="how long cases had been open when they were closed, or at the end",
        rows=("up_to_1_month", "1_to_3_months", "3_to_6_months", "over_6_months"),
        columns=("closed", "open_at_end"),
        shares={"closed": "cases", **_OPEN},
    ),
    Shape(
        name="reporting_delay",
        words="how long after it began a case was recorded",
        rows=("0_to_3_days", "4_to_5_days", "6_to_14_days", "15_to_30_days", "1_to_3_months",
              "over_3_months"),
        columns=("opened",),
        shares={"opened": "cases"},
    ),
    Shape(
        name="children_heard",
        words="open cases in which the child was heard",
        rows=("heard", "not_heard"),
        columns=("open_at_end",),
        shares=_OPEN,
    ),
    Shape(
        name="guardianship",
        words="open cases in which the child has a guardian",
        rows=("with_guardian", "without_guardian"),
        columns=("open_at_end",),
        shares=_OPEN,
    ),
    Shape(
        name="plan_coverage",
        words="open cases with a plan that was approved and is followed",
        rows=("with_plan", "without_plan"),
        columns=("open_at_end",),
        shares=_OPEN,
    ),
    Shape(
        name="handoffs_begun",
        words="referrals sent and transfers proposed",
        rows=("referral", "transfer"),
        columns=_DIRECTIONS,
        across=True,
    ),
    Shape(
        name="referrals",
        words="referrals that ended, by what came of them",
        rows=_DIRECTIONS,
        columns=("fulfilled", "unfulfilled", "rejected", "revoked", "expired"),
        across=True,
    ),
    Shape(
        name="transfers",
        words="transfers that ended, by what came of them",
        rows=_DIRECTIONS,
        columns=("completed", "rejected", "revoked", "expired"),
        across=True,
    ),
    Shape(
        name="transfers_accepted",
        words="transfers that were accepted, by their due day or later",
        rows=_DIRECTIONS,
        columns=("in_time", "late"),
        across=True,
    ),
    Shape(
        name="routings",
        words="services, and the duty desk, that were asked to take a child on",
        rows=("accepted_in_time", "accepted_late", "declined", "lapsed", "withdrawn", "waiting",
              "duty_desk"),
        columns=("asked",),
    ),
    Shape(
        name="plans",
        words="plans that were approved, by what the child had said of them",
        rows=("agrees", "disagrees", "not_asked"),
        columns=("approved",),
    ),
    Shape(
        name="plan_items",
        words="things in plans that were finished",
        rows=("done", "not_done"),
        columns=("finished",),
    ),
    Shape(
        name="counts",
        words="plans completed; persons who decided something, by role",
        rows=("plans_completed", "caseworkers", "supervisors"),
        columns=("number",),
        adds_up=False,
    ),
)  # fmt: skip
SUMS: Final = tuple(one for shape in SHAPES for one in shape.sums())


def with_totals(counted: Mapping[Key, int]) -> dict[Key, int]:
    """Return every cell of every table, those that were never counted as 0, and all totals."""
    cells = {
        shape.key(row, column): counted.get((shape.name, row, column), 0)
        for shape in SHAPES
        for row in shape.rows
        for column in shape.columns
    }
    assert counted.keys() <= cells.keys(), counted.keys() - cells.keys()
    while missing := [one for one in SUMS if one.total not in cells]:
        for one in missing:
            if cells.keys() >= set(one.parts):
                cells[one.total] = sum(cells[part] for part in one.parts)
    for one in SUMS:  # tables that share a total were counted from the same cases
        assert cells[one.total] == sum(cells[part] for part in one.parts), one.total
    return cells
