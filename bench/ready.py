"""A country's database as it is when its relay and worker have started and found nothing."""

from __future__ import annotations

import psycopg

from bench.histories import KEYS
from bench.play import COUNTRIES
from events.agreement import Agreement, Country
from ledger.service import Ledger, LedgerSettings, open_ledger
from projections import generation

_PARTITIONS = 6


def make_ready(dsn: str) -> None:
    """Say that the mirror has come as far as the topics: nothing stands on them."""
    with psycopg.connect(dsn) as connection:
        generation.ensure(connection)
        connection.execute(
            "INSERT INTO ledger.start_mark (topic, partition, topic_id, high_watermark)"
            " SELECT topic, partition, gen_random_uuid(), 0"
            " FROM unnest(ARRAY['shared', 'national']) AS topic,"
            " generate_series(0, %s) AS partition",
            (_PARTITIONS - 1,),
        )
        connection.execute(
            "INSERT INTO read_1.position (topic, partition, topic_id, next_offset)"
            " SELECT topic, partition, topic_id, 0 FROM ledger.start_mark"
        )
        connection.execute("ANALYZE")


def ledger_of(dsn: str, *, connections: int = 8, histories: int = 1_000) -> Ledger:
    """Open the ledger of a country whose database is ready; it can read copied histories."""
    countries = {code: Country(code=code, zone="UTC", log_keys=()) for code in COUNTRIES}
    agreement = Agreement(name="bench", prefix="bench", partitions=_PARTITIONS, countries=countries)
    return open_ledger(
        LedgerSettings(
            dsn=dsn,
            country=COUNTRIES[0],
            agreement=agreement,
            connections=connections,
            histories=histories,
            national_keys=KEYS,
        )
    )
