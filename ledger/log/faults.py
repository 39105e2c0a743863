"""What does not fit together in a log, in words: each names the log, the rule, and the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

#: Every rule that a sealer or a witness finds broken, and what it means to a person.
RULES: Final[Mapping[str, str]] = {
    "leaf_differs": "the bytes of an event in the mirror are not those that its hash was made of",
    "store_differs": "the store holds another event at this place than the topic does",
    "index_twice": "two events claim one place of the log",
    "signature": "an event in the mirror was not signed for this place by its origin",
    "missing": "an event that a signed checkpoint counts is not here",
    "fork": "two checkpoints of one size were signed with different roots",
    "root_differs": "the root that was signed is not the root of the events that are here",
    "head_lost": "less is here than this program has signed before",
    "order_differs": "two countries have heard the shared topic in different orders",
    "committed_twice": "a country has committed to two states of its national log on one day",
    "backdated": "an event claims a time at which its log had gone further already",
}


class Fault(NamedTuple):
    """One thing that cannot be, where it was found."""

    rule: str
    log: str
    partition: int | None = None
    #: Of the checkpoint or order note that it is about.
    size: int | None = None
    log_index: int | None = None
    event_id: UUID | None = None

    @property
    def words(self) -> str:
        """What it means, for a person."""
        return RULES[self.rule]
