"""Which organisations of this country work on a case, and since when: whose case systems see it.

An organisation works on a case from its first decision about the child. Looking at data, or being
refused it, is no work: whoever tried would otherwise be let in the next time.
"""

from __future__ import annotations

from collections.abc import Iterable

from events.routing import RoutingAnswered
from ledger.case.case import Topic
from projections.change import (
    ACCESS,
    BLOCK,
    CARE,
    CASE,
    CONSENT,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    REFERRAL,
    TRANSFER,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="case_organisations",
    columns={
        "case_id": "uuid NOT NULL",
        "organisation": "text NOT NULL",
        "since": "timestamptz NOT NULL",  # of its first decision, by the clock of whoever took it
    },
    key=("case_id", "organisation"),
    indexes=("(organisation, case_id)",),
    first=("since",),
)

#: A program decides for nobody's organisation.
_SYSTEM = "system"


def _worked(change: Change) -> Iterable[Row]:
    """On shared events everybody is the country's focal point, so only national ones tell."""
    event = change.event
    assert event is not None
    if change.record.topic != Topic.NATIONAL.value or event.actor.role == _SYSTEM:
        return ()
    return ((change.record.case_id, plain(event.actor.organisation), event.recorded_at),)


def _taken_on(change: Change) -> Iterable[Row]:
    """Whoever accepts a child works with her; whoever declines sees no more of her."""
    event = change.event
    assert isinstance(event, RoutingAnswered)
    routing = change.after.care.routings.get(event.routing_id)
    if not event.accepted or routing is None or routing.organisation is None:
        return ()
    return ((change.record.case_id, plain(routing.organisation), event.recorded_at),)


OPINIONS: Opinions = {
    **on(f"{CASE} {CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {CARE}", _worked),
    # What is kept of these is who looked, who watches over the data and who is kept away.
    **on(f"{ACCESS} {ERASURE} {BLOCK} {DATA} RefusalRecorded"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"CaseDirected RoutingEnded {PLAN} {DUPLICATE} {MEASURE}", _worked),
    **on("RoutingAnswered", _taken_on),
    **on("CaseRouted RoutingLapsed"),
    # But whoever writes down what a child told works with her.
    **on("PersonalDataRecorded", _worked),
    # Whoever says that a task is seen does not work with the child yet.
    **on(NOTICE),
}
