"""While countries differ on the order of a partition nothing is shared there but what protects."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from consumers.alarms import raise_alarm
from events.codes import DataScope, NeutralStatus, Purpose
from events.contract import order_name, partition_of
from events.errors import NotAllowedNow
from ledger.case import access, block, care, consent, identity, referral, searching, withdrawal
from ledger.case.personal import PersonalData
from ledger.log.faults import Fault
from ledger.request import Request, decision
from tests.country import CASEWORKER, PARTITIONS, SUPERVISOR, opened
from tests.crossing import SYSTEM, corridor, referees

RULE = "order_disputed"
SOON = datetime.now(UTC).date() + timedelta(days=9)
ASKED = {"recipient": "KG", "purpose": Purpose.SERVICE, "scopes": (DataScope.IDENTITY,)}


@pytest.fixture(scope="module")
def countries(postgres, template, tmp_path_factory):
    """KZ and KG with a database each for the whole module; every test has a case of its own."""
    with referees(postgres, template, tmp_path_factory.mktemp("keys"), "disputes") as found:
        yield found


@pytest.fixture
def both(countries):
    """KZ and KG; no partition is disputed before a test says so, nor after it."""
    with corridor(countries) as found:
        yield found
    for node in countries.nodes:
        node.database.run("DELETE FROM witness.alarm")


def disputed(node, *partitions, rule="order_differs", name=""):
    """Let a node's witness find that another country has heard these partitions otherwise."""
    name = name or order_name(node.agreement.prefix, "KG" if node.code == "KZ" else "KZ")
    with psycopg.connect(node.database.as_role("witness"), autocommit=True) as connection:
        for partition in partitions:
            raise_alarm(connection, node.code, Fault(rule, name, partition, 7))


def resolved(node):
    node.database.run("UPDATE witness.alarm SET resolved_at = now(), resolved_by = 'sup-1'")


def said(scope):
    return PersonalData({scope: {"why": "invented"}})


def partition(case_id):
    return partition_of(case_id, PARTITIONS)


def refused(decide):
    with pytest.raises(NotAllowedNow) as caught:
        decide()
    assert caught.value.rule == RULE
    return str(caught.value)


def test_nothing_is_shared_on_a_disputed_partition_and_the_refusal_says_what_to_do(both):
    """Refused before anything is written; the same key serves once it is resolved."""
    case_id = both.sent()
    node = both.kg.node
    disputed(node, partition(case_id))
    before = node.stored()
    door = both.kg.ledger.on(case_id, by=SUPERVISOR, key="accept")
    words = refused(lambda: door.decide(referral.accept_referral, handoff_id=both.handoff_id))
    assert f"partition {partition(case_id)}" in words
    assert "`ledger alarm list`" in words
    assert "runbooks/order-disputed.md" in words
    refused(lambda: door.require(referral.accept_referral, handoff_id=both.handoff_id))
    assert node.stored() == before
    assert node.database.run("SELECT FROM ledger.command WHERE key = 'accept'") == []

    resolved(node)
    receipt = door.decide(referral.accept_referral, handoff_id=both.handoff_id)
    assert not receipt.replayed
    assert door.decide(referral.accept_referral, handoff_id=both.handoff_id).replayed


def test_a_case_of_another_partition_goes_on(both):
    case_id = both.sent()
    disputed(both.kg.node, *(set(range(PARTITIONS)) - {partition(case_id)}))
    both.kg.did(case_id, referral.accept_referral, handoff_id=both.handoff_id)


def test_another_fault_of_a_log_disputes_no_order(both):
    """A fork of one country's log is its witness's business: here both heard the same."""
    case_id = both.sent()
    log = both.kg.node.agreement.shared_log("KZ")
    disputed(both.kg.node, partition(case_id), rule="root_differs", name=log)
    both.kg.did(case_id, referral.accept_referral, handoff_id=both.handoff_id)


def test_an_order_that_is_not_the_one_signed_here_is_disputed_too(both):
    """The mirror of this very country has another order than its witness has signed."""
    case_id = both.sent()
    mine = order_name(both.kg.node.agreement.prefix, "KG")
    disputed(both.kg.node, partition(case_id), rule="root_differs", name=mine)
    with pytest.raises(NotAllowedNow) as refused:
        both.kg.did(case_id, referral.accept_referral, handoff_id=both.handoff_id)
    assert RULE == refused.value.rule


def test_a_first_step_across_the_border_waits_too(both):
    """All of it, the national part of the decision included: recorded together or not at all."""
    case_id = both.opened()
    disputed(both.kz.node, partition(case_id))
    before = both.kz.node.stored()
    refused(both.referred)
    assert both.kz.node.stored() == before


def test_what_protects_the_child_waits_for_nobody(both):
    """Alarm, fallback, withdrawal, stop, and taking the handoff back."""
    case_id = both.accepted()
    both.received()
    disputed(both.kz.node, partition(case_id))
    both.kz.did(case_id, searching.report_missing, by=CASEWORKER)
    both.kz.did(case_id, identity.change_status, status=NeutralStatus.NOT_READY)
    both.withdrawn()
    both.stopped()
    both.kz.did(case_id, referral.revoke_referral, handoff_id=both.handoff_id)
    shared = [topic for *_, topic, _ in both.kz.node.stored() if topic.startswith("shared/")]
    assert shared[-5:] == [
        "shared/ChildMissing",
        "shared/StatusChanged",
        "shared/ConsentWithdrawn",
        "shared/ReleaseStopped",
        "shared/ReferralRevoked",
    ]


def test_what_takes_a_protection_back_waits(both):
    case_id = both.sent()
    both.kz.did(case_id, searching.report_missing, by=CASEWORKER)
    both.settle()
    disputed(both.kz.node, partition(case_id))
    refused(lambda: both.kz.did(case_id, searching.report_found, by=CASEWORKER))
    refused(lambda: both.kz.did(case_id, identity.change_status, status=NeutralStatus.READY))
    refused(lambda: both.kz.did(case_id, consent.grant_consent, expires_on=SOON, **ASKED))


def test_national_work_goes_on(both):
    """Care, a block, an emergency and reading are a country's own, on whatever partition."""
    case_id = both.sent()
    disputed(both.kz.node, *range(PARTITIONS))
    both.kz.did(case_id, care.record_concern)
    both.kz.did(case_id, block.place_block, countries=("KG",), data=said(DataScope.PROTECTION))
    glass = {"scopes": (DataScope.IDENTITY,), "data": said(DataScope.NARRATIVE)}
    both.kz.did(case_id, access.break_glass, by=CASEWORKER, **glass)
    assert both.kz.shows(case_id, DataScope.IDENTITY)
    opened(both.kz.ledger)


def test_each_case_of_an_import_is_judged_by_its_own_partition(both):
    """New cases share one look at the database, not one partition."""
    cases = [both.opened() for _ in range(12)]
    here = partition(cases[0])
    disputed(both.kz.node, here)
    requests = [
        Request(
            by=SUPERVISOR,
            case_id=case_id,
            decisions=(
                decision(
                    referral.send_referral, recipient="KG", basis_id=basis, due_on=SOON,
                    scopes=(DataScope.PREVIEW, DataScope.IDENTITY), handoff_id=uuid4(),
                ),
            ),
        )
        for case_id, basis in ((one, _basis(both, one)) for one in cases)
    ]  # fmt: skip
    answers = dict(zip(cases, both.kz.ledger.record_many(requests), strict=True))
    waiting = {case_id for case_id, one in answers.items() if getattr(one, "rule", "") == RULE}
    assert waiting == {case_id for case_id in cases if partition(case_id) == here}
    assert 0 < len(waiting) < len(cases)


def _basis(both, case_id):
    (basis_id,) = both.kz.case(case_id).national.consents
    return basis_id


def test_no_key_leaves_and_none_is_asked_for_by_the_reactor(both):
    """Whether a withdrawal came first is what nobody knows; a stop is carried out meanwhile."""
    case_id = both.accepted()
    grant_id = both.released()
    both.settle()
    disputed(both.kz.node, partition(case_id))
    keys = both.kz.keystore
    refused(lambda: keys.carry(case_id, grant_id))
    refused(lambda: keys.prepare(case_id, both.handoff_id, preview=True))
    resolved(both.kz.node)
    both.kg.keystore.receive(case_id, grant_id, keys.carry(case_id, grant_id))
    disputed(both.kz.node, partition(case_id))
    # What has left already is put again if somebody took it off the topic: nothing new is given.
    assert keys.carry(case_id, grant_id, again=True)
    both.withdrawn()
    both.stopped()


def test_a_consent_is_taken_back_through_the_country_that_holds_the_child(both):
    case_id = both.accepted()
    disputed(both.kg.node, partition(case_id))
    both.kg.did(case_id, withdrawal.withdraw_consent, consent_id=both.consent_id)
    refused(
        lambda: both.kg.did(case_id, referral.start_referral, handoff_id=both.handoff_id, by=SYSTEM)
    )
