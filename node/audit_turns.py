"""Whose turn it was to sign, as far as this mirror can know it: up to the first hole of a log.

Partition by partition a node may have read what the next key signed before it has read where that
key was announced. Behind a hole every pinned key may be right; the hole itself is named by R1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import LiteralString

from ledger.log.mirrored import LogName
from ledger.log.note import Verifier
from ledger.log.signature import LogVerifier
from ledger.log.succession import Turns, have_successors
from node.reading import Reader


def signers(
    reading: Reader, log: LogName, keys: Sequence[LogVerifier], whose: Turns | None
) -> Callable[[int], Sequence[LogVerifier]]:
    """Return who may have signed an event, by its place."""
    if whose is None or not have_successors(whose.pinned):
        return lambda _index: keys
    whole = _whole(reading, log)
    return lambda index: [
        key for key in keys if index > whole or whose.is_turn(key.render(), index)
    ]


def sealers(
    reading: Reader, log: LogName, keys: Sequence[Verifier], whose: Turns
) -> Callable[[int], Sequence[Verifier]]:
    """Return who may have signed a checkpoint, by its size."""
    whole = _whole(reading, log)
    return lambda size: [key for key in keys if size > whole or whose.may_seal(key.render(), size)]


def _whole(reading: Reader, log: LogName) -> int:
    """Return how many events of a log are here before the first hole."""
    row = reading.connection.execute(_WHOLE, (log.topic, log.origin)).fetchone()
    assert row is not None
    return int(row[0])


# Places without one missing are as large as their rank.
_WHOLE: LiteralString = """
SELECT count(*) FROM (
    SELECT log_index, row_number() OVER (ORDER BY log_index) - 1 AS rank FROM (
        SELECT DISTINCT log_index FROM mirror.record
        WHERE topic = %s AND origin = %s AND log_index >= 0
    ) AS places
) AS ranked WHERE log_index = rank
"""
