"""What a receipt says of accesses to anybody but a data-protection officer: by whom, roughly, when.

The page may be read by the one it protects from. A shelter's code says where she is, the time of a
visit says when, and how often somebody looked says that something is about to happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from events.codes import Role
from node.receipt.facts import Facts, Shown

#: Role -> its group: enough to know who is meant, too little to know whom.
_GROUPS: Mapping[str, str] = {
    **dict.fromkeys((Role.CASEWORKER, Role.SUPERVISOR, Role.FOCAL_POINT), "works_with_you"),
    **dict.fromkeys((Role.PANEL_MEMBER, Role.PROTECTION_OFFICER), "works_with_you"),
    **dict.fromkeys((Role.PROVIDER, Role.TRACING_AGENCY), "helps_you"),
    **dict.fromkeys((Role.BORDER_OFFICER, Role.CONSULAR_OFFICER), "at_the_border"),
    **dict.fromkeys((Role.DATA_PROTECTION_OFFICER, Role.AUDITOR), "checks"),
    Role.GUARDIAN: "guardian",
    Role.SYSTEM: "system",
}


def coarse(found: Facts) -> Facts:
    """Return facts without where and when exactly somebody in this country was shown data."""
    return replace(
        found,
        shown=_coarse(found.shown),
        emergencies=_coarse(found.emergencies),
        refused=_coarse(found.refused),
    )


def group_of(role: str) -> str:
    """Return the group of a role, as a receipt tells it where it tells no more."""
    return _GROUPS.get(role, "UNKNOWN")


def _coarse(entries: Iterable[Shown]) -> tuple[Shown, ...]:
    told = {
        replace(
            one, at=None, role=group_of(one.role), organisation=None, until=None, reviewed_at=None
        )
        for one in entries
    }
    return tuple(sorted(told, key=lambda one: (one.month, one.role, one.scopes, str(one))))
