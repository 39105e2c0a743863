"""How the relays of a country ended so far: kept in its database, since who is gone tells nothing.

Where an ending cannot be written down, because the process was killed or the database is away, it
stays what every relay counts as while it runs: killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import LiteralString

import psycopg

_ADD: LiteralString = """
INSERT INTO ledger.relay_end AS told VALUES (%s, %s, %s)
ON CONFLICT (relay, reason) DO UPDATE SET times = told.times + excluded.times
"""


class Reason(StrEnum):
    """Why a relay ended without having been asked to."""

    #: By a signal, by its watchdog, or with its machine.
    KILLED = "killed"
    #: Another relay has taken over.
    FENCED = "fenced"
    #: A server was away, or did not answer in time.
    AWAY = "away"
    #: A person has to repair something.
    BROKEN = "broken"


class Endings:
    """Of the relays of one cluster; on connections of its own, since the relay's may be lost."""

    def __init__(self, dsn: str, relay: str) -> None:
        self._dsn = dsn
        self._relay = relay
        self._counted = False

    def begin(self) -> Mapping[Reason, int]:
        """Count on being killed; return how often relays ended before, and how."""
        with psycopg.connect(self._dsn, autocommit=True) as database:
            before = database.execute(
                "SELECT reason, times FROM ledger.relay_end WHERE relay = %s", (self._relay,)
            ).fetchall()
            database.execute(_ADD, (self._relay, Reason.KILLED, 1))
        self._counted = True
        return {Reason(reason): times for reason, times in before}

    def end(self, reason: Reason | None = None) -> None:
        """Say how this one ends instead; without a reason it was asked to."""
        if not self._counted:
            return
        with (
            suppress(psycopg.Error),
            psycopg.connect(self._dsn, connect_timeout=2) as database,
        ):
            database.execute(_ADD, (self._relay, Reason.KILLED, -1))
            if reason is not None:
                database.execute(_ADD, (self._relay, reason, 1))
