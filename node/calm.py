"""Waiting until nothing is on its way: every decision judged everywhere, and no program at work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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


class _Standing(NamedTuple):
    """How far everybody is, and what is on its way."""

    far: tuple[tuple[int, int], ...] = ()
    waits: str = ""


def wait_until_calm(path: Path, countries: Sequence[str]) -> None:
    """Return once every country has judged everything, and nothing new came for a while.

    ServiceUnavailable if that is not so after minutes: something is stuck.
    """
    end, since, before = time.monotonic() + _PATIENCE_S, time.monotonic(), _Standing()
    while True:
        now = _standing(path, countries)
        if now.waits or now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > _CALM_S:
            return
        if time.monotonic() > end:
            raise ServiceUnavailable(
                f"the nodes do not become calm: {now.waits or 'events go on'}; see `ledger doctor`"
            )
        time.sleep(_LOOK_S)


def _standing(path: Path, countries: Sequence[str]) -> _Standing:
    found = {}
    for country in countries:
        try:
            with reader(place.find(path, country)) as reading:
                (found[country],) = reading.ask(_STANDING, country, country)
        except ServiceUnavailable as error:
            return _Standing(waits=f"{country}: {error}")
    far = tuple((row["decided"], row["shared"]) for row in found.values())
    return _Standing(far, "; ".join(_waiting(found)))


def _waiting(found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for country, row in found.items():
        if row["decided"] != row["judged"]:
            yield f"{country} decided {row['decided']} events and judged {row['judged']}"
        if row["waiting"]:
            yield f"{country} has {row['waiting']} cases whose deadlines are not set"
    shared = {country: row["shared"] for country, row in found.items()}
    if len(set(shared.values())) > 1:
        yield "shared events: " + ", ".join(f"{one} {far}" for one, far in shared.items())
