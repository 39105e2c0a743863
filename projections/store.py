"""Rows on their way into a generation: collected while folding, written set by set."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from projections.models import TABLES
from projections.packing import Packed, pack
from projections.table import Row, Table


@dataclass(slots=True)
class Sheet:
    """What is to be written: added rows in order, of all others the newest per key."""

    added: dict[str, list[Row]] = field(
        default_factory=lambda: {table.name: [] for table in TABLES if table.append_only}
    )
    newest: dict[str, dict[Row, Row]] = field(
        default_factory=lambda: {table.name: {} for table in TABLES if not table.append_only}
    )

    def put(self, table: Table, row: Row) -> None:
        """Take one row."""
        if table.append_only:
            self.added[table.name].append(row)
        else:
            newest, key = self.newest[table.name], row[: table.key_size]
            merges = table.kept or table.first
            newest[key] = table.over(newest.get(key), row) if merges else row

    def rows(self, table: Table) -> Collection[Row]:
        """Return what a table gets."""
        if table.append_only:
            return self.added[table.name]
        return self.newest[table.name].values()


def write(connection: Connection[Any], schema: str, sheet: Sheet) -> None:
    """Write a sheet into tables that are in use: one statement per table."""
    for table in TABLES:
        rows = sheet.rows(table)
        if not rows:
            continue
        if table.append_only:
            copy_in(connection, schema, table, rows)
        else:
            connection.execute(table.upsert(schema), _columns(table, rows), prepare=True)


def copy_in(connection: Connection[Any], schema: str, table: Table, rows: Iterable[Row]) -> None:
    """Add rows whose keys are not there yet."""
    with connection.cursor() as cursor, cursor.copy(table.copy(schema)) as copy:
        copy.set_types(table.copied_types)
        for row in rows:
            copy.write_row(row)


def _columns(table: Table, rows: Iterable[Row]) -> list[Packed]:
    columns = zip(*rows, strict=True)
    return [pack(kind, column) for kind, column in zip(table.types, columns, strict=True)]
