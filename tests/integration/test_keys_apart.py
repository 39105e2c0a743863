"""What one country gets opens nothing else, and tells nothing: whole journeys, key by key."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from events.codec import decode
from events.codes import AgeBand, ConsentGiver, DataScope, NeutralStatus, Purpose
from events.data import KeysReleased
from events.errors import AccessRefused, KeysGone, KeystoreDamaged, ProtectiveRefusal, SealBroken
from events.stamp import leaf_hash
from ledger.case import access, block, closing, consent, erasure, identity, referral, transfer
from ledger.case.personal import PersonalData
from ledger.keys.national import opened
from ledger.keys.seal import key_id, key_id_of
from tests.country import CASEWORKER, SUPERVISOR
from tests.crossing import DPO, REST, SYSTEM, corridor, referees, soon
from tests.given import CLOSING

ALLERGY = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
WHY = PersonalData({DataScope.PROTECTION: {"why": "the uncle waits there"}})


@pytest.fixture(scope="module")
def countries(postgres, template, tmp_path_factory):
    """KZ and KG with a database each for the whole module; every test has a case of its own."""
    with referees(postgres, template, tmp_path_factory.mktemp("keys"), "apart") as found:
        yield found


@pytest.fixture
def both(countries):
    """KZ and KG, each with a keystore; nothing has happened to this case."""
    with corridor(countries) as found:
        yield found


def events_of(both):
    """Return every event of this case that KZ recorded."""
    keys = both.kz.node.national_keys
    stored = both.kz.node.stored()
    return [opened(decode(value), keys) for case, _, _, value in stored if case == both.case_id]


def again(both):
    """Let KZ refer the case once more, on a permission of its own, and KG take it on."""
    both.handoff_id = uuid4()
    both.granted()
    both.referred()
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    both.settle()


def journey(both, meanwhile=lambda: None):
    """Let everything be released once in two steps, and once more for another referral."""
    both.sent()
    meanwhile()
    both.received(preview=True)
    meanwhile()
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    both.settle()
    both.received()
    meanwhile()
    again(both)
    both.received()
    return [one.epoch for one in events_of(both) if isinstance(one, KeysReleased)]


def test_no_key_that_is_released_opens_anything_but_its_release(both):
    """Not the preview of another referral, not the national record, not another release."""
    journey(both)
    both.kz.did(both.case_id, access.record_data, data=ALLERGY)
    names = [(one, {key_id_of(entry.box) for entry in one.sealed}) for one in events_of(both)]
    sealed = [(one, found) for one, found in names if found]
    assert len([one for one, _ in sealed if isinstance(one, KeysReleased)]) == 3
    for one, found in sealed:
        if isinstance(one, KeysReleased):
            others = [more for other, more in sealed if other is not one]
            assert not found & set().union(*others)


def test_a_block_leaves_no_trace_in_the_epochs(both):
    """Placed and lifted at home between two steps: the topic looks like any other."""

    def blocked():
        block_id = uuid4()
        both.kz.did(both.case_id, block.place_block, countries=("KG",), block_id=block_id)
        both.kz.did(both.case_id, access.record_data, data=ALLERGY)
        both.kz.did(both.case_id, block.lift_block, block_id=block_id)

    plain = journey(both)
    assert journey(both, blocked) == plain


def test_a_key_of_our_own_comes_back_as_nobodys_grant(both):
    """Live or erased: else who releases it to us again opens what we have erased."""
    both.accepted()
    both.received()
    vault = both.kz.keystore._vault
    own = vault.own(both.case_id)
    given = [(scope, 9, own.dek(scope)) for scope in (1, 2)]
    with pytest.raises(SealBroken):
        vault.receive(both.case_id, uuid4(), given)
    vault.erase_case(both.case_id)
    with pytest.raises(SealBroken):
        vault.receive(both.case_id, uuid4(), given)
    name = key_id(given[0][2])
    kept = "SELECT state FROM keystore.key_set WHERE case_id = %s AND %s = ANY (key_ids)"
    assert both.kz.node.database.run(kept, both.case_id, name) == [("erased",)]


# ------------------------------------------------------------------------ a mirror that was written


def forged(both, value, origin):
    """Let somebody with the login of a worker say that an origin's event stands on the topic."""
    event = decode(value)
    with psycopg.connect(both.kz.node.database.as_role("project"), autocommit=True) as connection:
        connection.execute(
            'INSERT INTO mirror.record (topic, partition, "offset", effect_offset, effect_rank,'
            " case_id, origin, version, event_id, leaf, log_index, signature, ce_type, value)"
            " VALUES ('shared', 3, 900000, 900000, 0, %s, %s, %s, %s, %s, 900000, %s, %s, %s)",
            (
                event.case_id, origin, event.version, event.event_id, leaf_hash(value), bytes(64),
                type(event).__name__, value,
            ),
        )  # fmt: skip


def acceptance(both):
    """Return the bytes of an acceptance that KG recorded and nobody has ordered yet."""
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    return both.kg.node.stored()[-1][3]


def test_a_row_that_nobody_signed_releases_nothing(both):
    both.sent()
    forged(both, acceptance(both), "KG")
    try:
        for asked in (
            lambda: both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False),
            lambda: both.kz.keystore.carry(both.case_id, uuid4()),
            lambda: both.kz.keystore.receive(both.case_id, uuid4(), b""),
        ):
            with pytest.raises(KeystoreDamaged) as refused:
                asked()
            assert refused.value.rule == "mirror_signature"
        left = "SELECT count(*) FROM keystore.capsule WHERE case_id = %s"
        assert both.kz.node.database.run(left, both.case_id) == [(0,)]
    finally:
        both.kz.node.database.run('DELETE FROM mirror.record WHERE "offset" = 900000')


def test_a_row_that_is_taken_away_again_is_not_remembered(both):
    """The case is folded bit by bit: a look at the forged row must not outlive it."""
    both.sent()
    forged(both, acceptance(both), "KG")
    with pytest.raises(KeystoreDamaged):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    both.kz.node.database.run('DELETE FROM mirror.record WHERE "offset" = 900000')
    with pytest.raises(Exception, match="nothing permits a release"):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)


# ------------------------------------------------------------------------ who is shown what


def test_who_is_kept_out_after_he_asked_is_refused_in_words_that_tell_nothing(both):
    both.opened()
    access_id = both.access(both.kz)
    who = events_of(both)[-1].actor
    both.kz.did(both.case_id, block.place_block, persons=(who.id,))
    with pytest.raises(AccessRefused) as refused:
        both.kz.keystore.show(both.case_id, access_id)
    assert refused.value.rule == "role"
    assert "block" not in str(refused.value)
    assert "exclu" not in str(refused.value)


def test_why_a_block_was_placed_is_for_those_who_answer_for_it(both):
    both.opened()
    done = both.kz.did(both.case_id, block.place_block, countries=("KG",), data=WHY)
    event_id = done.events[-1].event_id
    asked = {"about": event_id}
    with pytest.raises(AccessRefused) as refused:
        both.kz.shows(both.case_id, DataScope.PROTECTION, **asked)
    assert refused.value.rule == "role"
    for by in (SUPERVISOR,):
        shown = both.kz.shows(both.case_id, DataScope.PROTECTION, by=by, **asked)
        assert shown["KZ"][DataScope.PROTECTION].state == "open"


def test_each_part_of_what_is_asked_opens_for_what_it_was_given_for(both):
    """Health came with a transfer: no service is told of it because identity came with one."""
    both.opened()
    both.kz.did(both.case_id, identity.change_status, status=NeutralStatus.READY)
    for kind in (Purpose.SERVICE, Purpose.TRANSFER):
        is_transfer = kind is Purpose.TRANSFER
        scopes = REST if is_transfer else (DataScope.IDENTITY,)
        terms = {"recipient": "KG", "scopes": scopes}
        both.consent_id, both.handoff_id = uuid4(), uuid4()
        both.kz.did(
            both.case_id, consent.grant_consent, **terms, purpose=kind, expires_on=soon(),
            given_by=ConsentGiver.CHILD, age_band=AgeBand.FROM_15_TO_17, consent_id=both.consent_id,
        )  # fmt: skip
        send = transfer.propose_transfer if is_transfer else referral.send_referral
        both.kz.did(
            both.case_id, send, **terms, basis_id=both.consent_id, due_on=soon(),
            handoff_id=both.handoff_id,
        )  # fmt: skip
        both.settle()
        look = transfer.preview_transfer if is_transfer else referral.receive_referral
        take = transfer.accept_transfer if is_transfer else referral.accept_referral
        for answer in (look, take):
            both.kg.did(both.case_id, answer, handoff_id=both.handoff_id)
            both.settle()
        both.received()

    def states(purpose):
        shown = both.kg.shows(both.case_id, *REST, purpose=purpose)["KZ"]
        return {scope: one.state for scope, one in shown.items()}

    whole = dict.fromkeys(REST, "open")
    assert states(Purpose.SERVICE) == {**whole, DataScope.HEALTH: "closed"}
    assert states(Purpose.TRANSFER) == states(Purpose.CASE_MANAGEMENT) == whole


# ------------------------------------------------------------------------ after an erasure


def closed_again(both):
    """Let two people of KZ close a case that was opened once more."""
    both.kz.did(both.case_id, closing.request_closure, by=CASEWORKER, **CLOSING)
    both.kz.did(both.case_id, closing.close_case)
    both.settle()


def erased(both):
    """Let everything that KZ knows of the case be destroyed, and recorded as destroyed."""
    both.closed()
    erasure_id = both.erasure_approved()
    done = both.kz.keystore.erase(both.case_id, erasure_id)
    facts = {"slots": done.slots, "replicas": done.replicas, "method": done.method}

    both.kz.did(both.case_id, erasure.record_erased, by=SYSTEM, erasure_id=erasure_id, **facts)
    return erasure_id


def test_a_case_that_is_open_again_is_worked_on_with_new_keys(both):
    both.accepted()
    both.received()
    erasure_id = erased(both)
    with pytest.raises(KeysGone):
        both.kz.did(both.case_id, access.record_data, data=ALLERGY)
    both.kz.did(both.case_id, closing.reopen_case, reason="other")
    both.settle()
    both.kz.did(both.case_id, access.record_data, data=ALLERGY)
    shown = both.kz.shows(both.case_id, DataScope.HEALTH)["KZ"][DataScope.HEALTH]
    assert (shown.state, shown.text) == ("open", b'{"allergy":"nuts"}')
    before = max(one.epoch for one in events_of(both) if isinstance(one, KeysReleased))
    again(both)
    both.received()
    assert events_of(both)[-1].epoch > before
    shown = both.kg.shows(both.case_id, DataScope.HEALTH)["KZ"][DataScope.HEALTH]
    assert (shown.state, shown.text) == ("open", b'{"allergy":"nuts"}')
    # Said again, as after a restore: what was made since stays.
    both.kz.keystore.erase(both.case_id, erasure_id)
    assert both.kz.shows(both.case_id, DataScope.HEALTH)["KZ"][DataScope.HEALTH].state == "open"


def test_an_old_erasure_destroys_nothing_of_a_later_record(both):
    """Said again by whoever, after a restore or out of malice, on a case that is closed again."""
    both.accepted()
    erasure_id = erased(both)
    both.kz.did(both.case_id, closing.reopen_case, reason="other")
    both.settle()
    both.kz.did(both.case_id, access.record_data, data=ALLERGY)
    closed_again(both)
    both.kz.did(both.case_id, erasure.place_hold, by=DPO)
    assert both.kz.keystore.erase(both.case_id, erasure_id).slots >= 1
    shown = both.kz.shows(both.case_id, DataScope.HEALTH)["KZ"][DataScope.HEALTH]
    assert (shown.state, shown.text) == ("open", b'{"allergy":"nuts"}')


def test_an_approval_of_an_earlier_record_destroys_no_later_one(both):
    both.accepted()
    both.closed()
    erasure_id = both.erasure_approved()
    both.kz.did(both.case_id, closing.reopen_case, reason="other")
    both.settle()
    closed_again(both)
    with pytest.raises(ProtectiveRefusal) as refused:
        both.kz.keystore.erase(both.case_id, erasure_id)
    assert refused.value.rule == "erasure_record"
    assert both.kz.shows(both.case_id, DataScope.HEALTH)["KZ"][DataScope.HEALTH].state == "open"


def test_a_second_erasure_is_stopped_by_a_hold_as_the_first(both):
    """That keys of the case were destroyed once says nothing of the new ones."""
    both.accepted()
    erased(both)
    both.kz.did(both.case_id, closing.reopen_case, reason="other")
    both.settle()
    both.kz.did(both.case_id, access.record_data, data=ALLERGY)
    closed_again(both)
    erasure_id, hold_id = both.erasure_approved(), uuid4()
    both.kz.did(both.case_id, erasure.place_hold, by=DPO, hold_id=hold_id)
    with pytest.raises(ProtectiveRefusal):
        both.kz.keystore.erase(both.case_id, erasure_id)
    both.kz.did(both.case_id, erasure.end_hold, by=DPO, hold_id=hold_id)
    assert both.kz.keystore.erase(both.case_id, erasure_id).slots >= 2
    with pytest.raises(KeysGone):
        both.kz.keystore._vault.own(both.case_id)
