"""Released keys as an auditor follows them: by their commitments, never by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Self
from uuid import UUID

from events.codes import DataScope
from events.data import KeysReleased

#: A box names its key in these bytes, and the key's commitment begins with the same name.
_NAME_IN_BOX = slice(2, 18)
_NAME_BYTES = 16


@dataclass(slots=True, kw_only=True)
class Grant:
    """Keys that one country gave another. Places are those of the case's shared events, from 0."""

    grant_id: UUID
    handoff_id: UUID
    basis_id: UUID
    origin: str
    recipient: str
    scopes: frozenset[DataScope]
    epoch: int
    began: int
    stopped: int | None = None
    destroyed: int | None = None
    #: Where the recipient said that it keeps the data, and until which day.
    claims: list[tuple[int, date]] = field(default_factory=list)

    @classmethod
    def of(cls, event: KeysReleased, place: int) -> Self:
        """Return the grant of a release that stands at a place."""
        return cls(
            grant_id=event.grant_id,
            handoff_id=event.handoff_id,
            basis_id=event.basis_id,
            origin=event.origin,
            recipient=event.recipient,
            scopes=frozenset(event.scopes),
            epoch=event.epoch,
            began=place,
        )

    def may_be_read(self, place: int, on: date) -> bool:
        """Say whether it let its recipient read at a place: not stopped, or kept on a ground."""
        if not self.began <= place or (self.destroyed is not None and self.destroyed <= place):
            return False
        if self.stopped is None or place < self.stopped:
            return True
        return any(at <= place and on <= until for at, until in self.claims)


@dataclass(slots=True)
class Epochs:
    """What one country has released and stopped in one case, whatever became of it."""

    stopped: int = 0
    newest: int = 0
    #: The names of all keys that were released.
    keys: set[bytes] = field(default_factory=set)

    def stop(self, epoch: int) -> None:
        """Let keys of an epoch, and of all before it, be released no longer."""
        self.stopped = max(self.stopped, epoch)

    def opens(self, box: bytes) -> bool:
        """Say whether somebody was given the key of a box that was sealed only now."""
        return box[_NAME_IN_BOX] in self.keys

    def released(self, event: KeysReleased) -> Iterator[str]:
        """Take in a release; yield the code words of what is wrong with its keys."""
        names = {commitment[:_NAME_BYTES] for commitment in event.commitments}
        if not names.isdisjoint(self.keys):
            yield "key_reused"
        if event.epoch <= max(self.stopped, self.newest):
            yield "epoch_reused"
        self.newest = max(self.newest, event.epoch)
        self.keys |= names
