"""The import itself: rows to requests, requests to the ledger, what was refused to a file.

A row is known by the SHA-256 of its file and its line, which is the idempotency key of its
request. So a file that was imported before, wholly or until a kill -9, brings in only the rest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO
from uuid import UUID

from events.errors import BadInput, LedgerError
from events.stamp import Actor
from ledger.receipt import Receipt
from ledger.request import Decision, Request
from node.arguments import arguments_of, decision_named, parse
from node.choosing import choosing
from node.importing.mapping import Mapped, Step
from node.importing.rows import Row, Source

#: Rows between two signs of life.
_BATCH = 500


class Records(Protocol):
    """What an import needs of a ledger."""

    def record_many(self, requests: Iterable[Request]) -> Iterable[Receipt | LedgerError]:
        """Record each request wholly or not at all, and say what became of it."""


@dataclass
class Summary:
    """What became of a file."""

    file: str
    sha256: str
    rows: int = 0
    #: Rows that the mapping does not take.
    passed_over: int = 0
    imported: int = 0
    #: Rows that an earlier import had recorded.
    repeated: int = 0
    rejected: int = 0
    cases: int = 0
    events: Counter[str] = field(default_factory=Counter)
    #: Columns that are not recorded before sealing exists.
    withheld: tuple[str, ...] = ()
    rejects: str | None = None


@dataclass
class Import:
    """One run over one file."""

    source: Source
    mapped: Mapped
    by: Actor
    rejects: Path
    advanced: Callable[[int], None]

    def into(self, ledger: Records) -> Summary:
        """Import every row; return what became of them."""
        digest = self.source.digest()
        withheld = tuple(sorted(self.mapped.withheld))
        summary = Summary(str(self.source.path), digest, withheld=withheld)
        part = self.rejects.with_name(f"{self.rejects.name}.part")
        with part.open("w", encoding="utf-8") as rejected:
            for rows in _batches(self.source.rows()):
                self._batch(rows, ledger, summary, rejected)
                self.advanced(len(rows))
        if summary.rejected:
            part.replace(self.rejects)
            summary.rejects = str(self.rejects)
        else:
            part.unlink()
            self.rejects.unlink(missing_ok=True)
        return summary

    def _batch(
        self, rows: Sequence[Row], ledger: Records, summary: Summary, rejected: TextIO
    ) -> None:
        requests: list[tuple[Row, Request]] = []
        summary.rows += len(rows)
        for row in rows:
            if row.broken is None and not self.mapped.takes(row):
                summary.passed_over += 1
                continue
            try:
                requests.append((row, self._request(row, summary.sha256)))
            except LedgerError as refusal:
                _reject(row, refusal, summary, rejected)
        answers = ledger.record_many([request for _, request in requests])
        for (row, request), answer in zip(requests, answers, strict=True):
            if isinstance(answer, LedgerError):
                _reject(row, answer, summary, rejected)
            else:
                _count(request, answer, summary)

    def _request(self, row: Row, digest: str) -> Request:
        if row.broken is not None:
            raise BadInput(row.broken, rule="row")
        steps = [step for step in self.mapped.steps if step.is_for(row)]
        if not steps:
            raise BadInput("nothing is to be decided for this row", rule="row")
        return Request(
            by=self.by,
            decisions=tuple(_decision(step, row) for step in steps),
            case_id=self._case(row),
            key=f"import:{digest}:{row.line}",
        )

    def _case(self, row: Row) -> Any:
        typed = row.values.get(self.mapped.case or "")
        return parse(typed, UUID, name="case") if typed else None


def _decision(step: Step, row: Row) -> Decision:
    take = decision_named(step.decision)
    kinds = arguments_of(take)
    arguments = {
        name: parse(text, kinds[name], name=f"{step.decision}.{name}")
        for name, text in step.words(row).items()
    }
    return Decision(choosing(take, {}), arguments)


def _count(request: Request, receipt: Receipt, summary: Summary) -> None:
    if receipt.replayed:
        summary.repeated += 1
        return
    summary.imported += 1
    summary.cases += request.case_id is None
    summary.events.update(event.type for event in receipt.events)


def _reject(row: Row, refusal: LedgerError, summary: Summary, rejected: TextIO) -> None:
    """Line and reason, and never the row: it may be about a child."""
    summary.rejected += 1
    said: dict[str, Any] = {"line": row.line, "rule": refusal.rule, "reason": str(refusal)}
    rejected.write(json.dumps(said, ensure_ascii=False) + "\n")


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
