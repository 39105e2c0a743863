"""Whom children can be sent to today, and why not to the others: what the rules would be told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from consumers.rulebook import situation
from ledger.rules.directory import upwards
from ledger.rules.standing import Standing, standings
from node.place import Place
from node.reading import Reader
from node.ruling import rules_of


def directory_today(
    found: Reader, where: Place, *, specialist: str | None = None, area: str | None = None
) -> list[dict[str, Any]]:
    """Return every service with how it stands today; those that can get nobody last.

    Only those for a specialist, or that serve all of an area, if one is named. Misconfigured if no
    rules are in force.
    """
    rules = rules_of(where)
    zone = ZoneInfo(where.agreement.countries[where.country].zone)
    now = situation(
        found.connection, rules, where.country, datetime.now(UTC).astimezone(zone).date()
    )
    capacities = {one["service"]: one for one in found.rows("capacities")}
    limit = rules.ruled.pack.load.limit
    above = set() if area is None else set(upwards(area))
    listed = [
        {
            **_words(one),
            "load": now.load.get(one.service.id, 0),
            "limit": limit * one.service.workers,
            **_places(capacities.get(one.service.id, {})),
        }
        for one in standings(rules.ruled.pack, rules.directory, now)
        if specialist in {None, *one.service.specialists}
        and (area is None or above.intersection(one.service.areas))
    ]
    return sorted(listed, key=lambda one: (not one["routes"], one["service"]))


def _words(standing: Standing) -> dict[str, Any]:
    service = standing.service
    return {
        "service": service.id,
        "organisation": service.organisation,
        "specialists": service.specialists,
        "areas": service.areas,
        "languages": service.languages,
        "licensed_until": service.licensed_until,
        "today": "no" if not standing.routes else "some" if standing.closed else "yes",
        "routes": standing.routes,
        "closed": standing.closed,
        "why_not": standing.why_not,
    }


def _places(said: dict[str, Any]) -> dict[str, Any]:
    """Return what the service has said of itself; what it never said is not known."""
    return {name: said.get(name) for name in ("places", "paused_until")}
