"""append-sealed: what it costs a decision that data about a child is sealed before it is recorded.

Ours is a node's whole path (`Ledger.record`: look, decide, seal, encode, record) with a keystore
process behind its socket and national keys. The baseline takes the same decisions on the same
path without data, without a keystore and without national keys. A case is opened with data of four
scopes; of its eight further decisions three bring data: a concern, an assessment, a guardian.
`raw` is the recorder alone with ready rows: those that ours leaves, against those of the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent

from bench.append import Load, shared_recorder
from bench.crowd import Worker, seconds_together
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare
from bench.pair import Pair
from bench.play import COUNTRIES, SUPERVISOR
from bench.ready import make_ready
from bench.servers import Servers
from events.codes import DataScope, NeutralStatus, Purpose
from ledger.case.care import (
    appoint_guardian,
    assess_risk,
    assign_case,
    complete_assessment,
    record_concern,
    record_views,
)
from ledger.case.consent import grant_consent
from ledger.case.identity import change_status, open_case
from ledger.case.personal import PersonalData
from ledger.request import Decision, Request, decision
from ledger.service import Ledger, LedgerSettings, open_ledger
from node import place

_COUNTRY, _OTHER = COUNTRIES
_WRITERS = 4
_ROWS = (
    "SELECT originator_id, originator_version, topic, state FROM ledger.ledger_events"
    " ORDER BY notification_id"
)
_OPENING = PersonalData(
    {
        DataScope.IDENTITY: {
            "family_name": "Invented",
            "given_names": ["Aizada"],
            "born_on": "2012-03-04",
            "sex": "f",
            "languages": ["ky", "ru"],
            "nationality": "KG",
        },
        DataScope.CONTACT: {"telephone": "+996 000 000 000", "through": "her aunt, in the evening"},
        DataScope.FAMILY: {
            "mother": {"name": "Invented Gulnara", "lives_in": "Osh", "reachable": True},
            "siblings": [{"name": "Bekzat", "born_on": "2015-06-07"}],
        },
        DataScope.HEALTH: {"allergies": ["penicillin"], "needs": "asthma spray, twice a day"},
    }
)
_CONCERN = PersonalData(
    {
        DataScope.PROTECTION: {
            "kinds": ["unaccompanied", "labour"],
            "seen": "Found at the bus station with a man whom she did not know; she says that he"
            " promised her work, and that he keeps her papers.",
        }
    }
)
_ASSESSMENT = PersonalData(
    {
        DataScope.HEALTH: {"weight_kg": 41, "seen_by": "doctor-0008", "follow_up": "in two weeks"},
        DataScope.NARRATIVE: {
            "summary": "Calm, wants to go to her aunt. Has not slept well since she left. Asks that"
            " her father is not told where she is.",
        },
    }
)
_GUARDIAN = PersonalData(
    {DataScope.FAMILY: {"guardian": {"name": "Invented Nurlan", "telephone": "+7 000 000 0000"}}}
)


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure decisions per second."""
    cases = max(effort.events_or(1_800, quick=72) // 9, _WRITERS)
    load = _Load(servers, cases)
    raw = compare("append-sealed raw", load.raw(), unit="events/s", effort=effort, goal="reported")
    beside = {"ours": raw.ours, "baseline": raw.baseline, "ratio": raw.ratio, "unit": raw.unit}
    yield compare(
        "append-sealed",
        {OURS: load.decide(sealed=True), BASELINE: load.decide(sealed=False)},
        unit="decisions/s",
        effort=effort,
        goal="ratio >= 0.8",
        extra=lambda: {"raw": beside},
    )


class _Load:
    """So many cases for every contender, each time anew in a database of its own."""

    def __init__(self, servers: Servers, cases: int) -> None:
        self._servers = servers
        self._cases = cases

    def decide(self, *, sealed: bool) -> Contender:
        """Return the contender that decides, with data and sealed, or without."""

        def once() -> float:
            with ExitStack() as stack:
                pair, _ = self._node(stack, sealed=sealed)
                return self._decide(stack.enter_context(_ledger(pair, sealed=sealed)), sealed)

        return once

    def raw(self) -> dict[str, Contender]:
        """Return who records the rows that each contender leaves, and does nothing else."""
        return {
            name: Load(self._servers, self._left(sealed=sealed), writers=_WRITERS).of(
                shared_recorder
            )
            for name, sealed in ((OURS, True), (BASELINE, False))
        }

    def _left(self, *, sealed: bool) -> list[StoredEvent]:
        with ExitStack() as stack:
            pair, dsn = self._node(stack, sealed=sealed)
            with _ledger(pair, sealed=sealed) as ledger:
                self._decide(ledger, sealed)
            with psycopg.connect(dsn) as connection:
                return [StoredEvent(*row) for row in connection.execute(_ROWS)]

    def _node(self, stack: ExitStack, *, sealed: bool) -> tuple[Pair, str]:
        """Make a country ready to decide; with a keystore that runs, if data is to be sealed."""
        pair = Pair(self._servers)
        dsn = stack.enter_context(pair.database(_COUNTRY))
        if sealed:
            pair.wait_until_ready(stack.enter_context(pair.running(_COUNTRY, "keystore")))
        make_ready(dsn)
        return pair, dsn

    def _decide(self, ledger: Ledger, sealed: bool) -> float:
        """Return decisions per second, all writers together, each with cases of its own."""

        def take(cases: int) -> Callable[[], None]:
            def each() -> None:
                for _ in range(cases):
                    _one_case(ledger, sealed)

            return each

        share = -(-self._cases // _WRITERS)
        seconds = seconds_together([Worker(take(1), take(share)) for _ in range(_WRITERS)])
        return share * _WRITERS * (1 + len(_after(sealed))) / seconds


def _ledger(pair: Pair, *, sealed: bool) -> Ledger:
    settings: LedgerSettings = place.find(pair.home.path, _COUNTRY).ledger_settings(
        connections=_WRITERS
    )
    if not sealed:
        settings = replace(settings, national_keys=None, sealer=None)
    return open_ledger(settings)


def _one_case(ledger: Ledger, sealed: bool) -> None:
    """Open a case and take its further decisions, each a command of its own."""
    opened = ledger.record(_asked(decision(open_case, data=_OPENING if sealed else None)))
    for one in _after(sealed):
        ledger.record(_asked(one, opened.case_id))


def _asked(one: Decision, case_id: UUID | None = None) -> Request:
    return Request(by=SUPERVISOR, decisions=(one,), case_id=case_id, key=str(uuid4()))


def _after(sealed: bool) -> Sequence[Decision]:
    """Return what is decided on a case after it was opened."""

    def said(data: PersonalData) -> dict[str, Any]:
        return {"data": data} if sealed else {}

    consented = decision(
        grant_consent,
        recipient=_OTHER,
        purpose=Purpose.SERVICE,
        scopes=(DataScope.PREVIEW, DataScope.IDENTITY, DataScope.HEALTH),
        expires_on=datetime.now(UTC).date() + timedelta(days=300),
    )
    return (
        decision(record_concern, **said(_CONCERN)),
        decision(assign_case, assignee="cw-0042"),
        decision(assess_risk),
        decision(complete_assessment, **said(_ASSESSMENT)),
        decision(record_views),
        decision(appoint_guardian, **said(_GUARDIAN)),
        consented,
        decision(change_status, status=NeutralStatus.READY),
    )
