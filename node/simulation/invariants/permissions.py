"""Permissions in the order in which a topic has them: walked, not folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from node.simulation.history import Line


@dataclass(frozen=True, slots=True)
class Permission:
    """Which data may go to whom until when."""

    origin: str
    recipient: str
    scopes: frozenset[str]
    until: date
    override: bool
    ended: bool = False

    def covers(self, recipient: str, scopes: Iterable[str], on: date) -> bool:
        """Say whether it permits this on a day."""
        within = frozenset(scopes) <= self.scopes
        return not self.ended and within and self.recipient == recipient and on <= self.until


Permissions = dict[UUID, Permission]


def walked(lines: Iterable[Line]) -> Iterator[tuple[Line, Permissions]]:
    """Yield each line with the permissions before it."""
    known: Permissions = {}
    used_up: set[UUID] = set()
    for line in lines:
        yield line, known
        _hear(known, used_up, line)


def _hear(known: Permissions, used_up: set[UUID], line: Line) -> None:
    event: Any = line.event
    match line.kind:
        case "ConsentGranted" | "OverrideApproved":
            override = line.kind == "OverrideApproved"
            basis_id = event.override_id if override else event.consent_id
            scopes = frozenset(event.scopes)
            known[basis_id] = Permission(
                event.origin, event.recipient, scopes, event.expires_on, override,
                ended=basis_id in used_up,
            )  # fmt: skip
        case "ConsentWithdrawn" | "OverrideEnded":
            ended = event.consent_id if line.kind == "ConsentWithdrawn" else event.override_id
            used_up.add(ended)
            if ended in known:
                known[ended] = replace(known[ended], ended=True)
        case "ConsentRefused":
            used_up.add(event.consent_id)
            _refused(known, event)


def _refused(known: Permissions, event: Any) -> None:
    """Consents to the same country lose the refused scopes; overrides rest on other grounds."""
    scopes = frozenset(event.scopes)
    for basis_id, one in known.items():
        if not (one.override or one.ended) and one.recipient == event.recipient:
            left = one.scopes - scopes
            known[basis_id] = replace(one, scopes=left) if left else replace(one, ended=True)
    known[event.consent_id] = Permission(
        event.origin, event.recipient, scopes, event.recorded_at.date(), override=False, ended=True
    )


def endings(lines: Iterable[Line]) -> Mapping[UUID, int]:
    """Return which permissions ended, and with which line (from 0)."""
    found: dict[UUID, int] = {}
    known: Permissions = {}
    used_up: set[UUID] = set()
    for at, line in enumerate(lines):
        _hear(known, used_up, line)
        for basis_id, one in known.items():
            if one.ended:
                found.setdefault(basis_id, at)
    return found
