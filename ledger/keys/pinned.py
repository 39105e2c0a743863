"""What the keystore believes of the mirror: rows that their origin has signed, and no others.

Whoever writes the mirror's tables could otherwise have data released, or destroyed, by a row.
"""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

import structlog

from events.agreement import Agreement
from events.contract import log_name
from events.errors import KeystoreDamaged
from ledger.keys.measures import REFUSALS
from ledger.log.signature import LogVerifier

log = structlog.get_logger()


class Pins:
    """The log keys of an agreement, as a country has them in a file of its own."""

    def __init__(self, agreement: Agreement, country: str) -> None:
        self._country = country
        self._logs = {
            one.code: (
                log_name(agreement.shared_topic, one.code),
                tuple(LogVerifier.parse(key) for key in one.log_keys),
            )
            for one in agreement.countries.values()
        }

    def require(
        self, case_id: UUID, origin: str, index: int, leaf: bytes, signature: bytes
    ) -> None:
        """Refuse a row that its origin has not signed. KeystoreDamaged: somebody has to look."""
        name, keys = self._logs.get(origin, ("", ()))
        if any(_is_signed(key, name, index, leaf, signature) for key in keys):
            return
        log.warning("mirror_row_is_not_signed", case_id=case_id, rule="mirror_signature")
        REFUSALS.labels(self._country, "mirror_signature").inc()
        raise KeystoreDamaged(
            f"case {case_id}: the mirror holds a row that its origin has not signed, so no key is"
            " used",
            rule="mirror_signature",
        )


@lru_cache(maxsize=50_000)
def _is_signed(key: LogVerifier, name: str, index: int, leaf: bytes, signature: bytes) -> bool:
    """A signature stays what it is: of a case that is looked at again, only new rows cost time."""
    return key.is_signed(name, index, leaf, signature)
