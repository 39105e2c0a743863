"""The keystore judges from the ledger, never by a caller's word: real database and vault."""

import threading
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from events.codec import decode, encode
from events.codes import DataScope, Purpose, RetentionGround
from events.data import KeysReleased
from events.errors import (
    AccessRefused,
    BasisMissing,
    KeysGone,
    NotAllowedNow,
    ProtectiveRefusal,
    RecordRejected,
    SealBroken,
    ServiceUnavailable,
    WrongCountry,
)
from events.referral import ReferralAccepted
from events.stamp import Event
from ledger.case import access, block, closing, data, erasure, referral
from ledger.case.personal import PersonalData
from ledger.keys.records import Events, Told, events_of, open_entry
from ledger.keys.seal import unseal_with_event_key
from ledger.keys.sealing import place_in
from ledger.keys.showing import Showing
from ledger.keys.uses import FRESH
from tests.country import CASEWORKER, SUPERVISOR, mirror
from tests.crossing import AUDITOR, BRIEF, DPO, PREVIEW, REST, SYSTEM, corridor, referees

STAMP = [one.name for one in fields(Event)]


@pytest.fixture(scope="module")
def countries(postgres, template, tmp_path_factory):
    """KZ and KG with a database each for the whole module; every test has a case of its own."""
    with referees(postgres, template, tmp_path_factory.mktemp("keys"), "keystores") as found:
        yield found


@pytest.fixture
def both(countries):
    """KZ and KG, each with a keystore; nothing has happened to this case."""
    with corridor(countries) as found:
        yield found


def texts(shown, country):
    return {scope: one.text for scope, one in shown[country].items()}


def states(shown, country):
    return {one.state for one in shown[country].values()}


def test_a_journey_shows_each_country_what_it_may_see(both):
    both.sent()
    both.received(preview=True)
    assert states(both.kg.shows(both.case_id, *PREVIEW), "KZ") == {"open"}
    assert both.kg.shows(both.case_id) == {"KZ": {}}
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    both.settle()
    both.received()
    shown = texts(both.kg.shows(both.case_id), "KZ")
    assert shown == {DataScope.IDENTITY: b'{"name":"Aizada"}', DataScope.HEALTH: b'{"asthma":true}'}
    assert states(both.kz.shows(both.case_id), "KZ") == {"open"}


# ------------------------------------------------------------------------ what is not prepared


@pytest.mark.parametrize("preview", [True, False])
def test_nothing_is_prepared_before_an_answer_with_a_key_is_effective(both, preview):
    both.opened()
    both.kz.did(
        both.case_id, referral.send_referral, recipient="KG", basis_id=both.consent_id,
        scopes=PREVIEW + REST, due_on=date.max.replace(year=date.today().year),  # noqa: DTZ011
        handoff_id=both.handoff_id, data=BRIEF,
    )  # fmt: skip
    both.settle()
    with pytest.raises(BasisMissing):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=preview)
    both.kg.did(both.case_id, referral.receive_referral, handoff_id=both.handoff_id)
    with pytest.raises(BasisMissing):  # recorded there, not ordered yet
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=preview)
    both.settle()
    if preview:
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=True)


def test_nothing_is_prepared_for_the_word_of_a_caller(both):
    both.accepted()
    for case_id, handoff_id in ((both.case_id, uuid4()), (uuid4(), both.handoff_id)):
        with pytest.raises(BasisMissing):
            both.kz.keystore.prepare(case_id, handoff_id, preview=False)
    with pytest.raises(BasisMissing):  # the receiver has nothing to release
        both.kg.keystore.prepare(both.case_id, both.handoff_id, preview=False)


def test_a_withdrawal_that_is_only_recorded_forbids_at_once(both):
    both.accepted()
    grant_id = both.released()
    both.settle()
    both.withdrawn()
    with pytest.raises(BasisMissing):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    with pytest.raises(BasisMissing):
        both.kz.keystore.carry(both.case_id, grant_id)


def test_a_block_forbids_preparing_and_carrying_until_it_is_lifted(both):
    both.accepted()
    grant_id = both.released()
    both.settle()
    block_id = uuid4()
    both.kz.did(both.case_id, block.place_block, countries=("KG",), block_id=block_id)
    with pytest.raises(BasisMissing):
        both.kz.keystore.carry(both.case_id, grant_id)
    with pytest.raises(BasisMissing):
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=True)
    both.kz.did(both.case_id, block.lift_block, block_id=block_id)
    assert both.kz.keystore.carry(both.case_id, grant_id)


def test_while_an_event_is_held_no_key_is_used_and_a_stop_is(both):
    """Protection goes on, although nobody knows what the held event says."""
    both.accepted()
    grant_id = both.received()
    both.kg.did(both.case_id, referral.start_referral, handoff_id=both.handoff_id)
    both.settle()
    kg_event = [value for origin, value in both.referee.topic if origin == "KG"][-1]
    other = uuid4()
    both.kz.node.database.run("DELETE FROM mirror.record WHERE value = %s", kg_event)
    offset = both.referee.topic.index(("KG", kg_event))
    mirror(both.kz.node, offset, "KG", kg_event, held=True)
    for asked in (
        lambda: both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False),
        lambda: both.kz.keystore.carry(both.case_id, grant_id),
        lambda: both.kz.keystore.show(both.case_id, other),
    ):
        with pytest.raises(NotAllowedNow) as refused:
            asked()
        assert refused.value.rule == "held"
    both.withdrawn()
    both.stopped()


def test_nothing_is_used_before_the_mirror_has_come_far_enough(both):
    both.accepted()
    both.kz.node.database.run("UPDATE ledger.start_mark SET high_watermark = 99")
    try:
        with both.kz.node.keystore() as restarted, pytest.raises(ServiceUnavailable) as waits:
            restarted.prepare(both.case_id, both.handoff_id, preview=False)
    finally:
        both.kz.node.database.run("UPDATE ledger.start_mark SET high_watermark = 0")
    assert waits.value.rule == "start_mark"


# ------------------------------------------------------------------------ the same each time


def test_what_is_prepared_twice_is_the_same_grant_and_the_same_capsule(both):
    both.accepted()
    first, second = (
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False) for _ in range(2)
    )
    assert first == second
    with both.kz.node.keystore() as restarted:
        assert first == restarted.prepare(both.case_id, both.handoff_id, preview=False)


def test_what_was_prepared_and_not_recorded_carries_the_record_of_today(both):
    both.accepted()
    first = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    more = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
    both.kz.did(both.case_id, access.record_data, data=more)
    again = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    assert (first.grant_id, first.carried) == (again.grant_id, again.carried)
    both.received()
    shown = texts(both.kg.shows(both.case_id, DataScope.HEALTH), "KZ")
    assert shown == {DataScope.HEALTH: b'{"allergy":"nuts","asthma":true}'}


def test_what_was_prepared_is_found_again_whatever_keys_came_since(both):
    both.accepted()
    first = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    both.kz.keystore._vault.next_epoch(both.case_id, after=first.epoch + 4)
    assert first == both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    assert both.released() == first.grant_id
    with pytest.raises(NotAllowedNow) as made:  # no caller uses up epochs
        both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    assert made.value.rule == "release_made"


def test_what_was_prepared_before_a_later_release_is_made_anew(both):
    both.accepted()
    early = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=True)
    both.received()
    later = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=True)
    assert (early.epoch, later.epoch) == (2, 6)
    assert later.grant_id != early.grant_id
    both.received(preview=True)
    assert states(both.kg.shows(both.case_id, *PREVIEW), "KZ") == {"open"}


def test_of_many_who_prepare_at_once_all_get_the_same(both):
    both.accepted()
    start, made = threading.Barrier(4), []

    def prepare():
        start.wait()
        made.append(both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False))

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.epoch for one in made] == [2] * 4
    assert len({one.grant_id for one in made}) == 1


def test_the_entries_of_a_release_are_all_there_and_of_one_size_whatever_is_released(both):
    both.sent()
    preview = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=True)
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    both.settle()
    rest = both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    sizes = [[(e.scope, len(e.box)) for e in one.sealed] for one in (preview, rest)]
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == len(DataScope) - 1


# ------------------------------------------------------------------------ carrying and taking in


def test_a_capsule_leaves_only_when_its_release_is_effective(both):
    both.accepted()
    grant_id = both.released()
    with pytest.raises(NotAllowedNow):
        both.kz.keystore.carry(both.case_id, grant_id)
    both.settle()
    value = both.kz.keystore.carry(both.case_id, grant_id)
    assert value == both.kz.keystore.carry(both.case_id, grant_id)
    for case_id, made_up in ((both.case_id, uuid4()), (uuid4(), grant_id)):
        with pytest.raises(NotAllowedNow):
            both.kz.keystore.carry(case_id, made_up)
    with pytest.raises(NotAllowedNow):
        both.kg.keystore.carry(both.case_id, grant_id)


def test_a_capsule_stays_when_its_handoff_is_over_though_the_consent_stands(both):
    both.accepted()
    grant_id = both.released()
    both.settle()
    both.kz.did(both.case_id, referral.revoke_referral, handoff_id=both.handoff_id)
    with pytest.raises(BasisMissing):
        both.kz.keystore.carry(both.case_id, grant_id)


def test_what_is_taken_in_has_to_be_what_the_signed_event_names(both):
    both.sent()
    preview = both.released(preview=True)
    both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
    both.settle()
    rest = both.released()
    both.settle()
    values = {one: both.kz.keystore.carry(both.case_id, one) for one in (preview, rest)}
    right = values[rest]
    take = both.kg.keystore.receive
    flipped = bytes([right[-1] ^ 1])
    for wrong in (values[preview], right[:-1], right[:-1] + flipped, b"", right + right):
        with pytest.raises(SealBroken):
            take(both.case_id, rest, wrong)
    with pytest.raises(NotAllowedNow):
        take(both.case_id, uuid4(), right)
    with pytest.raises(NotAllowedNow):
        both.kz.keystore.receive(both.case_id, rest, right)  # it gave it, it does not get it
    for _ in range(2):
        take(both.case_id, rest, right)
    assert states(both.kg.shows(both.case_id), "KZ") == {"open"}


def test_a_grant_that_was_stopped_is_not_taken_in_any_more(both):
    both.accepted()
    grant_id = both.released()
    both.settle()
    value = both.kz.keystore.carry(both.case_id, grant_id)
    both.withdrawn()
    both.stopped()
    both.settle()
    with pytest.raises(NotAllowedNow):
        both.kg.keystore.receive(both.case_id, grant_id, value)


def test_no_grant_brings_the_keys_of_another_one(both):
    """Else what was destroyed here would open again by a release of somebody else."""
    both.accepted()
    grant_id = both.received()
    vault = both.kg.keystore._vault
    ((epoch, key_ids),) = both.kg.node.database.run(
        "SELECT epoch, key_ids FROM keystore.key_set WHERE grant_id = %s", grant_id
    )
    keys = vault.by_key_id(both.case_id, key_ids[0], grant_id)
    with pytest.raises(SealBroken) as refused:
        vault.receive(both.case_id, uuid4(), [(1, epoch, keys.dek(keys.scopes[0]))])
    assert refused.value.rule == "key_known"
    assert vault.by_key_id(both.case_id, key_ids[0]) is None


def test_a_key_is_made_for_a_handoff_to_this_country_only(both):
    both.sent()
    before = both.kg.node.database.run("SELECT count(*) FROM keystore.key_set")
    for keystore, handoff_id, error in (
        (both.kz.keystore, both.handoff_id, WrongCountry),
        (both.kg.keystore, uuid4(), NotAllowedNow),
    ):
        with pytest.raises(error):
            keystore.one_time(both.case_id, handoff_id, preview=True)
    assert before == both.kg.node.database.run("SELECT count(*) FROM keystore.key_set")


def test_what_has_been_on_the_topic_is_given_again_whatever_was_decided_since(both):
    """Until it is stopped: a block would show by a capsule that stays away. But never at first."""
    both.accepted()
    grant_id = both.released()
    both.settle()
    block_id = uuid4()
    both.kz.did(both.case_id, block.place_block, countries=("KG",), block_id=block_id)
    with pytest.raises(BasisMissing):
        both.kz.keystore.carry(both.case_id, grant_id, again=True)
    both.kz.did(both.case_id, block.lift_block, block_id=block_id)
    value = both.kz.keystore.carry(both.case_id, grant_id)
    both.kz.did(both.case_id, block.place_block, countries=("KG",))
    with pytest.raises(BasisMissing):
        both.kz.keystore.carry(both.case_id, grant_id)
    assert both.kz.keystore.carry(both.case_id, grant_id, again=True) == value
    both.withdrawn()
    both.stopped()
    both.settle()
    with pytest.raises(BasisMissing):
        both.kz.keystore.carry(both.case_id, grant_id, again=True)


# ------------------------------------------------------------------------ showing


def test_an_access_is_used_once_and_at_once(both):
    both.opened()
    access_id = both.access(both.kz)
    with pytest.raises(AccessRefused):
        both.kz.keystore.show(both.case_id, uuid4())
    assert states(both.kz.keystore.show(both.case_id, access_id), "KZ") == {"open"}
    with pytest.raises(AccessRefused):
        both.kz.keystore.show(both.case_id, access_id)


def test_of_many_who_use_one_access_at_the_same_moment_one_is_shown_something(both):
    both.opened()
    access_id, shown, start = both.access(both.kz), [], threading.Barrier(8)

    def use():
        start.wait()
        try:
            shown.append(both.kz.keystore.show(both.case_id, access_id))
        except AccessRefused:
            shown.append(None)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shown) == 8
    assert sum(one is not None for one in shown) == 1


def test_an_access_is_too_old_after_a_minute_and_after_a_restart(both):
    both.opened()
    access_id = both.access(both.kz)
    with both.kz.node.keystore() as restarted, pytest.raises(AccessRefused):
        restarted.show(both.case_id, access_id)
    moments = [datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + FRESH * 2]
    with (
        both.kz.node.keystore(clock=lambda: moments.pop(0) if len(moments) > 1 else moments[0]) as (
            late
        ),
        pytest.raises(AccessRefused),
    ):
        late.show(both.case_id, access_id)


def test_an_access_shows_its_own_scopes_of_its_own_case_and_no_more(both):
    case_id = both.opened()
    access_id = both.access(both.kz, DataScope.HEALTH)
    both.opened()
    with pytest.raises(AccessRefused):  # recorded, and of another child
        both.kz.keystore.show(both.case_id, access_id)
    assert set(both.kz.keystore.show(case_id, access_id)["KZ"]) == {DataScope.HEALTH}


def test_an_auditor_gets_one_event_and_not_the_case(both):
    """An access about one event opens what that event says."""
    both.opened()
    more = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
    event_id = both.kz.did(both.case_id, access.record_data, data=more).events[-1].event_id
    audit = {"by": AUDITOR, "door": "audit"}
    shown = both.kz.shows(both.case_id, DataScope.HEALTH, about=event_id, **audit)
    assert texts(shown, "KZ") == {DataScope.HEALTH: b'{"allergy":"nuts"}'}
    assert both.kz.shows(both.case_id, DataScope.HEALTH, about=uuid4(), **audit) == {}
    with pytest.raises(AccessRefused):
        both.kz.shows(both.case_id, DataScope.HEALTH, **audit)


def own_events(desk, case_id):
    return events_of(desk.keystore._store, case_id).own


def copied(both, event_id, *scopes, desk=None, by=AUDITOR):
    return (desk or both.kz).ledger.event_keys(
        both.case_id, by=by, about=event_id, scopes=scopes or REST, purpose=Purpose.SERVICE
    )


def test_an_auditor_is_given_the_key_of_one_event_and_it_opens_nothing_else(both):
    """Recorded before it is given; the keystore believes the ledger, and each access once."""
    both.opened()
    more = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
    for _ in range(2):
        event_id = both.kz.did(both.case_id, access.record_data, data=more).events[-1].event_id
    own = {told.event.event_id: told.event for told in own_events(both.kz, both.case_id)}
    recorded, keys = copied(both, event_id)
    assert own_events(both.kz, both.case_id)[-1].event.event_id == recorded
    ((scope, one),) = keys.items()
    assert scope == DataScope.HEALTH
    assert repr(one) == f"ItemKey(epoch {one.epoch})"
    opened = []
    for event in own.values():
        for entry in event.sealed:
            place = place_in(event, entry.scope, one.epoch)
            with suppress(SealBroken):
                opened.append((event.event_id, unseal_with_event_key(one.key, place, entry.box)))
    assert opened == [(event_id, b'{"allergy":"nuts"}')]


def test_a_key_is_given_to_an_auditor_of_one_own_event_and_to_nobody_else(both):
    """Not to who works with the child, not past a block, not of what another country released."""
    both.accepted()
    grant_id = both.received()
    event_id = both.kz.did(
        both.case_id, access.record_data, data=PersonalData({DataScope.HEALTH: {"a": "b"}})
    ).events[-1].event_id  # fmt: skip
    for by in (CASEWORKER, SUPERVISOR, DPO):
        with pytest.raises(AccessRefused):
            copied(both, event_id, by=by)
    for door, about in (("read", event_id), ("export", None), ("audit", event_id)):
        access_id = uuid4()
        by = AUDITOR if door == "audit" else CASEWORKER
        said = {"scopes": REST, "purpose": Purpose.SERVICE, "door": door, "about": about}
        both.kz.did(both.case_id, access.access_data, by=by, access_id=access_id, **said)
        with pytest.raises(AccessRefused):
            both.kz.keystore.event_keys(both.case_id, access_id)
    with pytest.raises(AccessRefused) as refused:
        copied(both, grant_id, desk=both.kg)
    assert refused.value.rule == "own_event"
    with pytest.raises(AccessRefused) as refused:
        copied(both, uuid4())
    assert refused.value.rule == "own_event"
    both.kz.did(both.case_id, block.place_block, persons=(AUDITOR.id,))
    with pytest.raises(AccessRefused):
        copied(both, event_id)


def test_no_key_is_given_of_what_only_those_see_who_answer_for_it(both):
    both.opened()
    why = PersonalData({DataScope.PROTECTION: {"why": "afraid of him"}})
    placed = both.kz.did(both.case_id, block.place_block, persons=("father-1",), data=why)
    with pytest.raises(AccessRefused):
        copied(both, placed.events[-1].event_id, DataScope.PROTECTION)


def test_of_what_was_erased_no_key_is_given(both):
    both.accepted()
    opened = own_events(both.kz, both.case_id)[0].event.event_id
    assert set(copied(both, opened)[1]) == set(REST)
    both.closed()
    both.kz.keystore.erase(both.case_id, both.erasure_approved())
    assert copied(both, opened)[1] == {}


@pytest.mark.parametrize("about", [False, True])
def test_what_was_stopped_is_shown_by_no_way_in(both, about):
    """Also not as one event, whose id everybody knows."""
    both.accepted()
    grant_id = both.received()
    more = {"about": grant_id} if about else {}
    assert states(both.kg.shows(both.case_id, **more), "KZ") == {"open"}
    both.withdrawn()
    both.settle()  # the sender has not said that it stops: the child's word is enough
    assert states(both.kg.shows(both.case_id, **more), "KZ") == {"stopped"}
    both.stopped()
    both.settle()
    assert states(both.kg.shows(both.case_id, **more), "KZ") == {"stopped"}


def test_what_is_kept_on_a_ground_of_its_own_is_shown_until_its_last_day(both):
    both.accepted()
    grant_id = both.received()
    both.withdrawn()
    both.stopped()
    both.settle()
    today = datetime.now(UTC).date()
    claim = {"grant_id": grant_id, "ground": RetentionGround.MANDATE, "until": today}
    both.kg.did(both.case_id, data.claim_retention, **claim)
    assert states(both.kg.shows(both.case_id), "KZ") == {"stopped"}  # pending opens nothing
    both.settle()
    assert states(both.kg.shows(both.case_id), "KZ") == {"open"}
    both.kg.keystore._clock = lambda: datetime.now(UTC) + timedelta(days=1)
    access_id = both.access(both.kg)
    with pytest.raises(AccessRefused):
        both.kg.keystore.show(both.case_id, access_id)


def test_data_recorded_after_a_stop_is_under_keys_that_nobody_else_has(both):
    both.accepted()
    both.received()
    both.withdrawn()
    both.stopped()
    both.settle()
    more = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
    both.kz.did(both.case_id, access.record_data, data=more)
    stored = both.kz.node.database.run(
        "SELECT epoch, key_ids FROM keystore.key_set WHERE kind = 'own' AND case_id = %s"
        " ORDER BY epoch",
        both.case_id,
    )
    assert [epoch for epoch, _ in stored] == [1, 2, 3]
    received = both.kg.node.database.run("SELECT key_ids FROM keystore.key_set WHERE kind ="
                                         " 'received'")  # fmt: skip
    assert not set(stored[2][1]) & {key for (ids,) in received for key in ids}


# ------------------------------------------------------------------------ tampering


def test_a_box_that_was_moved_or_cut_is_named_and_nothing_is_shown(both):
    """T2: an insider moves one field's box onto another, within one database."""
    both.opened()
    access_id = both.access(both.kz)
    keystore = both.kz.keystore
    case, events = keystore._look(both.case_id)
    opened = next(told.event for told in events.own if len(told.event.sealed) == 2)
    one, two = opened.sealed
    asked = keystore._uses.recorded(events.own, access_id, datetime.now(UTC))
    for boxes in (
        (replace(one, box=two.box), two),
        (replace(one, box=one.box[:-1]), two),
        (replace(one, box=one.box[:20]), two),
    ):
        own = [Told(replace(opened, sealed=boxes), bytes(32))]
        showing = Showing(keystore._vault, case, Events(own, ()), keystore._today(), asked)
        with pytest.raises(SealBroken):
            showing.shown()


def test_a_box_of_another_case_does_not_open(both):
    case_id = both.opened()
    other = both.opened()
    assert case_id != other
    keystore = both.kz.keystore
    _, events = keystore._look(other)
    case, _ = keystore._look(case_id)
    (told, *_) = [told for told in events.own if told.event.sealed]
    moved = replace(told.event, case_id=case_id)
    assert {open_entry(keystore._vault, moved, one).state for one in moved.sealed} == {"closed"}
    assert case.case_id == case_id


# ------------------------------------------------------------------------ destroying and erasing


def test_keys_in_use_are_not_destroyed_and_stopped_ones_are(both):
    both.accepted()
    grant_id = both.received()
    with pytest.raises(ProtectiveRefusal):
        both.kg.keystore.destroy(both.case_id, grant_id)
    with pytest.raises(NotAllowedNow):
        both.kz.keystore.destroy(both.case_id, grant_id)  # it is not the holder
    value = both.kz.keystore.carry(both.case_id, grant_id)
    both.withdrawn()
    both.stopped()
    both.settle()
    done = both.kg.keystore.destroy(both.case_id, grant_id)
    assert (done.slots, done.replicas) == (1, 2)
    assert done == both.kg.keystore.destroy(both.case_id, grant_id)
    both.kg.did(both.case_id, data.destroy_keys, grant_id=grant_id)
    both.settle()
    assert states(both.kg.shows(both.case_id), "KZ") == {"destroyed"}
    with pytest.raises(NotAllowedNow):
        both.kg.keystore.receive(both.case_id, grant_id, value)


@pytest.mark.parametrize("kept", ["hold", "retention"])
def test_what_is_kept_for_a_court_or_on_a_ground_is_not_destroyed(both, kept):
    both.accepted()
    grant_id = both.received()
    both.withdrawn()
    both.stopped()
    both.settle()
    hold_id, today = uuid4(), datetime.now(UTC).date()
    if kept == "hold":
        both.kg.did(both.case_id, erasure.place_hold, by=DPO, hold_id=hold_id)
    else:
        claim = {"grant_id": grant_id, "ground": RetentionGround.MANDATE, "until": today}
        both.kg.did(both.case_id, data.claim_retention, **claim)
    with pytest.raises(ProtectiveRefusal) as refused:
        both.kg.keystore.destroy(both.case_id, grant_id)
    assert refused.value.rule == kept
    if kept == "hold":
        both.kg.did(both.case_id, erasure.end_hold, by=DPO, hold_id=hold_id)
    else:
        both.kg.keystore._clock = lambda: datetime.now(UTC) + timedelta(days=1)
    assert both.kg.keystore.destroy(both.case_id, grant_id).slots == 1


def test_once_a_handoff_is_over_its_one_time_keys_go_with_the_keys_that_they_opened(both):
    both.accepted()
    grant_id = both.received()
    both.kz.did(both.case_id, referral.revoke_referral, handoff_id=both.handoff_id)
    both.stopped()
    both.settle()
    both.kg.keystore.destroy(both.case_id, grant_id)
    left = both.kg.node.database.run(
        "SELECT kind FROM keystore.key_set WHERE state = 'live' AND case_id = %s", both.case_id
    )
    assert ("one_time",) not in left


def test_an_erasure_needs_its_approval_and_no_hold(both):
    both.accepted()
    both.closed()
    with pytest.raises(NotAllowedNow):
        both.kz.keystore.erase(both.case_id, uuid4())
    erasure_id = both.erasure_approved()
    hold_id = uuid4()
    both.kz.did(both.case_id, erasure.place_hold, by=DPO, hold_id=hold_id)
    with pytest.raises(ProtectiveRefusal):
        both.kz.keystore.erase(both.case_id, erasure_id)
    both.kz.did(both.case_id, erasure.end_hold, by=DPO, hold_id=hold_id)
    done = both.kz.keystore.erase(both.case_id, erasure_id)
    assert (done.slots, done.replicas) == (1, 2)
    both.kz.did(both.case_id, erasure.place_hold, by=DPO, hold_id=uuid4())  # too late
    assert done == both.kz.keystore.erase(both.case_id, erasure_id)


def test_what_is_erased_reads_as_erased_and_nothing_new_is_sealed(both):
    both.accepted()
    both.received()
    both.closed()
    erasure_id = both.erasure_approved()
    both.kz.keystore.erase(both.case_id, erasure_id)
    assert states(both.kz.shows(both.case_id), "KZ") == {"erased"}
    more = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
    with pytest.raises(KeysGone):
        both.kz.did(both.case_id, access.record_data, data=more)
    left = "SELECT count(*) FROM keystore.capsule WHERE case_id = %s"
    assert both.kz.node.database.run(left, both.case_id) == [(0,)]


def test_a_case_that_is_open_again_has_a_new_record_and_the_old_one_stays_erased(both):
    both.accepted()
    both.received()
    both.closed()
    erasure_id = both.erasure_approved()
    done = both.kz.keystore.erase(both.case_id, erasure_id)
    more = PersonalData({DataScope.HEALTH: {"allergy": "nuts"}})
    both.kz.did(both.case_id, closing.reopen_case, reason="other")
    with pytest.raises(KeysGone):  # it would be destroyed with the rest
        both.kz.did(both.case_id, access.record_data, data=more)
    facts = {"slots": done.slots, "replicas": done.replicas, "method": done.method}
    both.kz.did(both.case_id, erasure.record_erased, by=SYSTEM, erasure_id=erasure_id, **facts)

    both.kz.did(both.case_id, access.record_data, data=more)
    shown = both.kz.shows(both.case_id)["KZ"]
    assert shown[DataScope.HEALTH].text == b'{"allergy":"nuts"}'
    assert shown[DataScope.IDENTITY].state == "erased"
    assert done == both.kz.keystore.erase(both.case_id, erasure_id)
    assert both.kz.shows(both.case_id)["KZ"] == shown, "nothing of the new record was destroyed"


# ------------------------------------------------------------------------ what others write


def test_what_another_country_writes_keeps_nobody_from_a_record(both):
    """A signed event of which only the stamp can be read is void; the case and its keys go on."""
    both.accepted()
    (handoff,) = (one for one in told(both) if isinstance(one, ReferralAccepted))
    value = encode(next_of(both, handoff))[:-1]
    with pytest.raises(RecordRejected):
        decode(value)
    both.referee.topic.append(("KG", value))
    both.settle()
    both.kz.keystore.prepare(both.case_id, both.handoff_id, preview=False)
    assert states(both.kz.shows(both.case_id), "KZ") == {"open"}


def test_a_void_release_shows_nothing_and_stands_for_no_other(both):
    """KG writes a release under KZ's grant: it is KZ's word that counts."""
    both.accepted()
    grant_id = both.received()
    (release,) = (one for one in told(both) if isinstance(one, KeysReleased))
    both.referee.topic.append(("KG", encode(next_of(both, release))))
    both.settle()
    assert states(both.kg.shows(both.case_id), "KZ") == {"open"}
    assert set(both.kg.shows(both.case_id)) == {"KZ"}
    assert set(both.kg.shows(both.case_id, about=grant_id)) == {"KZ"}


def told(both):
    """Return the shared events of this case."""
    events = [decode(value) for _, value in both.referee.topic if is_whole(value)]
    return [one for one in events if one.case_id == both.case_id]


def is_whole(value):
    try:
        return decode(value) is not None
    except RecordRejected:
        return False


def next_of(both, event):
    """Return an event that KG signs as its next one, saying what another event says."""
    plane = both.kg.case(both.case_id).ahead
    version = plane.versions["KG"] + 1
    return replace(event, event_id=uuid4(), origin="KG", version=version, seen=plane.head)


def test_a_read_is_refused_and_nothing_is_recorded_while_the_keystore_is_away(both):
    both.opened()
    before = both.kz.case(both.case_id).number

    def away(_fields):
        raise ServiceUnavailable("the keystore does not answer", rule="keystore")

    both.kz.keystore.seal = away
    with pytest.raises(ServiceUnavailable):
        both.kz.shows(both.case_id)
    assert both.kz.case(both.case_id).number == before


def test_a_grant_kept_with_other_keys_before_is_not_replaced(both):
    both.accepted()
    grant_id = both.received()
    with pytest.raises(RecordRejected):
        both.kg.keystore._vault.receive(both.case_id, grant_id, [(1, 2, bytes(32))])
