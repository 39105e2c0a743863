"""A desk: one country's people, deciding through its ledger and hearing what became of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from events.codes import DataScope, Purpose, Role
from events.contract import register_id
from events.errors import ServiceUnavailable
from events.stamp import Actor
from ledger.case import transfer
from ledger.case.identity import open_case
from ledger.case.plane import Release
from ledger.receipt import Receipt
from ledger.service import Ledger
from node.arguments import Take
from node.choosing import choosing
from node.place import Place
from node.reading import reader

#: Longer than anything here takes on a busy machine.
_PATIENCE_S = 30.0
#: Who decides what a caseworker may not.
_DECIDE = dict.fromkeys(
    (
        *("approve_plan", "close_case", "reopen_case", "review_measure"),
        *("confirm_duplicate", "reserve_case", "join_case"),
    ),
    Role.SUPERVISOR,
)
#: A program of the country may decide on the case at the same moment.
_ATTEMPTS = 5
_MOVED = "SELECT count(*) FROM ledger.grant_moved WHERE step = %s AND grant_id = ANY (%s)"


@dataclass(frozen=True)
class Desk:
    """Where a country's people sit."""

    country: str
    ledger: Ledger
    where: Place
    #: Process that mirrors and projects for this country.
    worker: int

    def open(self, **arguments: Any) -> Receipt:
        """Open a case."""
        door = self.ledger.open(by=self._actor(Role.CASEWORKER))
        return door.decide(open_case, **arguments)

    def decide(
        self, case_id: UUID, take: Take, *, person: str | None = None, **arguments: Any
    ) -> Receipt:
        """Decide on what this country knows now; what the topic makes of it is known later.

        `person` is another one of the same role, where two are needed.
        """
        # Between countries, focal points speak about who answers for a child.
        between = take.__module__ == transfer.__name__
        role = Role.FOCAL_POINT if between else _DECIDE.get(take.__name__, Role.CASEWORKER)
        by = self._actor(role)
        by = by if person is None else replace(by, id=f"{by.id}-{person}")
        door = self.ledger.on(case_id, by=by, retries=_ATTEMPTS)
        return door.decide(choosing(take, {}), **arguments)

    def record(self, take: Take, **arguments: Any) -> Receipt:
        """Decide in the register, which is about the ledger and its providers."""
        register = register_id(self.where.agreement.prefix)
        door = self.ledger.on(register, by=self._actor(Role.SUPERVISOR), retries=_ATTEMPTS)
        return door.decide(take, **arguments)

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

    def waits_for(self, case_id: UUID, scopes: tuple[DataScope, ...], state: str) -> None:
        """Wait until keys of these scopes are in place, or sharing has stopped, as seen here."""
        end = time.monotonic() + _PATIENCE_S
        while not self._is_so(case_id, set(scopes), state):
            if time.monotonic() > end:
                raise ServiceUnavailable(f"{self.country} waits in vain for the keystore")
            time.sleep(0.02)

    def _is_so(self, case_id: UUID, scopes: set[DataScope], state: str) -> bool:
        releases = self.ledger.case(case_id).settled.releases
        fitting = {grant_id: one for grant_id, one in releases.items() if scopes <= set(one.scopes)}
        if state == "stopped":
            return all(one.state == state for one in fitting.values())
        moved = "received" if self.country != self._sender(fitting) else "sent"
        with reader(self.where) as found:
            rows = found.connection.execute(_MOVED, (moved, list(fitting))).fetchone()
        return rows is not None and 0 < len(fitting) == rows[0]

    @staticmethod
    def _sender(releases: Mapping[UUID, Release]) -> str:
        return next((one.origin for one in releases.values()), "")

    def reads(self, case_id: UUID, scopes: tuple[DataScope, ...], state: str) -> None:
        """Read data about a child; it has to be as it was said to be."""
        shown = self.ledger.read(
            case_id, by=self._actor(Role.CASEWORKER), scopes=scopes, purpose=Purpose.SERVICE
        )
        states = {one.state for record in shown.values() for one in record.values()}
        if states != {state}:
            raise ServiceUnavailable(f"{self.country} is shown {states}, not {state}")

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
