"""What an auditor hears on the topic, and what the rules find in it: ids, places and code words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from events.codec import Stamp
from events.stamp import Event

#: Every way to break a rule, and what it means to a person.
WORDS: Mapping[tuple[str, str], str] = {
    ("R3", "no_basis"): "keys were released on a basis that nobody has given",
    ("R3", "other_recipient"): "keys were released to a country that the basis does not name",
    ("R3", "beyond_basis"): "keys were released of scopes that the basis does not permit",
    ("R3", "expired"): "keys were released after the last day of the basis",
    ("R3", "withdrawn"): "keys were released on a basis that was taken back before",
    ("R3", "refused"): "keys were released of scopes that were refused before",
    ("R3", "handoff_unknown"): "keys were released for a handoff that is not on the topic",
    ("R3", "not_sender"): "keys were released by a country that did not send the handoff",
    ("R3", "other_receiver"): "keys were released to a country that the handoff does not name",
    ("R3", "beyond_handoff"): "keys were released of scopes that the handoff is not about",
    ("R3", "no_key_offered"): "keys were released before their receiver offered a key for them",
    ("R3", "handoff_ended"): "keys were released for a handoff that had ended",
    ("R3", "grant_reused"): "keys were released under the id of another release",
    ("R3", "malformed"): "keys were released otherwise than scope by scope, the preview alone",
    ("R4", "released_after_end"): "keys were released on a basis after its end",
    ("R4", "stop_late"): "sharing was stopped too late after its basis had ended",
    ("R4", "stop_missing"): "sharing was not stopped after its basis had ended",
    ("R5", "no_grant"): "another country's data was shown, and no release permits it",
    ("R5", "after_stop"): "another country's data was shown after its sharing was stopped",
    ("R5", "beyond_grant"): "another country's data was shown of scopes that were not released",
    ("R6", "sealed_under_released_key"): "data was sealed under keys that somebody has already",
    ("R6", "key_reused"): "keys were released that were released before",
    ("R6", "epoch_reused"): "keys were released of an epoch not after all released or stopped",
    ("R6", "stop_understated"): "a stop names an older epoch than the one that was released",
}


class Heard(NamedTuple):
    """An admitted event at its place: what an auditor reads, with nothing concluded from it.

    Of bytes that are no readable event only the stamp is known.
    """

    event: Event | Stamp
    leaf: bytes
    partition: int | None = None
    offset: int | None = None
    #: What the node's fold made of it, if known. No rule needs it: without it, keys whose release
    #: crossed with the completion of its referral are taken to have left, and a stop is asked for.
    void: bool | None = None


class Finding(NamedTuple):
    """A rule that an event breaks."""

    rule: str
    what: str
    case_id: UUID
    #: The event that breaks it; of what is missing, the event after which it had to come.
    event_id: UUID
    version: int
    #: The country that broke it.
    origin: str
    #: The basis, handoff, grant or access that it is about.
    about: UUID
    partition: int | None
    offset: int | None
    #: Whether the event had no effect anyway, if known: then no key has left a country.
    void: bool | None
    #: Its origin had not seen what forbids it: a race between two countries. Every reader takes it
    #: for void, so no key has left a country, and nobody did wrong.
    crossed: bool = False

    @property
    def words(self) -> str:
        """What was found, for a person."""
        return WORDS[self.rule, self.what]


def found(
    rule: str,
    what: str,
    heard: Heard,
    about: UUID,
    *,
    origin: str | None = None,
    crossed: bool = False,
) -> Finding:
    """Return a finding about an event; `origin` is who broke the rule, if not who wrote it."""
    event = heard.event
    assert (rule, what) in WORDS, what
    return Finding(
        rule=rule,
        what=what,
        case_id=event.case_id,
        event_id=event.event_id,
        version=event.version,
        origin=origin or event.origin,
        about=about,
        partition=heard.partition,
        offset=heard.offset,
        void=heard.void,
        crossed=crossed,
    )
