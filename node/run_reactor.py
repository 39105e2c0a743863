"""`ledger reactor run`, and what the supervisor starts: does what follows from the topic."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from consumers.asking_rules import Shown
from events.codes import DataScope, Purpose
from events.stamp import Actor
from ledger.case.case import Case
from ledger.request import Decision, Request
from ledger.service import Ledger
from node.programs import Program, kafka_client
from node.programs import main as run_program
from node.settings import ReactorSettings

#: A decision is taken again if somebody else decided on the case at the same moment.
_ATTEMPTS = 10


def main(**given: Any) -> int:
    """Run the reactor of `given` settings, and of the environment for the rest."""
    return run_program("reactor", lambda: prepare(ReactorSettings.read(**given)))


class LedgerDesk:
    """The ledger as the reactor decides in it."""

    def __init__(self, ledger: Ledger, country: str) -> None:
        self._ledger = ledger
        name = f"reactor-{country}"
        self._by = Actor(id=name, role="system", organisation=name)

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""
        return self._ledger.case(case_id)

    def read_for_rules(self, case_id: UUID, scopes: tuple[DataScope, ...]) -> Shown:
        """Return data about a child, after it was recorded that the rules read it."""
        return self._ledger.read(
            case_id, by=self._by, scopes=scopes, purpose=Purpose.CASE_MANAGEMENT, door="rules"
        )

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key."""
        request = Request(
            by=self._by, decisions=(Decision(take, arguments),), case_id=case_id, key=key
        )
        self._ledger.record(request, retries=_ATTEMPTS)


def prepare(settings: ReactorSettings) -> Program:
    """Wire the reactor together."""
    import consumers.reactor
    from events.agreement import Agreement
    from ledger.keys.client import KeystoreClient
    from ledger.keys.national import NationalKeys
    from ledger.service import LedgerSettings, open_ledger

    dsn, agreement = settings.pg.get_secret_value(), Agreement.load(settings.agreement)
    keystore, key = KeystoreClient(settings.keystore), settings.national_key
    ledger = open_ledger(
        LedgerSettings(
            dsn=dsn,
            country=settings.country,
            agreement=agreement,
            connections=3,
            national_keys=NationalKeys.load(key) if key else None,
            sealer=keystore,
        )
    )
    reactor = consumers.reactor.Reactor(
        consumers.reactor.ReactorSettings(
            agreement=agreement, country=settings.country, dsn=dsn, kafka=kafka_client(settings)
        ),
        LedgerDesk(ledger, settings.country),
        keystore,
    )

    def run(stop: threading.Event) -> int:
        reactor.run(stop)
        ledger.close()
        return 0

    return Program(settings, reactor.waiting, run)


if __name__ == "__main__":
    sys.exit(main())
