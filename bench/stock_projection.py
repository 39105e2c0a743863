"""The baseline's projection: eventsourcing's ProjectionRunner, one row upserted per event.

`python -m bench.stock_projection` runs it in a process of its own; settings as the library reads
them, from the environment.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from bench.stock import StockCase, StockCases

_TABLE = "case_view"


class CaseView(PostgresTrackingRecorder):
    """One row per case: version, status, when. The least that a projection can do."""

    def __init__(self, datastore: PostgresDatastore, **settings: Any) -> None:
        super().__init__(datastore, **settings)
        table = Identifier(self.datastore.schema, _TABLE)
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS {} (case_id uuid PRIMARY KEY, version bigint NOT NULL,"
                " status text, changed_at timestamptz NOT NULL)"
            ).format(table)
        )
        self._upsert = SQL(
            "INSERT INTO {} AS v VALUES (%s, %s, %s, %s) ON CONFLICT (case_id) DO UPDATE"
            " SET version = excluded.version, changed_at = excluded.changed_at,"
            " status = coalesce(excluded.status, v.status)"
        ).format(table)

    def show(self, event: StockCase.Event, tracking: Tracking) -> None:
        """Write the row and the position in one transaction."""
        status = getattr(event, "status", None)
        row = (event.originator_id, event.originator_version, status, event.timestamp)
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._upsert, row, prepare=True)


class CaseProjection(Projection[CaseView]):
    """Shows every event in the view."""

    name = "shown"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Show one event."""
        self.view.show(domain_event, tracking)


def main() -> None:
    """Run until told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with ProjectionRunner(
        application_class=StockCases,
        projection_class=CaseProjection,
        view_class=CaseView,
        env=dict(os.environ),
    ):
        stop.wait()


if __name__ == "__main__":
    main()
