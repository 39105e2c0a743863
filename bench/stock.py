"""The baseline's side: the same case as an eventsourcing application would have it.

An aggregate with equal fields, written as the library's documentation writes one, on its stock
PostgreSQL recorder. Its mapper writes JSON; ours writes Avro.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from psycopg.conninfo import conninfo_to_dict

_NOTHING_SEEN = bytes(32).hex()


class StockCase(Aggregate):
    """One case, with the stamp of our events on each of its own."""

    class Event(Aggregate.Event):
        """What every event says; id, version and time are the library's own."""

        event_id: UUID
        origin: str
        seen: str
        occurred_at: datetime
        actor_id: str
        actor_role: str
        actor_organisation: str
        caused_by: UUID | None
        rules: str | None

    class Created(Event, Aggregate.Created):
        """The case was opened."""

        opened_on: str
        responsible: str
        status: str

    class RiskAssessed(Event):
        """The risk was assessed."""

        assessment_id: UUID

        def apply(self, aggregate: Any) -> None:
            """Remember that it was."""
            aggregate.risk_assessed = True

    class ViewsRecorded(Event):
        """The child was heard."""

        views_id: UUID

        def apply(self, aggregate: Any) -> None:
            """Remember that she was."""
            aggregate.views_heard = True

    class ConsentGranted(Event):
        """Data may travel."""

        consent_id: UUID
        recipient: str
        scopes: list[str]
        expires_on: str
        purpose: str
        requested_by: str

        def apply(self, aggregate: Any) -> None:
            """Keep the consent."""
            granted = (self.recipient, tuple(self.scopes), self.expires_on, self.purpose)
            aggregate.consents[self.consent_id] = granted

    class StatusChanged(Event):
        """The case may be handed over, or not."""

        status: str

        def apply(self, aggregate: Any) -> None:
            """Keep the status."""
            aggregate.status = self.status

    def __init__(self, opened_on: str, responsible: str, status: str, **_stamp: Any) -> None:
        self.opened_on = opened_on
        self.responsible = responsible
        self.status = status
        self.risk_assessed = self.views_heard = False
        self.consents: dict[UUID, tuple[Any, ...]] = {}

    @classmethod
    def opened(cls) -> StockCase:
        """Begin a case."""
        today = date.today().isoformat()  # noqa: DTZ011  # a date like any other
        return cls._create(
            cls.Created, opened_on=today, responsible="KZ", status="not_ready", **_stamp()
        )

    def change_status(self, status: str) -> None:
        """Decide that the case may be handed over, or not."""
        if status not in {"ready", "not_ready"}:
            raise ValueError("the neutral status is ready or not_ready")
        self.trigger_event(self.StatusChanged, status=status, **_stamp())

    def tell(self, kind: type[Event], **said: Any) -> None:
        """Record something else."""
        self.trigger_event(kind, **said, **_stamp())


def _stamp() -> Mapping[str, Any]:
    return {
        "event_id": uuid4(),
        "origin": "KZ",
        "seen": _NOTHING_SEEN,
        "occurred_at": datetime.now(UTC),
        "actor_id": "sup-0017",
        "actor_role": "supervisor",
        "actor_organisation": "cps-almaty",
        "caused_by": None,
        "rules": None,
    }


def long_case() -> StockCase:
    """Return a case of twenty events, none of them saved."""
    case = StockCase.opened()
    case.tell(StockCase.RiskAssessed, assessment_id=uuid4())
    case.tell(StockCase.ViewsRecorded, views_id=uuid4())
    consent = {"recipient": "KG", "scopes": ["identity", "health", "contact"]}
    terms = {"expires_on": "2027-09-01", "purpose": "transfer", "requested_by": "sup-0017"}
    case.tell(StockCase.ConsentGranted, consent_id=uuid4(), **consent, **terms)
    while len(case.pending_events) < 20:
        case.change_status("ready" if len(case.pending_events) % 2 else "not_ready")
    return case


class StockCases(Application[UUID]):
    """The application: get, change, save."""

    name = "cases"

    def change_status(self, case_id: UUID, status: str) -> None:
        """Decide and record."""
        case: StockCase = self.repository.get(case_id)
        case.change_status(status)
        self.save(case)


def settings_of(dsn: str, *, connections: int, **settings: str) -> dict[str, str]:
    """Return the library's settings: stock, but connections stay open.

    Snapshots stay off: on a case of twenty events they cost more than they save.
    """
    place = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(place["dbname"]),
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_PORT": str(place["port"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": str(place["password"]),
        "POSTGRES_POOL_SIZE": str(connections),
        "POSTGRES_MAX_OVERFLOW": "0",
        "IS_SNAPSHOTTING_ENABLED": "n",
        **settings,
    }


def stock_cases(dsn: str, *, connections: int, **settings: str) -> StockCases:
    """Open the application on its stock recorder."""
    return StockCases(settings_of(dsn, connections=connections, **settings))
