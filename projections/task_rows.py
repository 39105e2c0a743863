"""A task as a row: opened by one event, closed by another, each on its own topic."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from projections.change import Change
from projections.table import Row, Table, plain

TABLE = Table(
    name="tasks",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "kind": "text NOT NULL",
        "subject": "uuid NOT NULL",
        "state": "text NOT NULL",  # open, done
        "opened_at": "timestamptz",  # NULL: opened on the other topic, or never
        "due_at": "timestamptz",
        "closed_at": "timestamptz",
        "place": "int4",  # of the event that opened it, as in the audit trail
        "event_id": "uuid",
        "event_type": "text",
        "void_reason": "text",
        "actor_id": "text",
        "actor_role": "text",
        # Last shared event that whoever closed it had seen: clocks of two countries disagree.
        "closed_seen": "bytea",
    },
    key=("case_id", "topic", "kind", "subject"),
    indexes=("(due_at, case_id) WHERE state = 'open'",),
    kept=(
        "opened_at",
        "due_at",
        "place",
        "event_id",
        "event_type",
        "void_reason",
        "actor_id",
        "actor_role",
    ),
)

#: An own event that has no effect; its subject is the event.
FOUND_VOID = "found_void"
#: An own handoff goes on, and nothing permits its data to travel any more: ask again, override,
#: go on without data, or revoke.
SHARING_LOST = "sharing_lost"
#: An own override that nobody has looked at again.
OVERRIDE_REVIEW = "override_review"
#: A withdrawal that did not act at once.
WITHDRAWAL_REVIEW = "withdrawal_review"
#: An emergency access.
ACCESS_REVIEW = "access_review"
#: A grant to this country is stopped: destroy its keys, or claim them.
KEYS_OWED = "keys_owed"
#: Consents given by others end at majority: ask the young person herself. Subject: the case.
OWN_CONSENT = "own_consent"

#: A service that is asked to take a child on; without a service, the duty desk. Subject: the
#: routing.
ROUTING_ANSWER = "routing_answer"

#: A plan that was generated and nobody has submitted; one that waits for approval. Subject: the
#: plan.
PLAN_DRAFT = "plan_draft"
PLAN_APPROVAL = "plan_approval"

#: Something that was not there in time (projections/deadlines.py). Subject: the deadline.
DEADLINE = "deadline"
#: Two cases that may be one child's: confirm or dismiss. Subject: the suspicion.
DUPLICATE_ANSWER = "duplicate_answer"

#: Another country protects the child for whom this one answers. Subject: the measure.
URGENT_MEASURE = "urgent_measure"

#: An own transfer was not answered or not carried out in time. Subject: the transfer.
TRANSFER_EXPIRED = "transfer_expired"

#: Within what time somebody looks (design §11).
DUE = timedelta(hours=24)
#: Every kind of task.
KINDS = frozenset(
    {
        FOUND_VOID,
        SHARING_LOST,
        OVERRIDE_REVIEW,
        WITHDRAWAL_REVIEW,
        ACCESS_REVIEW,
        KEYS_OWED,
        OWN_CONSENT,
        ROUTING_ANSWER,
        PLAN_DRAFT,
        PLAN_APPROVAL,
        DEADLINE,
        DUPLICATE_ANSWER,
        URGENT_MEASURE,
        TRANSFER_EXPIRED,
    }
)


def opened(change: Change, kind: str, subject: UUID, due: timedelta = DUE) -> Row:
    """Return the row of a task that an event opens."""
    record, event = change.record, change.event
    assert event is not None
    key = (record.case_id, record.topic, kind, subject)
    times = (event.recorded_at, event.recorded_at + due, None)
    what = (change.after.count, event.event_id, type(event).__name__, None)
    return (*key, "open", *times, *what, plain(event.actor.id), plain(event.actor.role), None)


def closed(change: Change, kind: str, subject: UUID) -> Row:
    """Return the row by which an event closes a task, whichever topic had opened it."""
    record, event = change.record, change.event
    assert event is not None
    key = (record.case_id, record.topic, kind, subject)
    return (*key, "done", None, None, event.recorded_at, *(None,) * 6, event.seen)
