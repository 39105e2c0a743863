"""The statistics of a closed quarter as one document: tables, measures, and what is not told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any, Final

from node.reading import Reader
from node.statistics.counting import KINDS, Counted, Row, count
from node.statistics.measures import measures
from node.statistics.quarter import Quarter
from node.statistics.shapes import SHAPES, SUMS, with_totals
from node.statistics.suppression import LEAST, Key, withheld

#: What is read of the trail, and of the handoffs, up to the end of a quarter.
LINES: Final = """
SELECT case_id, topic, place, origin, event_type, recorded_at, occurred_at, actor_id, actor_role,
    summary
FROM {audit_trail} WHERE effective AND event_type = ANY(%s) AND recorded_at < %s
ORDER BY case_id, topic DESC, place
"""
HANDOFFS: Final = "WHERE began_at < %s ORDER BY case_id, handoff_id"
#: How a figure is shown that is not told.
WITHHELD: Final = "withheld"


def statistics(found: Reader, quarter: Quarter, now: datetime) -> dict[str, Any]:
    """Return the figures of a quarter that is over; NotAllowedNow, rule `quarter_closed`."""
    quarter.require_closed(now)
    lines = found.ask(LINES, KINDS.split(), quarter.end)
    handoffs = found.rows("referrals", HANDOFFS, quarter.end)
    return document(count(lines, handoffs, found.country, quarter), found.country, quarter)


def document(counted: Counted, country: str, quarter: Quarter) -> dict[str, Any]:
    """Return what is told of a quarter: figures under LEAST are withheld, and what gives them away.

    A median is told where every figure of what it is the middle of is told.
    """
    cells = with_totals(counted.cells)
    hidden = withheld(cells, SUMS)
    told = {key: None if key in hidden else number for key, number in cells.items()}
    medians = {name: _median(told, name, days) for name, days in counted.days.items()}
    return {
        "country": country,
        "quarter": quarter.name,
        "from": quarter.day(quarter.begin),
        "before": quarter.day(quarter.end),
        "zone": quarter.zone,
        "least_told": LEAST,
        "withheld": len(hidden),
        "tables": [_table(shape, told) for shape in SHAPES],
        "measures": measures(told, medians),
    }


def _median(told: Mapping[Key, int | None], column: str, days: Sequence[int]) -> float | None:
    (shape,) = (one for one in SHAPES if one.name == "duration")
    if any(told[shape.key(row, column)] is None for row in shape.shown_rows):
        return None
    return median(days)


def _table(shape: Any, told: Mapping[Key, int | None]) -> dict[str, Any]:
    rows = [
        {"row": row, **{column: told[shape.key(row, column)] for column in shape.shown_columns}}
        for row in shape.shown_rows
    ]
    return {
        "name": shape.name,
        "words": shape.words,
        "columns": list(shape.shown_columns),
        "rows": rows,
    }


def flat(said: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str, Any]]:
    """Yield country, quarter, table, row, column and figure of everything that is told or not."""
    head = (said["country"], said["quarter"])
    for table in said["tables"]:
        for row in table["rows"]:
            for column in table["columns"]:
                yield (*head, table["name"], row["row"], column, row[column])
    for name, value in said["measures"].items():
        yield (*head, "measures", name, "value", value)


def shown(figures: Iterable[Row | Any]) -> list[Any]:
    """Return figures as people read them."""
    return [WITHHELD if one is None else one for one in figures]
