"""The auditor's answers once more, from the raw records alone: dictionaries over decoded events.

Nothing of projections or of node/asking is used here, so that neither can be wrong in the same way.
Only whether an event has an effect is asked of the ledger's own fold, which defines the word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from events.codec import decode
from events.stamp import leaf_hash
from ledger.case.fold import fold
from ledger.case.plane import empty

Answers = dict[Any, Any]


@dataclass
class Said:
    """One event at its place."""

    topic: str
    place: int
    event: Any
    effective: bool
    leaf: bytes
    record: Any
    #: Of a national event: how many shared ones its country had seen, at least.
    knew: int = 0

    @property
    def kind(self) -> str:
        """The name of its type."""
        return type(self.event).__name__


@dataclass
class RawCase:
    """Everything that was said of one case."""

    case_id: UUID
    shared: list[Said] = field(default_factory=list)
    national: list[Said] = field(default_factory=list)

    def all(self, *kinds: str, effective: bool = True) -> list[Said]:
        """Return what was said of some kinds, the shared topic first."""
        said = [*self.shared, *self.national]
        return [one for one in said if one.kind in kinds and (one.effective or not effective)]


def cases_of(records: Iterable[Any], unsealed: Any) -> dict[UUID, RawCase]:
    """Return every case of some mirrored records, in the order of the topics."""
    cases: dict[UUID, RawCase] = {}
    planes: dict[tuple[UUID, str], Any] = {}
    for record in records:
        case = cases.setdefault(record.case_id, RawCase(record.case_id))
        is_shared, leaf = record.topic == "shared", leaf_hash(record.value)
        event = decode(record.value)
        event = event if is_shared else unsealed(event)
        key = (record.case_id, record.topic)
        plane = planes.get(key) or empty(record.case_id, shared=is_shared)
        planes[key], verdict = fold(plane, event, leaf)
        side = case.shared if is_shared else case.national
        side.append(Said(record.topic, len(side) + 1, event, verdict.void is None, leaf, record))
    for case in cases.values():
        places, knew = {one.leaf: one.place for one in case.shared}, 0
        for one in case.national:
            one.knew = knew = max(knew, places.get(one.event.seen, 0))
    return cases


def bases_after(said: Iterable[Said]) -> Answers:
    """Return the permissions after some events of one topic: id -> what it permits."""
    bases: Answers = {}
    for one in said:
        event = one.event
        if not one.effective:
            continue
        if one.kind in {"ConsentGranted", "OverrideApproved"}:
            override = one.kind == "OverrideApproved"
            basis_id = event.override_id if override else event.consent_id
            bases[basis_id] = {
                "state": "granted", "override": override, "recipient": event.recipient,
                "scopes": set(event.scopes), "expires_on": event.expires_on,
                "origin": event.origin, "order": list(event.scopes),
            }  # fmt: skip
        elif one.kind in {"ConsentWithdrawn", "OverrideEnded"}:
            basis_id = getattr(event, "consent_id", None) or event.override_id
            nothing = {"override": False, "recipient": None, "scopes": set(), "expires_on": None}
            basis = bases.setdefault(basis_id, {**nothing, "origin": event.origin})
            if basis.get("state") != "refused":
                basis["state"] = "withdrawn"
        elif one.kind == "ConsentRefused":
            _refuse(bases, event)
    return bases


def _refuse(bases: Answers, event: Any) -> None:
    for basis in bases.values():
        meets = basis["recipient"] == event.recipient and basis["scopes"] & set(event.scopes)
        if basis.get("state") == "granted" and not basis["override"] and meets:
            left = basis["scopes"] - set(event.scopes)
            basis.update({"scopes": left} if left else {"state": "withdrawn"})
    bases[event.consent_id] = {
        "state": "refused", "override": False, "recipient": event.recipient,
        "scopes": set(event.scopes), "expires_on": None, "origin": event.origin,
    }  # fmt: skip


def grants_after(said: Iterable[Said]) -> Answers:
    """Return the grants after some shared events: id -> who gave what, and what became of it."""
    grants: Answers = {}
    for one in said:
        event, at = one.event, one.event.recorded_at
        if not one.effective:
            continue
        if one.kind == "KeysReleased":
            grants[event.grant_id] = {
                "event": event, "state": "released", "ended": None, "destroyed": None,
                "claimed": False, "leaf": one.leaf, "until": None,
            }  # fmt: skip
        elif one.kind == "ReleaseStopped":
            for grant in grants.values():
                given = (grant["event"].handoff_id, grant["event"].origin, grant["state"])
                if given == (event.handoff_id, event.origin, "released"):
                    grant.update(state="claimed" if grant["claimed"] else "stopped", ended=at)
        elif one.kind == "RetentionClaimed":
            grant = grants[event.grant_id]
            grant.update(claimed=True, until=event.until)
            grant["state"] = "released" if grant["state"] == "released" else "claimed"
        elif one.kind == "KeysDestroyed" and event.grant_id in grants:
            _destroy(grants[event.grant_id], event)
        elif one.kind == "ErasureAttested":
            for grant in grants.values():
                _destroy(grant, event)
    return grants


def _destroy(grant: Answers, event: Any) -> None:
    if grant["event"].recipient != event.origin or grant["state"] == "destroyed":
        return
    ended = grant["ended"] or (event.recorded_at if grant["state"] == "released" else None)
    grant.update(state="destroyed", ended=ended, destroyed=event.recorded_at)


def ended_at(case: RawCase, basis_id: UUID, scopes: Iterable[str]) -> datetime | None:
    """Return when a basis stopped permitting some scopes, by an event."""
    granted: Any = None
    for one in case.shared:
        event = one.event
        named = basis_id in {getattr(event, "consent_id", 0), getattr(event, "override_id", 0)}
        if not one.effective:
            continue
        if one.kind in {"ConsentGranted", "OverrideApproved"} and named:
            granted = one
        elif one.kind in {"ConsentWithdrawn", "OverrideEnded", "ConsentRefused"}:
            refuses = (
                granted is not None
                and granted.kind == "ConsentGranted"
                and one.kind == "ConsentRefused"
                and event.recipient == granted.event.recipient
                and set(event.scopes) & set(scopes)
            )
            if named or refuses:
                return event.recorded_at
    return None


def glass_of(case: RawCase) -> Answers:
    """Return the emergencies of a case: access id -> who, until when, and what the review said."""
    broken: Answers = {}
    for one in case.national:
        event = one.event
        if one.kind == "BreakGlassUsed":
            broken[event.access_id] = {
                "by": event.actor.id, "at": event.recorded_at, "until": event.until,
                "scopes": set(event.scopes), "reviewed": None, "last": event.until,
            }  # fmt: skip
        elif one.kind == "AccessReviewed" and event.access_id in broken:
            glass = broken[event.access_id]
            glass["reviewed"] = (event.recorded_at, event.actor.id, event.upheld)
            # The row of a review shows until when the emergency was meant before that review.
            glass["until"] = glass["last"]
            if not event.upheld:
                glass["last"] = min(glass["last"], event.recorded_at)
    return broken


def on_day(moment: datetime | None, day: date) -> bool:
    """Say whether a moment has not come before a day, or never."""
    return moment is None or moment.date() >= day


def spans_of(case: RawCase) -> Iterator[tuple[str, str, int]]:
    """Yield (topic, country, place) of each beginning of a responsibility."""
    for topic, said in (("shared", case.shared), ("national", case.national)):
        now = None
        for one in said:
            if one.effective and one.kind in {"CaseOpened", "ResponsibilityMoved"}:
                opened = one.kind == "CaseOpened"
                country = one.event.responsible if opened else one.event.origin
                if country != now:
                    yield topic, country, one.place
                now = country
