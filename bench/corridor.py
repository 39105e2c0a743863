"""Two running nodes on the servers of a benchmark, and cases that both of them know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from pydantic import SecretStr

from bench.harness import say
from bench.play import COUNTRIES, SUPERVISOR
from bench.servers import Servers
from events.codes import DataScope, Purpose
from events.errors import LedgerError
from ledger.case.consent import grant_consent
from ledger.case.identity import open_case
from ledger.case.referral import send_referral
from ledger.request import Request, decision
from ledger.service import Ledger, open_ledger
from node import place
from node.home import Home
from node.nodes import Nodes
from node.settings import UpSettings

_SEEN = "SELECT count(*) FROM read_1.referrals"
_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Corridor:
    """What `ledger up` runs for two countries."""

    home: Home
    nodes: Nodes

    def dsn(self, country: str, role: str) -> str:
        """Return the connection URL of a role in a country's database."""
        return self.home.country(country).dsn_file(role).read_text()

    def ledger(self, country: str, *, connections: int = 2) -> Ledger:
        """Open the ledger of a country, with its national keys and its keystore."""
        where = place.find(self.home.path, country)
        return open_ledger(where.ledger_settings(connections=connections))


@contextmanager
def open_corridor(servers: Servers) -> Iterator[Corridor]:
    """Run both nodes on the benchmark's servers, under their supervisor."""
    settings = UpSettings.read(
        kafka=servers.kafka.bootstrap, pg=SecretStr(servers.postgres.dsn()), insecure_dev=True
    )
    prefix = servers.name("corridor")
    home = Home(servers.folder / prefix)
    nodes = Nodes(home, settings, prefix=prefix, say=say)
    try:
        nodes.start(COUNTRIES)
        yield Corridor(home, nodes)
    finally:
        nodes.stop()


def share_cases(corridor: Corridor, sender: str, receiver: str, count: int) -> list[UUID]:
    """Let a country open cases and refer them to the other; return once the other has them."""
    before = _referrals(corridor, receiver)
    with corridor.ledger(sender) as ledger:
        cases = []
        for answer in ledger.record_many(_referred(receiver) for _ in range(count)):
            if isinstance(answer, LedgerError):
                raise answer
            cases.append(answer.case_id)
    end = time.monotonic() + _WAIT_S
    while _referrals(corridor, receiver) < before + count:
        assert time.monotonic() < end, f"{receiver} does not see the cases of {sender}"
        time.sleep(0.05)
    return cases


def _referred(receiver: str) -> Request:
    """Return the request for a case that is opened, consented and referred."""
    today, consent_id = datetime.now(UTC).date(), uuid4()
    scopes = (DataScope.IDENTITY, DataScope.HEALTH)
    consented = decision(
        grant_consent,
        recipient=receiver,
        purpose=Purpose.SERVICE,
        scopes=scopes,
        expires_on=today + timedelta(days=300),
        consent_id=consent_id,
    )
    sent = decision(
        send_referral,
        recipient=receiver,
        basis_id=consent_id,
        scopes=scopes,
        due_on=today + timedelta(days=14),
    )
    return Request(by=SUPERVISOR, decisions=(decision(open_case), consented, sent))


def _referrals(corridor: Corridor, country: str) -> int:
    with psycopg.connect(corridor.dsn(country, "audit")) as connection:
        row = connection.execute(_SEEN).fetchone()
        return int(row[0]) if row else 0
