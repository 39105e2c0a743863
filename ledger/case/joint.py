"""What two countries hold of one child beside handoffs: suspicions, and measures of one alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

_HEX = {"ser_json_bytes": "hex", "val_json_bytes": "hex"}


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """That this case and another one are about the same child; this one would yield."""

    __pydantic_config__: ClassVar = _HEX

    #: suspected, dismissed, joined; parted.
    state: str
    origin: str
    #: Country that answered for this case when it was raised, and for the other one.
    asked: str
    holder: str
    #: Salted commitment to the other case's id.
    other: bytes
    #: Who confirmed it: country and person.
    confirmed: tuple[tuple[str, str], ...] = ()

    @property
    def is_confirmed(self) -> bool:
        """Whether both sides have confirmed it; if both are one country, two of its people."""
        countries = {country for country, _ in self.confirmed}
        return {self.asked, self.holder} <= countries and len(self.confirmed) > 1


@dataclass(frozen=True, kw_only=True)
class Measure:
    """An urgent measure of a country where the child is and which does not answer for her."""

    #: taken, ended.
    state: str
    origin: str
    since: date
