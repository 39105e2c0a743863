"""A story of one case: what the two countries decide, line by line, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from events.codes import DataScope
from ledger.receipt import Receipt
from node.arguments import Take
from node.demo.desk import Desk


@dataclass(frozen=True, slots=True)
class Line:
    """One decision, as a person would tell it."""

    country: str
    words: str
    receipt: Receipt

    @property
    def void(self) -> str | None:
        """Why a part of it has no effect; None if all of it took effect."""
        reasons = (event.void_reason for event in self.receipt.events if event.state == "void")
        return next(reasons, None)


@dataclass
class Story:
    """A case between two desks: `here` opens it, `there` is the other country."""

    here: Desk
    there: Desk
    title: str = ""
    lines: list[Line] = field(default_factory=list)
    ending: str = ""
    case_id: UUID = field(init=False)

    def opens(self, words: str, **arguments: Any) -> None:
        """Open the case."""
        receipt = self.here.open(**arguments)
        self.case_id = receipt.case_id
        self._told(self.here, words, self.here.outcome(receipt))

    def takes(self, desk: Desk, words: str, take: Take, **arguments: Any) -> Receipt:
        """Take a decision, and go on when both countries know what became of it."""
        receipt = desk.outcome(desk.decide(self.case_id, take, **arguments))
        self.other(desk).hears(receipt)
        self._told(desk, words, receipt)
        return receipt

    def records(self, desk: Desk, words: str, take: Take, **arguments: Any) -> None:
        """Record in the register of a country something that is about no child."""
        self._told(desk, words, desk.outcome(desk.record(take, **arguments)))

    def reads(self, desk: Desk, words: str, scopes: tuple[DataScope, ...], state: str) -> None:
        """Read data about the child, once it is as it has to be: open, or stopped."""
        for side in (self.here, self.there):
            side.waits_for(self.case_id, scopes, state)
        desk.reads(self.case_id, scopes, state)
        self._told(desk, words, Receipt(case_id=self.case_id, number=0, events=()))

    def heard(self, desk: Desk, words: str, receipt: Receipt) -> Receipt:
        """Tell a decision that was taken earlier, once both countries know what became of it."""
        receipt = desk.outcome(receipt)
        self.other(desk).hears(receipt)
        self._told(desk, words, receipt)
        return receipt

    def other(self, desk: Desk) -> Desk:
        """Return the other desk."""
        return self.there if desk is self.here else self.here

    def _told(self, desk: Desk, words: str, receipt: Receipt) -> None:
        self.lines.append(Line(desk.country, words, receipt))


Plot = Callable[[Story], None]
