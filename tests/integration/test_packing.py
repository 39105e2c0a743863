"""A packed column is what psycopg would have sent, for every type of our tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from projections.models import TABLES
from projections.packing import pack

MOMENTS = [datetime(1899, 12, 31, 23, 59, 59, 1, UTC), datetime(2199, 1, 1, tzinfo=UTC), None]
SAMPLES = {
    "bool": [True, False, None],
    "bytea": [b"", b"\x00\xff", None, bytes(70_000)],
    "int4": [-(2**31), 0, 2**31 - 1, None],
    "int8": [-(2**63), 0, 2**63 - 1, None],
    "text": ["", "әлем 'и\" \\ {,}", None],
    "date": [date.min, date(2000, 1, 1), date.max, None],
    "timestamptz": MOMENTS,
    "uuid": [UUID(int=0), uuid4(), None],
}
LISTS = [[], ["identity"], ['a"b', "c\\", "d,e", "{}", "NULL", ""]]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_column_arrives_as_it_was(database, kind):
    with psycopg.connect(database.dsn) as connection:
        statement = f"SELECT item FROM unnest(%b::{kind}[]) AS item"
        rows = connection.execute(statement, (pack(kind, SAMPLES[kind]),)).fetchall()
    assert [(item,) for item in SAMPLES[kind]] == rows


def test_lists_of_texts_arrive_as_they_were(database):
    with psycopg.connect(database.dsn) as connection:
        statement = "SELECT item::text[] FROM unnest(%b::text[]) AS item"
        rows = connection.execute(statement, (pack("text[]", LISTS),)).fetchall()
    assert [(item,) for item in LISTS] == rows


def test_every_type_of_our_tables_can_be_packed():
    packed = {*SAMPLES, "text[]", "jsonb"}  # jsonb stands in a table that rows are copied into
    assert {kind for table in TABLES for kind in table.types} <= packed
