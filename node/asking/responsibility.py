"""Which country answered for a child when, and how long each transfer made her wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from ledger.case.case import Topic
from node.asking.inquiry import Answer, Inquiry, Row, seconds
from projections.queries import responsible_at

_SPANS = ("case_id", "topic", "country", "since_place", "until_place", "since", "until", "fault")
_TRANSFERS = (
    *("case_id", "handoff_id", "sender", "receiver", "state", "began_at", "due_on"),
    *("answered_at", "waited_s", "moved_at", "ended_at", "overdue", "ping_pong"),
)


def responsible(
    inquiry: Inquiry, *, case_id: UUID | None = None, at: datetime | None = None
) -> Answer:
    """Return which country answered for a case at a moment, and any gap or overlap.

    Without a case: only spans with a fault, of all cases. A gap is a move on the topic with which
    no span begins, an overlap a span that begins with no move; both must be 0. The moment is
    compared with the clock of whoever took the child over.
    """
    if case_id is not None:
        inquiry.require_known(case_id)
    spans = inquiry.of_case("responsibility", case_id, "case_id, topic DESC, since_place")
    rows = _with_faults(spans, _moves(inquiry, case_id))
    faults = Counter(row["fault"] for row in rows)
    facts = {"spans": len(spans), "gaps": faults["gap"], "overlaps": faults["overlap"]}
    if case_id is None:
        return Answer(columns=_SPANS, rows=[row for row in rows if row["fault"]], facts=facts)
    moment = at or inquiry.now
    found = responsible_at(inquiry.found.connection, inquiry.found.generation, case_id, moment)
    answered = None if found is None else found.country
    return Answer(columns=_SPANS, rows=rows, facts={"at": moment, "country": answered, **facts})


def _moves(inquiry: Inquiry, case_id: UUID | None) -> Mapping[tuple[UUID, str, int], str]:
    """Return by which lines of the trail responsibility began: (case, topic, place) -> country.

    Asked of the trail and not of the spans, so that one finds a fault of the other. An opening
    begins one only where nobody answered before.
    """
    moves: dict[tuple[UUID, str, int], str] = {}
    now: dict[tuple[UUID, str], str] = {}
    for line in inquiry.events("CaseOpened ResponsibilityMoved", case_id=case_id):
        said, topic = line["summary"], (line["case_id"], line["topic"])
        country = said["responsible"] if line["event_type"] == "CaseOpened" else line["origin"]
        if now.get(topic) != country:
            moves[(*topic, line["place"])] = now[topic] = country
    return moves


def _with_faults(spans: Sequence[Row], moves: Mapping[tuple[UUID, str, int], str]) -> list[Row]:
    begun = {(row["case_id"], row["topic"], row["since_place"]): row for row in spans}
    rows: list[Row] = [
        {**row, "fault": None if moves.get(key) == row["country"] else "overlap"}
        for key, row in begun.items()
    ]
    missing = {key: country for key, country in moves.items() if key not in begun}
    nothing = dict.fromkeys(_SPANS)
    for (case_id, topic, place), country in missing.items():
        where = {"case_id": case_id, "topic": topic, "since_place": place, "country": country}
        rows.append({**nothing, **where, "fault": "gap"})
    return [{name: row[name] for name in _SPANS} for row in rows]


def transfers(inquiry: Inquiry, *, case_id: UUID | None = None) -> Answer:
    """Return how long each transfer waited, which expired, and who went to and fro.

    `waited_s` is from proposal or request to the answer; without one to its end, or until now.
    `ping_pong`: its move gave the child to a country that had answered for her before.
    """
    if case_id is not None:
        inquiry.require_known(case_id)
    handoffs = inquiry.of_case("referrals", case_id, "began_at, handoff_id")
    moved = _moved(inquiry, case_id)
    rows = [_transfer(inquiry, one, moved) for one in handoffs if one["kind"] == "transfer"]
    states = Counter(row["state"] for row in rows)
    return Answer(
        columns=_TRANSFERS,
        rows=rows,
        facts={
            "transfers": len(rows),
            "waiting": sum(row["answered_at"] is None and row["ended_at"] is None for row in rows),
            "overdue": sum(row["overdue"] for row in rows),
            "expired": states["expired"],
            "ping_pong_cases": len({row["case_id"] for row in rows if row["ping_pong"]}),
        },
    )


def _moved(inquiry: Inquiry, case_id: UUID | None) -> Mapping[UUID, tuple[datetime, bool]]:
    """Return of each transfer that moved a child: when, and whether back to where she had been."""
    moved: dict[UUID, tuple[datetime, bool]] = {}
    been: dict[UUID, set[str]] = {}
    for line in inquiry.events("CaseOpened ResponsibilityMoved", case_id=case_id):
        if line["topic"] != Topic.SHARED.value:
            continue
        there = been.setdefault(line["case_id"], set())
        if line["event_type"] == "CaseOpened":
            there.add(line["summary"]["responsible"])
        else:
            handoff_id = UUID(line["summary"]["handoff_id"])
            moved[handoff_id] = (line["recorded_at"], line["origin"] in there)
            there.add(line["origin"])
    return moved


def _transfer(inquiry: Inquiry, one: Row, moved: Mapping[UUID, tuple[datetime, bool]]) -> Row:
    moved_at, back = moved.get(one["handoff_id"], (None, False))
    until = one["answered_at"] or one["ended_at"] or inquiry.now
    unanswered = one["is_open"] and one["answered_at"] is None
    row = {
        **one,
        "waited_s": seconds(one["began_at"], until),
        "moved_at": moved_at,
        "overdue": unanswered and one["due_on"] < inquiry.today,
        "ping_pong": back,
    }
    return {name: row[name] for name in _TRANSFERS}
