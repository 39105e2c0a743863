"""How long something may take, and when that is over in the country where it has to be done.

`2h` are hours that pass, day and night, `30min` minutes. `14d` are days of the calendar there: the
same time of day, whatever the clock was set to in between. `5wd` are working days: the end of the
fifth one. For a child in high risk there are no working days: such a pack is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from events.errors import BadInput

_SPAN = re.compile(r"([1-9][0-9]{0,3})(min|h|d|wd)")
#: Units that pass alike everywhere, whatever a clock is set to.
_PASSING = frozenset({"min", "h"})
_LENGTHS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
#: No search for a working day goes further: a calendar without any is a mistake.
_LONGEST_BREAK = 60


@dataclass(frozen=True, slots=True)
class Span:
    """A number of minutes, of hours, of days, or of working days."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `30min`, `2h`, `14d` or `5wd`; BadInput."""
        found = _SPAN.fullmatch(text)
        if found is None:
            raise BadInput("a span is a number and min, h, d or wd: 2h, 14d, 5wd", rule="span")
        return cls(int(found[1]), found[2])

    @property
    def in_working_days(self) -> bool:
        """Whether weekends and holidays make it longer."""
        return self.unit == "wd"

    def is_within(self, longest: timedelta) -> bool:
        """Say whether it is no longer than this; of working days nobody knows."""
        return not self.in_working_days and self.count * _LENGTHS[self.unit] <= longest

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.count}{self.unit}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Time as it passes in a country."""

    #: IANA name of its zone.
    zone: str
    #: Country or region of the `holidays` library.
    holidays: str
    #: Days of the week without work, Monday = 1.
    weekend: frozenset[int] = frozenset({6, 7})

    def after(self, at: datetime, span: Span) -> datetime:
        """Return the moment (UTC) at which a span that begins at a moment is over."""
        if span.unit in _PASSING:
            return at + span.count * _LENGTHS[span.unit]
        local = at.astimezone(ZoneInfo(self.zone))
        if span.unit == "d":
            return self._at(local.date() + timedelta(days=span.count), local.time())
        day = local.date()
        for _ in range(span.count):
            day = self.next_working_day(day)
        return self._at(day + timedelta(days=1), time.min)

    def is_working_day(self, day: date) -> bool:
        """Say whether people work on a day."""
        return day.isoweekday() not in self.weekend and day not in _free(self.holidays, day.year)

    def next_working_day(self, day: date) -> date:
        """Return the first working day after a day."""
        for further in range(1, _LONGEST_BREAK):
            if self.is_working_day(next_day := day + timedelta(days=further)):
                return next_day
        raise BadInput(f"no working day within {_LONGEST_BREAK} days of {day}", rule="calendar")

    def _at(self, day: date, clock: time) -> datetime:
        # Of a time that the clock shows twice Python takes the first: the child waits no longer.
        return datetime.combine(day, clock, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


@cache
def _free(country: str, year: int) -> Mapping[date, str]:
    found: Mapping[date, str] = holidays.country_holidays(country, years=year)
    return found


def knows_holidays(country: str) -> bool:
    """Say whether the library knows a country's holidays."""
    return country in holidays.list_supported_countries(include_aliases=False)
