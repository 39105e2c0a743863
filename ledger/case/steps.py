"""The step table: which step is legal from which state, and who may take it.

A row belongs to the event's schema version and is released with it (design §3): it stands in the
schema file under `step`, so RELEASED freezes it, and a version-1 event is judged by version 1's
row for ever. A changed rule is a new schema version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from events.registry import SCHEMAS
from events.stamp import Event


class Kind(StrEnum):
    """What a step does to permissions; decides what may make it void (design §3.2)."""

    PLAIN = "plain"
    #: Adds a prohibition: never void because of the state, only if its origin is no party.
    PROTECTIVE = "protective"
    #: Gives a permission: void if decided in ignorance of another origin's protective event.
    PERMISSIVE = "permissive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row of the step table."""

    event: str
    version: int
    part: str
    #: Field of the event that names what moves: a case, a consent, a handoff.
    subject: str
    from_states: frozenset[str]
    to_state: str
    #: Who may take it; the names are resolved in `who.py`.
    by: str
    kind: Kind
    #: Further conditions at its place, by name; they are evaluated in `conditions.py`.
    requires: tuple[str, ...]
    #: One field and value that make a permissive step protective (StatusChanged to not_ready).
    protective_if: tuple[str, str] | None

    def kind_of(self, event: Event) -> Kind:
        """Return what this very event does to permissions."""
        if self.protective_if is not None:
            field, value = self.protective_if
            if getattr(event, field) == value:
                return Kind.PROTECTIVE
        return self.kind


def _row(name: str, version: int, row: Mapping[str, Any]) -> Step:
    protective = row.get("protective_if")
    return Step(
        event=name,
        version=version,
        part=row["part"],
        subject=row["subject"],
        from_states=frozenset(row["from"]),
        to_state=row["to"],
        by=row["by"],
        kind=Kind(row["kind"]),
        requires=tuple(row["requires"]),
        protective_if=next(iter(protective.items())) if protective else None,
    )


#: Every released row.
STEPS: Mapping[tuple[str, int], Step] = {
    (schema.name, schema.version): _row(schema.name, schema.version, schema.step)
    for schema in SCHEMAS
    if schema.step
}
_BY_CLASS: Mapping[tuple[type[Event], int], Step] = {
    (schema.event_class, schema.version): STEPS[schema.name, schema.version]
    for schema in SCHEMAS
    if schema.step
}


def step_of(event: Event) -> Step:
    """Return the row that judges this event: the one of the version it was written with."""
    return _BY_CLASS[type(event), event.schema_version]
