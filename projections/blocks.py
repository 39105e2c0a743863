"""Blocks: to which countries and persons nothing about a child goes, since when and until when."""

from __future__ import annotations

from collections.abc import Iterable

from events.block import BlockLifted, BlockPlaced
from projections.change import (
    ACCESS,
    CARE,
    CASE,
    CONSENT,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    REFERRAL,
    ROUTING,
    TRANSFER,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="blocks",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "block_id": "uuid NOT NULL",
        "countries": "text[] NOT NULL",
        "persons": "text[] NOT NULL",  # pseudonyms, of people and of organisations
        "placed_at": "timestamptz",
        "placed_by": "text",
        "lifted_at": "timestamptz",
        "lifted_by": "text",
    },
    key=("case_id", "topic", "block_id"),
    kept=("placed_at", "placed_by"),
)


def _placed(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, BlockPlaced)
    moments = (event.recorded_at, plain(event.actor.id), None, None)
    return (_row(change, event, event.countries, event.persons, moments),)


def _lifted(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, BlockLifted)
    block = change.before.care.blocks.get(event.block_id)
    if block is None:
        return ()
    moments = (None, None, event.recorded_at, plain(event.actor.id))
    return (_row(change, event, block.countries, block.persons, moments),)


def _row(
    change: Change,
    event: BlockPlaced | BlockLifted,
    countries: Iterable[str],
    persons: Iterable[str],
    moments: Row,
) -> Row:
    record = change.record
    named = ([plain(one) for one in countries], [plain(one) for one in persons])
    return (record.case_id, record.topic, event.block_id, *named, *moments)


OPINIONS: Opinions = {
    **on("BlockPlaced", _placed),
    **on("BlockLifted", _lifted),
    # Nothing else places or lifts a block: not even the end of what it was placed for.
    **on(f"{CASE} {CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {DATA}"),
    **on(f"{CARE} {ROUTING} {PLAN} {ACCESS} {ERASURE}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(NOTICE),
}
