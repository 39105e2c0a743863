"""`ledger notices run`, and what the supervisor starts: tells duty desks that a task waits."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from events.stamp import Actor
from ledger.case.case import Case
from ledger.request import Decision, Request
from ledger.service import Ledger
from node.programs import Program
from node.programs import main as run_program
from node.settings import NoticesSettings

#: A decision is taken again if somebody else decided on the case at the same moment.
_ATTEMPTS = 10


def main(**given: Any) -> int:
    """Run the program of `given` settings, and of the environment for the rest."""
    return run_program("notices", lambda: prepare(NoticesSettings.read(**given)))


class NoticeDesk:
    """The ledger as this program decides in it."""

    def __init__(self, ledger: Ledger, country: str) -> None:
        self._ledger = ledger
        name = f"notices-{country}"
        self._by = Actor(id=name, role="system", organisation=name)

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""
        return self._ledger.case(case_id)

    def require(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> None:
        """Raise what would keep a decision from being taken."""
        decisions = (Decision(take, arguments),)
        self._ledger.require(Request(by=self._by, decisions=decisions, case_id=case_id))

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key."""
        decisions = (Decision(take, arguments),)
        request = Request(by=self._by, decisions=decisions, case_id=case_id, key=key)
        self._ledger.record(request, retries=_ATTEMPTS)


def prepare(settings: NoticesSettings) -> Program:
    """Wire the program together."""
    import consumers.notices
    from consumers.notice_addresses import AddressFile
    from consumers.telling import Channels
    from events.agreement import Agreement
    from ledger.keys.national import NationalKeys
    from ledger.service import LedgerSettings, open_ledger

    country, file = settings.country, settings.notices
    channels = None if file is None else Channels(country, AddressFile(file, settings.insecure_dev))
    if channels is not None:
        channels()  # what is wrong in the file is told at once
    dsn, agreement = settings.pg.get_secret_value(), Agreement.load(settings.agreement)
    key = settings.national_key
    ledger = open_ledger(
        LedgerSettings(
            dsn=dsn,
            country=country,
            agreement=agreement,
            connections=2,
            national_keys=NationalKeys.load(key) if key else None,
            only_national=True,
        )
    )
    program = consumers.notices.Notices(
        consumers.notices.NoticeSettings(agreement=agreement, country=country, dsn=dsn),
        NoticeDesk(ledger, country),
        channels or (lambda: None),
    )

    def run(stop: threading.Event) -> int:
        program.run(stop)
        ledger.close()
        return 0

    return Program(settings, program.waiting, run)


if __name__ == "__main__":
    sys.exit(main())
