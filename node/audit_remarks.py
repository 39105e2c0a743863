"""What an auditor is told beside the rules: what a person has to look at, and may be honest.

A fault that a witness or the sealer has found stands until a person resolves it. A day without a
commitment has a sealer that stood still, or somebody took its row away: `ledger audit compare`
tells them apart, by what another country has heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from node.audit_alarms import Resolved
from node.audit_rows import bounded
from node.reading import Reader

#: Every kind, and what it means to a person.
WORDS: Final[Mapping[str, str]] = {
    "alarm_open": "a fault of a log that nobody has resolved",
    "alarm_gone": "the register says that an alarm is resolved, and it does not stand here",
    "day_missing": "no commitment to a national log is here, and later ones are",
}


class Remark(NamedTuple):
    """Something to look at; it breaks no rule for sure."""

    what: str
    log: str
    #: Of an alarm: which one, the rule that it is about, where, and since when it stands.
    alarm_id: UUID | None = None
    rule: str | None = None
    partition: int | None = None
    size: int | None = None
    event_id: UUID | None = None
    since: datetime | None = None
    #: Of commitments: the first and the last day without one.
    first: date | None = None
    last: date | None = None

    def as_words(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"what": self.what, "words": WORDS[self.what], **self._asdict()}


def remarks(reading: Reader, said: Resolved) -> Iterator[Remark]:
    """Yield alarms that are open, alarms that are gone, and days without a commitment."""
    for row in reading.connection.execute(_OPEN):
        yield Remark("alarm_open", *row)
    here = {alarm_id for (alarm_id,) in reading.connection.execute(_HERE)}
    gone = {one.alarm_id: one for one in said.events if one.alarm_id not in here}
    for one in gone.values():
        yield Remark("alarm_gone", one.log, one.alarm_id, one.rule, one.partition)
    for log, first, last in reading.connection.execute(_HOLES):
        yield Remark("day_missing", log, first=first, last=last)


_OPEN = f"""
SELECT coalesce(log, ''), alarm_id, rule, partition, size, event_id, {bounded("found_at")}
FROM witness.alarm WHERE resolved_at IS NULL ORDER BY log, rule, partition, alarm_id
"""  # noqa: S608 - our own names
_HERE = "SELECT alarm_id FROM witness.alarm"
# Days that cannot be are named by R1.
_HOLES = """
SELECT log, day + 1, later - 1 FROM (
    SELECT coalesce(log, '') AS log, day, lead(day) OVER (PARTITION BY log ORDER BY day) AS later
    FROM witness.commitment WHERE day BETWEEN '0002-01-01' AND '9998-12-31'
) AS said WHERE later > day + 1 ORDER BY log, day
"""
