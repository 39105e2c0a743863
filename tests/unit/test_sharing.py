"""What is due, what has to stop, and with which keys: the rules that reactor and keystore ask."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID, uuid4

import pytest

from events.codes import (
    AgeBand,
    Assent,
    ConsentGiver,
    DataScope,
    NeutralStatus,
    Purpose,
    RetentionGround,
)
from events.data import KeysReleased, ReleaseStopped
from events.errors import BasisMissing, NotAllowedNow, ProtectiveRefusal
from events.referral import ReferralAccepted
from ledger.case import (
    block,
    closing,
    consent,
    data,
    identity,
    referral,
    transfer,
    withdrawal,
)
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.plane import VoidReason
from ledger.case.sharing import due_of, may_leave, permitted_bases, releases_due, spent_epoch, stops
from tests.given import CASEWORKER, CLOSING, NOON, SOON, Story, consented, opened, sent
from tests.reacting import (
    ALL,
    PREVIEW,
    REST,
    Decision,
    due,
    granted,
    grants,
    handoff,
    react,
    reacted,
    referred,
    release,
    states,
    transferred,
    with_key,
)

TODAY = NOON.date()
DUTY = {"legal_duty": True}
IDENTITY, HEALTH = REST


def _withdraw(story: Story, basis: UUID, country: str = "KZ") -> None:
    who = {"given_by": ConsentGiver.CHILD}
    story.did(country, withdrawal.withdraw_consent, consent_id=basis, **who)


def _refuse(story: Story, *scopes: DataScope) -> None:
    story.did("KZ", withdrawal.refuse_consent, recipient="KG", scopes=scopes)


def _three() -> tuple[Story, UUID, UUID]:
    """A case shared with two countries at once, each on a consent of its own."""
    story = opened("KZ", "KG", "UZ")
    one, other = granted(story), granted(story, to="UZ")
    referred(story, one, "started")
    referred(story, other, "started", to="UZ")
    return story, one, other


def _open_epochs(story: Story, recipient: str) -> set[int]:
    return {
        one.epoch
        for one in grants(story)
        if one.recipient == recipient and one.state == "released" and not one.is_preview
    }


def test_data_goes_in_two_steps() -> None:
    """The preview after receipt, the rest after acceptance, each with its own key."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "sent")
    assert due(story) == []
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    assert [one.scopes for one in due(story)] == [PREVIEW]
    react(story, "KZ")
    assert due(story) == []  # it waits for its place, and is not made twice
    story.settle()
    story.did("KG", with_key(referral.accept_referral), handoff_id=referral_id)
    assert [one.scopes for one in due(story)] == [REST]
    assert due(story, "KG") == []


def test_an_answer_without_a_key_asks_for_no_data() -> None:
    """Where there is no keystore there is nothing to open it with."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    story.did("KG", referral.receive_referral, handoff_id=referral_id)
    story.did("KG", referral.accept_referral, handoff_id=referral_id)

    assert due(story) == []


def test_an_acceptance_that_is_only_decided_opens_nothing() -> None:
    """Pending is not done (design §3.5): the key has to stand on the topic, and be effective."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    story["KG"].decide(with_key(referral.receive_referral), handoff_id=referral_id)
    story.publish("KG")

    assert due(story) == []
    story.deliver("KZ")
    assert [one.scopes for one in due(story)] == [PREVIEW]


@pytest.mark.parametrize("scopes", [PREVIEW, REST], ids=["only the preview", "no preview"])
def test_a_handoff_gets_what_it_is_about_and_nothing_else(scopes: tuple[DataScope, ...]) -> None:
    """A step with nothing in it is not made."""
    story = opened()
    referral_id = referred(story, granted(story), "accepted", scopes=scopes)

    assert [one.scopes for one in grants(story, referral_id)] == [scopes]
    assert reacted(story) == []


def test_what_this_country_has_decided_forbids_before_the_topic_says_so() -> None:
    """Each of these counts while it still waits for its place."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    story["KZ"].decide(withdrawal.withdraw_consent, consent_id=basis)
    assert due(story) == []

    again = opened()
    referral_id = referred(again, granted(again), "sent")
    again.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    again["KZ"].decide(referral.revoke_referral, handoff_id=referral_id)
    assert due(again) == []


def test_a_permission_holds_through_its_last_day_and_not_a_minute_longer() -> None:
    """Days are UTC days; the day of the decision counts, for everybody alike."""
    story = opened()
    last = TODAY + timedelta(days=3)
    referral_id = referred(story, granted(story, expires_on=last), "accepted")
    last_minute = datetime.combine(last, time(23, 59, 59), NOON.tzinfo)
    midnight = last_minute + timedelta(seconds=1)

    assert reacted(story, last_minute) == []
    assert [type(one).__name__ for one in reacted(story, midnight)] == ["ReleaseStopped"]
    assert states(story, referral_id) == ["stopped", "stopped"]


def test_a_release_on_the_last_day_is_in_force_when_it_is_read_the_day_after() -> None:
    """Judged by when it was decided, never by a clock of the reader's."""
    story = opened()
    referral_id = referred(story, granted(story, expires_on=TODAY), "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    (made,) = react(story, "KZ", datetime.combine(TODAY, time(23, 59), NOON.tzinfo))
    tomorrow = NOON + timedelta(days=1)
    assert react(story, "KZ", tomorrow) != []  # stopped before it has its place
    story.settle()

    assert story.verdict(made).effective
    assert states(story, referral_id) == ["stopped"]
    assert reacted(story, tomorrow) == []


def test_who_may_go_on_notices_nothing_when_others_are_stopped() -> None:
    """Every release has keys of its own, so nobody needs new ones because of another."""
    story, one, _ = _three()
    kept = _open_epochs(story, "UZ")
    _withdraw(story, one)
    made = [type(event).__name__ for event in reacted(story)]

    assert made == ["ReleaseStopped"]
    assert _open_epochs(story, "KG") == set()
    assert _open_epochs(story, "UZ") == kept
    assert not any(grant.state == "stopped" for grant in grants(story) if grant.recipient == "UZ")


def test_no_two_releases_have_the_same_epoch() -> None:
    """Otherwise who was given the keys of one could open what was put in boxes for another."""
    story, one, _ = _three()
    _withdraw(story, one)
    reacted(story)
    referred(story, granted(story), "accepted")
    epochs = [grant.epoch for grant in grants(story)]

    assert epochs == sorted(set(epochs))
    assert spent_epoch(story["KZ"].case) == epochs[-1]


def test_two_handoffs_on_one_basis_both_stop_and_each_is_asked_for_anew() -> None:
    """A new consent says which of them it is for; the next one is for the other."""
    story = opened()
    basis = granted(story)
    first, second = referred(story, basis, "accepted"), referred(story, basis, "started")
    _withdraw(story, basis)
    assert len(reacted(story)) == 2
    bases = []
    for _ in range(2):
        bases.append(granted(story, by=ConsentGiver.CHILD))
        reacted(story)

    for handoff_id, again in zip((first, second), bases, strict=True):
        rest = [one for one in grants(story, handoff_id) if one.state == "released"]
        assert {one.basis_id for one in rest} == {again}


def test_a_completed_referral_is_shared_no_longer_and_the_other_one_goes_on() -> None:
    """Its end is the end of its purpose, and of nothing else on the same basis."""
    story = opened()
    basis = granted(story)
    first, second = referred(story, basis, "started"), referred(story, basis, "started")
    story.did("KG", referral.complete_referral, handoff_id=first, outcome="fulfilled")
    reacted(story)

    assert set(states(story, first)) == {"stopped"}
    assert states(story, second) == ["released", "released"]


def test_a_refused_scope_stops_everything_that_rests_on_it() -> None:
    """The grant was of both; what remains is asked for anew, with keys that open only that."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _refuse(story, HEALTH)
    reacted(story)

    assert states(story, referral_id) == ["stopped", "stopped"]
    assert handoff(story, referral_id).state == "accepted"
    assert due(story) == []


def test_a_basis_that_covers_only_the_preview_gives_only_the_preview() -> None:
    """The rest waits for a basis of its own."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    _refuse(story, *REST)

    assert [one.scopes for one in due(story)] == [PREVIEW]
    reacted(story)
    assert states(story, referral_id) == ["released"]


@pytest.mark.parametrize("when", ["before the stop", "after the stop"])
def test_a_claim_keeps_what_was_given_and_ends_no_stop(when: str) -> None:
    """Who claims at once what he has just been given is stopped all the same."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    claim = {"ground": RetentionGround.MANDATE, "until": SOON}
    if when == "after the stop":
        _withdraw(story, basis)
        reacted(story)
    for grant_id in story["KG"].settled.releases:
        story.did("KG", data.claim_retention, grant_id=grant_id, **claim)
    if when == "before the stop":
        assert states(story, referral_id) == ["released", "released"]
        _withdraw(story, basis)
        assert [type(one).__name__ for one in reacted(story)] == ["ReleaseStopped"]

    assert states(story, referral_id) == ["claimed", "claimed"]
    assert {one.ground for one in grants(story)} == {RetentionGround.MANDATE}
    assert spent_epoch(story["KZ"].case) == 2


def test_keys_said_to_be_destroyed_are_not_given_again_and_not_believed_in() -> None:
    """Nothing is due again and again; and when the basis ends, an epoch ends with it."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    for grant_id in story["KG"].settled.releases:
        story.did("KG", data.destroy_keys, grant_id=grant_id)
    assert reacted(story) == []
    _withdraw(story, basis)

    assert [type(one).__name__ for one in reacted(story)] == ["ReleaseStopped"]
    assert states(story, referral_id) == ["destroyed", "destroyed"]
    assert story["KG"].settled.stopped_epochs == {"KZ": 2}


@pytest.mark.parametrize("destroyed", [1, 2])
def test_stops_that_one_look_asks_for_do_not_refuse_each_other(destroyed: int) -> None:
    """Two handoffs on one basis, and keys said to be destroyed: the last epoch ends, and once."""
    story = opened()
    basis = granted(story)
    referrals = [referred(story, basis, "accepted") for _ in range(2)]
    for grant_id, grant in story["KG"].settled.releases.items():
        if grant.handoff_id in referrals[:destroyed]:
            story.did("KG", data.destroy_keys, grant_id=grant_id)
    _withdraw(story, basis)
    made = reacted(story)

    assert [type(one).__name__ for one in made] == ["ReleaseStopped"] * destroyed
    assert set(states(story, referrals[0])) == {"destroyed"}
    assert story["KG"].settled.stopped_epochs == {"KZ": 4}


def _says_stopped(_matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    return (Draft(ReleaseStopped, {"handoff_id": handoff_id, "epoch": 9}),)


def test_only_who_released_can_stop() -> None:
    """A recipient that says so would be shown as cut off, and keep keys that open what comes."""
    story, _, _ = _three()
    for handoff_id in {grant.handoff_id for grant in grants(story)}:
        for country in ("KG", "UZ"):
            story[country].decide(_says_stopped, handoff_id=handoff_id)
            story.settle()

    assert {grant.state for grant in grants(story)} == {"released"}
    assert "KZ" not in story["KG"].settled.stopped_epochs
    assert reacted(story) == []


def _accepts_on(matter: Matter, /, *, handoff_id: UUID, basis_id: UUID) -> Drafts:
    return referral.answer(
        matter, ReferralAccepted, handoff_id, basis_id=basis_id, grant_key=bytes(32)
    )


def test_an_answer_that_rests_on_a_consent_to_something_else_gets_no_data() -> None:
    """A node without guards can make the fold believe so; the sender knows what it was for."""
    story = opened()
    service = granted(story)
    referral_id = referred(story, service, "received")
    research = granted(story, purpose=Purpose.RESEARCH)
    _withdraw(story, service)
    (answer,) = story["KG"].decide(_accepts_on, handoff_id=referral_id, basis_id=research)
    story.settle()

    assert story.verdict(answer).effective
    assert [type(one).__name__ for one in reacted(story)] == ["ReleaseStopped"]
    assert due(story) == []


def test_a_transfer_on_hold_gets_nothing_new_whatever_the_reason() -> None:
    """Accepted and then not ready: otherwise keys that do not come would tell of a block."""
    story = opened()
    basis = granted(story, purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, "previewed")
    story.did("KG", with_key(transfer.accept_transfer), handoff_id=transfer_id)
    assert [one.scopes for one in due(story)] == [REST]
    story.did("KZ", identity.change_status, status=NeutralStatus.NOT_READY)
    assert due(story) == []
    story.did("KZ", identity.change_status, status=NeutralStatus.READY)

    assert [one.scopes for one in due(story)] == [REST]


def test_a_release_is_recorded_as_it_was_judged_or_not_at_all() -> None:
    """Between the keystore and the record somebody may have decided."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    (what,) = due(story)

    for other in ({"basis_id": uuid4()}, {"scopes": ALL}, {"handoff_id": uuid4()}):
        with pytest.raises(BasisMissing):
            release(story, "KZ", what, **other)
    with pytest.raises(NotAllowedNow) as refusal:
        release(story, "KZ", what, epoch=0)
    assert refusal.value.rule == "stale_epoch"
    release(story, "KZ", what)
    with pytest.raises(NotAllowedNow) as refusal:
        release(story, "KZ", what)
    assert refusal.value.rule == "release_made"
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(data.stop_release, handoff_id=referral_id)
    assert refusal.value.rule == "stop_due"


def test_a_void_release_is_due_again() -> None:
    """What has no effect was not made; decided anew with what is known now, it goes."""
    story = opened("KZ", "KG", "UZ")
    first, second = granted(story), granted(story)
    referred(story, second, "sent")
    referral_id = referred(story, first, "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    story["KG"].decide(withdrawal.withdraw_consent, consent_id=second)
    (made,) = react(story, "KZ")
    story.publish("KG")
    story.settle()
    assert story.verdict(made).void is VoidReason.UNSEEN_PROTECTION

    assert [type(one) for one in reacted(story)] == [KeysReleased]
    assert states(story, referral_id) == ["released"]


def test_a_block_lets_no_release_out_and_changes_no_number_that_others_see() -> None:
    """Nothing is stopped aloud, and who else is given data gets what would come next anyway."""
    worlds = []
    for blocked in (True, False):
        story, _, _ = _three()
        if blocked:
            story.did("KZ", block.place_block, countries=("KG",))
        assert reacted(story) == []
        to_uz = referred(story, granted(story, to="UZ"), "received", to="UZ")
        worlds.append([one.epoch for one in grants(story, to_uz)])

    assert worlds[0] == worlds[1] != []


def test_when_a_block_is_lifted_what_was_given_still_stands() -> None:
    """Nothing was taken back, so nothing is given again."""
    story, _, _ = _three()
    open_before, block_id = _open_epochs(story, "KG"), uuid4()
    story.did("KZ", block.place_block, countries=("KG",), block_id=block_id)
    referred(story, granted(story, to="UZ"), "received", to="UZ")
    story.did("KZ", block.lift_block, block_id=block_id)

    assert reacted(story) == []
    assert _open_epochs(story, "KG") == open_before


def test_a_release_may_rest_on_any_basis_that_permits_it() -> None:
    """The keystore may know that the first one has ended by age before anybody has said so."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    first = handoff(story, referral_id).basis_id
    case = story["KZ"].case
    assert first is not None
    assert due_of(case, referral_id, TODAY, preview=True) is None
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    case = story["KZ"].case
    (what,) = permitted_bases(case, referral_id, TODAY, preview=True)

    assert what == due_of(case, referral_id, TODAY, preview=True)
    assert due_of(case, referral_id, TODAY, preview=True, without=frozenset({first})) is None


def test_a_closed_case_releases_nothing() -> None:
    """Also while its closure still waits for its place."""
    story = opened()
    referral_id = referred(story, granted(story), "completed")
    reacted(story)
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    story["KZ"].decide(closing.close_case)

    case = story["KZ"].case
    assert list(releases_due(case, TODAY)) == []
    assert stops(case, TODAY) == {}
    assert due_of(case, referral_id, TODAY, preview=False) is None


def test_a_consent_of_an_unknown_giver_lets_care_go_on_and_opens_no_data():
    """Who gave it decides who may take it back: until that is known nothing is released."""
    story = opened()
    basis = consented(story, purpose=Purpose.SERVICE)
    handoff = sent(story, basis)
    story.did("KG", with_key(referral.receive_referral), handoff_id=handoff)
    story.did("KG", with_key(referral.accept_referral), handoff_id=handoff)

    assert story["KZ"].settled.referrals[handoff].state == "accepted"
    assert list(releases_due(story["KZ"].case, NOON.date())) == []


def test_an_override_without_a_reason_lets_care_go_on_and_opens_no_data() -> None:
    """Release without consent has to say why; that the law demands it is said by its kind."""
    for words, opens in (({}, False), ({"reason": "court_order"}, True), (DUTY, True)):
        story, override_id = opened(), uuid4()
        story.did(
            "KZ", consent.approve_override, recipient="KG", purpose=Purpose.SERVICE, scopes=ALL,
            expires_on=SOON, requested_by="cw-1", override_id=override_id, **words,
        )  # fmt: skip
        handoff_id = referred(story, override_id, "accepted")

        assert story["KZ"].settled.referrals[handoff_id].state == "accepted"
        assert bool(grants(story, handoff_id)) is opens


def _crossed(hide: Decision, **arguments: object) -> tuple[Story, UUID]:
    """A country accepts a child and moves, while KZ says, not knowing of it, that it must not."""
    story = opened("KZ", "KG")
    basis = granted(story, purpose=Purpose.TRANSFER)
    handoff_id = transferred(story, basis, "previewed")
    story["KG"].decide(with_key(transfer.accept_transfer), handoff_id=handoff_id)
    story["KG"].decide(transfer.move_responsibility, handoff_id=handoff_id)
    story.publish("KG", 2)
    story["KZ"].decide(hide, **arguments)
    story.settle()
    return story, handoff_id


@pytest.mark.parametrize(
    ("hide", "arguments"),
    [
        (identity.change_status, {"status": NeutralStatus.NOT_READY}),
        (block.place_block, {"countries": ("KG",)}),
    ],
    ids=["not ready", "block"],
)
def test_whoever_moved_against_a_word_gets_nothing_more(
    hide: Decision, arguments: dict[str, object]
) -> None:
    """The move stands. What is kept back tells nothing of why: an illness does it, too."""
    story, handoff_id = _crossed(hide, **arguments)

    assert story["KG"].settled.identity.responsible == "KG"
    assert handoff(story, handoff_id).state == "moved"
    assert due(story) == []
    assert [one.scopes for one in grants(story, handoff_id)] == [PREVIEW]


def test_a_sender_gives_the_rest_once_a_supervisor_has_decided_anew() -> None:
    """A permission that is given for this transfer now, by nobody less than a supervisor."""
    story, handoff_id = _crossed(identity.change_status, status=NeutralStatus.NOT_READY)
    permission = {
        "recipient": "KG",
        "purpose": Purpose.TRANSFER,
        "scopes": ALL,
        "expires_on": SOON,
        "given_by": ConsentGiver.CAREGIVER,
        "giver": "aunt-1",
        "age_band": AgeBand.FROM_12_TO_14,
        "assent": Assent.WRITTEN,
    }
    with pytest.raises(ProtectiveRefusal, match="on hold"):
        story["KZ"].decide(consent.grant_consent, by=CASEWORKER, **permission)
    story.did("KZ", consent.grant_consent, **permission)

    assert [one.scopes for one in due(story)] == [REST]
    assert not handoff(story, handoff_id).held


def test_keys_on_their_way_stay_where_they_are_when_a_move_crossed_a_word() -> None:
    """Released before, and not sent yet: after the handover is complete they stay, too."""
    story = opened("KZ", "KG")
    basis = granted(story, purpose=Purpose.TRANSFER)
    handoff_id = transferred(story, basis, "accepted")
    (rest,) = [one for one in story["KZ"].settled.releases.items() if not one[1].is_preview]
    story["KG"].decide(transfer.move_responsibility, handoff_id=handoff_id)
    story["KG"].decide(transfer.complete_handover, handoff_id=handoff_id)
    story.publish("KG", 2)
    assert may_leave(story["KZ"].case, rest[0], TODAY)
    story["KZ"].decide(identity.change_status, status=NeutralStatus.NOT_READY)
    story.settle()

    assert handoff(story, handoff_id).state == "completed"
    assert not may_leave(story["KZ"].case, rest[0], TODAY)
