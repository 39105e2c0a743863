"""The check of keys of single events: each opens one entry, for an access that is here, too."""

from __future__ import annotations

import re

from node.evidence.verifier.avro import stamp_of
from node.evidence.verifier.container import Faulty
from node.evidence.verifier.facts import Facts
from node.evidence.verifier.opening import ENVELOPE, EventKey, OpenEvent


def check_keys(facts: Facts) -> str | None:
    """Every key opens its entry, and its access names event and scope; no key opens more."""
    keys = {name: _key(facts, name, match) for name, match in facts.of_kind("key").items()}
    opening = _Opening(facts, keys)
    for name, key in keys.items():
        if key.scope != ENVELOPE:
            opening.open(name, key)
    for name, key in keys.items():
        if key.scope == ENVELOPE and (key.event_id, key.access_event_id) not in opening.needed:
            raise Faulty(name, "it opens an event that no access here names")
    many = len(facts.opened)
    return f"keys: {many} entries open, each for an access that names it" if keys else None


def _key(facts: Facts, name: str, match: re.Match[str]) -> EventKey:
    try:
        key = EventKey.parse(facts.take(name))
    except ValueError as error:
        raise Faulty(name, str(error)) from None
    if (key.event_id, key.scope) != (match["event"], match["scope"]):
        raise Faulty(name, "it is of another event or scope than it is called")
    return key


class _Opening:
    """The events of the bundle, and the keys of envelopes that open them."""

    def __init__(self, facts: Facts, keys: dict[str, EventKey]) -> None:
        self._facts = facts
        self._envelopes = {
            key.event_id: (name, key) for name, key in keys.items() if key.scope == ENVELOPE
        }
        self._events = {
            stamp_of(value).event_id: (log, value)
            for log, entries in facts.entries.items()
            for value in entries.values()
        }
        #: Events whose envelope has to be opened, and for which access.
        self.needed: set[tuple[str, str]] = set()

    def open(self, name: str, key: EventKey) -> None:
        """Open the entry of a key; Faulty names the file that is wrong."""
        self._facts.current = name
        event = self._read(name, key.event_id, key)
        access = self._read(name, key.access_event_id, key)
        if not self._is_for(access, event, key):
            raise Faulty(name, "the access that it was given for does not name this entry")
        if key.scope not in event.boxes:
            raise Faulty(name, "its event has no entry of this scope")
        try:
            text = key.opened(event.stamp, event.boxes[key.scope])
        except ValueError as error:
            raise Faulty(name, str(error)) from None
        self._facts.opened[key.event_id, key.scope] = text

    def _is_for(self, access: OpenEvent, event: OpenEvent, key: EventKey) -> bool:
        try:
            permits = access.permits(key.event_id, key.scope)
        except (IndexError, ValueError):
            return False
        return permits and access.stamp.origin == event.stamp.origin

    def _read(self, name: str, event_id: str, key: EventKey) -> OpenEvent:
        """Return an event out of its envelope, if it came in one."""
        if event_id not in self._events:
            raise Faulty(name, "its event, or the access that it was given for, is not here")
        log, value = self._events[event_id]
        file, envelope = name, None
        if ".national." in log:
            self.needed.add((event_id, key.access_event_id))
            if event_id not in self._envelopes:
                raise Faulty(f"keys/{event_id}.{ENVELOPE}.key", "it is missing")
            file, envelope = self._envelopes[event_id]
        try:
            event = OpenEvent.read(value)
            return event if envelope is None else event.within(envelope)
        except (IndexError, ValueError) as error:
            raise Faulty(file, str(error)) from None
