"""A pair pack: what two countries have agreed on about children between them, as one file.

Both activate the same text. It only ever forbids: what a country's own rules, a consent or a block
refuse is refused with it, too.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from events.codes import Purpose
from events.errors import BadInput
from ledger.rules.documents import Document, mistake, read
from ledger.rules.terms import Country, Id, Time, Version

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


def _purpose(said: str) -> str:
    if said == Purpose.UNKNOWN or said not in set(Purpose):
        known = ", ".join(one for one in Purpose if one is not Purpose.UNKNOWN)
        raise mistake(f"{said!r} is no purpose: {known}")
    return said


class Rung(Document):
    """Whom to call when nobody answers, and after what time."""

    after: Time
    #: A post, never a person: rule files are kept for ever.
    post: Id


class Point(Document):
    """Where a child may be handed over, person to person."""

    id: Id
    between: tuple[Country, Country]
    hours: str


class Pair(Document):
    """Two countries' rules about each other."""

    version: Version
    countries: tuple[Country, Country]
    effective_from: date
    #: Invented: shows what a pair pack says, and binds nobody.
    example: bool = False
    #: What a basis may be for, if a handoff between the two rests on it.
    purposes: Annotated[tuple[Annotated[str, AfterValidator(_purpose)], ...], Field(min_length=1)]
    #: What a receiver may be told before it accepts.
    preview: Annotated[tuple[FieldName, ...], Field(min_length=1)]
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    #: That she asks for asylum is never told to the country she fears: not to be switched off.
    asylum_firewall: Literal[True]
    escalation: Annotated[tuple[Rung, ...], Field(min_length=1)]
    handover: tuple[Point, ...] = ()

    @model_validator(mode="after")
    def _require_whole(self) -> Self:
        if self.countries[0] == self.countries[1]:
            raise mistake("a pair is two countries", ("countries",))
        seen: set[str] = set()
        for at, point in enumerate(self.handover):
            if set(point.between) != set(self.countries):
                raise mistake("it is not between the two countries", ("handover", at))
            if point.id in seen:
                raise mistake(f"{point.id!r} is there twice", ("handover", at))
            seen.add(point.id)
        return self

    @property
    def name(self) -> str:
        """What it is called in the register."""
        return pair_name(*self.countries)


def pair_name(one: str, other: str) -> str:
    """Return what the pair pack of two countries is called, whoever asks: `KG-KZ`."""
    if one == other:
        raise BadInput("a pair is two countries", rule="pair")
    return "-".join(sorted((one, other)))


def load_pair(text: str, name: str) -> Pair:
    """Read a pair pack; Misconfigured tells every mistake by file and line."""
    return read(Pair, text, name)
