"""`ledger quarantine`: events that wait, and records that are none."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from events.errors import CaseUnknown
from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

app = noun("quarantine")

_STRAYS = """
SELECT topic, partition, "offset", outcome, reason, origin, mirrored_at
FROM mirror.stray ORDER BY mirrored_at, topic, partition, "offset"
"""
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]


@app.command("list")
def _list(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """List parked cases, held events and stray records. Nothing of it is lost or dismissed."""
    from projections import quarantine

    with _reader(directory, country) as reading:
        found: dict[str, list[Any]] = {
            "parked": list(quarantine.parked(reading.connection, reading.generation)),
            "held": list(quarantine.held(reading.connection)),
            "strays": _strays(reading),
        }
    if as_json:
        output.document({name: [one._asdict() for one in rows] for name, rows in found.items()})
        return
    if not any(found.values()):
        output.line("nothing waits")
    for name, rows in found.items():
        if rows:
            columns = rows[0]._fields
            output.table(columns, rows, title=name)


@app.command("show")
def _show(
    case_id: CaseArgument,
    *,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show what a case waits for, and which events queue behind it."""
    from projections import quarantine

    case = output.uuid(case_id)
    with _reader(directory, country) as reading:
        parked = quarantine.parked(reading.connection, reading.generation, case)
        held = quarantine.held(reading.connection, case)
        queue = [
            record
            for side in parked
            for record in quarantine.waiting(reading.connection, reading.generation, side)
        ]
    if not parked and not held:
        raise CaseUnknown(f"case {case} waits for nothing")
    said = {
        "case_id": case,
        "parked": [one._asdict() for one in parked],
        "held": [one._asdict() for one in held],
        "queue": [_without_bytes(record._asdict()) for record in queue],
    }
    if as_json:
        output.document(said)
        return
    for side in parked:
        output.line(f"parked on {side.topic} since offset {side.since_offset}: {side.reason}")
    for one in held:
        output.line(f"held on {one.topic}: {one.origin} version {one.version} waits for its own")
    output.table(
        ("topic", "offset", "origin", "version", "type"),
        [(one.topic, one.offset, one.origin, one.version, one.ce_type) for one in queue],
    )


@app.command("retry")
def _retry(
    case_id: Annotated[
        str | None, typer.Argument(metavar="CASE", help="The case; default every parked one.")
    ] = None,
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Fold parked cases on, in order, each in one transaction. Exit code 5 if one stops again.

    That it is tried is recorded in the register before.
    """
    from events.errors import RecordRejected
    from node import place
    from node.acts import retry_parked

    wanted = output.uuid(case_id) if case_id else None
    sides, stops = retry_parked(place.find(directory, country), by, wanted)
    said = {"retried": sides, "stopped_again": len(stops)}
    if as_json:
        output.document(said)
    else:
        output.line(f"{sides} retried, {len(stops)} stopped again")
    if stops:
        raise RecordRejected(f"{len(stops)} still cannot be folded: {stops[0].reason}")


def _reader(directory: Any, country: str | None, role: str = "audit") -> Any:
    from node import place
    from node.reading import reader

    return reader(place.find(directory, country), role)


def _strays(reading: Any) -> list[Any]:
    from psycopg.rows import namedtuple_row

    with reading.connection.cursor(row_factory=namedtuple_row) as cursor:
        found: list[Any] = cursor.execute(_STRAYS).fetchall()
        return found


def _without_bytes(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"value", "leaf"}}
