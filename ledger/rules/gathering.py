"""From a case and her record to the facts that rules ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from events.code_lists import code_list
from events.codes import DataScope
from ledger.case.case import Case
from ledger.case.routing import live
from ledger.rules.facts import Facts, age_on, born_on

#: What of the record a rule may read.
SCOPES: Final = (DataScope.IDENTITY, DataScope.LOCATION, DataScope.PROTECTION)
_CONCERN: Final = "concern:"
_AREA = re.compile(r"[A-Z]{2}(/[a-z0-9-]{1,40}){0,3}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")

Record = Mapping[DataScope, Mapping[str, Any]]


def facts_of(case: Case, record: Record, siblings: Iterable[Case], today: date) -> Facts:
    """Return what rules may know; what stands in the record in another form is left out.

    `siblings` are the cases of brothers and sisters that stay together with her.
    """
    care = case.national.care
    identity = record.get(DataScope.IDENTITY, {})
    protection = record.get(DataScope.PROTECTION, {})
    born = born_on(identity)
    routings = care.routings.values()
    with_siblings = [one for each in siblings for one in live(each).values()]
    return Facts(
        today=today,
        concerns=_concerns(case, protection),
        risk=care.known_risk,
        age=None if born is None else age_on(today, born),
        languages=tuple(one for one in _texts(identity, "languages") if _LANGUAGE.fullmatch(one)),
        area=_area(record.get(DataScope.LOCATION, {})),
        sex_of_worker=_one_of(protection.get("sex_of_worker"), ("f", "m")),
        withheld_from=_withheld_from(case),
        conflicts=_texts(protection, "conflicts"),
        wants=_coded(protection, "wants"),
        does_not_want=_coded(protection, "does_not_want"),
        declined=_named(one.service for one in routings if one.state in {"declined", "lapsed"}),
        known_to=_named(
            one.service for one in (*routings, *with_siblings) if one.state in {"accepted", "ended"}
        ),
        siblings_at=_named(one.service for one in with_siblings),
        may_go_to=_permitted(case, today),
    )


def _concerns(case: Case, protection: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the codes of what is not resolved, in whichever country it was recorded."""
    known, resolved = code_list("concern").codes, {str(one) for one in case.national.care.resolved}
    said = (
        code
        for name, code in protection.items()
        if name.startswith(_CONCERN) and name.removeprefix(_CONCERN) not in resolved
    )
    return tuple(sorted({one for one in said if isinstance(one, str) and one in known}))


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    said = values.get(name)
    return tuple(one for one in said if isinstance(one, str)) if isinstance(said, list) else ()


def _coded(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    known = code_list("plan_activity").codes
    return tuple(one for one in _texts(values, name) if one in known)


def _area(location: Mapping[str, Any]) -> str | None:
    said = location.get("area")
    return said if isinstance(said, str) and _AREA.fullmatch(said) else None


def _one_of(said: Any, known: tuple[str, ...]) -> str | None:
    return said if said in known else None


def _withheld_from(case: Case) -> tuple[str, ...]:
    care = case.national.care
    wishes = (who for terms in care.terms.values() for who in terms.withheld_from)
    blocked = (who for block in care.blocks.values() for who in block.persons)
    return tuple(sorted({*wishes, *blocked}))


def _permitted(case: Case, today: date) -> tuple[str, ...]:
    """Return the countries to which a permission that is in force lets anything go."""
    bases = {**case.national.consents, **case.ahead.consents}.values()
    found = {
        one.recipient
        for one in bases
        if one.recipient not in {None, case.country} and one.covers(str(one.recipient), (), today)
    }
    return tuple(sorted(country for country in found if country is not None))


def _named(services: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in services if one is not None))
