"""Words that stand everywhere whatever was recorded: codes, time zones, days of the run."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from zoneinfo import available_timezones

from events import codes
from events.code_lists import code_lists


@cache
def words() -> frozenset[str]:
    """Return codes and labels of every list, and the names of time zones and their places."""
    found: set[str] = set(available_timezones())
    found |= {part for zone in available_timezones() for part in re.split(r"[/_]", zone)}
    for listed in code_lists().values():
        found |= {listed.id, listed.title, *listed.codes, *listed.codes.values()}
    for kind in vars(codes).values():
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            found |= set(kind)
    spaced = {word.replace("_", " ") for word in found}
    return frozenset(word.casefold() for word in found | spaced)


def is_everyday(text: str, since: date) -> bool:
    """Say whether a text cannot be told from what stands in files anyway.

    Days on which the nodes ran stand in every line of a log.
    """
    if text.casefold() in words():
        return True
    try:
        return since <= date.fromisoformat(text) <= datetime.now(UTC).date()
    except ValueError:
        return False


def since_of(file: Path) -> date:
    """Return the day a file was written."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
