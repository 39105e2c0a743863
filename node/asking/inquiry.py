"""What an auditor asks a node, and what an answer is: rows, facts, and what they rest on.

Every answer says how far this node had read (`rests_on`) and for which countries it cannot speak
(`not_answered`): silence would look like nothing happened there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from psycopg.rows import dict_row

from consumers.rulebook import Rules
from events.agreement import Agreement
from events.codec import decode
from events.contract import partition_of
from events.errors import CaseUnknown, RecordRejected
from events.stamp import Event
from ledger import mirror
from ledger.case.case import Topic
from ledger.mirror import Placed
from node.reading import Reader
from projections import positions

Row = Mapping[str, Any]
E = TypeVar("E", bound=Event)

#: What answers need of a line: it is read a hundred thousand times.
_LINE = (
    "case_id, topic, place, partition, effect_offset, event_id, origin, event_type, recorded_at,"
    " actor_id, actor_role, leaf, effective, void_reason, summary"
)
_SHARED_FIRST = "ORDER BY case_id, topic DESC, place"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to one question."""

    #: Columns of a table, in their order; each row has all of them and maybe more.
    columns: Sequence[str]
    rows: Sequence[Row] = ()
    #: What is not said row by row: counts, states, rules that were used.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: Countries whose part of the answer stands in their own ledger.
    not_answered: Sequence[str] = ()


class Desk(Protocol):
    """What is asked of the node itself, and not of its read models."""

    def rules(self) -> Rules | None:
        """Return the rules in force today; None if there are none."""

    def opened(self, by: str, case_id: UUID, event_id: UUID) -> dict[str, Any]:
        """Return what an event says about the child, after recording who looks.

        NotAllowedNow, AccessRefused.
        """


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """One country's node as an auditor finds it, at one moment."""

    found: Reader
    agreement: Agreement
    #: The moment of asking: what is due, expired or late is judged by it.
    now: datetime
    #: None: only what the read models and the mirror say is told.
    desk: Desk | None = None

    @property
    def country(self) -> str:
        """The country that is asked."""
        return self.found.country

    @property
    def today(self) -> date:
        """The day of asking (UTC)."""
        return self.now.date()

    @property
    def others(self) -> list[str]:
        """Every other country of the agreement: each keeps its national events to itself."""
        return sorted(set(self.agreement.countries) - {self.country})

    def events(
        self,
        kinds: str,
        *,
        case_id: UUID | None = None,
        effective: bool | None = True,
        origin: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return lines of the trail of some event types, named with spaces between them.

        Case by case, the shared topic first, each in its order. `effective` None: void ones, too.
        """
        where, values = ["event_type = ANY(%s)"], list[Any]([kinds.split()])
        for name, value in (
            ("case_id", case_id),
            ("effective", effective),
            ("origin", origin),
        ):
            if value is not None:
                where.append(f"{name} = %s")
                values.append(value)
        statement = (
            # Our own names only.
            f"SELECT {_LINE} FROM {self.found.schema}.audit_trail"  # noqa: S608
            f" WHERE {' AND '.join(where)} {_SHARED_FIRST}"
        )
        with self.found.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, values).fetchall()

    def of_case(self, table: str, case_id: UUID | None, order: str) -> list[dict[str, Any]]:
        """Return rows of a read model, of one case or of all."""
        if case_id is None:
            return self.found.rows(table, f"ORDER BY {order}")
        return self.found.rows(table, f"WHERE case_id = %s ORDER BY {order}", case_id)

    def shared_events(self, kind: type[E], case_id: UUID) -> Iterator[tuple[Placed, E]]:
        """Yield the shared events of a type in a case, from their bytes, and where each stands.

        What cannot be read here is passed over: the trail has a line of it all the same. Headers
        are signed by nobody and decide nothing (ADR 9).
        """
        for record in mirror.records_of(self.found.connection, Topic.SHARED.value, [case_id]):
            with suppress(RecordRejected):
                event = decode(record.value)
                if isinstance(event, kind):
                    yield record, event

    def require_known(self, case_id: UUID) -> None:
        """Refuse to answer about a case that is not known here; CaseUnknown."""
        if not self.found.rows("case_file", "WHERE case_id = %s", case_id):
            raise CaseUnknown(f"case {case_id} is not known here")

    def rests_on(self, case_id: UUID | None) -> list[str]:
        """Return up to and with which place of each topic-partition this node had read.

        Of one case only its own partition counts. A partition in which nothing stands is left out.
        """
        of_case = None if case_id is None else partition_of(case_id, self.agreement.partitions)
        reached = positions.read(self.found.connection, self.found.schema).values()
        return [
            f"{one.topic}/{one.partition}@{one.next_offset - 1}"
            for one in sorted(reached, key=lambda one: (one.topic != "shared", one.partition))
            if one.next_offset and of_case in {None, one.partition}
        ]


def position(row: Row) -> str:
    """Return the place of a line of the trail on its topic."""
    return f"{row['topic']}/{row['partition']}@{row['effect_offset']}"


def milliseconds(begin: datetime, end: datetime) -> int:
    """Return how long it was; negative where two countries' clocks, or a race, say so."""
    return round((end - begin).total_seconds() * 1_000)


def seconds(begin: datetime, end: datetime) -> int:
    """Return how many whole seconds lie between two moments."""
    return int((end - begin).total_seconds())
