"""From typed words to the arguments of decisions: what a person types, and what a file holds.

A message names the argument and its rule, never the value: a name may stand where a code belongs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints
from uuid import UUID

from events.codes import DataScope
from events.errors import BadInput, CodeUnknown
from ledger.case import (
    access,
    block,
    care,
    closing,
    complaint,
    consent,
    data,
    documents,
    duplicate,
    erasure,
    identity,
    joining,
    measure,
    monitoring,
    plan,
    referral,
    reserving,
    routing,
    searching,
    transfer,
    withdrawal,
)
from ledger.case.matter import Drafts
from ledger.case.personal import PersonalData

#: The function that takes a decision: its matter by position, its arguments by name.
Take = Callable[..., Drafts]

_AHEAD = re.compile(r"\+(\d{1,4})d")


@dataclass(frozen=True, slots=True)
class DaysAhead:
    """A day counted from the day of the decision; a repeated request stays the same request."""

    days: int

    def after(self, today: date) -> date:
        """Return the day that is meant."""
        return today + timedelta(days=self.days)


_TRUE = frozenset({"1", "true", "yes", "x"})
_FALSE = frozenset({"0", "false", "no"})


def _is_decision(found: object) -> bool:
    """A decision takes its matter by position only, and everything else by name only."""
    if not inspect.isfunction(found):
        return False
    first = next(iter(inspect.signature(found).parameters.values()), None)
    return first is not None and (first.name, first.kind) == ("matter", first.POSITIONAL_ONLY)


_PARTS = (
    identity,
    consent,
    withdrawal,
    referral,
    transfer,
    data,
    care,
    access,
    block,
    erasure,
    routing,
    plan,
    monitoring,
    closing,
    searching,
    complaint,
    duplicate,
    joining,
    reserving,
    measure,
    documents,
)
#: Decisions that programs take: the service, the reactor, whoever shows data.
_BY_PROGRAMS = frozenset(
    {
        "record_refusal",
        "deny_access",
        "access_data",
        "release_keys",
        "stop_release",
        "destroy_keys",
        "record_erased",
        "attest_erasure",
        "end_by_age",
        "seek_own_consent",
        "direct_case",
        "lapse_routing",
        "generate_plan",
        "begin_monitoring",
        "end_monitoring",
        "reckon_deadlines",
        "breach_deadline",
        "escalate_deadline",
        "begin_search",
        "end_search",
        # By its own verb: which organisation, and how soon, the directory and the pack say.
        "override_routing",
    }
)

#: Every decision by its name: `open_case`, `grant_consent`, ...
DECISIONS: Mapping[str, Take] = {
    name: found
    for part in _PARTS
    for name, found in vars(part).items()
    if _is_decision(found) and name not in _BY_PROGRAMS
}


def decision_named(name: str) -> Take:
    """Return a decision; CodeUnknown if there is none of this name."""
    if name not in DECISIONS:
        raise CodeUnknown(f"there is no decision {name!r}", rule="decision_known")
    return DECISIONS[name]


@cache
def arguments_of(decision: Take) -> Mapping[str, Any]:
    """Return argument -> its type, without None."""
    hints = get_type_hints(decision)
    names = [name for name in inspect.signature(decision).parameters if name != "matter"]
    return {name: _without_none(hints[name]) for name in names}


def required_of(decision: Take) -> frozenset[str]:
    """Return the arguments that a decision cannot do without."""
    parameters = inspect.signature(decision).parameters.values()
    return frozenset(p.name for p in parameters if p.default is p.empty) - {"matter"}


def parse(text: str, kind: Any, *, name: str) -> Any:
    """Return the value of an argument; BadInput or CodeUnknown says what it has to be."""
    if kind is UUID:
        return _of(UUID, text, name, "an id such as 3f2b6c1e-…")
    if kind is date:
        return _of(_day, text, name, "a day such as 2027-01-31, or +30d for 30 days from now")
    if kind is int:
        return _of(int, text, name, "a whole number")
    if kind is bool:
        return _yes_or_no(text, name)
    if kind is PersonalData:
        return PersonalData.parse(text)
    if kind == tuple[str, ...]:
        parts = text.replace(";", ",").split(",")
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return code(text, kind, name=name)
    if kind == tuple[DataScope, ...]:
        parts = text.replace(";", ",").split(",")
        return tuple(code(part.strip(), DataScope, name=name) for part in parts if part.strip())
    assert kind is str, f"no way to type a {kind}"
    return text


def day(text: str, *, name: str, today: date) -> date:
    """Return a day that was typed; BadInput says what it has to be."""
    found: date | DaysAhead = parse(text, date, name=name)
    return found.after(today) if isinstance(found, DaysAhead) else found


def code(text: str, kind: type[StrEnum], *, name: str) -> Any:
    """Return a code of a closed list; CodeUnknown lists it."""
    known = [member.value for member in kind if member.value != "UNKNOWN"]
    if text not in known:
        rule = f"{kind.__name__.lower()}_known"
        raise CodeUnknown(f"{name} has to be one of: {', '.join(known)}", rule=rule)
    return kind(text)


def _day(text: str) -> date | DaysAhead:
    ahead = _AHEAD.fullmatch(text)
    return DaysAhead(int(ahead[1])) if ahead else date.fromisoformat(text)


def _of(read: Callable[[str], Any], text: str, name: str, wanted: str) -> Any:
    try:
        return read(text.strip())
    except ValueError:
        raise BadInput(f"{name} has to be {wanted}") from None


def _yes_or_no(text: str, name: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise BadInput(f"{name} has to be yes or no")
    return word in _TRUE


def _without_none(hint: Any) -> Any:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(hint) else hint
