"""Shares, averages and ratios: worked out from what is told, so they tell nothing more.

Names are those of CPIMS+ where it has one, so that countries can go on comparing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from node.statistics.shapes import SHAPES, TOTAL
from node.statistics.suppression import Key

#: A number that is told; None is withheld.
Told = Mapping[Key, int | None]

_ALL_OPEN: Final = ("cases", TOTAL, "open_at_end")
_ALL_CLOSED: Final = ("cases", TOTAL, "closed")
_CASEWORKERS: Final = ("counts", "caseworkers", "number")
#: Measure -> table and column of which each row is told in per cent.
_SHARES: Final = {
    "percentage_cases_risk_level": ("cases", "open_at_end"),
    "percentage_cases_duration": ("duration", "closed"),
    "reporting_delay": ("reporting_delay", "opened"),
}
#: Measure -> part and whole, in per cent.
_PERCENT: Final[Mapping[str, tuple[Key, Key]]] = {
    "percentage_successful_referrals": (
        ("referrals", "sent", "fulfilled"),
        ("referrals", "sent", TOTAL),
    ),
    "services_provided": (("plan_items", "done", "finished"), ("plan_items", TOTAL, "finished")),
    "completed_supervisor_approved_case_action_plans": (
        ("plan_coverage", "with_plan", "open_at_end"),
        _ALL_OPEN,
    ),
    "percentage_transfers_accepted_in_time": (
        ("transfers_accepted", TOTAL, "in_time"),
        ("transfers_accepted", TOTAL, TOTAL),
    ),
    "percentage_routings_accepted_in_time": (
        ("routings", "accepted_in_time", "asked"),
        ("routings", TOTAL, "asked"),
    ),
    "percentage_plans_child_agrees": (
        ("plans", "agrees", "approved"),
        ("plans", TOTAL, "approved"),
    ),
    "percentage_children_heard": (("children_heard", "heard", "open_at_end"), _ALL_OPEN),
    "percentage_with_guardian": (("guardianship", "with_guardian", "open_at_end"), _ALL_OPEN),
}
#: Measure -> what is divided by what.
_RATIOS: Final[Mapping[str, tuple[Key, Key]]] = {
    "average_referrals": (("handoffs_begun", "referral", "sent"), _ALL_OPEN),
    "case_load": (_ALL_OPEN, _CASEWORKERS),
    "supervisor_to_caseworker_ratio": (("counts", "supervisors", "number"), _CASEWORKERS),
}
#: Measure -> the number that it is.
_NUMBERS: Final[Mapping[str, Key]] = {
    "number_of_cases": _ALL_OPEN,
    "completed_case_action_plans": ("counts", "plans_completed", "number"),
    "total_referrals_sent": ("handoffs_begun", "referral", "sent"),
    "total_referrals_received": ("handoffs_begun", "referral", "received"),
    "total_transfers_sent": ("handoffs_begun", "transfer", "sent"),
    "total_transfers_received": ("handoffs_begun", "transfer", "received"),
}

Measure = float | int | None


def measures(told: Told, medians: Mapping[str, float | None]) -> dict[str, Measure]:
    """Return every measure by its name; None where a number that it needs is withheld."""
    found: dict[str, Measure] = {name: told[key] for name, key in _NUMBERS.items()}
    rows = {shape.name: shape.rows for shape in SHAPES}
    for name, (table, column) in _SHARES.items():
        for row in rows[table]:
            whole = (_ALL_OPEN[0], TOTAL, column)
            found[f"{name}.{row}"] = _divided(told[table, row, column], told[whole], 100)
    for name, (part, whole) in _PERCENT.items():
        found[name] = _divided(told[part], told[whole], 100)
    for name, (part, whole) in _RATIOS.items():
        found[name] = _divided(told[part], told[whole], 1)
    closed, open_ = told[_ALL_CLOSED], told[_ALL_OPEN]
    both = None if closed is None or open_ is None else closed + open_
    found["case_closure_rate"] = _divided(closed, both, 100)
    unknown = told["cases", "not_assessed", "open_at_end"]
    assessed = None if open_ is None or unknown is None else open_ - unknown
    found["assessment_status"] = _divided(assessed, open_, 100)
    found["time_from_case_open_to_close"] = medians["closed"]
    found["median_days_open"] = medians["open_at_end"]
    return dict(sorted(found.items()))


def _divided(part: int | None, whole: int | None, times: int) -> float | None:
    if part is None or not whole:
        return None
    return round(times * part / whole, 1)
