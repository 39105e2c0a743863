"""Keys that a country says are gone, and how it shows that one of them is not.

An attestation is a statement, not a proof. But whoever signs something under a key that it says is
gone contradicts itself, and every reader of the topic can see that without any key.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from events.data import ErasureAttested, KeysReleased
from events.stamp import Event
from ledger.case.changing import changed
from ledger.case.plane import Plane, Release

#: A box names its key in these bytes, and a commitment begins with the same name.
_NAME_IN_BOX = slice(2, 18)
_NAME_BYTES = 16


def names_of(release: Release) -> frozenset[bytes]:
    """Return the names of the keys that a grant gave: 16 bytes each."""
    return frozenset(commitment[:_NAME_BYTES] for commitment in release.commitments)


def compared(before: Plane, after: Plane, event: Event) -> Plane:
    """Return the plane after an event, compared with what its origin says is gone.

    A void event counts, too: it is signed. Only another erasure, attested later, settles it.
    """
    if isinstance(event, ErasureAttested):
        return _settled(before, after, event)
    if event.origin in before.contradicted or not (event.sealed or isinstance(event, KeysReleased)):
        return after
    if _gone(before, event.origin).isdisjoint(_used(event)):
        return after
    return changed(after, contradicted={**after.contradicted, event.origin: event.event_id})


def _settled(before: Plane, after: Plane, event: ErasureAttested) -> Plane:
    known = before.attested.get(event.origin)
    if event.origin not in before.contradicted:
        return after
    if known is not None and known.erasure_id == event.erasure_id:
        return after
    rest: dict[str, UUID] = {**after.contradicted}
    del rest[event.origin]
    return changed(after, contradicted=rest)


def _gone(plane: Plane, country: str) -> frozenset[bytes]:
    """Return the keys that a country says are gone, without those that it was given again."""
    attested = plane.attested.get(country)
    said = set() if attested is None else set(attested.keys)
    held: set[bytes] = set()
    for release in plane.releases.values():
        if release.recipient == country:
            names = names_of(release)
            (said if release.state == "destroyed" else held).update(names)
    return frozenset(said - held)


def _used(event: Event) -> Iterator[bytes]:
    """Yield the names of the keys under which something stands in an event, or goes with it."""
    for entry in event.sealed:
        yield entry.box[_NAME_IN_BOX]
    if isinstance(event, KeysReleased):
        for commitment in event.commitments:
            yield commitment[:_NAME_BYTES]
