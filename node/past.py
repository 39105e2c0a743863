"""Read models as they were: a reader of one moment answers what readers of the present answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any
from uuid import UUID

from events.agreement import Agreement
from events.contract import partition_of
from events.errors import BadInput, CaseUnknown
from node.cases import parts_of, trail_of
from node.moments import Moment, moment
from node.place import Place
from node.reading import NAME, Reader, reader
from projections import as_of
from projections.as_of import AtInstant, AtPlaces, Prefix, Then
from projections.models import TABLES
from projections.packing import pack
from projections.responsibility import SPANS
from projections.table import Table

_TABLES = {table.name: table for table in TABLES}
_SPANS = "responsibility"
#: What a view shows the rows of.
_ROWS_OF = {_SPANS: "responsibility_began"}
#: Every read model that can be asked for, now or as it was.
MODELS = (*_TABLES, _SPANS)


@dataclass(frozen=True, kw_only=True)
class PastReader(Reader):
    """One case as it was."""

    then: Then
    moment: Moment
    #: Of the case, on every topic.
    partition: int

    @property
    def schema(self) -> str:
        """There is none: what asks the tables in use says nothing of the past."""
        raise AssertionError("this question knows only the present")

    def ask(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Answer from the rows of that moment: they travel with the statement."""
        names = dict.fromkeys(NAME.findall(statement))
        tables = [_TABLES[one] for one in dict.fromkeys(_ROWS_OF.get(name, name) for name in names)]
        parts = [f"{table.name} AS ({table.unnested})" for table in tables]
        if _SPANS in names:
            parts.append(f"{_SPANS} AS ({_plain(SPANS)})")
        rows = chain.from_iterable(map(self._columns, tables))
        said = f"WITH {', '.join(parts)} {_plain(statement)}"
        return self._fetched(said, (*rows, *parameters))

    def _columns(self, table: Table) -> list[Any]:
        columns = list(zip(*self.then.rows(table), strict=True)) or [()] * len(table.columns)
        return [pack(kind, column) for kind, column in zip(table.types, columns, strict=True)]

    def describes(self) -> dict[str, Any]:
        """Say what was asked, the last place of each topic that counts, and what is left out."""
        return {
            "asked": self.moment.asked,
            "until": [self._said(one) for one in self.then.prefixes],
            "lower_bound": self.moment.lower_bound,
            # Events that cannot be read here: a schema or a key is missing.
            "unread": self.then.unread,
        }

    def _said(self, prefix: Prefix) -> str:
        return f"{prefix.topic}/{self.partition}@{prefix.offset}"


def _plain(statement: str) -> str:
    return NAME.sub(r"\1", statement)


def case_as_of(found: Reader, case_id: UUID, asked: str, agreement: Agreement) -> PastReader:
    """Return a case as it was at what was asked (node.moments.moment); only its events are read.

    CaseUnknown if nothing of it was known then.
    """
    when = moment(found, asked, agreement)
    when.require_of(case_id, agreement)
    past = case_at(found, case_id, when, agreement)
    if not past.then.count and not past.then.unread:
        raise CaseUnknown(f"case {case_id} was not known as of {asked}")
    return past


def case_at(found: Reader, case_id: UUID, when: Moment, agreement: Agreement) -> PastReader:
    """Return a case as it was at a moment, known or not."""
    then = as_of.case_then(
        found.connection, case_id, when.boundary, country=found.country, keys=found.keys
    )
    return _past(found, then, when, agreement)


def cases_at(found: Reader, when: Moment, agreement: Agreement) -> Iterator[PastReader]:
    """Yield every case that was known, one at a time; at a place, those of its partition.

    BadInput, rule `case_named`, if the moment is one of a single case.
    """
    when.require_of_all_cases()
    partitions = range(agreement.partitions) if when.partition is None else [when.partition]
    for then in as_of.cases_then(
        found.connection, partitions, when.boundary, country=found.country, keys=found.keys
    ):
        yield _past(found, then, when, agreement)


def _past(found: Reader, then: Then, when: Moment, agreement: Agreement) -> PastReader:
    return PastReader(
        connection=found.connection,
        country=found.country,
        generation=found.generation,
        keys=found.keys,
        then=then,
        moment=when,
        partition=partition_of(then.case_id, agreement.partitions),
    )


@contextmanager
def looking(where: Place, case_id: UUID, asked: str | None) -> Iterator[Reader]:
    """Give what is known of a case now, or as it was if that is asked; CaseUnknown, BadInput."""
    with reader(where) as found:
        yield found if asked is None else case_as_of(found, case_id, asked, where.agreement)


def moment_of(found: Reader) -> dict[str, Any]:
    """Return what an answer says of its moment: nothing if it is about now."""
    return {"as_of": found.describes()} if isinstance(found, PastReader) else {}


def file_then(past: PastReader) -> dict[str, Any]:
    """Return the case file of that moment, with everything that belonged to it."""
    case_id = past.then.case_id
    files = past.rows("case_file", "WHERE case_id = %s", case_id)
    file = files[0] if files else {"case_id": case_id}
    return {**file, "as_of": past.describes(), **parts_of(past, case_id)}


def history_then(past: PastReader) -> list[dict[str, Any]]:
    """Return the trail of that moment."""
    return trail_of(past, past.then.case_id)


def rows_of(
    found: Reader, model: str, case_id: UUID | None = None, *, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return rows of a read model, one of MODELS, in the order of their keys.

    Of a case, or of all that the reader knows; LIMIT NULL is no limit.
    """
    key = ", ".join(_TABLES[_ROWS_OF.get(model, model)].key)
    where, values = ("", ()) if case_id is None else ("WHERE case_id = %s", (case_id,))
    return found.rows(model, f"{where} ORDER BY {key} LIMIT %s", *values, limit)


def shown(
    found: Reader,
    model: str,
    case_id: UUID | None,
    asked: str | None,
    agreement: Agreement,
    limit: int,
) -> dict[str, Any]:
    """Return rows of any read model, of a case or of all, now or as they were.

    BadInput, rule `read_model`, if there is none of that name.
    """
    if model not in MODELS:
        there = ", ".join(MODELS)
        raise BadInput(f"there is no such read model; there are {there}", rule="read_model")
    said = {"model": model, "case_id": case_id}
    if asked is None:
        return {**said, "rows": rows_of(found, model, case_id, limit=limit)}
    if case_id is not None:
        past = case_as_of(found, case_id, asked, agreement)
        return {**said, **moment_of(past), "rows": rows_of(past, model, limit=limit)}
    when = moment(found, asked, agreement)
    cases = cases_at(found, when, agreement)
    rows = islice((row for past in cases for row in rows_of(past, model)), limit)
    as_of_what = {"asked": asked, "until": _ends(found, when), "lower_bound": when.lower_bound}
    return {**said, "as_of": {**as_of_what, "unread": None}, "rows": list(rows)}


def _ends(found: Reader, when: Moment) -> list[str]:
    """Return the last place of each partition that counts; what was seen ends case by case."""
    match when.boundary:
        case AtPlaces(places):
            return [f"{one.topic}/{when.partition}@{one.offset}" for one in places]
        case AtInstant(instant):
            ends = as_of.mirrored_until(found.connection, instant)
            return [f"{topic}/{partition}@{offset}" for topic, partition, offset in ends]
        case _:
            return []
