"""Prepared releases as the keystore keeps them, until they have left or are erased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from events.codes import DataScope
from events.stamp import SealedEntry
from ledger.case.sharing import Due
from ledger.keys.capsule import capsule_hash, split

_COLUMNS = (
    "grant_id, case_id, handoff_id, preview, basis_id, epoch, scopes, commitments, carried,"
    " box_scopes, boxes"
)


class Prepared(NamedTuple):
    """One release, ready to be recorded and sent."""

    grant_id: UUID
    case_id: UUID
    handoff_id: UUID
    preview: bool
    basis_id: UUID
    epoch: int
    scopes: tuple[DataScope, ...]
    commitments: tuple[bytes, ...]
    carried: bytes
    sealed: tuple[SealedEntry, ...]

    @property
    def capsule_hash(self) -> bytes:
        """What KeysReleased says of the capsule."""
        return capsule_hash(*split(self.carried))


@contextmanager
def preparing(connection: Connection[Any], case_id: UUID) -> Iterator[None]:
    """Let nobody else prepare a release of a case, until what this one made is kept."""
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"capsules/{case_id}",)
        )
        yield


def find(connection: Connection[Any], case_id: UUID, due: Due) -> list[Prepared]:
    """Return what was prepared for a step on a basis, oldest first, whatever came of it."""
    cursor = connection.cursor(row_factory=tuple_row)
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM keystore.capsule"  # noqa: S608 - our own names
        " WHERE case_id = %s AND handoff_id = %s AND preview = %s AND basis_id = %s"
        " ORDER BY epoch",
        (case_id, due.handoff_id, due.is_preview, due.basis_id),
    ).fetchall()
    return [_prepared(row) for row in rows]


def of_grant(connection: Connection[Any], grant_id: UUID) -> Prepared | None:
    """Return what was prepared as a grant."""
    cursor = connection.cursor(row_factory=tuple_row)
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM keystore.capsule WHERE grant_id = %s",  # noqa: S608
        (grant_id,),
    ).fetchone()
    return None if row is None else _prepared(row)


def keep(connection: Connection[Any], one: Prepared) -> None:
    """Keep a prepared release."""
    connection.execute(
        f"INSERT INTO keystore.capsule ({_COLUMNS})"  # noqa: S608 - our own names
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *one[:6],
            [str(scope) for scope in one.scopes],
            list(one.commitments),
            one.carried,
            [str(entry.scope) for entry in one.sealed],
            [entry.box for entry in one.sealed],
        ),
    )


def drop(connection: Connection[Any], grant_id: UUID) -> None:
    """Delete a capsule that will never be carried."""
    connection.execute("DELETE FROM keystore.capsule WHERE grant_id = %s", (grant_id,))


def left(connection: Connection[Any], grant_id: UUID) -> None:
    """Note that a capsule was given out."""
    connection.execute(
        "UPDATE keystore.capsule SET left_at = coalesce(left_at, now()) WHERE grant_id = %s",
        (grant_id,),
    )


def has_left(connection: Connection[Any], grant_id: UUID) -> bool:
    """Say whether a capsule was given out before."""
    found = connection.execute(
        "SELECT FROM keystore.capsule WHERE grant_id = %s AND left_at IS NOT NULL", (grant_id,)
    )
    return found.rowcount > 0


def forget(connection: Connection[Any], case_id: UUID, *, before: datetime | None = None) -> None:
    """Delete the capsules of a case that were prepared before a time, or all.

    Which copies are to be tombstoned, the ledger says.
    """
    connection.execute(
        "DELETE FROM keystore.capsule WHERE case_id = %(case)s"
        " AND (%(before)s::timestamptz IS NULL OR prepared_at < %(before)s::timestamptz)",
        {"case": case_id, "before": before},
    )


def _prepared(row: tuple[Any, ...]) -> Prepared:
    boxes = zip(row[9], row[10], strict=True)
    values = (*row[:6], tuple(map(DataScope, row[6])), tuple(row[7]), row[8])
    sealed = tuple(SealedEntry(scope=DataScope(scope), box=box) for scope, box in boxes)
    return Prepared._make((*values, sealed))
