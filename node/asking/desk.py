"""What a question asks of the node itself: its rules today, and data after it was recorded who."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from consumers.rulebook import Rules
from events.codes import Role
from events.errors import Misconfigured
from node.place import Place


@dataclass(frozen=True, slots=True)
class AtNode:
    """One country's node."""

    where: Place

    def rules(self) -> Rules | None:
        """Return the rules in force today; None if there are none."""
        from node.ruling import rules_of

        try:
            return rules_of(self.where)
        except Misconfigured as error:
            if error.rule != "rules_in_force":
                raise
            return None

    def opened(self, by: str, case_id: UUID, event_id: UUID) -> dict[str, Any]:
        """Return what an event says about the child, after recording who looks.

        NotAllowedNow, AccessRefused.
        """
        from ledger.service import open_ledger
        from node.working import opened_about

        with open_ledger(self.where.ledger_settings()) as ledger:
            return opened_about(ledger, self.where, by, case_id, event_id, role=Role.AUDITOR)
