"""Overrides, and how many children have a permission in force, for what and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

from ledger.case.case import Topic
from node.asking.inquiry import Answer, Inquiry, Row

_OVERRIDES = (
    *("case_id", "override_id", "origin", "recipient", "scopes", "kind", "reason"),
    *("requested_by", "approved_by", "approved_at", "expires_on", "state"),
    *("reviewed_at", "reviewed_by", "upheld", "same_person"),
)
_COVERAGE = ("purpose", "cases", "percent", "median_age_days", "expiring")

#: A purpose that another country has recorded, and this one cannot know.
NOT_KNOWN_HERE = "not_known_here"
ANY = "any"
#: Within how many days a permission counts as about to expire.
EXPIRING = timedelta(days=30)


def overrides(inquiry: Inquiry) -> Answer:
    """Return every release without consent: why, by whom, until when, and whether reviewed.

    Who asked may not approve: `same_person` must be 0. Reason and requester of another country's
    override stand in its own ledger.
    """
    bases, terms = _bases(inquiry, is_override=True), _terms(inquiry)
    rows = [
        _override(inquiry, key, lines, bases[key], terms.get(key, {}))
        for key, lines in _by_basis(inquiry).items()
    ]
    rows.sort(key=lambda row: (row["approved_at"], row["override_id"]))
    return Answer(
        columns=_OVERRIDES,
        rows=rows,
        facts={
            "overrides": len(rows),
            "same_person": sum(row["same_person"] for row in rows),
            "not_reviewed": sum(row["reviewed_at"] is None for row in rows),
        },
        not_answered=sorted({row["origin"] for row in rows} - {inquiry.country}),
    )


def _by_basis(inquiry: Inquiry) -> Mapping[tuple[UUID, UUID], Sequence[Row]]:
    """Return what was said of each override, the first step first: (case, override) -> lines.

    What is national goes first: it is said again on the shared topic by whoever crosses the border.
    """
    lines: dict[tuple[UUID, UUID], list[Row]] = {}
    found = inquiry.events("OverrideApproved OverrideReviewed")
    for line in sorted(found, key=lambda one: one["topic"] == Topic.SHARED.value):
        lines.setdefault((line["case_id"], UUID(line["summary"]["override_id"])), []).append(line)
    approved = "OverrideApproved"
    return {
        key: said for key, said in lines.items() if approved in {one["event_type"] for one in said}
    }


def _override(
    inquiry: Inquiry,
    key: tuple[UUID, UUID],
    lines: Sequence[Row],
    basis: Row,
    terms: Row,
) -> dict[str, Any]:
    approved = next(one for one in lines if one["event_type"] == "OverrideApproved")
    reviews = [one for one in lines if one["event_type"] == "OverrideReviewed"]
    review = (reviews or [{}])[-1]
    over = basis["expires_on"] is not None and basis["expires_on"] < inquiry.today
    return {
        "case_id": key[0],
        "override_id": key[1],
        "origin": approved["origin"],
        "recipient": basis["recipient"],
        "scopes": basis["scopes"],
        "kind": terms.get("kind"),
        "reason": terms.get("override_reason"),
        "requested_by": terms.get("requested_by"),
        "approved_by": approved["actor_id"],
        "approved_at": approved["recorded_at"],
        "expires_on": basis["expires_on"],
        "state": "expired" if over and basis["state"] == "granted" else basis["state"],
        "reviewed_at": review.get("recorded_at"),
        "reviewed_by": review.get("actor_id"),
        "upheld": review["summary"]["upheld"] if reviews else None,
        "same_person": terms.get("requested_by") == approved["actor_id"],
    }


def consent_coverage(inquiry: Inquiry) -> Answer:
    """Return how many children in care here have a valid consent, for what, and how old.

    In care: open cases that this country answers for. `percent` is of them; a child with consents
    for two purposes counts in both rows. `expiring` counts children whose last valid consent for
    the purpose ends within 30 days.
    """
    active = {
        row["case_id"]
        for row in inquiry.found.rows(
            "case_file", "WHERE state = 'open' AND responsible = %s", inquiry.country
        )
    }
    terms, given_at = _terms(inquiry), _given_at(inquiry)
    valid: dict[str, dict[UUID, list[Row]]] = {ANY: {}}
    for key, basis in _bases(inquiry, is_override=False).items():
        in_time = basis["expires_on"] is not None and inquiry.today <= basis["expires_on"]
        if key[0] in active and basis["state"] == "granted" and in_time:
            one = {**basis, "given_at": given_at[key]}
            purpose = terms.get(key, {}).get("purpose") or NOT_KNOWN_HERE
            for name in (ANY, purpose):
                valid.setdefault(name, {}).setdefault(key[0], []).append(one)
    rows = [_covered(inquiry, name, valid[name], len(active)) for name in sorted(valid)]
    without = len(active) - len(valid[ANY])
    return Answer(
        columns=_COVERAGE,
        rows=rows,
        facts={"active_cases": len(active), "without_consent": without},
        not_answered=inquiry.others,
    )


def _covered(
    inquiry: Inquiry, purpose: str, cases: Mapping[UUID, Sequence[Row]], active: int
) -> Row:
    ages = [(inquiry.now - one["given_at"]).days for ones in cases.values() for one in ones]
    soon = inquiry.today + EXPIRING
    return {
        "purpose": purpose,
        "cases": len(cases),
        "percent": round(100 * len(cases) / active, 1) if active else None,
        "median_age_days": median(ages) if ages else None,
        "expiring": sum(max(one["expires_on"] for one in ones) <= soon for ones in cases.values()),
    }


def _bases(inquiry: Inquiry, *, is_override: bool) -> Mapping[tuple[UUID, UUID], Row]:
    """Return each permission once, as it stands now, whichever topics it is on: (case, id) -> row.

    What is national before the first cross-border step is said again on the shared topic, and what
    happens to it from then on stands there alone. Where that was said in vain, the shared topic
    may know its end and nothing else of it.
    """
    bases: dict[tuple[UUID, UUID], dict[str, Any]] = {}
    for row in inquiry.found.rows("consents", "ORDER BY topic"):  # national, then shared
        before = bases.setdefault((row["case_id"], row["basis_id"]), row)
        said = {name: value for name, value in row.items() if value not in (None, [])}
        before.update({**said, "is_override": before["is_override"] or row["is_override"]})
    return {key: row for key, row in bases.items() if row["is_override"] is is_override}


def _terms(inquiry: Inquiry) -> Mapping[tuple[UUID, UUID], Row]:
    rows: Iterable[Row] = inquiry.found.rows("consent_terms")
    return {(row["case_id"], row["basis_id"]): row for row in rows}


def _given_at(inquiry: Inquiry) -> Mapping[tuple[UUID, UUID], Any]:
    """Return when each consent was first given: on the national topic, where it stood there."""
    given: dict[tuple[UUID, UUID], Any] = {}
    for line in inquiry.events("ConsentGranted"):
        key = (line["case_id"], UUID(line["summary"]["consent_id"]))
        given[key] = min(given.get(key, line["recorded_at"]), line["recorded_at"])
    return given
