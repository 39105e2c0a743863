"""What every country mirrored of a case, and what it shows: invariants ask nothing else.

Bytes are decoded anew and national events opened with the country's own keys. Whether an event took
effect is read from the audit trail; what effect it has, nobody is asked: invariants say it
themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from events.codec import decode
from events.stamp import Event
from ledger.keys.national import opened
from node import place
from node.reading import Reader, reader

#: Cases that are read at a time.
_AT_A_TIME = 100
_LINES = """
SELECT record.case_id, record.topic, record.value, line.effective, line.void_reason
FROM mirror.record AS record
LEFT JOIN {audit_trail} AS line USING (case_id, topic, partition, "offset")
WHERE record.case_id = ANY (%s) AND record.effect_offset IS NOT NULL
ORDER BY record.case_id, record.topic, record.effect_offset, record.effect_rank
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One event at its place, and what its topic made of it."""

    event: Event
    effective: bool
    void_reason: str | None = None
    #: As it stands on its topic; what is national stands in an envelope.
    value: bytes = b""

    @property
    def kind(self) -> str:
        """Name of the event."""
        return type(self.event).__name__


@dataclass(slots=True)
class Told:
    """What one country has of a case."""

    shared: list[Line] = field(default_factory=list)
    national: list[Line] = field(default_factory=list)
    #: Rows of its read models: who answered from where to where, and the case file.
    spans: list[Mapping[str, Any]] = field(default_factory=list)
    file: Mapping[str, Any] | None = None

    @property
    def own(self) -> list[Line]:
        """Every line with an effect, the national ones first."""
        return [line for line in (*self.national, *self.shared) if line.effective]


@dataclass(slots=True)
class Story:
    """One case, as each country has it."""

    case_id: UUID
    told: dict[str, Told]

    @property
    def shared(self) -> list[Line]:
        """The shared lines, of whichever country has read most; they agree elsewhere."""
        return max((one.shared for one in self.told.values()), key=len, default=[])

    @property
    def effective(self) -> list[Line]:
        """The shared lines that took effect, in the topic's order."""
        return [line for line in self.shared if line.effective]

    @property
    def events(self) -> int:
        """How many there are, on all topics."""
        return len(self.shared) + sum(len(one.national) for one in self.told.values())

    def national(self, country: str) -> list[Line]:
        """What a country has recorded for itself, with effect."""
        told = self.told.get(country)
        return [] if told is None else [line for line in told.national if line.effective]


def in_order(lines: Iterable[Line], country: str) -> list[Line]:
    """Return what a country decided, in the order in which it did: its clock never goes back."""
    own = [line for line in lines if line.event.origin == country]
    return sorted(own, key=lambda line: line.event.recorded_at)


def stories(path: Path, countries: Sequence[str], cases: Sequence[UUID]) -> Iterator[Story]:
    """Yield every case as each country has it."""
    left = iter(cases)
    while some := list(islice(left, _AT_A_TIME)):
        found = {case_id: Story(case_id, {code: Told() for code in countries}) for case_id in some}
        for country in countries:
            with reader(place.find(path, country)) as reading:
                _read(reading, found)
        yield from found.values()


def _read(reading: Reader, found: Mapping[UUID, Story]) -> None:
    for row in reading.ask(_LINES, list(found)):
        told = found[row["case_id"]].told[reading.country]
        value = bytes(row["value"])
        event = opened(decode(value), reading.keys)
        line = Line(event, bool(row["effective"]), row["void_reason"], value)
        (told.shared if row["topic"] == "shared" else told.national).append(line)
    wanted = "WHERE case_id = ANY (%s)"
    for row in reading.rows("responsibility", f"{wanted} ORDER BY topic, since_place", list(found)):
        found[row["case_id"]].told[reading.country].spans.append(row)
    for row in reading.rows("case_file", wanted, list(found)):
        found[row["case_id"]].told[reading.country].file = row
