"""Coming of age: whose consents end, and when a young person is to be asked herself.

Her birth date stands in the sealed identity of the case, so only the keystore knows it. What it
stops it stops at once; what others see of it they see on the first day of a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import ConsentGiver
from ledger.case.case import Case
from ledger.case.plane import Basis
from ledger.rules.facts import born_on

#: Age of majority (Convention on the Rights of the Child, article 1); a country pack may say less.
MAJORITY_YEARS = 18
#: So long before it her own consent is asked.
ASKED_BEFORE = timedelta(days=90)


class Age(NamedTuple):
    """What follows from the age of a young person on a day."""

    #: Consents given by others that have ended, or never were valid, since she came of age.
    ended: tuple[UUID, ...] = ()
    #: Whether her own consent is to be asked now.
    seek: bool = False


def majority_on(identity: Mapping[str, Any]) -> date | None:
    """Return the day on which a child comes of age, as the identity record says.

    Of an estimated birth date the later day counts. None if there is none that can be read.
    """
    born = born_on(identity)
    if born is None:
        return None
    year = born.year + MAJORITY_YEARS
    try:
        return born.replace(year=year)
    except ValueError:  # 29 February: the later day
        return date(year, 3, 1)


def age_of(case: Case, identity: Mapping[str, Any], today: date) -> Age:
    """Return what follows from a child's age on a day in her country's calendar."""
    day = majority_on(identity)
    if day is None:
        return Age()
    others = tuple(
        basis_id
        for basis_id, basis in {**case.national.consents, **case.ahead.consents}.items()
        if basis.state == "granted" and given_by_others(case, basis_id, basis)
    )
    if today >= day:
        return Age(ended=others)
    # Asked on the first day of the month that holds the ninetieth day before: never too late.
    return Age(seek=bool(others) and today >= (day - ASKED_BEFORE).replace(day=1))


def given_by_others(case: Case, basis_id: UUID, basis: Basis) -> bool:
    """Say whether somebody else than the child gave a consent here; unknown counts as others.

    What another country recorded it ends itself; overrides are no consents.
    """
    if basis.override or basis.origin != case.country:
        return False
    terms = case.national.care.terms.get(basis_id)
    return terms is None or terms.given_by is not ConsentGiver.CHILD
