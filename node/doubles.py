"""What a country knows of two cases of one child, for whoever tells the other side."""

from __future__ import annotations

from typing import Any

from ledger.case.case import Case


def duplicates_of(case: Case) -> list[dict[str, Any]]:
    """Return every suspicion of a case, oldest first, with what opens its commitment."""
    suspicions = {**case.national.suspicions, **case.ahead.suspicions}
    noted = case.national.care.duplicates
    found = []
    for suspicion_id in dict.fromkeys((*noted, *suspicions)):
        one, known = suspicions.get(suspicion_id), noted.get(suspicion_id)
        found.append(
            {
                "suspicion_id": suspicion_id,
                "state": "noted" if one is None else one.state,
                "asked": None if one is None else one.asked,
                "holder": None if one is None else one.holder,
                "confirmed": [] if one is None else [country for country, _ in one.confirmed],
                "other_case_id": None if known is None else known.other_case_id,
                "opening": None if known is None else known.salt.hex(),
            }
        )
    return found
