"""A desk: one country's people, deciding through its ledger and hearing what became of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from events.codes import Role
from events.errors import ServiceUnavailable
from events.stamp import Actor
from ledger.case import transfer
from ledger.case.identity import open_case
from ledger.receipt import Receipt
from ledger.service import Ledger
from node.arguments import Take
from node.choosing import choosing

#: Longer than anything here takes on a busy machine.
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Desk:
    """Where a country's people sit."""

    country: str
    ledger: Ledger
    #: Process that mirrors and projects for this country.
    worker: int

    def open(self) -> Receipt:
        """Open a case."""
        return self.ledger.open(by=self._actor(Role.CASEWORKER)).decide(open_case)

    def decide(self, case_id: UUID, take: Take, **arguments: Any) -> Receipt:
        """Decide on what this country knows now; what the topic makes of it is known later."""
        # Between countries, focal points speak about who answers for a child.
        between = take.__module__ == transfer.__name__
        role = Role.FOCAL_POINT if between else Role.CASEWORKER
        door = self.ledger.on(case_id, by=self._actor(role))
        return door.decide(choosing(take, {}), **arguments)

    def outcome(self, receipt: Receipt) -> Receipt:
        """Wait until this country knows what became of its own decision."""
        found = self.ledger.outcome(receipt, _PATIENCE_S)
        if not found.settled:
            raise ServiceUnavailable(f"{self.country} waits in vain for its own events")
        return found

    def hears(self, receipt: Receipt) -> Receipt:
        """Wait until this country has heard what another one decided, as far as it may hear it."""
        told = tuple(
            replace(event, state="pending") for event in receipt.events if event.topic == "shared"
        )
        return self.outcome(replace(receipt, events=told))

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Let this country hear nothing for a while; its people go on deciding."""
        os.kill(self.worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.worker, signal.SIGCONT)

    def _actor(self, role: Role) -> Actor:
        return Actor(id=f"demo-{role}", role=role, organisation=f"demo-{self.country}")
