"""How a program asks the rules about a child: what it reads of her, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from events.codes import DataScope
from events.errors import LedgerError, NotAllowedNow, Overtaken, ServiceUnavailable
from ledger.case.case import Case
from ledger.keys.sealing import Opened
from ledger.rules.facts import Facts
from ledger.rules.gathering import SCOPES, facts_of

#: Country -> scope -> what its record says.
Shown = Mapping[str, Mapping[DataScope, Opened]]
#: Rules that were asked in vain are asked again after so long, then after twice as long, and so on.
_AGAIN: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=1)
_REMEMBERED: Final = 10_000


class Desk(Protocol):
    """Where it is read and decided: the country's ledger."""

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""

    def read_for_rules(self, case_id: UUID, scopes: tuple[DataScope, ...]) -> Shown:
        """Return data about a child, after it was recorded that the rules read it."""

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key. DecisionRefused, ServiceUnavailable."""


class _Asked(NamedTuple):
    """When the rules were asked about a case, and what they could have known."""

    mark: int
    at: datetime
    pause: timedelta = _AGAIN


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """What the rules were asked about. To ask is recorded, and what is recorded is news of a case.

    They must not be asked again for that; who was refused asks again after a while, and until then
    the case waits.
    """

    _asked: dict[UUID, _Asked] = field(default_factory=dict)

    def may_ask(self, case_id: UUID, mark: int, at: datetime, *, wanted: bool) -> bool:
        """Say whether the rules could answer otherwise than before; then remember it.

        `mark` is what they could know, `wanted` whether an answer is still missing. LedgerError
        if it is, and they were asked just now: who asks comes again.
        """
        before = self._asked.get(case_id)
        if before is None or before.mark != mark:
            if len(self._asked) >= _REMEMBERED:
                self._asked.clear()
            self._asked[case_id] = _Asked(mark, at)
            return True
        if not wanted:
            return False
        if at - before.at < before.pause:
            raise LedgerError(
                f"case {case_id}: its rules were asked in vain just now", rule="asked_just_now"
            )
        self._asked[case_id] = _Asked(mark, at, min(2 * before.pause, _LONGEST))
        return True

    @contextmanager
    def answered(self, case_id: UUID) -> Iterator[None]:
        """Let a case be asked about again at once if the answer could not be recorded just now.

        Somebody was first, or a service was away: nothing of it says that the rules were refused.
        """
        try:
            yield
        except (Overtaken, ServiceUnavailable):
            self._asked.pop(case_id, None)
            raise


def read_facts(desk: Desk, case: Case, today: date) -> Facts:
    """Return what rules may know of a child. NotAllowedNow if her record does not open any more."""
    shown = desk.read_for_rules(case.case_id, SCOPES)
    record: dict[DataScope, dict[str, Any]] = {}
    # What this country wrote down itself goes over what others sent.
    for country in sorted(shown, key=lambda one: one == case.country):
        for scope, opened in shown[country].items():
            if opened.state != "open":
                raise NotAllowedNow(
                    f"case {case.case_id}: its {scope} is {opened.state}, so no rule can be"
                    " applied; a person has to choose (`ledger routing override`)",
                    rule="record_open",
                )
            record.setdefault(scope, {}).update(json.loads(opened.text or b"{}"))
    together = [one for one, is_so in case.national.care.siblings.items() if is_so]
    return facts_of(case, record, [desk.case(one) for one in together], today)
