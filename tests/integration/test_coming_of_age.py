"""Coming of age, on a real keystore: what others consented to opens nothing from the day itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from consumers.grant_mail import GrantMail
from consumers.reactions import Reactions
from events.codes import AgeBand, Assent, ConsentGiver, DataScope, Purpose
from events.contract import register_id
from events.errors import BasisMissing
from ledger.case import access, consent, referral
from ledger.case.personal import PersonalData
from node.run_reactor import LedgerDesk
from tests.country import Node, Referee, agreement_of
from tests.crossing import PREVIEW, REST, corridor, soon


@pytest.fixture
def both(new_database, tmp_path):
    keys = {code: tmp_path / f"{code}.key" for code in ("KZ", "KG")}
    agreement = agreement_of("age", keys)
    nodes = [Node(code, agreement, new_database(), keys[code], "", tmp_path) for code in keys]
    for node in nodes:
        node.mirrored()
    with corridor(Referee(*nodes)) as found:
        yield found


def born(years_ago: int) -> PersonalData:
    today = datetime.now(UTC).date()
    # A day back, so that the day has come in every time zone.
    return PersonalData({DataScope.IDENTITY: {"birth_date": f"{today.year - years_ago}-01-01"}})


def referred(both, giver: ConsentGiver, band: AgeBand):
    """A referral that KG has accepted, on a consent of the child or of somebody else."""
    both.opened()
    both.consent_id = uuid4()
    adult = giver is not ConsentGiver.CHILD
    both.kz.did(
        both.case_id, consent.grant_consent, recipient="KG", purpose=Purpose.SERVICE,
        scopes=PREVIEW + REST, expires_on=soon() + timedelta(days=60), age_band=band,
        given_by=giver,
        giver="aunt-1" if adult else None, assent=Assent.WRITTEN, consent_id=both.consent_id,
    )  # fmt: skip
    both.kz.did(
        both.case_id, referral.send_referral, recipient="KG", basis_id=both.consent_id,
        scopes=PREVIEW + REST, due_on=soon(), handoff_id=both.handoff_id,
    )  # fmt: skip
    both.settle()
    both.kg.did(both.case_id, referral.receive_referral, handoff_id=both.handoff_id)
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    both.settle()


def test_a_consent_of_others_opens_nothing_once_she_is_of_age(both):
    """At once, in the keystore, before anything is to be seen on the topic."""
    referred(both, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    assert both.kz.keystore.age(both.case_id).ended == ()
    grant_id = both.released()
    both.settle()
    both.kz.did(both.case_id, access.record_data, data=born(18))

    assert both.kz.keystore.age(both.case_id).ended == (both.consent_id,)
    for again in (True, False, True):
        with pytest.raises(BasisMissing, match="by age"):
            both.kz.keystore.carry(both.case_id, grant_id, again=again)
    with pytest.raises(BasisMissing, match="by age"):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=True)


def test_her_own_consent_is_used_where_that_of_others_has_ended(both):
    """The first basis is not the only one."""
    referred(both, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    both.kz.did(both.case_id, access.record_data, data=born(18))
    with pytest.raises(BasisMissing, match="by age"):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    ended, own = both.consent_id, both.granted()
    both.settle()
    assert both.kz.keystore.age(both.case_id).ended == (ended,)
    prepared = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    assert prepared.basis_id == own
    both.received()


def test_her_own_consent_goes_on(both):
    """Nobody is asked twice what she has decided herself."""
    referred(both, ConsentGiver.CHILD, AgeBand.FROM_15_TO_17)
    both.kz.did(both.case_id, access.record_data, data=born(18))

    assert both.kz.keystore.age(both.case_id).ended == ()
    assert both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)


def test_a_child_is_not_of_age(both):
    """Seventeen is a child."""
    referred(both, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    both.kz.did(both.case_id, access.record_data, data=born(13))
    assert both.kz.keystore.age(both.case_id) == ((), False)


def reacting(both, today):
    """Let KZ's reactor look at the case on a day; nothing of this needs the topic of capsules."""
    node = both.kz.node
    mail = GrantMail({}, node.agreement.grants_topic, node.agreement.partitions)
    reactions = Reactions(
        country="KZ", backups=timedelta(days=35), desk=LedgerDesk(both.kz.ledger, "KZ"),
        keys=both.kz.keystore, mail=mail, at=lambda _step: None,
        register=register_id(node.agreement.prefix),
    )  # fmt: skip
    with psycopg.connect(node.database.as_role("append"), autocommit=True) as database:
        reactions._come_of_age(database, both.kz.ledger.case(both.case_id), today)


def test_others_see_it_on_the_first_day_of_a_month(both):
    """Any other day would tell a birthday to whoever reads the topic."""
    referred(both, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    both.kz.did(both.case_id, access.record_data, data=born(18))
    today = datetime.now(UTC).date()
    first = (today.replace(day=28) + timedelta(days=4)).replace(day=1)

    for day in (first + timedelta(days=1), first - timedelta(days=1)):
        reacting(both, day)
        assert both.kz.ledger.case(both.case_id).ahead.consents[both.consent_id].state == "granted"
    reacting(both, first)
    reacting(both, first)
    case = both.kz.ledger.case(both.case_id)
    assert case.ahead.consents[both.consent_id].state == "withdrawn"
    assert case.ahead.referrals[both.handoff_id].state == "accepted"


def test_who_was_sent_a_child_knows_her_age_from_what_came_with_her(both):
    """What KG is told by others ends at majority, although it never wrote her birth date down."""
    referred(both, ConsentGiver.CHILD, AgeBand.FROM_15_TO_17)
    both.kz.did(both.case_id, access.record_data, data=born(19))
    consent_id = uuid4()
    both.kg.did(
        both.case_id, consent.grant_consent, recipient="KZ", purpose=Purpose.SERVICE, scopes=REST,
        expires_on=soon(), age_band=AgeBand.FROM_12_TO_14, given_by=ConsentGiver.CAREGIVER,
        giver="aunt-1", assent=Assent.WRITTEN, consent_id=consent_id,
    )  # fmt: skip
    assert both.kg.keystore.age(both.case_id).ended == ()
    both.received()
    assert both.kg.keystore.age(both.case_id).ended == (consent_id,)
