"""Every step, from every state, by everybody: the whole table, as a file a person can read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from events.access import BreakGlassUsed
from events.case import CaseJoined
from events.codes import (
    Agreement,
    BasisKind,
    ConsentGiver,
    DataScope,
    NeutralStatus,
    NoticeChannel,
    Outcome,
    Purpose,
    Resolution,
    RetentionGround,
    Safety,
    Satisfaction,
)
from events.registry import SCHEMAS
from events.stamp import NOTHING_SEEN, Actor, Event
from ledger.case.changing import changed
from ledger.case.fold import judge
from ledger.case.joint import Measure, Suspicion
from ledger.case.plane import Attested, Basis, Handoff, Identity, Plane, Release
from ledger.case.steps import STEPS

CASE = UUID("00000000-0000-4000-8000-000000000001")
REGISTER = UUID("00000000-0000-8000-8000-000000000001")
SUBJECT = UUID("00000000-0000-4000-8000-000000000002")
BASIS = UUID("00000000-0000-4000-8000-000000000003")
DAY = date(2026, 11, 24)
MOMENT = datetime(2026, 11, 24, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden" / "step_matrix.txt"

#: KZ opened the case and answers for it; KG is named as receiver; UZ has nothing to do with it.
COUNTRIES = ("KZ", "KG", "UZ")
CASE_STATES = ("none", "open", "closed", "joined")
CONSENT_STATES = ("none", "granted", "refused", "withdrawn")
REFERRAL_STATES = (
    "none", "sent", "received", "accepted", "started",
    "completed", "rejected", "revoked", "expired",
)  # fmt: skip
TRANSFER_STATES = (
    "none", "requested", "proposed", "previewed", "accepted",
    "moved", "completed", "rejected", "revoked", "expired",
)  # fmt: skip
DATA_STATES = ("none", "released", "stopped", "claimed", "destroyed", "attested")
DUPLICATE_STATES = ("none", "suspected", "dismissed", "joined", "parted")
MEASURE_STATES = ("none", "taken", "ended")
STATES = {
    "case": CASE_STATES,
    "care": CASE_STATES,
    "routing": CASE_STATES,
    "plan": CASE_STATES,
    "monitoring": CASE_STATES,
    "access": CASE_STATES,
    "block": CASE_STATES,
    "erasure": CASE_STATES,
    "governance": CASE_STATES,
    "notice": CASE_STATES,
    "data": DATA_STATES,
    "duplicate": DUPLICATE_STATES,
    "measure": MEASURE_STATES,
    "consent": CONSENT_STATES,
    "referral": REFERRAL_STATES,
    "transfer": TRANSFER_STATES,
}
VALUES: dict[str, Any] = {
    "opened_on": DAY, "responsible": "KZ", "status": NeutralStatus.READY,
    "history_commitment": None, "into_case_id": BASIS, "corrects_version": 1, "basis_id": BASIS,
    "recipient": "KG", "holder": "KG", "scopes": (DataScope.IDENTITY,), "expires_on": DAY,
    "due_on": DAY, "request_id": None, "outcome": Outcome.FULFILLED, "upheld": True,
    "kind": BasisKind.CONSENT, "purpose": Purpose.TRANSFER, "requested_by": "cw-1",
    "with_country": "KG", "salt": bytes(32), "assignee": "cw-1", "closing": 1, "current": "kek-2",
    "retired": ("kek-1",), "waiting": 1, "before": 1, "generation": 2, "folded": 1, "equal": True,
    "shared": True, "schemas": (bytes(32),), "shared_offsets": (), "national_offsets": (),
    "state": bytes(32), "decision": "approve_override", "rule": "four_eyes", "epoch": 1,
    "commitments": (bytes(32),), "capsule": bytes(32), "ground": RetentionGround.MANDATE,
    "until": DAY, "keys": (), "backups_expire_on": DAY, "door": "read", "countries": ("KG",),
    "persons": (), "slots": 1, "replicas": 2, "method": "overwritten_in_place",
    "given_by": ConsentGiver.CHILD, "why": "excluded_person", "log": "t.ledger/KZ",
    "resolution": Resolution.AGREED, "note": "referral/key/v1", "sibling_case_id": BASIS,
    "together": True, "by_hand": False, "accepted": True, "name": "KZ", "number": 1,
    "text": bytes(32), "effective_from": DAY, "organisation": "o", "guideline": "g", "service": "s",
    "places": 1, "concerns": (SUBJECT,), "mandatory": True, "due_at": MOMENT,
    "child": Agreement.AGREES, "caregiver": Agreement.AGREES, "done": True, "review_by": DAY,
    "since": MOMENT, "step": "guardian", "begins_at": MOMENT, "told": 1, "role": "supervisor",
    "safety": Safety.SAFE, "rating": Satisfaction.SATISFIED, "reason": "other", "other": bytes(32),
    "yielding_case_id": BASIS, "desk": "d", "roles": ("caseworker",),
    "channels": (NoticeChannel.MAIL,),
}  # fmt: skip


def _event(event_class: type[Event], origin: str, version: int, **changes: Any) -> Event:
    stamp: dict[str, Any] = {
        "event_id": SUBJECT, "case_id": CASE, "origin": origin, "version": 2,
        "seen": NOTHING_SEEN, "occurred_at": MOMENT, "recorded_at": MOMENT,
        "actor": Actor(id="a", role="supervisor", organisation="o"), "schema_version": version,
    }  # fmt: skip
    own = {f.name: VALUES[f.name] for f in fields(event_class) if f.name in VALUES}
    # What the table does not name, a new event type brings: an id of its own is the subject.
    ids = {f.name for f in fields(event_class) if str(f.type).startswith("UUID")}
    own |= dict.fromkeys(ids - own.keys() - {f.name for f in fields(Event)}, SUBJECT)
    if event_class is BreakGlassUsed:
        own["until"] = MOMENT
    if event_class is CaseJoined and version > 1:
        own["into_case_id"] = SUBJECT
    return event_class(**{**stamp, **own, **changes})


def _plane(part: str, state: str, *, shared: bool) -> Plane:
    """Return a plane with the subject in a state, and every further condition fulfilled."""
    case_state = state if STATES[part] is CASE_STATES else "open"
    opened = case_state != "none"
    granted = Basis(
        state="granted", origin="KZ", recipient="KG", scopes=(DataScope.IDENTITY,), expires_on=DAY
    )
    consents = {BASIS: granted}
    if part == "consent" and state != "none":
        consents[SUBJECT] = Basis(
            state=state, origin="KZ", recipient="KG", scopes=granted.scopes, expires_on=DAY
        )
    sender, receiver = ("KG", "KZ") if state == "requested" else ("KZ", "KG")
    handoff = {
        SUBJECT: Handoff(
            state=state, sender=sender, receiver=receiver, began_with=SUBJECT, due_on=DAY,
            basis_id=BASIS, scopes=granted.scopes, key=bytes(32) if part == "data" else None,
        )
    }  # fmt: skip
    if part == "data":
        handoff = {SUBJECT: changed(handoff[SUBJECT], state="accepted")}
    return Plane(
        shared=shared,
        case_id=REGISTER if part == "governance" else CASE,
        identity=Identity(
            state=case_state, opened_on=DAY, opener="KZ" if opened else None,
            responsible="KZ" if opened else None, status=NeutralStatus.READY, missing=opened,
            parties=("KZ", "KG") if opened else (),
        ),
        consents=consents,
        referrals=handoff if part == "data" or (part == "referral" and state != "none") else {},
        transfers=handoff if part == "transfer" and state != "none" else {},
        suspicions=_suspicions(part, state),
        measures={SUBJECT: Measure(state=state, origin="KG", since=DAY)}
        if part == "measure" and state != "none"
        else {},
        releases=_releases(state) if part == "data" else {},
        attested={"KZ": ATTESTED} if (part, state) == ("data", "attested") else {},
    )  # fmt: skip


ATTESTED = Attested(erasure_id=SUBJECT, keys=(), backups_expire_on=DAY)


def _suspicions(part: str, state: str) -> dict[UUID, Suspicion]:
    """Return the suspicion that a case joined by version 2 was confirmed by, or the subject."""
    if part not in {"case", "duplicate"} or state == "none":
        return {}
    found = state if part == "duplicate" else "suspected"
    return {
        SUBJECT: Suspicion(
            state=found, origin="KZ", asked="KZ", holder="KG", other=bytes(32),
            confirmed=(("KZ", "a"), ("KG", "a")),
        )
    }  # fmt: skip


def _releases(state: str) -> dict[UUID, Release]:
    if state in {"none", "attested"}:
        return {}
    release = Release(
        state=state, origin="KZ", recipient="KG", handoff_id=SUBJECT, basis_id=BASIS,
        scopes=(DataScope.IDENTITY,), epoch=1, commitments=(bytes(32),), capsule=bytes(32),
    )  # fmt: skip
    return {SUBJECT: release}


def _matrix() -> Iterator[str]:
    judged = [schema for schema in SCHEMAS if schema.step]
    for schema in sorted(judged, key=lambda s: (s.step["part"], s.name, s.version)):
        part = schema.step["part"]
        shared = schema.visibility == "shared"
        for state in STATES[part]:
            verdicts = []
            for origin in COUNTRIES if shared else COUNTRIES[:1]:
                event = _event(schema.event_class, origin, schema.version)
                verdict = judge(_plane(part, state, shared=shared), event)
                verdicts.append(f"{origin}:{verdict.void or 'effective'}")
            row = f"{schema.name}.v{schema.version} from {state}: {'  '.join(verdicts)}"
            yield f"{part + ' ':9}{row}"


def test_every_step_from_every_state_by_everybody() -> None:
    """A changed cell changes what history means; it needs a new schema version, not an edit."""
    assert GOLDEN.read_text().splitlines() == list(_matrix())


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda step: f"{step.event}.v{step.version}")
def test_a_step_is_possible_for_somebody(step: Any) -> None:
    """A row nobody can ever take is a mistake in the table."""
    cells = [line for line in _matrix() if f"{step.event}.v{step.version} " in line]

    assert any("effective" in cell for cell in cells)


def test_each_state_named_in_a_row_exists() -> None:
    """A row that names a state nothing leads to would never be legal."""
    for step in STEPS.values():
        assert step.from_states <= set(STATES[step.part]), step.event
        assert step.to_state in {*STATES[step.part], "same"}, step.event


if __name__ == "__main__":  # the deliberate way to write the file: python -m tests.unit.test_…
    GOLDEN.write_text("\n".join(_matrix()) + "\n")
