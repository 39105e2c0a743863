"""Where the past ends, as somebody types it: a place, an instant, or what a country had seen.

What cannot be answered is refused by name rather than answered about something else: a place this
node has not read yet, an instant that has not come, a partition in which the case does not stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.agreement import Agreement
from events.contract import partition_of
from events.errors import BadInput, CodeUnknown
from node.reading import Reader
from projections import positions
from projections.as_of import AtInstant, AtPlaces, Boundary, Prefix, SeenBy, SeenWhen

_PLACE = re.compile(
    r"(?P<topic>shared|national)/(?P<partition>\d{1,9})@(?P<offset>\d{1,18})"
    r"(?:\.(?P<rank>\d{1,9}))?"
)
_COUNTRY = re.compile(r"seen:(?P<country>[A-Z]{2})")
_EVENT = re.compile(r"seen:(?P<event>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_WORDS = (
    "as of what? shared/P@OFFSET, an instant such as 2026-11-24T12:00:00Z, seen:KG, or seen:EVENT"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """What was asked, and where the past ends by it."""

    asked: str
    boundary: Boundary
    #: Of the places that were named; None: of any partition.
    partition: int | None = None

    @property
    def lower_bound(self) -> bool:
        """Whether more may have been known than the answer says."""
        return self.boundary.lower_bound

    def require_of(self, case_id: UUID, agreement: Agreement) -> None:
        """Refuse places of a partition in which the case does not stand."""
        wanted = partition_of(case_id, agreement.partitions)
        if self.partition not in {None, wanted}:
            raise BadInput(
                f"case {case_id} stands in partition {wanted} of every topic",
                rule="partition_of_case",
            )

    def require_of_all_cases(self) -> None:
        """Refuse what can be said of one case only."""
        if isinstance(self.boundary, SeenWhen):
            raise BadInput("seen:EVENT is about the case of the event: name it", rule="case_named")


def moment(found: Reader, asked: str, agreement: Agreement) -> Moment:
    """Return what is meant; BadInput or CodeUnknown name what is wrong with it.

    Forms: `shared/P@OFFSET` (with `.RANK` where several events take effect at one offset; two
    places with a comma, one on each topic), an instant of RFC 3339, `seen:KG`, `seen:EVENT`.
    """
    if "@" in asked:
        return _places(found, asked)
    if seen := _COUNTRY.fullmatch(asked):
        if seen["country"] not in agreement.countries:
            raise CodeUnknown.country(seen["country"], agreement.countries)
        return Moment(asked, SeenBy(seen["country"]))
    if seen := _EVENT.fullmatch(asked):
        return Moment(asked, SeenWhen(UUID(seen["event"])))
    return Moment(asked, AtInstant(_instant(found, asked)))


def _places(found: Reader, asked: str) -> Moment:
    named = [_PLACE.fullmatch(one) for one in asked.split(",")]
    places = [one for one in named if one is not None]
    topics, partitions = {one["topic"] for one in places}, {int(one["partition"]) for one in places}
    if None in named or len(topics) != len(places) or len(partitions) != 1:
        raise BadInput(_WORDS, rule="as_of")
    (partition,) = partitions
    reached = positions.read(found.connection, found.schema)
    for one in places:
        there = reached.get((one["topic"], partition))
        if there is None or int(one["offset"]) >= there.next_offset:
            raise BadInput(
                f"{found.country} has read {one['topic']}/{partition} up to"
                f" {'nothing' if there is None else there.next_offset - 1}, not that far",
                rule="place_read",
            )
    return Moment(asked, AtPlaces(tuple(map(_prefix, places))), partition)


def _prefix(place: re.Match[str]) -> Prefix:
    prefix = Prefix(place["topic"], int(place["offset"]))
    return prefix if place["rank"] is None else prefix._replace(rank=int(place["rank"]))


def _instant(found: Reader, asked: str) -> datetime:
    try:
        instant = datetime.fromisoformat(asked)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise BadInput(_WORDS, rule="as_of")
    # By the clock that dates what is mirrored: what it has not seen yet may still be mirrored.
    row = found.connection.execute("SELECT %s <= clock_timestamp()", (instant,)).fetchone()
    if row is None or not row[0]:
        raise BadInput(
            f"that instant has not come yet by the clock of {found.country}'s database",
            rule="instant_past",
        )
    return instant
