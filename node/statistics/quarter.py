"""A quarter of a year as it begins and ends in a country."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from events.errors import BadInput, NotAllowedNow

_QUARTER = re.compile(r"(?P<year>[12][0-9]{3})-?Q(?P<number>[1-4])")
_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months, by the clock of a country."""

    year: int
    #: 1 to 4.
    number: int
    #: IANA name of the zone of the country.
    zone: str

    @classmethod
    def parse(cls, text: str, zone: str) -> Quarter:
        """Read `2026Q3` or `2026-Q3`; BadInput."""
        found = _QUARTER.fullmatch(text)
        if found is None:
            raise BadInput("a quarter is a year and one of Q1 to Q4: 2026Q3", rule="quarter")
        return cls(int(found["year"]), int(found["number"]), zone)

    @property
    def name(self) -> str:
        """How it is written."""
        return f"{self.year}Q{self.number}"

    @property
    def begin(self) -> datetime:
        """Its first moment (UTC)."""
        return self._moment(self.year, (self.number - 1) * _MONTHS + 1)

    @property
    def end(self) -> datetime:
        """The first moment (UTC) after it."""
        if self.number == 4:
            return self._moment(self.year + 1, 1)
        return self._moment(self.year, self.number * _MONTHS + 1)

    def holds(self, at: datetime | None) -> bool:
        """Say whether a moment lies in it."""
        return at is not None and self.begin <= at < self.end

    def day(self, at: datetime) -> date:
        """Return which day a moment belongs to in the country."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def require_closed(self, now: datetime) -> None:
        """Refuse a quarter that is not over: its figures would be told again with other numbers."""
        if now < self.end:
            raise NotAllowedNow(
                f"{self.name} is over on {self.day(self.end)} ({self.zone}); figures are told of"
                " closed quarters only",
                rule="quarter_closed",
            )

    def _moment(self, year: int, month: int) -> datetime:
        midnight = datetime.combine(date(year, month, 1), time.min, tzinfo=ZoneInfo(self.zone))
        return midnight.astimezone(UTC)
