"""Faults of logs, kept where a person finds them: once each, in the database, the log, a metric."""

from __future__ import annotations

from typing import Any, LiteralString

import structlog
from prometheus_client import Counter, Gauge
from psycopg import Connection

from ledger.log.faults import RULES, Fault

DISAGREEMENTS = Counter(
    "ledger_witness_disagreements_total",
    "Faults found in a log: nobody may sign it further before a person has looked.",
    ["country", "log", "rule"],
)
CHECKPOINT_AGE = Gauge(
    "ledger_checkpoint_age_seconds",
    "How long ago a log was last signed by its country (by: seal) or by a witness (by: witness).",
    ["country", "log", "by"],
)

_ADD: LiteralString = """
INSERT INTO witness.alarm (rule, log, partition, size, log_index, event_id, words)
VALUES (%b, %b, %b, %b, %b, %b, %b) ON CONFLICT DO NOTHING
"""

_OPEN: LiteralString = """
SELECT FROM witness.alarm
WHERE resolved_at IS NULL AND rule = %b AND log = %b AND partition IS NOT DISTINCT FROM %b::int
"""

log = structlog.get_logger()


def known_from_zero(country: str, names: list[str]) -> None:
    """Show that nothing was found: an alert sees the first fault only from 0."""
    for name in names:
        for rule in RULES:
            DISAGREEMENTS.labels(country, name, rule)


def raise_alarm(connection: Connection[Any], country: str, fault: Fault) -> None:
    """Keep a fault, unless it is kept already and not resolved."""
    row = (*fault, fault.words)
    rule, name, partition, size, log_index, event_id, words = row
    added = connection.execute(
        _ADD, (rule, name, partition, size, log_index, event_id, words), prepare=True
    )
    if added.rowcount == 1:
        DISAGREEMENTS.labels(country, name, rule).inc()
        # The event stands in the table only: a log leads nobody to a child.
        log.error(
            "log_fault",
            message=words,
            rule=rule,
            log=name,
            partition=partition,
            size=size,
            log_index=log_index,
        )


def is_open(connection: Connection[Any], fault: Fault) -> bool:
    """Say whether a fault is kept and nobody has said that it is resolved."""
    asked = (fault.rule, fault.log, fault.partition)
    return connection.execute(_OPEN, asked, prepare=True).fetchone() is not None
