"""Relay and worker together: when a decision is done, and when a node may decide again."""

import time

import pytest

from events.errors import FoundVoid, ServiceUnavailable
from ledger import topics
from ledger.case import care, searching, transfer, withdrawal
from tests.country import CASEWORKER, SUPERVISOR, opened
from tests.integration.test_service import proposed


def decide_when_ready(ledger):
    end = time.monotonic() + 60
    while True:
        try:
            return opened(ledger)
        except ServiceUnavailable:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def nodes(kafka, new_node):
    """Kazakhstan and Kyrgyzstan on one broker; nothing runs yet."""
    kz, kg = new_node("KZ", kafka=kafka), new_node("KG", kafka=kafka)
    topics.ensure_topics(kafka, kz.agreement, countries=["KZ", "KG"])
    return kz, kg


def test_a_decision_is_done_when_it_comes_back(nodes):
    """Through store, relay, topic, mirror and trail, in both countries."""
    kz, kg = nodes
    with (
        kz.relay(),
        kz.worker(),
        kg.relay(),
        kg.worker(),
        kz.ledger() as ours,
        kg.ledger() as their,
    ):
        case_id = ours.outcome(decide_when_ready(ours), 60).case_id
        decide_when_ready(their)
        handoff_id = proposed(ours, case_id)
        settled = ours.outcome(ours.on(case_id, by=SUPERVISOR).decide(care.record_concern), 60)
        settled.require_effective()
        while their.case(case_id).settled.handoff(handoff_id) is None:
            time.sleep(0.02)
        theirs = their.on(case_id, by=SUPERVISOR, retries=3)
        theirs.decide(transfer.preview_transfer, handoff_id=handoff_id)
        accepted = theirs.decide(transfer.accept_transfer, handoff_id=handoff_id)
        outcome = their.outcome(accepted, 60)
        outcome.require_effective()
        assert outcome.settled
        assert 0 == their.case(case_id).pending


def test_an_acceptance_in_ignorance_of_a_withdrawal_comes_back_void(nodes):
    """The race that the ledger exists for, on real servers: no permission is read into it."""
    kz, kg = nodes
    with kz.worker(), kg.worker(), kz.ledger() as ours, kg.ledger() as theirs:
        with kz.relay(), kg.relay():
            case_id = decide_when_ready(ours).case_id
            handoff_id = proposed(ours, case_id)
            while theirs.case(case_id).settled.handoff(handoff_id) is None:
                time.sleep(0.02)
            decide_when_ready(theirs)
            door = theirs.on(case_id, by=SUPERVISOR, retries=3)
            previewed = door.decide(transfer.preview_transfer, handoff_id=handoff_id)
            theirs.outcome(previewed, 60).require_effective()
        # Both lines are down while both decide; then the topic hears the withdrawal first.
        (consent_id,) = ours.case(case_id).ahead.consents
        withdrawn = ours.on(case_id, by=SUPERVISOR, retries=3).decide(
            withdrawal.withdraw_consent, consent_id=consent_id
        )
        accepted = theirs.on(case_id, by=SUPERVISOR).decide(
            transfer.accept_transfer, handoff_id=handoff_id
        )
        kz.relay_until(len(kz.stored()))
        kg.relay_until(len(kg.stored()))
        ours.outcome(withdrawn, 60).require_effective()
        with pytest.raises(FoundVoid, match="TransferAccepted is void"):
            theirs.outcome(accepted, 60).require_effective()
        assert ours.case(case_id).settled == theirs.case(case_id).settled


def test_a_node_decides_again_when_only_markers_are_behind(nodes):
    """The last records of a partition may be commit markers: nobody reads them, all pass them."""
    kz, _ = nodes
    with kz.worker(), kz.ledger() as ledger:
        with kz.relay():
            receipt = decide_when_ready(ledger)
            ledger.on(receipt.case_id, by=CASEWORKER).decide(searching.report_missing)
            assert ledger.outcome(receipt, 60).settled
        before = len(kz.stored())
        kz.database.run("UPDATE ledger.start_mark SET incarnation = 'a life before'")
        with kz.ledger() as restarted:
            with pytest.raises(ServiceUnavailable):
                opened(restarted)
            with kz.relay():
                assert decide_when_ready(restarted)
        ((markers,),) = kz.database.run("SELECT sum(high_watermark) FROM ledger.start_mark")
        assert markers > before
