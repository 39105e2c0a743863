"""What stands on a national topic: an envelope that tells nothing but that something happened."""

from __future__ import annotations

from dataclasses import dataclass

from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalEvent(Event):
    """An event of the national topic: padded, its type and content sealed with a country's key."""

    box: bytes
