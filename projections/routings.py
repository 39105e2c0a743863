"""Which services were asked to work with a child, by which rules, and what they said."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from events.routing import CaseRouted, RoutingAnswered
from events.stamp import Event
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
    name="routings",
    columns={
        "case_id": "uuid NOT NULL",
        "routing_id": "uuid NOT NULL",
        "state": "text NOT NULL",  # asked, accepted, declined, lapsed, withdrawn, ended
        "decision_id": "uuid",
        "service": "text",  # NULL: the duty desk
        "organisation": "text",
        "leads": "bool",
        "ladder": "text",
        "by_hand": "bool",
        "rules": "text",
        "asked_at": "timestamptz",
        "answer_by": "timestamptz",
        "contact_by": "timestamptz",
        "answered_at": "timestamptz",
        "declined_for": "text",
    },
    key=("case_id", "routing_id"),
    indexes=("(service) WHERE state IN ('asked', 'accepted')", "(answer_by) WHERE state = 'asked'"),
    kept=(
        "decision_id",
        "service",
        "organisation",
        "leads",
        "ladder",
        "by_hand",
        "rules",
        "asked_at",
        "answer_by",
        "contact_by",
        "answered_at",
        "declined_for",
    ),
)


def _asked(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, CaseRouted)
    if event.decision_id is None:
        return ()
    service = None if event.service is None else plain(event.service)
    organisation = None if event.organisation is None else plain(event.organisation)
    rules = None if event.rules is None else plain(event.rules)
    who = (event.decision_id, service, organisation, event.leads, str(event.ladder))
    when = (event.recorded_at, event.answer_by, event.contact_by, None, None)
    key = (change.record.case_id, event.routing_id)
    return ((*key, "asked", *who, rules is None, rules, *when),)


def _moved(change: Change) -> Iterable[Row]:
    """What an answer, or its absence, made of a routing: nothing, if it was over already."""
    event = change.event
    assert event is not None
    routing_id: UUID = event.routing_id  # type: ignore[attr-defined]  # these events only
    before, after = (plane.care.routings.get(routing_id) for plane in (change.before, change.after))
    if after is None or before is after:
        return ()
    return ((change.record.case_id, routing_id, after.state, *(None,) * 10, *_answer(event)),)


def _answer(event: Event) -> tuple[object, str | None]:
    if isinstance(event, RoutingAnswered):
        return event.recorded_at, None if event.declined_for is None else plain(event.declined_for)
    return None, None


OPINIONS: Opinions = {
    **on("CaseRouted", _asked),
    **on("RoutingAnswered RoutingLapsed RoutingEnded", _moved),
    # Why, and by which facts, is sealed; what has changed with the child is asked by the rules.
    **on(f"CaseDirected {CARE} {PLAN}"),
    # That a case ends says its file; whoever counts work asks both.
    **on(f"{CASE} {CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {DATA}"),
    **on(f"{ACCESS} {ERASURE} {BLOCK} {GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(NOTICE),
}
