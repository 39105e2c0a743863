"""Which log key signs which row of the store: a country's keys follow each other in its own log.

The row that announces a successor is signed by the key before it, the next row by the successor.
So a relay may hold both at once, and no batch is signed by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from events.agreement import Agreement
from events.codec import decode
from events.contract import register_id
from events.errors import Misconfigured
from events.governance import SigningKeyReplaced
from ledger.log.succession import Turns, have_successors
from ledger.relaying.source import Row, Source


class Pens:
    """The keys that a relay has, each with its turn."""

    def __init__(
        self, agreement: Agreement, country: str, keys: Sequence[str], source: Source
    ) -> None:
        """`keys` are verifier keys; Misconfigured if the agreement does not pin one of them."""
        party = agreement.countries.get(country)
        self._pinned = party.log_keys if party is not None else ()
        if not set(keys) <= set(self._pinned):
            raise Misconfigured(f"the log key of {country} is not in the agreement")
        self._country, self._keys, self._source = country, keys, source
        self._register = register_id(agreement.prefix)

    def next_of(self, rows: list[Row], after: int) -> tuple[list[Row], str]:
        """Return the rows that one key signs, from the first on, and that key.

        Misconfigured if it is not here. Without rows: the key for what comes after a row.
        """
        if not have_successors(self._pinned):
            return rows, self._keys[0]
        turns = self._turns()
        key = self._key(turns, rows[0].id if rows else after + 1)
        return list(takewhile(lambda row: turns.is_turn(key, row.id), rows)), key

    def _key(self, turns: Turns, row: int) -> str:
        for key in self._keys:
            if turns.is_turn(key, row):
                return key
        raise Misconfigured(
            f"no log key of {self._country} here may sign what comes next: a new one needs `ledger"
            " governance replace-key`, the old one stays until all before it is published"
        )

    def _turns(self) -> Turns:
        found = Turns(self._pinned)
        for row in self._source.events_of(self._register, "shared/SigningKeyReplaced"):
            event = decode(row.state)
            assert isinstance(event, SigningKeyReplaced)
            found.learn(row.id, event)
        return found
