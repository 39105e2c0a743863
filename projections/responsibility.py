"""Who answered for a case from which place on: intervals without gap or overlap.

Only beginnings are stored. The view `responsibility` ends each interval where the next begins, so
no row can contradict another.
"""

from __future__ import annotations

from collections.abc import Iterable

from projections.change import (
    ACCESS,
    BLOCK,
    CARE,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    ROUTING,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="responsibility_began",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "since_place": "int4 NOT NULL",  # in the case on this topic, as in the audit trail
        "country": "text NOT NULL",
        "since_offset": "int8 NOT NULL",
        "since_rank": "int4 NOT NULL",
        "recorded_at": "timestamptz NOT NULL",  # by the clock of the country that took over
    },
    key=("case_id", "topic", "since_place"),
)

#: `until_place` is the place on the same topic from which the next country answers; `until` is when
#: the next interval begins, or NULL. At home a case begins on the national topic; from its first
#: shared event on, who answers for it is said there alone, so the national interval ends with it.
#: It shows nobody a row that the table itself does not show him.
SPANS = """
SELECT case_id, topic, country, since_place, since_offset, since_rank, recorded_at AS since,
    lead(since_place) OVER (PARTITION BY case_id, topic ORDER BY since_place) AS until_place,
    lead(recorded_at) OVER (PARTITION BY case_id ORDER BY topic = 'shared', since_place) AS until
FROM {responsibility_began}
"""
VIEW = "CREATE VIEW {schema}.responsibility WITH (security_invoker = true) AS" + SPANS.replace(
    "{responsibility_began}", "{schema}.responsibility_began"
)


def _began(change: Change) -> Iterable[Row]:
    record, event, country = change.record, change.event, change.after.identity.responsible
    if country is None or country == change.before.identity.responsible:
        return ()
    assert event is not None
    where = (record.effect_offset, record.effect_rank, event.recorded_at)
    return ((record.case_id, record.topic, change.after.count, plain(country), *where),)


OPINIONS: Opinions = {
    # The only event that begins a responsibility, and the only one that moves it.
    **on("CaseOpened ResponsibilityMoved", _began),
    # A closed, joined or reopened case is still the same country's.
    **on("StatusChanged CaseClosed CaseReopened CaseJoined RecordCorrected ChildMissing"),
    **on("ChildFound"),
    **on("ConsentGranted ConsentRefused ConsentWithdrawn OverrideApproved OverrideEnded"),
    **on("OverrideReviewed BasisRecorded"),
    **on("ReferralSent ReferralReceived ReferralAccepted ReferralRejected ReferralStarted"),
    **on("ReferralCompleted ReferralRevoked ReferralExpired"),
    # An accepted transfer moves nothing yet, a completed one has moved it before.
    **on("TransferRequested TransferProposed TransferPreviewed TransferAccepted TransferRejected"),
    **on("TransferRevoked TransferExpired HandoverCompleted"),
    **on(f"{CARE} {ROUTING} {PLAN}"),
    # Data, and who may see it, changes nobody's responsibility.
    **on(f"{DATA} {ACCESS} {ERASURE} {BLOCK} {WITHDRAWAL}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE} DocumentsCommitted"),
    **on(NOTICE),
}
