"""What this country has agreed on with another one: the pair pack in force, for whoever decides."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import LiteralString
from uuid import UUID

from psycopg.rows import tuple_row

from events.errors import Misconfigured
from ledger.case.matter import Paired
from ledger.rules.pair import Pair, load_pair, pair_name
from ledger.snapshot import CaseReader
from ledger.store import Store

_TEXT: LiteralString = "SELECT content FROM ledger.rule_text WHERE sha256 = %b"


class Pairs:
    """Knows the pair packs of one country; looks into the register only when it is asked."""

    def __init__(self, store: Store, reader: CaseReader, country: str, register: UUID) -> None:
        self._store = store
        self._reader = reader
        self._country = country
        self._register = register

    def with_country(self, country: str, today: date) -> Paired | None:
        """Return what is agreed with a country on a day; None if nothing is in force.

        Misconfigured if the text is not here: nobody decides by rules that he cannot read.
        """
        if country == self._country:
            return None
        register = self._reader.read(self._register).history.case.national
        said = register.rules_on("pair", pair_name(self._country, country), today)
        if said is None:
            return None
        with self._store.reading() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            row = cursor.execute(_TEXT, (said.text,)).fetchone()
        if row is None:
            raise Misconfigured(
                f"the pair pack {said.text.hex()[:16]}… is in force and is not here: give it once"
                " more to `ledger rules add`",
                rule="rules_text",
            )
        pair = _read(str(row[0]))
        return Paired(purposes=frozenset(pair.purposes), preview=frozenset(pair.preview))


@lru_cache(maxsize=8)
def _read(text: str) -> Pair:
    return load_pair(text, "pair")
