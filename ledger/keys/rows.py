"""The rows of key sets: every statement that reads or writes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.keys.wrapping import Wrapped

_COLUMNS: LiteralString = (
    "set_id, kind, case_id, epoch, grant_id, handoff_id, stage, public, scopes, key_ids, slot,"
    " share_db, wrapped, canary, kek_id, seals, state, opened, replicas, created_at, erased_at"
)
_FROM: LiteralString = f"SELECT {_COLUMNS} FROM keystore.key_set WHERE "  # noqa: S608 - our own
_NEWEST: LiteralString = _FROM + "case_id = %s AND kind = 'own' ORDER BY epoch DESC LIMIT 1"
_WHICH: LiteralString = (
    "SELECT set_id, state FROM keystore.key_set"
    " WHERE case_id = %s AND kind = 'own' ORDER BY epoch DESC LIMIT 1"
)
_AT: LiteralString = _FROM + "case_id = %s AND kind = 'own' AND epoch = %s"
# Own sets have no grant: whoever names none gets no key that another country gave.
_NAMED: LiteralString = (
    _FROM + "case_id = %s AND %s::bytea = ANY (key_ids) AND grant_id IS NOT DISTINCT FROM %s::uuid"
    " LIMIT 1"
)
_TAKEN: LiteralString = """
SELECT EXISTS (
    SELECT FROM keystore.key_set
    WHERE case_id = %s AND key_ids && %s::bytea[] AND grant_id IS DISTINCT FROM %s::uuid
)
"""
_GRANTED: LiteralString = (
    _FROM + "case_id = %s AND grant_id = %s AND epoch = %s AND kind = 'received'"
)
_ONE_TIME: LiteralString = (
    _FROM + "case_id = %s AND handoff_id = %s AND stage = %s AND kind = 'one_time'"
)
_BY_ID: LiteralString = _FROM + "set_id = %s"
_CHOSEN: LiteralString = (
    _FROM + "case_id = %(case)s"
    " AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))"
    " AND (%(grant)s::uuid IS NULL OR grant_id = %(grant)s::uuid)"
    " AND (%(handoff)s::uuid IS NULL OR handoff_id = %(handoff)s::uuid)"
    " AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s::timestamptz)"
    " ORDER BY created_at, epoch, set_id"
)
_ERASING: LiteralString = "SELECT DISTINCT case_id FROM keystore.key_set WHERE state = 'erasing'"
_ADD: LiteralString = f"""
INSERT INTO keystore.key_set (set_id, kind, case_id, epoch, grant_id, handoff_id, stage, public,
    scopes, key_ids, slot, kek_id, share_db, wrapped, canary, seals)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (case_id, epoch) WHERE kind = 'own' DO NOTHING
RETURNING {_COLUMNS}
"""  # noqa: S608 - our own
_RESERVE: LiteralString = """
UPDATE keystore.key_set SET seals = seals + %(more)s
WHERE set_id = %(set)s AND state = 'live' AND seals + %(more)s <= %(most)s
"""
_CONDEMN: LiteralString = (
    "UPDATE keystore.key_set SET state = 'erasing', opened = %s WHERE set_id = %s"
)
_BURY: LiteralString = """
UPDATE keystore.key_set SET state = 'erased', share_db = NULL, wrapped = NULL, canary = NULL,
    replicas = %s, erased_at = clock_timestamp()
WHERE set_id = %s
"""
# Those that another process has in hand are its own to do.
_UNDER_OTHERS: LiteralString = (
    _FROM + "state = 'live' AND kek_id <> %s AND set_id > %s"
    " ORDER BY set_id LIMIT %s FOR UPDATE SKIP LOCKED"
)
_REWRAP: LiteralString = """
UPDATE keystore.key_set SET kek_id = %s, share_db = %s, wrapped = %s, canary = %s WHERE set_id = %s
"""


class Newest(NamedTuple):
    """Which own set of a case is the newest."""

    set_id: UUID
    state: str


class Row(NamedTuple):
    """A key set as it is kept. Shares and keys are None in a tombstone."""

    set_id: UUID
    kind: str
    case_id: UUID
    epoch: int | None
    grant_id: UUID | None
    handoff_id: UUID | None
    stage: str | None
    public: bytes | None
    scopes: list[int]
    key_ids: list[bytes]
    slot: int
    share_db: bytes | None
    wrapped: bytes | None
    canary: bytes | None
    kek_id: bytes
    seals: int
    state: str
    opened: bool | None
    replicas: int | None
    created_at: datetime
    erased_at: datetime | None

    def __repr__(self) -> str:
        """Show which set it is, and nothing of what it holds."""
        return f"Row({self.kind} {self.set_id}, {self.state})"

    @property
    def locked(self) -> Wrapped:
        """The wrapped keys of a set that is no tombstone."""
        assert self.share_db is not None, "a tombstone holds no keys"
        assert self.wrapped is not None, "a tombstone holds no keys"
        assert self.canary is not None, "a tombstone holds no keys"
        return Wrapped(self.kek_id, self.share_db, self.wrapped, self.canary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What a new set is for: the columns that never change."""

    set_id: UUID
    kind: str
    case_id: UUID
    epoch: int | None = None
    grant_id: UUID | None = None
    handoff_id: UUID | None = None
    stage: str | None = None
    public: bytes | None = None
    scopes: Sequence[int] = ()
    key_ids: Sequence[bytes] = ()


def newest(connection: Connection[Any], case_id: UUID) -> Row | None:
    """Return the own set of the highest epoch, whatever its state."""
    return _one(connection, _NEWEST, (case_id,))


def which_is_newest(connection: Connection[Any], case_id: UUID) -> Newest | None:
    """Return id and state of the newest own set: all to ask of a remembered set.

    Reading its whole row was a third of the work of a seal.
    """
    found = connection.execute(_WHICH, (case_id,)).fetchone()
    return None if found is None else Newest(*found)


def own_at(connection: Connection[Any], case_id: UUID, epoch: int) -> Row | None:
    """Return the own set of an epoch."""
    return _one(connection, _AT, (case_id, epoch))


def named(
    connection: Connection[Any], case_id: UUID, key_id: bytes, grant_id: UUID | None
) -> Row | None:
    """Return the set that has a key of this name: an own one, or what a grant released."""
    return _one(connection, _NAMED, (case_id, key_id, grant_id))


def taken(
    connection: Connection[Any], case_id: UUID, key_ids: Sequence[bytes], grant_id: UUID
) -> bool:
    """Say whether a set of the case that is not this grant's has, or had, a key of these names."""
    found = connection.execute(_TAKEN, (case_id, list(key_ids), grant_id)).fetchone()
    return found is not None and bool(found[0])


def granted(connection: Connection[Any], case_id: UUID, grant_id: UUID, epoch: int) -> Row | None:
    """Return what a grant released, of one epoch."""
    return _one(connection, _GRANTED, (case_id, grant_id, epoch))


def one_time(
    connection: Connection[Any], case_id: UUID, handoff_id: UUID, stage: str
) -> Row | None:
    """Return the one-time key of a step of a handoff, as this case knows it."""
    return _one(connection, _ONE_TIME, (case_id, handoff_id, stage))


def by_id(connection: Connection[Any], set_id: UUID) -> Row | None:
    """Return a set as it is now."""
    return _one(connection, _BY_ID, (set_id,))


def chosen(
    connection: Connection[Any],
    case_id: UUID,
    *,
    kinds: Sequence[str] | None = None,
    grant: UUID | None = None,
    handoff: UUID | None = None,
    before: datetime | None = None,
) -> list[Row]:
    """Return the sets of a case, oldest first; those that fit whatever is named."""
    some = None if kinds is None else list(kinds)
    said = {"case": case_id, "kinds": some, "grant": grant, "handoff": handoff, "before": before}
    return [Row(*row) for row in connection.execute(_CHOSEN, said).fetchall()]


def erasing(connection: Connection[Any]) -> list[UUID]:
    """Return the cases with an erasure that has not ended."""
    return [case_id for (case_id,) in connection.execute(_ERASING).fetchall()]


def add(
    connection: Connection[Any], owner: Owner, slot: int, keys: Wrapped, *, seals: int = 0
) -> Row | None:
    """Keep a new set, with so many seals reserved already; None if its epoch was made before."""
    what = owner
    told = (
        *(what.set_id, what.kind, what.case_id, what.epoch, what.grant_id, what.handoff_id),
        *(what.stage, what.public, list(what.scopes), list(what.key_ids), slot),
        *(keys.kek_id, keys.share_db, keys.keys, keys.canary, seals),
    )
    return _one(connection, _ADD, told)


def reserve(connection: Connection[Any], set_id: UUID, more: int, most: int) -> bool:
    """Count seals in advance; say whether the set is live and may seal so often."""
    told = {"set": set_id, "more": more, "most": most}
    return connection.execute(_RESERVE, told).rowcount == 1


def condemn(connection: Connection[Any], set_id: UUID, *, opened: bool) -> None:
    """From now on a set is used no more."""
    connection.execute(_CONDEMN, (opened, set_id))


def bury(connection: Connection[Any], set_id: UUID, replicas: int) -> None:
    """Leave a tombstone of a set whose slot is overwritten."""
    connection.execute(_BURY, (replicas, set_id))


def under_others(connection: Connection[Any], kek_id: bytes, after: UUID, limit: int) -> list[Row]:
    """Return the next live sets that are under another KEK, locked."""
    rows = connection.execute(_UNDER_OTHERS, (kek_id, after, limit)).fetchall()
    return [Row(*row) for row in rows]


def rewrap(connection: Connection[Any], set_id: UUID, keys: Wrapped) -> None:
    """Keep the keys of a set under another KEK."""
    connection.execute(_REWRAP, (keys.kek_id, keys.share_db, keys.keys, keys.canary, set_id))


def _one(connection: Connection[Any], statement: LiteralString, said: Sequence[Any]) -> Row | None:
    row = connection.execute(statement, said).fetchone()
    return None if row is None else Row(*row)
