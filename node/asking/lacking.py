"""Children in whose case something is missing for too long: a guardian, a plan, a provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from node.asking.inquiry import Answer, Inquiry

_COLUMNS = ("case_id", "lacks", "since", "days", "risk")
_FILES = (
    "SELECT case_id, guardians, risk FROM {case_file}"
    " WHERE state = 'open' AND responsible = %s ORDER BY case_id"
)
_PLANNED = "SELECT DISTINCT case_id FROM {plans} WHERE state = 'active'"
_SERVED = "SELECT DISTINCT case_id FROM {routings} WHERE state = 'accepted' AND service IS NOT NULL"
# Whom nobody has seen in time, by the deadlines that were set for her.
_NOT_SEEN = """
SELECT case_id, min(due_at) AS since FROM {deadlines}
WHERE state = 'running' AND step IN ('first_contact', 'follow_up') GROUP BY case_id
"""
# A referral of this country's that nobody took, and after which none was sent.
_REFERRED = """
SELECT case_id, max(coalesce(ended_at, began_at)) AS since FROM {referrals} AS last
WHERE kind = 'referral' AND sender = %s AND state IN ('rejected', 'expired') AND NOT EXISTS (
    SELECT FROM {referrals} AS later WHERE later.case_id = last.case_id
        AND later.kind = 'referral' AND later.sender = last.sender
        AND (later.began_at > last.began_at OR later.state NOT IN ('rejected', 'expired'))
)
GROUP BY case_id
"""


class _Open(NamedTuple):
    """A case that this country answers for now."""

    case_id: UUID
    guardians: int
    risk: str
    #: Since when it has.
    since: datetime


Cases = Mapping[UUID, _Open]
#: What is missing in which case, and since when.
Missing = Iterator[tuple[UUID, datetime]]


def left_without(inquiry: Inquiry, *, days: int = 7) -> Answer:
    """Return in which open cases something has been missing for more than so many days.

    `guardian`, `plan` (approved and followed), `provider` (one was asked and did not take her, and
    nobody has since), `referral` (sent abroad, rejected or expired, and none was sent since),
    `follow_up` (nobody has seen her in the time that the rules say). Since when: the day on which
    it ended or was due, or this country began to answer.
    """
    since_when = _answering_since(inquiry)
    files = inquiry.found.ask(_FILES, inquiry.country)
    cases: Cases = {one["case_id"]: _Open(**one, since=since_when[one["case_id"]]) for one in files}
    rows = [
        {"case_id": case_id, "lacks": name, "since": since,
         "days": (inquiry.now - since).days, "risk": cases[case_id].risk}
        for name, missing in LACKS.items()
        for case_id, since in missing(inquiry, cases)
        if case_id in cases and inquiry.now - since > timedelta(days=days)
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["since"], row["case_id"], row["lacks"]))
    counted = Counter(row["lacks"] for row in rows)
    return Answer(
        columns=_COLUMNS,
        rows=rows,
        facts={
            "open_cases": len(cases),
            "children": len({row["case_id"] for row in rows}),
            "without": {name: counted[name] for name in LACKS},
        },
        not_answered=inquiry.others,
    )


def _answering_since(inquiry: Inquiry) -> Mapping[UUID, datetime]:
    """Return since when this country has answered for each case: its last move here, or opening.

    The copy of an opening on the shared topic, at the first step abroad, begins nothing.
    """
    found: dict[UUID, datetime] = {}
    for line in inquiry.events("CaseOpened", origin=inquiry.country):
        at = found.get(line["case_id"], line["recorded_at"])
        found[line["case_id"]] = min(at, line["recorded_at"])
    return {**found, **_last(inquiry, "ResponsibilityMoved")}


def _last(inquiry: Inquiry, kinds: str) -> Mapping[UUID, datetime]:
    """Return when each case had its last event of some types by this country."""
    lines = inquiry.events(kinds, origin=inquiry.country)
    return {line["case_id"]: line["recorded_at"] for line in lines}


def _guardian(inquiry: Inquiry, cases: Cases) -> Missing:
    ended = _last(inquiry, "GuardianEnded")
    for one in cases.values():
        if not one.guardians:
            yield one.case_id, max(one.since, ended.get(one.case_id, one.since))


def _plan(inquiry: Inquiry, cases: Cases) -> Missing:
    has = {row["case_id"] for row in inquiry.found.ask(_PLANNED)}
    completed = _last(inquiry, "PlanCompleted")
    for one in cases.values():
        if one.case_id not in has:
            yield one.case_id, max(one.since, completed.get(one.case_id, one.since))


def _provider(inquiry: Inquiry, _cases: Cases) -> Missing:
    has = {row["case_id"] for row in inquiry.found.ask(_SERVED)}
    last: dict[UUID, datetime] = {}
    for line in inquiry.events("RoutingAnswered RoutingLapsed"):
        if not line["summary"].get("accepted"):
            last.setdefault(line["case_id"], line["recorded_at"])
        else:  # it had somebody then: what came before is over
            last.pop(line["case_id"], None)
    yield from ((case_id, since) for case_id, since in last.items() if case_id not in has)


def _referral(inquiry: Inquiry, _cases: Cases) -> Missing:
    for row in inquiry.found.ask(_REFERRED, inquiry.country):
        yield row["case_id"], row["since"]


def _follow_up(inquiry: Inquiry, _cases: Cases) -> Missing:
    for row in inquiry.found.ask(_NOT_SEEN):
        yield row["case_id"], row["since"]


#: What may be missing -> where.
LACKS: Final[Mapping[str, Callable[[Inquiry, Cases], Missing]]] = {
    "guardian": _guardian,
    "plan": _plan,
    "provider": _provider,
    "referral": _referral,
    "follow_up": _follow_up,
}
