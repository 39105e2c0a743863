"""`ledger alarm`: what does not fit together in a log, until a person has resolved it."""

from __future__ import annotations

from typing import Annotated

import typer

from events.codes import Resolution
from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

app = noun("alarm")

_COLUMNS = ("alarm_id", "found_at", "rule", "log", "partition", "size", "log_index", "words")
_RESOLVED = ("resolved_at", "resolved_by", "resolution", "position")
_REASONS = ", ".join(one for one in Resolution if one is not Resolution.UNKNOWN)


@app.command("list")
def _list(
    *,
    every: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List faults of logs that nobody has resolved: each with its log, rule, place and event.

    While one is `order_differs`, nothing is shared on its partition but what protects. A resolved
    one without a position was not resolved by the log's account: somebody changed its row.
    """
    from node import place
    from node.alarms import alarms
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as found:
        rows = alarms(found, where.agreement, resolved=every)
    if as_json:
        output.document({"alarms": rows})
        return
    if not rows:
        output.line("no alarm was ever raised" if every else "no alarm is open")
        return
    columns = (*_COLUMNS, *(_RESOLVED if every else ()))
    output.table(columns, [[row[name] for name in columns] for row in rows])


@app.command("resolve")
def _resolve(
    alarm_id: Annotated[str, typer.Argument(metavar="ALARM", help="The alarm, by its id.")],
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help=f"What was done: {_REASONS}.")
    ],
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say that a fault is resolved; a supervisor or focal point, or who answers for data, does.

    It is recorded in the log before anything goes on. What still does not fit raises a new alarm.
    """
    from node import place
    from node.alarms import resolve
    from node.arguments import code

    alarm, resolution = output.uuid(alarm_id, "ALARM"), code(reason, Resolution, name="--reason")
    said = resolve(place.find(directory, country), by, alarm, resolution)
    if as_json:
        output.document(said)
        return
    output.line(f"resolved: {said['rule']} of {said['log']}; recorded as event {said['event_id']}")
