"""Whether what was known of a child is gone everywhere, as far as every holder has said so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from events.data import ErasureAttested
from node.access import coverage_of
from node.asking.inquiry import Answer, Inquiry, Row, position
from projections.coverage import GONE

_COLUMNS = (
    *("country", "role", "state", "grants", "outstanding", "ground", "until", "erasure_id"),
    *("attested_at", "keys", "backups_expire_on", "position", "leaf", "contradicted_by"),
    *("slots", "replicas", "method"),
)


def erased(inquiry: Inquiry, *, case_id: UUID) -> Answer:
    """Return what each country that held data of a case says of its erasure.

    One row per holder. `complete` when everybody says that its keys are gone: signed statements,
    no proof that no copy exists. What a keystore did is known for this country only.
    """
    board = coverage_of(inquiry.found, case_id, inquiry.today)
    said, done = _attested(inquiry, case_id), _done(inquiry, case_id)
    holders = board["board"] or _at_home(inquiry, said)
    rows = []
    for holding in holders:
        attested = said.get(holding["country"], {})
        own = done if holding["country"] == inquiry.country else {}
        nothing = dict.fromkeys(_COLUMNS)
        row = {**nothing, **holding, **attested, **own}
        rows.append({name: row[name] for name in _COLUMNS})
    left = sorted({row["country"] for row in rows if row["state"] not in GONE})
    return Answer(
        columns=_COLUMNS,
        rows=rows,
        facts={"complete": bool(rows) and not left, "owe_an_answer": board["outstanding"]},
        not_answered=[code for code in left if code != inquiry.country],
    )


def _attested(inquiry: Inquiry, case_id: UUID) -> Mapping[str, Row]:
    """Return what each country attested last: when, of how many keys, and where it stands."""
    keys = _keys_named(inquiry, case_id)
    found: dict[str, Row] = {}
    for line in inquiry.events("ErasureAttested", case_id=case_id):
        found[line["origin"]] = {
            "erasure_id": UUID(line["summary"]["erasure_id"]),
            "backups_expire_on": line["summary"]["backups_expire_on"],
            "attested_at": line["recorded_at"],
            "keys": keys.get(line["event_id"]),
            "position": position(line),
            "leaf": line["leaf"],
        }
    return found


def _keys_named(inquiry: Inquiry, case_id: UUID) -> Mapping[UUID, int]:
    """Return how many keys each attestation on the shared topic names; from its bytes."""
    attestations = inquiry.shared_events(ErasureAttested, case_id)
    return {event.event_id: len(event.keys) for _, event in attestations}


def _done(inquiry: Inquiry, case_id: UUID) -> Mapping[str, Any]:
    """Return what the keystore of this country did last."""
    lines = inquiry.events("KeysErased", case_id=case_id)
    said: Row = lines[-1]["summary"] if lines else {}
    return {name: said[name] for name in ("slots", "replicas", "method") if name in said}


def _at_home(inquiry: Inquiry, said: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Return the only holder of a case that has never left its country."""
    state = "attested" if inquiry.country in said else "holds"
    nothing: dict[str, Any] = dict.fromkeys(_COLUMNS)
    own = {"country": inquiry.country, "role": "origin", "state": state, "grants": 0}
    return [{**nothing, **own, "outstanding": 0}]
