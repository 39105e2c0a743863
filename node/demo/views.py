"""What both countries' read models say of the same cases, side by side, and whether they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from node import place
from node.demo.stage import Stage
from node.reading import Reader, reader


@dataclass(frozen=True)
class View:
    """One country's read models."""

    country: str
    files: Mapping[UUID, Mapping[str, Any]]
    handoffs: Mapping[UUID, list[Mapping[str, Any]]]
    #: Encoded shared state of each case.
    states: Mapping[UUID, bytes]
    #: Shared verdicts, in the topic's order.
    shared: list[Mapping[str, Any]]
    #: Own events that the other country never sees.
    national: list[Mapping[str, Any]]

    def words(self, case_id: UUID) -> str:
        """Say what this country sees of a case, for a person who works with it."""
        file = self.files.get(case_id)
        if file is None:
            return "–"
        steps = [f"{one['kind']} {one['state']}" for one in self.handoffs.get(case_id, [])]
        return f"{file['responsible']} answers, {', '.join(steps) or 'at home'}"


def view(path: Path, country: str) -> View:
    """Read one country's read models, as its auditor may."""
    with reader(place.find(path, country)) as found:
        trail = found.rows("audit_trail", "ORDER BY topic, partition, effect_offset, effect_rank")
        return View(
            country=country,
            files={row["case_id"]: row for row in found.rows("case_file")},
            handoffs=_handoffs(found),
            states={
                row["case_id"]: bytes(row["state"])
                for row in found.rows("case_state", "WHERE topic = 'shared'")
            },
            shared=[_verdict(row) for row in trail if row["topic"] == "shared"],
            national=[_verdict(row) for row in trail if row["topic"] == "national"],
        )


def agree(one: View, other: View) -> bool:
    """Say whether both have the same state of every shared case, and the same verdicts."""
    return one.states == other.states and one.shared == other.shared


def events_of(one: View, other: View) -> Counter[str]:
    """Count the events by type: shared ones once, national ones of both."""
    verdicts = [*one.shared, *one.national, *other.national]
    return Counter(str(verdict["event_type"]) for verdict in verdicts)


def void_of(one: View, other: View) -> int:
    """Count the events without effect."""
    verdicts = [*one.shared, *one.national, *other.national]
    return sum(not verdict["effective"] for verdict in verdicts)


def of_stage(stage: Stage) -> tuple[View, View]:
    """Read both countries' read models."""
    path = Path(stage.running["dir"])
    return view(path, stage.here.country), view(path, stage.there.country)


def _handoffs(found: Reader) -> Mapping[UUID, list[Mapping[str, Any]]]:
    handoffs: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in found.rows("referrals", "ORDER BY began_with"):
        handoffs.setdefault(row["case_id"], []).append(row)
    return handoffs


_SAME_EVERYWHERE = (
    "partition",
    "offset",
    "effect_offset",
    "effect_rank",
    "case_id",
    "event_id",
    "event_type",
    "origin",
    "leaf",
    "effective",
    "void_reason",
)


def _verdict(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: row[name] for name in _SAME_EVERYWHERE}
