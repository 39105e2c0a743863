"""What other countries gave this one: opened with the keys of a grant that stands, or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple
from uuid import UUID

import structlog

from events.codes import DataScope
from events.errors import SealBroken
from events.stamp import Event, SealedEntry
from ledger.case.case import Case
from ledger.case.plane import Release
from ledger.case.sharing import is_permitted
from ledger.keys.measures import REFUSALS
from ledger.keys.records import Events, open_entry, released_in
from ledger.keys.seal import key_id_of
from ledger.keys.sealing import Opened
from ledger.keys.vault import Vault

log = structlog.get_logger()

_KEY_NAME = 16


class Received(NamedTuple):
    """What stands in a case of other countries' data, on a day."""

    vault: Vault
    case: Case
    events: Events
    today: date
    #: Whether a grant may be used for what is asked.
    fits: Callable[[Release], bool]

    def shown(self, scopes: set[DataScope]) -> dict[str, dict[DataScope, Opened]]:
        """Return what other countries released: of each scope the newest that may be opened."""
        found: dict[str, dict[DataScope, Opened]] = {}
        for grant_id, grant in self.case.settled.releases.items():
            if grant.recipient != self.case.country:
                continue
            said = found.setdefault(grant.origin, {})
            event = released_in(self.events.shared, grant_id)
            wanted = scopes & set(grant.scopes)
            entries = {} if event is None else self.entries(event, wanted, alone=False)
            for scope, one in entries.items():
                if one.state == "open" or said.get(scope, one).state != "open":
                    said[scope] = one
        return found

    def entries(
        self, event: Event, scopes: Iterable[DataScope], *, alone: bool = True
    ) -> dict[DataScope, Opened]:
        """Open entries of another country's event. SealBroken if one is wrong and asked for alone.

        Among others it is shown as broken: else a country could keep us from our own record.
        """
        found = {}
        for entry in (one for one in event.sealed if one.scope in scopes):
            try:
                found[entry.scope] = self._entry(event, entry)
            except SealBroken as error:
                if alone:
                    raise
                said = {"origin": event.origin, "rule": error.rule}
                log.warning("seal_broken", case_id=self.case.case_id, **said)
                REFUSALS.labels(self.case.country, error.rule).inc()
                found[entry.scope] = Opened("broken")
        return found

    def _entry(self, event: Event, entry: SealedEntry) -> Opened:
        """Open an entry of another country if a grant of its key stands, else say why not."""
        closed = "closed"
        for grant_id, grant in self._grants(event.origin, entry):
            why = self._closed(grant_id, grant)
            if why is None:
                return open_entry(self.vault, event, entry, grant_id)
            closed = why
        return Opened(closed)

    def _grants(self, origin: str, entry: SealedEntry) -> Iterator[tuple[UUID, Release]]:
        """Yield the grants to this country that gave the key of an entry."""
        name = key_id_of(entry.box)
        for grant_id, grant in self.case.settled.releases.items():
            if (grant.recipient, grant.origin) == (self.case.country, origin):
                committed = zip(grant.scopes, grant.commitments, strict=False)
                if (entry.scope, name) in [(scope, one[:_KEY_NAME]) for scope, one in committed]:
                    yield grant_id, grant

    def _closed(self, grant_id: UUID, grant: Release) -> str | None:
        """Say why a grant opens nothing; what this country has only decided closes it, too."""
        if not self.fits(grant):
            return "closed"
        ahead = self.case.ahead.releases.get(grant_id, grant)
        return self._state(grant) or self._state(ahead)

    def _state(self, grant: Release) -> str | None:
        kept = grant.is_kept(self.today)
        if grant.state == "released":
            # Its sender owes a stop; the child's word does not wait for it.
            permitted = kept or is_permitted(self.case.ahead, grant, self.today)
            return None if permitted else "stopped"
        if grant.state == "claimed":
            return None if kept else "stopped"
        return grant.state
