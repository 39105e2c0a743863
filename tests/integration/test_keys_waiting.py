"""What alerts ask about keys: sharing that goes on without permission, erasures that do not end."""

from __future__ import annotations

from uuid import uuid4

from events.codes import ConsentGiver
from events.data import ErasureAttested
from ledger.case import withdrawal
from ledger.case.case import Topic
from node.children import ChildrenWaiting
from tests.given import SOON, opened
from tests.histories import HISTORIES
from tests.reacting import granted, reacted, referred
from tests.readers import events_of, read_all

CHILD = ConsentGiver.CHILD
UNSTOPPED = "ledger_oldest_unstopped_release_seconds"
UNREVIEWED = "ledger_oldest_unreviewed_access_seconds"
UNERASED = "ledger_oldest_unfinished_erasure_seconds"


def asked(dsn: str, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in ChildrenWaiting(dsn, "KZ").collect()
        for sample in family.samples
        if sample.name == name
    }


def test_sharing_that_goes_on_without_permission_is_seen_until_it_stops(topics, dsn):
    story = opened("KZ", "KG")
    basis_id = granted(story)
    referred(story, basis_id)
    topics.put(*events_of(story))
    read_all(topics, dsn, len(events_of(story)))
    assert {} == asked(dsn, UNSTOPPED)

    told = len(events_of(story))
    story.did("KZ", withdrawal.withdraw_consent, consent_id=basis_id, given_by=CHILD)
    topics.put(*events_of(story)[told:])
    read_all(topics, dsn, len(events_of(story)))
    ((countries, seconds),) = asked(dsn, UNSTOPPED).items()
    assert ("KZ", "KG") == countries
    assert seconds > 0

    told = len(events_of(story))
    assert reacted(story)
    topics.put(*events_of(story)[told:])
    read_all(topics, dsn, len(events_of(story)))
    assert {} == asked(dsn, UNSTOPPED)


def test_an_erasure_that_is_approved_and_not_attested_is_seen(topics, dsn):
    history = next(one for one in HISTORIES if one.name == "national_block_and_erasure")
    events = [entry.event for entry in history.entries]
    approved = next(one for one in events if type(one).__name__ == "ErasureApproved")
    before = events[: events.index(approved)]
    topics.put(*before, topic=Topic.NATIONAL)
    read_all(topics, dsn, len(before))
    assert {("KZ",): 0} == asked(dsn, UNERASED)

    topics.put(approved, topic=Topic.NATIONAL)
    read_all(topics, dsn, len(before) + 1)
    assert asked(dsn, UNERASED)["KZ",] > 0

    stamp = {"case_id": approved.case_id, "origin": "KZ", "version": approved.version + 1}
    said = ErasureAttested(
        event_id=uuid4(), seen=bytes(32), actor=approved.actor, erasure_id=approved.erasure_id,
        occurred_at=approved.recorded_at, recorded_at=approved.recorded_at, keys=(),
        backups_expire_on=SOON, **stamp,
    )  # fmt: skip
    topics.put(said, topic=Topic.NATIONAL)
    read_all(topics, dsn, len(before) + 2)
    assert {("KZ",): 0} == asked(dsn, UNERASED)


def test_an_emergency_access_is_seen_until_somebody_has_looked_again(topics, dsn):
    history = next(one for one in HISTORIES if one.name == "national_access")
    events = [entry.event for entry in history.entries]
    broken, reviewed = (
        next(at for at, one in enumerate(events, 1) if type(one).__name__ == name)
        for name in ("BreakGlassUsed", "AccessReviewed")
    )
    told = 0
    for until, is_seen in ((broken - 1, False), (broken, True), (reviewed, False)):
        topics.put(*events[told:until], topic=Topic.NATIONAL)
        read_all(topics, dsn, until)
        told = until
        assert (asked(dsn, UNREVIEWED)["KZ",] > 0) is is_seen
