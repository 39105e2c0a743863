"""`ledger projections`: read models: how far they are, build them anew, check them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import AsOf, By, CountryOption, Dir, Json

if TYPE_CHECKING:
    from projections.filling import Progress

app = noun("projections")

Processes = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Processes that fill; default: cores.")
]

Reason = Annotated[
    str | None, typer.Option(metavar="REASON", help="The fold was changed on purpose; say why.")
]
DropOld = Annotated[
    bool, typer.Option("--drop-old", help="Drop generations that are no longer in use.")
]


@app.command("status")
def _status(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """Show the generation in use, how far it has read, and what it holds."""
    from node import place
    from node.reading import reader
    from projections.hashing import state_hash
    from projections.models import TABLES

    with reader(place.find(directory, country)) as found:
        positions = found.rows("position", "ORDER BY topic DESC, partition")
        models = {
            table.name: {
                "rows": found.count(table.name),
                "hash": state_hash(found.connection, found.schema, table),
            }
            for table in TABLES
        }
        parked = found.count("parked")
    said = {
        "country": found.country,
        "generation": found.generation,
        "positions": positions,
        "read_models": models,
        "parked_cases": parked,
    }
    if as_json:
        output.document(said)
        return
    output.line(f"{found.country} generation {found.generation}, {parked} parked cases")
    output.table(
        ("read model", "rows", "state hash"),
        [(name, one["rows"], one["hash"]) for name, one in models.items()],
    )
    output.table(
        ("topic", "partition", "next offset", "moved at"),
        [
            (row["topic"], row["partition"], row["next_offset"], row["moved_at"])
            for row in positions
        ],
    )


@app.command("show")
def _show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Read model, as in `status`.")],
    case_id: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="Only of this case; default: of all.")
    ] = None,
    *,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many rows at most.")] = 50,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
    as_lines: Annotated[
        bool, typer.Option("--jsonl", help="One JSON document a row on stdout.")
    ] = False,
) -> None:
    """Show rows of any read model, as they are or as they were.

    Of all cases as they were each one is folded again, until there are rows enough.
    """
    from node import place
    from node.past import shown
    from node.reading import reader

    where, case = place.find(directory, country), None if case_id is None else output.uuid(case_id)
    with reader(where) as found:
        said = shown(found, model, case, as_of, where.agreement, limit)
    if as_json and not as_lines:
        output.document(said)
        return
    rows = said["rows"]
    if as_lines:
        for row in rows:
            output.document(row)
        return
    output.moment(said.get("as_of"))
    output.table(tuple(rows[0]) if rows else (model,), [tuple(row.values()) for row in rows])


@app.command("rebuild")
def _rebuild(
    *,
    processes: Processes = None,
    expect_difference: Reason = None,
    drop_old: DropOld = False,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Build all read models anew from the mirror while traffic goes on, compare, and use them.

    That it began, and what is used from then on, is recorded in the register before it is so.
    """
    from node import place
    from node.acts import rebuild
    from node.reading import answering, reader
    from projections import generation, receipt

    where = place.find(directory, country)
    with answering(where), _progress() as tell:
        done = rebuild(
            where, by, processes=processes, expect_difference=expect_difference, tell=tell
        )
    dropped: list[int] = []
    with reader(where, role="project") as found:
        taken = receipt.take(found.connection, why="rebuilt")
        if drop_old:
            dropped = generation.drop_old(found.connection)
    said = {**output.plain(done), "equal": done.equal, "dropped": dropped}
    if as_json:
        output.document({**said, "receipt_id": taken.receipt_id})
        return
    word = "same state hash ✔" if done.equal else f"differs as expected: {expect_difference}"
    output.line(f"generation {done.number} from {done.events} events: {word}")


@app.command("receipt")
def _receipt(
    *, country: CountryOption = None, directory: Dir = None, as_json: Json = False
) -> None:
    """Keep on which events the read models rest, in which order, and what they say."""
    from node import place
    from node.reading import reader
    from projections.receipt import take

    with reader(place.find(directory, country), role="project") as found:
        taken = take(found.connection, why="asked")
    if as_json:
        output.document({"country": found.country, **output.plain(taken)})
        return
    output.line(f"receipt {taken.receipt_id} of {found.country} generation {taken.generation}")
    output.table(
        ("topic", "log of", "events", "root"),
        [(one.topic, one.origin, one.size, one.root) for one in taken.logs],
    )
    output.table(("read model", "state hash"), list(taken.models.items()))


@app.command("verify")
def _verify(
    *,
    processes: Processes = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Build all read models anew and compare; those in use stay. Exit code 5 if one differs."""
    from events.errors import RecordRejected
    from node import place
    from node.reading import answering
    from projections.rebuild import verify

    where = place.find(directory, country)
    with answering(where), _progress() as tell:
        found = verify(
            where.dsn("project"),
            country=where.country,
            keys=where.keys,
            processes=processes,
            tell=tell,
        )
    if as_json:
        said = {"events": found.events, "equal": found.equal, "differences": found.differences}
        output.document(said)
    elif found.equal:
        output.line(f"{found.events} events folded anew: same state hash ✔")
    if not found.equal:
        raise RecordRejected(
            f"read models in use differ from the mirror: {', '.join(found.differences)}",
            rule="state_hash",
        )


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """Show how many events are done, on a terminal only."""
    with output.progress("events") as advanced:
        yield lambda one: advanced(one.events)
