"""Waiting until nothing is on its way: every decision judged everywhere, and no program at work."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from events.errors import ServiceUnavailable
from node import place
from node.reading import reader

#: Far longer than programs need that are killed and started again.
_PATIENCE_S = 240.0
#: A reactor that has something to do has done it within so many seconds.
_CALM_S = 4.0
_LOOK_S = 0.5
# Own events that have not come back, what all mirrors hold of the shared topic, and the cases that
# the rules have not looked at yet.
_STANDING = """
SELECT
    (SELECT count(*) FROM ledger.ledger_events) AS decided,
    (SELECT count(*) FROM {audit_trail} WHERE origin = %s) AS judged,
    (SELECT count(*) FROM {audit_trail} WHERE topic = 'shared') AS shared,
    (SELECT count(*) FROM {case_file} WHERE state = 'open' AND responsible = %s
        AND monitored AND unreckoned) AS waiting
"""


def wait_until_calm(path: Path, countries: Sequence[str]) -> None:
    """Return once every country has judged everything, and nothing new came for a while.

    ServiceUnavailable if that is not so after minutes: something is stuck.
    """
    end, since, before = time.monotonic() + _PATIENCE_S, time.monotonic(), None
    while True:
        now = _standing(path, countries)
        if now is None or now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > _CALM_S:
            return
        if time.monotonic() > end:
            raise ServiceUnavailable("the nodes do not become calm: see `ledger doctor`")
        time.sleep(_LOOK_S)


def _standing(path: Path, countries: Sequence[str]) -> list[tuple[int, int]] | None:
    """Return how far everybody is; None while something is on its way."""
    found = []
    for country in countries:
        try:
            with reader(place.find(path, country)) as reading:
                (row,) = reading.ask(_STANDING, country, country)
                found.append(row)
        except ServiceUnavailable:
            return None
    pending = any(row["decided"] != row["judged"] or row["waiting"] for row in found)
    apart = len({row["shared"] for row in found}) > 1
    return None if pending or apart else [(row["decided"], row["shared"]) for row in found]
