"""The values that this folder's keystores can open: read like any other, and recorded like it.

Whoever searches is shown everything of every case, so that is what each access says. The values
stay in this process, and only their names leave it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import scalar_row

from events.codes import DataScope, Purpose, Role
from events.data import KeysReleased
from events.errors import DecisionRefused, RecordRejected
from events.stamp import Actor
from ledger.keys.records import Events, events_of
from ledger.keys.sealing import Opened
from ledger.service import Ledger, open_ledger
from ledger.store import Store
from node import place
from node.place import Place
from node.plaintext.needles import Needle
from node.plaintext.parts import Unreadable

_CASES = """
SELECT originator_id FROM ledger.ledger_events
UNION SELECT case_id FROM mirror.record WHERE topic = 'shared' AND effect_offset IS NOT NULL
ORDER BY 1
"""
_SCOPES = tuple(scope for scope in DataScope if scope is not DataScope.UNKNOWN)


def known_values(directory: Path, country: str, by: str | None) -> Iterator[Needle | Unreadable]:
    """Return every value of a country's own record and of what it was given, case by case.

    A case whose data this person may not see is unreadable: nobody has searched for it.
    """
    where = place.find(directory, country)
    actor = place.actor(by, where=where, role=Role.DATA_PROTECTION_OFFICER)
    store = Store(where.dsn("append"), connections=2, program="audit", keys=where.keys)
    with store, open_ledger(where.ledger_settings()) as ledger:
        with store.reading() as connection:
            cases = connection.cursor(row_factory=scalar_row).execute(_CASES).fetchall()
        for case_id in cases:
            events = events_of(store, case_id)
            yield from _Case(where, ledger, actor, case_id).values(events)


@dataclass(frozen=True)
class _Case:
    where: Place
    ledger: Ledger
    actor: Actor
    case_id: UUID

    def values(self, events: Events) -> Iterator[Needle | Unreadable]:
        """Return what each own event says, and what was received; every value, overwritten or not.

        The record that goes with released keys repeats what own events say.
        """
        own = [told.event for told in events.own if not isinstance(told.event, KeysReleased)]
        shown = [
            partial(self._read, tuple(entry.scope for entry in event.sealed), event.event_id)
            for event in own
            if event.sealed
        ]
        if any(self._is_received(told.event) for told in events.shared):
            shown.append(partial(self._read, _SCOPES))
        for read in shown:
            try:
                found = read()
            except (DecisionRefused, RecordRejected) as refused:
                path = f"{self.where.country} case {self.case_id}"
                yield Unreadable(path, f"its data is not shown: {refused.rule}")
                return
            yield from self._named(found)

    def _is_received(self, event: Any) -> bool:
        return isinstance(event, KeysReleased) and event.recipient == self.where.country

    def _read(
        self, scopes: tuple[DataScope, ...], about: UUID | None = None
    ) -> Mapping[str, Mapping[DataScope, Opened]]:
        return self.ledger.read(
            self.case_id,
            by=self.actor,
            scopes=scopes,
            purpose=Purpose.CASE_MANAGEMENT,
            door="audit",
            about=about,
        )

    def _named(self, shown: Mapping[str, Mapping[DataScope, Opened]]) -> Iterator[Needle]:
        for record in shown.values():
            for scope, opened in record.items():
                if opened.state == "open" and opened.text:
                    for name, value in json.loads(opened.text).items():
                        for text in _texts(value):
                            yield Needle(f"{self.case_id}/{scope}/{name}", text)


def _texts(value: Any) -> Iterator[str]:
    """Return the texts and numbers in a value, however deep."""
    match value:
        case None | bool():
            return
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
        case _:
            yield str(value)
