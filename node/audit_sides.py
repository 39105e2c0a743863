"""R9 over one case on one topic: the fold once more, beside what is shown of it.

Every line of the audit trail and the state after the last event have to be what the fold gives. A
case that waits is shown as waiting from the event on at which the fold stops here, and from no
other one: what a row of `parked` says is found out, and where it is wrong the case is looked at as
if the row were not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pydantic_core import from_json

from events.codec import Stamp
from events.errors import KeyUnknown
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.plane import Plane
from ledger.case.reading import as_it_is, read_on
from ledger.keys.national import NationalKeys, opened
from ledger.log.findings import Finding, Heard, found
from ledger.mirror import Placed
from node.audit_parked import Parked, cause_of
from node.audit_rows import bounded
from projections import audit_trail, case_state
from projections.change import Change
from projections.models import rows_of

#: The line of an event in the audit trail, column by column; None if there is none.
Line = Mapping[str, Any] | None

_SPECIAL = {name: bounded(f"line.{name}") for name in ("recorded_at", "occurred_at")}
_SPECIAL["summary"] = "line.summary::text"
#: What to ask of the trail, so that it can be read whatever stands there.
LINE = ", ".join(_SPECIAL.get(name, f'line."{name}"') for name in audit_trail.TABLE.columns)
#: What the stamp of an event says of its line, and where it stands.
_OF_STAMP = ("event_id", "origin", "version", "recorded_at")


def line_of(columns: Sequence[Any]) -> Line:
    """Return a line as it was asked for by `LINE`; None if the event has none."""
    if columns[0] is None:  # its case, by which it was joined
        return None
    return _read(columns, str.encode(columns[-1] or "null"))


def _read(columns: Sequence[Any], summary: bytes) -> Mapping[str, Any]:
    line = dict(zip(audit_trail.TABLE.columns, columns, strict=True))
    try:
        return line | {"summary": from_json(summary)}
    except ValueError:  # no JSON of ours
        return line | {"summary": None}


class Read(NamedTuple):
    """An event as it stands in the mirror, and what was read from its bytes."""

    record: Placed
    event: Event | Stamp


@dataclass(slots=True)
class SideRules:
    """The rule over one case on one topic."""

    country: str
    keys: NationalKeys | None
    #: What `parked` says of this side.
    parked: list[Parked]
    _plane: Plane
    #: Whether everything up to here could be folded here: if not, nothing is said about verdicts.
    _is_known: bool = True
    #: Whether it is not folded here for want of a key, which the node may have.
    _lacks_key: bool = False
    #: Whether it waits from here on, and rightly so.
    _waits: bool = False
    _place: int = 0
    _last: Heard | None = None

    def hear(self, heard: Heard, read: Read, line: Line) -> Iterator[Finding]:
        """Take in the next event; yield what is shown of it otherwise."""
        self._last, judged = heard, None
        if not self._waits:
            here = [one for one in self.parked if one.place == read.record[3:5]]
            judged, stop = self._judge(heard, read, is_parked=bool(here))
            yield from self._stopped(heard, read, here, stop)
        what = self._shown(heard, read, judged, line)
        if what is not None:
            yield found("R9", what, heard)

    def end(self, state: tuple[int, bytes] | None) -> Iterator[Finding]:
        """Yield what is said of waiting and was not found so, and how the state in use differs."""
        assert self._last is not None
        for _ in self.parked:
            yield found("R9", "parked_without_cause", self._last)
        count, _ = state or (None, b"")
        is_so = state == case_state.row(self._plane)[2:] if self._is_known else count == self._place
        if not is_so:
            yield found("R9", "state_differs", self._last)

    def _stopped(
        self, heard: Heard, read: Read, here: list[Parked], stop: str | None
    ) -> Iterator[Finding]:
        """Take in whether it can be folded on, and yield where it is said otherwise."""
        could, self._is_known = self._is_known, self._is_known and stop is None
        if could and stop is not None:
            self._lacks_key = stop == KeyUnknown.__name__
        has_cause = stop is not None and (could or self._lacks_key)
        if here and has_cause:
            self._waits, self._is_known = True, could  # the state in use is the one before
            self.parked.remove(here[0])
            if not self._lacks_key and here[0].cause != cause_of(stop, read.record):
                yield found("R9", "parked_without_cause", heard)
        elif here:
            for one in here:
                self.parked.remove(one)
            yield found("R9", "parked_without_cause", heard)
        elif has_cause and not self._lacks_key:
            yield found("R9", "not_parked", heard)

    def _judge(self, heard: Heard, read: Read, *, is_parked: bool) -> tuple[Line, str | None]:
        """Fold on and return its line, or the name of the error that stops it, as in `parked`."""
        if not self._is_known:
            return None, "behind"
        if heard.topic == Topic.NATIONAL and self.keys is None:
            return None, KeyUnknown.__name__
        record = read.record
        # What was read and opened once is not read again.
        event = read.event if isinstance(read.event, Event) else None
        try:
            after, verdict, event = read_on(
                self._plane,
                record.value,
                record.leaf,
                origin=record.origin,
                version=record.version,
                event=event,
                unsealed=partial(opened, keys=self.keys) if event is None else as_it_is,
            )
            change = Change(record, event, verdict, self._plane, after, self.country)
            (columns,) = audit_trail.rows(change)
            if is_parked:  # whatever else there is to write may be what stopped it
                rows_of(change)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - as the fold itself: it concerns this case only
            return None, type(error).__name__
        self._plane = after
        return _read(columns, columns[-1][1:]), None

    def _shown(self, heard: Heard, read: Read, judged: Line, line: Line) -> str | None:
        """Return what is wrong with the line of an event, or that it has one."""
        if self._waits:
            return None if line is None else "projected_while_parked"
        self._place += 1
        if line is None:
            return "not_projected"
        record = read.record
        expected: dict[str, Any] = {
            "place": self._place,
            "leaf": record.leaf,
            "effect_offset": record.effect_offset,
            "effect_rank": record.effect_rank,
        }
        if judged is None:
            expected |= {name: getattr(heard.event, name) for name in _OF_STAMP}
            is_so = all(line[name] == said for name, said in expected.items())
            return None if is_so else "projected_otherwise"
        verdict = ("effective", "void_reason")
        if any(line[name] != said for name, said in expected.items()):
            return "projected_otherwise"
        if any(line[name] != judged[name] for name in verdict):
            return "verdict_differs"
        return None if line == judged else "projected_otherwise"
