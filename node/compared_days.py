"""The daily commitments to national logs, as two nodes keep them: the same days, the same hashes.

A day may lack one in every country, since a sealer that stands still commits to nothing. But what
one country has heard stands on a topic that all of them read in one order: who has read past it
has heard it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from events.agreement import Agreement
from node.compared_notes import NoteDifference, read_to
from node.reading import Reader

#: Clocks of two countries stand on different days for less than this.
_APART = timedelta(days=2)


class _Day(NamedTuple):
    said: str
    #: Whether its own country made it here: then it may never have come as far as the topic.
    is_made_here: bool


#: Log -> day -> what is known.
_Days = Mapping[str, Mapping[date, _Day]]


class _Side(NamedTuple):
    own: str
    days: _Days
    #: How far the topic of notes was read.
    read: int
    #: The newest day that another country has committed to, as heard here.
    heard: date

    def must_know(self, log: str, day: date, other: _Side) -> bool:
        """Say whether a day that the other side knows must be known here, for sure."""
        if other.days[log][day].is_made_here:
            return False
        if log == self.own:  # the sealer writes the newest one here, before anything is read
            return self.read >= other.read or day <= self.heard - _APART
        return self.read >= other.read or day < max(self.days.get(log, {}), default=date.min)


def compare_days(one: Reader, other: Reader, agreement: Agreement) -> list[NoteDifference]:
    """Return the days of which the two do not know the same, as far as both have to know them."""
    here, there = (_side(node, agreement) for node in (one, other))
    found = []
    for log in sorted(here.days.keys() | there.days.keys()):
        mine, theirs = here.days.get(log, {}), there.days.get(log, {})
        for day in sorted(mine.keys() | theirs.keys()):
            if day not in mine:
                kind = "not_here" if here.must_know(log, day, there) else None
            elif day not in theirs:
                kind = "not_there" if there.must_know(log, day, here) else None
            else:
                kind = None if mine[day].said == theirs[day].said else "otherwise"
            if kind is not None:
                found.append(NoteDifference("commitment", log, day.isoformat(), None, kind))
    return found


def _side(node: Reader, agreement: Agreement) -> _Side:
    own, days = agreement.national_log(node.country), dict[str, dict[date, _Day]]()
    logs = [agreement.national_log(country) for country in agreement.countries]
    for log, day, said, is_made_here in node.connection.execute(_DAYS, (logs,)):
        days.setdefault(log, {})[day] = _Day(said, is_made_here)
    heard = max((day for log in days if log != own for day in days[log]), default=_FIRST)
    return _Side(own, days, read_to(node, agreement) or 0, heard)


_FIRST = date.min + _APART
# A day still to come is nobody's word about a log; what stands there is named by `audit check`.
_DAYS = """
SELECT log, day, coalesce(encode(commitment, 'hex'), ''), salt IS NOT NULL
FROM witness.commitment
WHERE log = ANY (%s) AND day BETWEEN '0002-01-01' AND (now() AT TIME ZONE 'UTC')::date
"""
