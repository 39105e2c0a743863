"""The directory of a country's providers: who serves whom, where, in which languages.

The file says what changes rarely, as the Open Referral standard (HSDS) names it. What changes from
day to day, who has acknowledged a guideline, who is full, stands in the register as events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ledger.rules.documents import Document, mistake, read
from ledger.rules.terms import Country, Id, Specialist

#: A country, then what lies in it, from large to small: `KZ/almaty/almaly`.
Area = Annotated[str, Field(pattern=r"^[A-Z]{2}(/[a-z0-9-]{1,40}){0,3}$")]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]


class Service(Document):
    """One service of one organisation."""

    id: Id
    organisation: Id
    #: What it can lead, its own field first.
    specialists: Annotated[tuple[Specialist, ...], Field(min_length=1)]
    areas: Annotated[tuple[Area, ...], Field(min_length=1)]
    minimum_age: Annotated[int, Field(ge=0, le=17)] = 0
    maximum_age: Annotated[int, Field(ge=0, le=25)] = 18
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    #: Languages for which it calls an interpreter.
    interpreted: tuple[Language, ...] = ()
    #: Sexes of those who work there.
    sexes: tuple[Literal["f", "m"], ...] = ()
    workers: Annotated[int, Field(ge=1)] = 1
    status: Literal["active", "inactive", "defunct", "temporarily_closed"] = "active"
    #: Last day of its licence; none is needed if nothing is said.
    licensed_until: date | None = None

    @model_validator(mode="after")
    def _ages_in_order(self) -> Self:
        if self.minimum_age > self.maximum_age:
            raise mistake("minimum_age is above maximum_age")
        return self


class Directory(Document):
    """Every service of a country."""

    country: Country
    version: Annotated[int, Field(ge=1)]
    #: Invented.
    example: bool = False
    service: tuple[Service, ...] = ()

    @model_validator(mode="after")
    def _require_whole(self) -> Self:
        seen: set[str] = set()
        for at, one in enumerate(self.service):
            if one.id in seen:
                raise mistake(f"{one.id!r} is there twice", ("service", at))
            seen.add(one.id)
            if any(area.split("/")[0] != self.country for area in one.areas):
                raise mistake(f"an area lies outside {self.country}", ("service", at, "areas"))
        return self


@dataclass(frozen=True, slots=True)
class Listed:
    """A directory ready to be asked, and the hash of its text."""

    sha256: str
    country: str
    services: Mapping[str, Service]
    #: (specialist, area) -> who serves all of that area, in the order of their ids.
    _covering: Mapping[tuple[str, str], Sequence[Service]] = field(repr=False)
    #: (specialist, area) -> who serves some of that area.
    _within: Mapping[tuple[str, str], Sequence[Service]] = field(repr=False)

    @classmethod
    def of(cls, text: str, name: str) -> Listed:
        """Read a directory; Misconfigured tells every mistake by file and line."""
        found = read(Directory, text, name)
        covering: defaultdict[tuple[str, str], list[Service]] = defaultdict(list)
        within: defaultdict[tuple[str, str], list[Service]] = defaultdict(list)
        for one in sorted(found.service, key=lambda service: service.id):
            places = {place for area in one.areas for place in upwards(area)}
            for specialist in one.specialists:
                for area in one.areas:
                    covering[specialist, area].append(one)
                for place in places:
                    within[specialist, place].append(one)
        services = {one.id: one for one in found.service}
        return cls(sha256(text.encode()).hexdigest(), found.country, services, covering, within)

    def covering(self, specialist: str, area: str) -> Iterator[tuple[int, Service]]:
        """Yield who can lead something in a place, and how far above it what they serve lies.

        0 is the place itself, 1 what it lies in, and so on up to the country.
        """
        seen: set[str] = set()
        for above, place in enumerate(upwards(area)):
            for one in self._covering.get((specialist, place), ()):
                if one.id not in seen:
                    seen.add(one.id)
                    yield above, one

    def within(self, specialist: str, area: str) -> Sequence[Service]:
        """Return who can lead something anywhere in an area."""
        return self._within.get((specialist, area), ())


def upwards(area: str) -> Sequence[str]:
    """Return an area and everything that it lies in, up to the country."""
    parts = area.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the register and the cases say of the providers at one moment."""

    today: date
    #: (organisation, guideline) -> version that it has acknowledged.
    acknowledged: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: Services that take nobody now: suspended, paused or without a free place.
    closed: frozenset[str] = frozenset()
    #: Service -> load of the cases it works with (`Pack.load`).
    load: Mapping[str, int] = field(default_factory=dict)

    def words(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        said = sorted(self.acknowledged.items())
        return {
            "acknowledged": [f"{provider} {name} {number}" for (provider, name), number in said],
            "closed": sorted(self.closed),
            "load": dict(sorted(self.load.items())),
        }

    @classmethod
    def of(cls, words: Mapping[str, Any], today: date) -> Situation:
        """Read what `words` gave."""
        said = (line.split(" ") for line in words["acknowledged"])
        return cls(
            today=today,
            acknowledged={(provider, name): int(number) for provider, name, number in said},
            closed=frozenset(words["closed"]),
            load=words["load"],
        )
