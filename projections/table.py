"""A read model's table: its columns, its key, and how rows get in. One description, no drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Values in the order of the table's columns.
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a generation."""

    name: str
    #: Column -> PostgreSQL type, with constraints if it has any.
    columns: Mapping[str, str]
    key: tuple[str, ...]
    #: Rows are only ever added, so they are copied in; others are the newest per key.
    append_only: bool = False
    #: Column lists (or whole tails) of further indexes.
    indexes: tuple[str, ...] = ()
    #: Columns that a later row of the same key leaves as they are where it says NULL: what only
    #: the event that began something knows. They cannot be NOT NULL.
    kept: tuple[str, ...] = ()
    #: Columns that the first row of a key decides for ever.
    first: tuple[str, ...] = ()

    @property
    def types(self) -> list[str]:
        """The bare type of each column."""
        return [declared.split(" ", 1)[0] for declared in self.columns.values()]

    @property
    def copied_types(self) -> list[str]:
        """The types as which values are copied in; for JSON see `binary_json`."""
        return ["bytea" if kind == "jsonb" else kind for kind in self.types]

    @property
    def names(self) -> str:
        """The quoted column names, as they stand in a statement."""
        return _quoted(tuple(self.columns))

    @property
    def key_size(self) -> int:
        """How many columns the key has; they are the first ones of a row."""
        return len(self.key)

    def over(self, earlier: Row | None, row: Row) -> Row:
        """Return a row as it stands where an earlier one of its key was."""
        if earlier is None or not (self.kept or self.first):
            return row
        return tuple(
            earlier[at] if name in self.first or (value is None and name in self.kept) else value
            for at, (name, value) in enumerate(zip(self.columns, row, strict=True))
        )

    def create(self, schema: str) -> str:
        """Return the statement that makes the table, without its indexes."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        return f"CREATE TABLE {schema}.{self.name} ({columns})"

    def index(self, schema: str) -> Sequence[str]:
        """Return the statements that make key and indexes; cheaper once the table is full."""
        table = f"{schema}.{self.name}"
        primary = f"ALTER TABLE {table} ADD PRIMARY KEY ({_quoted(self.key)})"
        return [primary, *(f"CREATE INDEX ON {table} {tail}" for tail in self.indexes)]

    def copy(self, schema: str) -> str:
        """Return the statement that copies rows in."""
        return f"COPY {schema}.{self.name} ({self.names}) FROM STDIN (FORMAT BINARY)"

    @property
    def unnested(self) -> str:
        """A query that gives rows back; one array parameter per column (projections.packing)."""
        arrays = ", ".join(f"%b::{_array_of(kind)}" for kind in self.types)
        values = ", ".join(
            f'"{name}"::text[]' if kind == "text[]" else f'"{name}"'
            for name, kind in zip(self.columns, self.types, strict=True)
        )
        return f"SELECT {values} FROM unnest({arrays}) AS fresh ({self.names})"  # noqa: S608

    def upsert(self, schema: str) -> str:
        """Return the statement that adds or replaces rows; one array parameter per column."""
        fixed = self.key + self.first
        rest = [self._replaced(name) for name in self.columns if name not in fixed]
        replace = f"UPDATE SET {', '.join(rest)}" if rest else "NOTHING"
        return (
            f"INSERT INTO {schema}.{self.name} AS earlier ({self.names})"
            f" {self.unnested} ON CONFLICT ({_quoted(self.key)}) DO {replace}"
        )

    def _replaced(self, name: str) -> str:
        fresh = f'excluded."{name}"'
        return f'"{name}" = ' + (
            f'coalesce({fresh}, earlier."{name}")' if name in self.kept else fresh
        )


def plain(text: str) -> str:
    """Return text that PostgreSQL can hold: a signed event may contain NUL, a column may not."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def binary_json(text: bytes) -> bytes:
    """Return what PostgreSQL takes for a jsonb value in a binary COPY: a version, then the text."""
    return b"\x01" + text


def _array_of(kind: str) -> str:
    # unnest() would flatten an array of arrays: inner ones travel as literals.
    return "text[]" if kind == "text[]" else f"{kind}[]"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
