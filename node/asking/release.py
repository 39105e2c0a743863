"""What was released to which country, and whether anything left after permission had ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from events.data import KeysReleased
from events.errors import CodeUnknown
from ledger.case.case import Topic
from node.asking.inquiry import Answer, Inquiry, Row, milliseconds, position

_RELEASED = (
    *("released_at", "grant_id", "origin", "recipient", "scopes", "epoch", "basis_id"),
    *("handoff_id", "state", "ended_at", "destroyed_at", "position", "leaf", "commitments"),
)
_AFTER = (
    *("case_id", "basis_id", "ended_by", "ended_at", "grant_id", "recipient", "released_at"),
    *("lag_ms", "state", "void_reason", "position"),
)
_KINDS = "ConsentGranted KeysReleased ConsentWithdrawn OverrideEnded ConsentRefused"


def released(inquiry: Inquiry, *, case_id: UUID, to: str | None = None) -> Answer:
    """Return what of a case was released to a country, with the hashes of what was given.

    A release that is void at its place gave nothing: its capsule never left. `commitments` name
    each key, in the order of the scopes; `leaf` is the hash of the event, which holds the data.
    """
    inquiry.require_known(case_id)
    if to is not None and to not in inquiry.agreement.countries:
        raise CodeUnknown.country(to, inquiry.agreement.countries)
    grants = {one["grant_id"]: one for one in inquiry.of_case("releases", case_id, "grant_id")}
    commitments = _commitments(inquiry, case_id)
    rows = [
        _release(line, grants, commitments.get(line["leaf"]))
        for line in inquiry.events("KeysReleased", case_id=case_id, effective=None)
        if to is None or line["summary"]["recipient"] == to
    ]
    effective = sum(row["state"] != "void" for row in rows)
    facts = {"effective": effective, "void": len(rows) - effective}
    return Answer(columns=_RELEASED, rows=rows, facts=facts)


def _commitments(inquiry: Inquiry, case_id: UUID) -> Mapping[bytes, list[bytes]]:
    """Return what each release of a case says of its keys, by leaf hash; from the bytes."""
    releases = inquiry.shared_events(KeysReleased, case_id)
    return {record.leaf: list(event.commitments) for record, event in releases}


def _release(line: Row, grants: Mapping[UUID, Row], commitments: list[bytes] | None) -> Row:
    said = line["summary"]
    grant = grants[UUID(said["grant_id"])] if line["effective"] else None
    return {
        "released_at": line["recorded_at"],
        "grant_id": UUID(said["grant_id"]),
        "origin": line["origin"],
        "recipient": said["recipient"],
        "scopes": said["scopes"],
        "epoch": said["epoch"],
        "basis_id": UUID(said["basis_id"]),
        "handoff_id": UUID(said["handoff_id"]),
        "state": "void" if grant is None else grant["state"],
        "ended_at": grant and grant["ended_at"],
        "destroyed_at": grant and grant["destroyed_at"],
        "position": position(line),
        "leaf": line["leaf"],
        "commitments": commitments,
    }


def released_after_withdrawal(inquiry: Inquiry, *, case_id: UUID | None = None) -> Answer:
    """Return what was released after its permission had been taken back.

    An effective one must not exist. A void one is a release that crossed with the withdrawal on
    the topic: no key has left. `lag_ms` is by the two countries' clocks, the places by the topic.
    """
    if case_id is not None:
        inquiry.require_known(case_id)
    lines = inquiry.events(_KINDS, case_id=case_id, effective=None)
    shared = [one for one in lines if one["topic"] == Topic.SHARED.value]
    rows: list[Row] = []
    ends = 0
    for _, of_case in groupby(shared, key=lambda one: one["case_id"]):
        heard = _Endings()
        rows += heard.releases_after(of_case)
        ends += heard.count
    states = [row["state"] for row in rows]
    return Answer(
        columns=_AFTER,
        rows=rows,
        facts={
            "permissions_taken_back": ends,
            "released_after": states.count("effective"),
            "crossed_and_void": states.count("void"),
        },
    )


@dataclass(slots=True)
class _Endings:
    """Which permissions of one case have ended by an event, heard in the order of the topic."""

    _ended: dict[str, Row] = field(default_factory=dict)
    #: Consents that were given: recipient and scopes, which a refusal may meet.
    _consents: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    #: Of each consent, the scopes that a refusal took, each with that refusal.
    _refused: dict[str, dict[str, Row]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many permissions were taken back or refused, by their ids."""
        return len(self._ended)

    def releases_after(self, lines: Iterable[Row]) -> Iterator[Row]:
        """Yield a row for each release that came after the end of what it rests on."""
        for line in lines:
            if line["event_type"] == "KeysReleased":
                end = self._end_of(line["summary"])
                if end is not None:
                    yield _after(line, end)
            elif line["effective"]:
                self._hear(line)

    def _hear(self, line: Row) -> None:
        said, kind = line["summary"], line["event_type"]
        basis_id = said.get("consent_id") or said["override_id"]
        if kind == "ConsentGranted":
            self._consents.setdefault(basis_id, (said["recipient"], set(said["scopes"])))
            return
        self._ended.setdefault(basis_id, line)
        if kind == "ConsentRefused":
            for other, (recipient, scopes) in self._consents.items():
                if recipient == said["recipient"]:
                    taken = self._refused.setdefault(other, {})
                    for scope in scopes.intersection(said["scopes"]):
                        taken.setdefault(scope, line)

    def _end_of(self, said: Row) -> Row | None:
        """Return what ended the basis of a release, for one of its scopes at least."""
        taken = self._refused.get(said["basis_id"], {})
        refused = (taken[scope] for scope in said["scopes"] if scope in taken)
        return self._ended.get(said["basis_id"]) or next(refused, None)


def _after(line: Row, end: Row) -> Row:
    said = line["summary"]
    return {
        "case_id": line["case_id"],
        "basis_id": UUID(said["basis_id"]),
        "ended_by": end["event_type"],
        "ended_at": end["recorded_at"],
        "grant_id": UUID(said["grant_id"]),
        "recipient": said["recipient"],
        "released_at": line["recorded_at"],
        "lag_ms": milliseconds(end["recorded_at"], line["recorded_at"]),
        "state": "effective" if line["effective"] else "void",
        "void_reason": line["void_reason"],
        "position": position(line),
    }
