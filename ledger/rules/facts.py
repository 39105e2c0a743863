"""What a rule may know of a child: codes and numbers, never her name.

They stand sealed in her record. Whoever evaluates a rule is recorded to have read them, and they
are kept beside what was decided, sealed again: so the same decision can be made once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A child and her situation on a day, as far as rules ask for it."""

    today: date
    #: Codes of the list `concern` that are not resolved.
    concerns: tuple[str, ...] = ()
    risk: str | None = None
    #: In years; unknown excludes from nothing that is for children.
    age: int | None = None
    languages: tuple[str, ...] = ()
    area: str | None = None
    #: Sex of who works with her, if she has a wish.
    sex_of_worker: str | None = None
    #: Organisations and services that must not learn of her, or not work with her.
    withheld_from: tuple[str, ...] = ()
    #: Organisations that belong to somebody from whom she has to be protected.
    conflicts: tuple[str, ...] = ()
    #: Activities (list `plan_activity`) that she wishes for, and that she does not want.
    wants: tuple[str, ...] = ()
    does_not_want: tuple[str, ...] = ()
    #: Services that have declined, or not answered, this case.
    declined: tuple[str, ...] = ()
    #: Services that know her, or a brother or sister.
    known_to: tuple[str, ...] = ()
    #: Services that brothers and sisters are with now, where nothing speaks against it.
    siblings_at: tuple[str, ...] = ()
    #: Countries to which a permission in force would let her case be referred.
    may_go_to: tuple[str, ...] = ()

    def words(self) -> dict[str, Any]:
        """Return them as plain JSON data; what is not known is left out."""
        said: dict[str, Any] = _FACTS.dump_python(self, mode="json", exclude_defaults=True)
        return said

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Facts:
        """Read what `words` gave; ValueError if it is none of it."""
        return _FACTS.validate_json(json.dumps(words))


_FACTS = TypeAdapter(Facts)


def born_on(identity: Mapping[str, Any]) -> date | None:
    """Return the day on which a child was born, as the identity record says.

    `birth_date` (ISO), or `birth_year`; with `birth_date_estimated` the latest day that can be
    meant, so that nobody is taken for older. None if neither is there or can be read.
    """
    said, year = identity.get("birth_date"), identity.get("birth_year")
    try:
        born = date.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        born = None
    if born is not None and not identity.get("birth_date_estimated"):
        return born
    if born is not None:
        return date(born.year, 12, 31)
    return date(year, 12, 31) if isinstance(year, int) and 1900 < year < 2200 else None


def age_on(day: date, born: date) -> int:
    """Return the age in whole years on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
