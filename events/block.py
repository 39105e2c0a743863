"""National events by which nothing about a child goes to some countries or persons."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlaced(Event):
    """Nothing about the child goes to some countries or persons until the block is lifted.

    Why is sealed; whatever it is, the other country sees the same.
    """

    block_id: UUID
    countries: tuple[str, ...]
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLifted(Event):
    """A block was lifted."""

    block_id: UUID
