"""routing: children directed to specialists among 5,000 services, against a query per specialist.

Ours is `ledger.rules.routing.direct` as the reactor calls it: every specialist that a child's
concerns need, each with all that were looked at and why not, so that it can be explained and made
again. The baseline asks PostgreSQL, for each of the same specialists, for the nearest service that
fits, with an index on what they offer and where; it explains nothing and weighs nothing. What is
not compared is reading the child's record and recording the decision: they cost what they cost
everywhere (`append-sealed`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from importlib.resources import files
from itertools import product
from random import Random
from statistics import quantiles
from time import perf_counter
from typing import Any

import psycopg

from bench.harness import BASELINE, OURS, Effort, Figure, compare, rounded
from bench.servers import Servers
from events.code_lists import code_list
from ledger.rules.directory import Listed, Situation, upwards
from ledger.rules.facts import Facts
from ledger.rules.pack import Ruled, load
from ledger.rules.planning import generate
from ledger.rules.routing import direct

_TODAY = date(2026, 11, 26)
_AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
_LANGUAGES = ("kk", "ru", "ky", "uz", "en")
_REGIONS = tuple(f"region-{at}" for at in range(17))
_DISTRICTS = tuple(f"district-{at}" for at in range(12))
_ASK = """
SELECT id FROM service WHERE specialists @> ARRAY[%b]::text[] AND areas && %b::text[]
    AND minimum_age <= %b AND maximum_age >= %b AND languages && %b::text[] AND status = 'active'
ORDER BY specialists[1] = %b DESC, length(areas[1]) DESC, id LIMIT 1
"""


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure decisions per second."""
    count = effort.events_or(5_000, quick=200)
    children = 100 if effort.quick else 2_000
    load_ = _Load(count, children)
    with (
        servers.database("routing") as dsn,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        load_.fill(connection)
        yield compare(
            "routing",
            {OURS: load_.direct, BASELINE: lambda: load_.ask(connection)},
            unit="decisions/s",
            effort=effort,
            goal="500 decisions/s with 5,000 services, a plan <= 20 ms",
            extra=lambda: {
                "services": count,
                "looked_at": load_.looked_at,
                "plan_p99_ms": load_.plan_p99_ms(),
            },
        )


class _Load:
    """A directory, and children whom it is asked for."""

    def __init__(self, services: int, children: int) -> None:
        chance = Random("routing")
        folder = files("ledger.rules") / "packs"
        self._ruled: Ruled = load((folder / "KZ.toml").read_text(), "KZ.toml")
        self._directory = Listed.of(_directory(services, chance), "directory")
        self._situation = _situation(self._directory, self._ruled, chance)
        self._children = [_child(chance) for _ in range(children)]
        #: Services that were looked at for a child, on average.
        self.looked_at = 0.0

    def direct(self) -> float:
        """Direct every child; return decisions per second."""
        began, looked_at = perf_counter(), 0
        for at, child in enumerate(self._children):
            found = direct(
                child, self._ruled.pack, self._directory, self._situation, tie=at.to_bytes(4)
            )
            looked_at += sum(len(one.candidates) for one in found)
        self.looked_at = round(looked_at / len(self._children), 1)
        return len(self._children) / (perf_counter() - began)

    def plan_p99_ms(self) -> float:
        """Generate a plan for every child; return how long one takes, p99."""
        took = []
        for child in self._children:
            began = perf_counter()
            generate(child, self._ruled.pack, _AT)
            took.append(1_000 * (perf_counter() - began))
        return rounded(quantiles(took, n=100)[-1])

    def ask(self, connection: psycopg.Connection[Any]) -> float:
        """Ask the database for the same specialists; return decisions per second."""
        needs = [self._needs(child) for child in self._children]
        began = perf_counter()
        for child, specialists in zip(self._children, needs, strict=True):
            places, age = list(upwards(child.area or "KZ")), child.age or 0
            for one in specialists:
                asked = (one, places, age, age, list(child.languages), one)
                connection.execute(_ASK, asked, prepare=True).fetchone()
        return len(self._children) / (perf_counter() - began)

    def _needs(self, child: Facts) -> Sequence[str]:
        routes = self._ruled.pack.routes_for(child.concerns)
        return list(dict.fromkeys(one for route in routes for one in (route.lead, *route.parallel)))

    def fill(self, connection: psycopg.Connection[Any]) -> None:
        """Put the directory into a table, with the indexes that the question can use."""
        connection.execute(
            "CREATE TABLE service (id text PRIMARY KEY, specialists text[], areas text[],"
            " minimum_age int, maximum_age int, languages text[], status text)"
        )
        with connection.cursor().copy("COPY service FROM STDIN") as copy:
            for one in self._directory.services.values():
                lists = (list(one.specialists), list(one.areas))
                ages = (one.minimum_age, one.maximum_age)
                copy.write_row((one.id, *lists, *ages, list(one.languages), one.status))
        connection.execute("CREATE INDEX ON service USING gin (specialists, areas)")
        connection.execute("ANALYZE service")


def _directory(count: int, chance: Random) -> str:
    specialists = [one for one in code_list("specialist").codes if one != "UNKNOWN"]
    places = [f"KZ/{region}/{district}" for region, district in product(_REGIONS, _DISTRICTS)]
    lines = ['country = "KZ"', "version = 1"]
    for at in range(count):
        offered = chance.sample(specialists, chance.randint(1, 3))
        area = chance.choice(places)
        area = chance.choice(
            [area, area, area.rpartition("/")[0], "KZ"][: 4 if at % 50 == 0 else 3]
        )
        spoken = chance.sample(_LANGUAGES, chance.randint(1, 3))
        lines += [
            "[[service]]",
            f'id = "service-{at}"',
            f'organisation = "provider-{at % 1_000}"',
            f"specialists = {offered!r}".replace("'", '"'),
            f'areas = ["{area}"]',
            f"languages = {spoken!r}".replace("'", '"'),
            'sexes = ["f", "m"]',
            f"workers = {chance.randint(1, 8)}",
        ]
    return "\n".join(lines)


def _situation(directory: Listed, ruled: Ruled, chance: Random) -> Situation:
    providers = {one.organisation for one in directory.services.values()}
    return Situation(
        today=_TODAY,
        acknowledged={
            (provider, name): version
            for provider in sorted(providers)
            for name, version in ruled.pack.versions.items()
            if chance.random() < 0.9
        },
        closed=frozenset(one for one in directory.services if chance.random() < 0.05),
        load={one: chance.randint(0, 200) for one in directory.services},
    )


def _child(chance: Random) -> Facts:
    concerns = [one for one in code_list("concern").codes if one != "UNKNOWN"]
    return Facts(
        today=_TODAY,
        concerns=tuple(chance.sample(concerns, chance.randint(1, 3))),
        risk=chance.choice(["high", "medium", "low"]),
        age=chance.randint(0, 17),
        languages=tuple(chance.sample(_LANGUAGES, 2)),
        area=f"KZ/{chance.choice(_REGIONS)}/{chance.choice(_DISTRICTS)}",
        sex_of_worker=chance.choice([None, "f"]),
    )
