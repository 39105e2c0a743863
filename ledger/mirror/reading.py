"""Reading the mirror: by case for decisions, by prefix for everything that is built from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.codec import read_stamp
from ledger.mirror.standing import Said, Standing, Waiting


class Placed(NamedTuple):
    """A record at its place: what a fold needs, and where it stands."""

    topic: str
    partition: int
    offset: int
    effect_offset: int
    effect_rank: int
    case_id: UUID
    origin: str
    version: int
    leaf: bytes
    ce_type: str
    value: bytes


class Heard(NamedTuple):
    """A record at its place, and when this country's database mirrored it."""

    record: Placed
    at: datetime


PLACED_COLUMNS = ", ".join(f'"{name}"' for name in Placed._fields)
#: `topic DESC` puts the shared events first.
_ORDER = "ORDER BY topic DESC, effect_offset, effect_rank"
_HISTORY = (
    f"SELECT {PLACED_COLUMNS} FROM mirror.record"  # noqa: S608 - our own field names
    f" WHERE case_id = %s AND effect_offset IS NOT NULL {_ORDER}"
)
_HEARD = (
    f"SELECT {PLACED_COLUMNS}, mirrored_at FROM mirror.record"  # noqa: S608 - our own field names
    f" WHERE case_id = %s AND effect_offset IS NOT NULL {_ORDER}"
)
# Both topics are named so that the key's index serves: a partition is a small part of a mirror.
_BY_CASE = f"""
SELECT {PLACED_COLUMNS}, mirrored_at FROM mirror.record
WHERE topic IN ('shared', 'national') AND partition = %s AND effect_offset IS NOT NULL
ORDER BY case_id, topic DESC, effect_offset, effect_rank
"""  # noqa: S608 - our own field names
#: Rows that are fetched at once.
_FETCH = 1_000


def history(connection: Connection[Any], case_id: UUID) -> list[Placed]:
    """Return what has taken effect in a case: the shared topic, then the national one, in order."""
    return [Placed(*row) for row in connection.execute(_HISTORY, (case_id,), prepare=True)]


def heard(connection: Connection[Any], case_id: UUID) -> list[Heard]:
    """Return what `history` returns, with the moment at which each record was mirrored."""
    rows = connection.execute(_HEARD, (case_id,), prepare=True, binary=True)
    return [Heard(Placed(*row[:-1]), row[-1]) for row in rows]


def heard_by_case(connection: Connection[Any], partition: int) -> Iterator[Heard]:
    """Stream a partition case by case, the shared topic first; needs a transaction."""
    with connection.cursor(name="heard", binary=True) as cursor:
        cursor.execute(_BY_CASE, (partition,))
        while rows := cursor.fetchmany(_FETCH):
            for row in rows:
                yield Heard(Placed(*row[:-1]), row[-1])


def held(connection: Connection[Any], case_id: UUID) -> Sequence[tuple[str, str, int]]:
    """Return (topic, origin, version) of what a case still holds; empty when nothing waits."""
    return connection.execute(
        "SELECT topic, origin, version FROM mirror.record"
        " WHERE case_id = %s AND effect_offset IS NULL ORDER BY 1, 2, 3",
        (case_id,),
        prepare=True,
    ).fetchall()


def records_of(connection: Connection[Any], topic: str, cases: Iterable[UUID]) -> list[Placed]:
    """Return everything that has taken effect in some cases on one topic, case by case in order."""
    rows = connection.execute(
        f"SELECT {PLACED_COLUMNS} FROM mirror.record"  # noqa: S608 - our own field names
        " WHERE topic = %s AND case_id = ANY(%b) AND effect_offset IS NOT NULL"
        " ORDER BY case_id, effect_offset, effect_rank",
        (topic, list(cases)),
    )
    return [Placed(*row) for row in rows]


def placed_between(
    connection: Connection[Any], topic: str, partition: int, begin: int, end: int
) -> list[Placed]:
    """Return what takes effect from one offset of a partition up to another, in order."""
    span = {"topic": topic, "partition": partition, "begin": begin, "end": end}
    return [Placed(*row) for row in connection.execute(_BETWEEN, span)]


def standings(
    connection: Connection[Any], topic: str, cases: Iterable[UUID]
) -> dict[UUID, Standing]:
    """Return what the mirror knows of some cases on one topic; unknown cases are left out."""
    wanted = list(cases)
    said: dict[UUID, dict[str, Said]] = {}
    for case_id, origin, leaves, event_ids in connection.execute(_SAID, (topic, wanted)):
        said.setdefault(case_id, {})[origin] = Said(leaves, event_ids)
    waiting: dict[UUID, list[Waiting]] = {}
    for case_id, offset, leaf, value in connection.execute(_HELD, (topic, wanted)):
        stamp = read_stamp(value)
        waiting.setdefault(case_id, []).append(
            Waiting(offset, stamp.origin, stamp.version, stamp.event_id, stamp.seen, leaf)
        )
    return {
        case_id: Standing(said.get(case_id, {}), tuple(waiting.get(case_id, ())))
        for case_id in said.keys() | waiting.keys()
    }


_BETWEEN = f"""
SELECT {PLACED_COLUMNS} FROM mirror.record
WHERE topic = %(topic)s AND partition = %(partition)s AND effect_offset = "offset"
    AND "offset" >= %(begin)s AND "offset" < %(end)s
UNION ALL
SELECT {PLACED_COLUMNS} FROM mirror.record
WHERE topic = %(topic)s AND partition = %(partition)s AND effect_offset > "offset"
    AND effect_offset >= %(begin)s AND effect_offset < %(end)s
ORDER BY effect_offset, effect_rank
"""  # noqa: S608 - our own field names
_SAID = """
SELECT case_id, origin, string_agg(leaf, ''::bytea ORDER BY version),
    string_agg(uuid_send(event_id), ''::bytea ORDER BY version)
FROM mirror.record
WHERE topic = %s AND case_id = ANY(%b) AND effect_offset IS NOT NULL
GROUP BY case_id, origin
"""
# The stamp stands within the first bytes. Whoever holds back one version may send many after it.
_HELD = """
SELECT case_id, "offset", leaf, substring(value FOR 256) FROM mirror.record
WHERE topic = %s AND case_id = ANY(%b) AND effect_offset IS NULL ORDER BY "offset"
"""
