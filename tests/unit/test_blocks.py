"""Blocks: nothing about the child goes to some countries and persons, and nobody sees why (§7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.case import StatusChanged
from events.codes import ConsentGiver, DataScope, NeutralStatus, Purpose
from events.errors import (
    AccessRefused,
    BadInput,
    CodeUnknown,
    DecisionRefused,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongRole,
)
from events.stamp import Actor
from ledger.case import (
    access,
    block,
    care,
    closing,
    consent,
    identity,
    referral,
    transfer,
    withdrawal,
)
from ledger.case.block import require_may_be_ready
from ledger.case.personal import PersonalData
from ledger.commands import kept_of
from ledger.request import Request, decision
from tests.given import CASEWORKER, DUE, SOON, Story, consented, matter, opened, proposed, ready
from tests.reacting import (
    ALL,
    due,
    granted,
    grants,
    handoff,
    reacted,
    referred,
    transferred,
    with_key,
)

WHY = PersonalData({DataScope.PROTECTION: {"cause": "asylum"}})
TERMS: dict[str, Any] = {
    "recipient": "KG", "purpose": Purpose.SERVICE, "scopes": ALL, "expires_on": SOON,
}  # fmt: skip
BORDER = Actor(id="b-1", role="border_officer", organisation="border")


def _block(story: Story, *countries: str, at: str = "KZ", **more: Any) -> UUID:
    """Let a country place a block; return its id."""
    block_id = uuid4()
    story.did(at, block.place_block, countries=countries, block_id=block_id, **more)
    return block_id


def _shared(story: Story) -> list[str]:
    return [type(event).__name__ for event, _ in story.topic]


def _refers(story: Story, basis: UUID, to: str) -> Callable[[], object]:
    return lambda: referred(story, basis, "sent", to=to)


def _proposes(story: Story, basis: UUID, to: str) -> Callable[[], object]:
    return lambda: transferred(story, basis, "proposed", to=to)


@pytest.mark.parametrize(
    ("step", "purpose"),
    [
        pytest.param(_refers, Purpose.SERVICE, id="referral"),
        pytest.param(_proposes, Purpose.TRANSFER, id="transfer"),
    ],
)
def test_nothing_new_goes_to_an_excluded_country_and_to_others_it_does(
    step: Callable[..., Callable[[], object]], purpose: Purpose
) -> None:
    """Refused in order to protect, so the attempt is kept; UZ is none of its business."""
    story = opened("KZ", "KG", "UZ")
    to_kg = granted(story, purpose=purpose)
    to_uz = granted(story, to="UZ", purpose=purpose)
    block_id = _block(story, "KG")

    with pytest.raises(ProtectiveRefusal) as refusal:
        step(story, to_kg, "KG")()
    assert refusal.value.rule == "blocked"
    assert "KG" in str(refusal.value)
    step(story, to_uz, "UZ")()
    if purpose is Purpose.SERVICE:
        story.did("KZ", block.lift_block, block_id=block_id)
        step(story, to_kg, "KG")()


def test_every_excluded_country_is_excluded() -> None:
    """By one block or by several; lifting one leaves the other."""
    story = opened("KZ", "KG", "UZ")
    bases = {to: granted(story, to=to) for to in ("KG", "UZ")}
    both, one = _block(story, "KG", "UZ"), _block(story, "KG")
    story.did("KZ", block.lift_block, block_id=both)

    with pytest.raises(ProtectiveRefusal):
        referred(story, bases["KG"], "sent")
    referred(story, bases["UZ"], "sent", to="UZ")
    story.did("KZ", block.lift_block, block_id=one)
    referred(story, bases["KG"], "sent")


def test_no_data_is_released_to_an_excluded_country() -> None:
    """The referral stands as it was; the service may be given, the record does not leave."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    _block(story, "KG")

    assert due(story) == []
    assert handoff(story, referral_id).state == "received"
    assert grants(story) == []


@pytest.mark.parametrize(
    ("state", "after"),
    [("proposed", "revoked"), ("previewed", "revoked"), ("accepted", "accepted")],
)
def test_an_open_transfer_falls_back_by_one_neutral_event(state: str, after: str) -> None:
    """Only StatusChanged(not_ready), as for every other cause; an accepted one is on hold."""
    story = opened()
    transfer_id = transferred(story, granted(story, purpose=Purpose.TRANSFER), state)
    before = len(story.topic)
    _block(story, "KG", data=WHY)
    (event,) = [event for event, _ in story.topic[before:]]

    assert isinstance(event, StatusChanged)
    assert (event.status, event.sealed) == (NeutralStatus.NOT_READY, ())
    assert handoff(story, transfer_id).state == after
    if state == "accepted":
        with pytest.raises(NotAllowedNow) as refusal:
            story["KG"].decide(transfer.move_responsibility, handoff_id=transfer_id)
        assert refusal.value.rule == "not_ready"


def test_a_second_block_says_nothing_a_second_time() -> None:
    """The case is not ready already; another event would tell that something happened."""
    story = opened()
    transferred(story, granted(story, purpose=Purpose.TRANSFER), "accepted")
    _block(story, "KG")
    before = _shared(story)
    _block(story, "KG")

    assert _shared(story) == before


def test_a_transfer_that_waits_is_not_made_ready_while_a_block_stands_against_it() -> None:
    """Otherwise the child would move to the country that she must not go to."""
    story = opened()
    transferred(story, granted(story, purpose=Purpose.TRANSFER), "accepted")
    block_id = _block(story, "KG")

    with pytest.raises(ProtectiveRefusal) as refusal:
        require_may_be_ready(matter(story["KZ"].case))
    assert refusal.value.rule == "blocked"
    story.did("KZ", block.lift_block, block_id=block_id)
    require_may_be_ready(matter(story["KZ"].case))
    ready(story)


def test_a_block_against_one_country_leaves_a_transfer_to_another_alone() -> None:
    """And no shared event is made."""
    story = opened("KZ", "KG", "UZ")
    transfer_id = transferred(story, granted(story, purpose=Purpose.TRANSFER), "accepted")
    before = _shared(story)
    _block(story, "UZ")

    assert _shared(story) == before
    story.did("KG", transfer.move_responsibility, handoff_id=transfer_id)


@pytest.mark.parametrize("state", ["sent", "received", "accepted", "started"])
def test_a_block_without_an_open_transfer_changes_no_shared_byte(state: str) -> None:
    """Neither placing nor lifting, whatever else is under way; status stays as it was."""
    story = opened()
    ready(story)
    referral_id = referred(story, granted(story), state)
    before = list(story.topic)
    block_id = _block(story, "KG", data=WHY)
    reacted(story)
    story.did("KZ", block.lift_block, block_id=block_id)
    reacted(story)

    assert story.topic == before
    assert handoff(story, referral_id).state == state


def test_lifting_a_block_makes_nothing_ready_again() -> None:
    """Readiness is a deliberate act."""
    story = opened()
    transfer_id = transferred(story, granted(story, purpose=Purpose.TRANSFER), "proposed")
    block_id = _block(story, "KG")
    before = _shared(story)
    story.did("KZ", block.lift_block, block_id=block_id)

    assert _shared(story) == before
    assert story["KG"].settled.identity.status is NeutralStatus.NOT_READY
    assert handoff(story, transfer_id).state == "revoked"


@pytest.mark.parametrize("known", [True, False], ids=["known case", "unknown case"])
@pytest.mark.parametrize("blocked", [True, False], ids=["blocked", "not blocked"])
def test_a_request_is_answered_on_its_due_day_with_or_without_a_block(
    blocked: bool, known: bool
) -> None:
    """Never earlier, and by the same event: how quickly a country says no tells nothing."""
    story = opened() if known else Story()
    if known and blocked:
        _block(story, "KG")
    request = uuid4()
    story.did("KG", transfer.request_transfer, holder="KZ", due_on=SOON, handoff_id=request)
    if not known and blocked:
        _block(story, "KG")
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(transfer.reject_transfer, handoff_id=request, at=DUE - timedelta(days=1))
    assert refusal.value.rule == "due_on"
    story.did("KZ", transfer.reject_transfer, handoff_id=request, at=DUE)

    assert _shared(story) == ["TransferRequested", "TransferRejected"]
    assert handoff(story, request).state == "rejected"


def test_a_country_takes_a_child_over_from_one_that_it_excludes() -> None:
    """A block keeps the child from there; it does not keep her there. Nothing new is said."""
    story = opened()
    transfer_id = transferred(story, granted(story, purpose=Purpose.TRANSFER), "previewed")
    before = len(story.topic)
    _block(story, "KZ", at="KG")
    assert len(story.topic) == before
    story.did("KG", with_key(transfer.accept_transfer), handoff_id=transfer_id)
    story.did("KG", transfer.move_responsibility, handoff_id=transfer_id)

    assert story["KZ"].settled.identity.responsible == "KG"


def test_the_country_that_took_her_over_sends_her_back_to_no_excluded_country() -> None:
    """Its own block, placed before the child came, bites as soon as it answers for her."""
    story = opened()
    transfer_id = transferred(story, granted(story, purpose=Purpose.TRANSFER), "accepted")
    _block(story, "KZ", at="KG")
    story.did("KG", transfer.move_responsibility, handoff_id=transfer_id)
    terms = {"recipient": "KZ", "basis_id": uuid4(), "scopes": ALL, "due_on": SOON}

    for sending in (referral.send_referral, transfer.propose_transfer):
        with pytest.raises(ProtectiveRefusal) as refusal:
            story["KG"].decide(sending, **terms)
        assert refusal.value.rule == "blocked"


def test_a_receiver_answers_a_referral_of_an_excluded_country_as_any_other() -> None:
    """No answer is earlier, later or different; what is refused is a release towards it."""
    story = opened()
    referral_id = referred(story, granted(story), "sent")
    _block(story, "KZ", at="KG")
    story.did("KG", with_key(referral.receive_referral), handoff_id=referral_id)
    story.did("KG", with_key(referral.accept_referral), handoff_id=referral_id)

    assert handoff(story, referral_id).state == "accepted"
    assert due(story, "KG") == []


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({}, BadInput),
        ({"countries": ("KZ",)}, DecisionRefused),
        ({"countries": ("XX",)}, CodeUnknown),
        ({"persons": ("her father",)}, CodeUnknown),
        ({"countries": ("KG",), "by": BORDER}, WrongRole),
        (
            {"countries": ("KG",), "data": PersonalData({DataScope.IDENTITY: {"name": "A"}})},
            BadInput,
        ),
    ],
)
def test_a_block_says_whom_it_keeps_out(more: dict[str, Any], error: type[Exception]) -> None:
    """Another country or a person by pseudonym; why is of scope protection and sealed."""
    with pytest.raises(error):
        opened()["KZ"].decide(block.place_block, **more)


def test_a_supervisor_lifts_a_block_that_stands() -> None:
    """Whoever may place one in a hurry does not take it away in a hurry."""
    story = opened()
    block_id = _block(story, "KG", by=CASEWORKER)

    with pytest.raises(WrongRole):
        story["KZ"].decide(block.lift_block, block_id=block_id, by=CASEWORKER)
    story.did("KZ", block.lift_block, block_id=block_id)
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(block.lift_block, block_id=block_id)
    assert refusal.value.rule == "block_known"


def test_whoever_answers_for_the_case_may_make_it_ready_for_others() -> None:
    """A block against KG leaves the way to UZ open."""
    story = opened("KZ", "KG", "UZ")
    _block(story, "KG")
    basis = granted(story, to="UZ", purpose=Purpose.TRANSFER)
    transfer_id = transferred(story, basis, "accepted", to="UZ")
    require_may_be_ready(matter(story["KZ"].case))
    story.did("KZ", identity.change_status, status=NeutralStatus.READY)

    assert handoff(story, transfer_id).state == "accepted"


def test_no_transfer_to_a_blocked_country_comes_off_its_hold():
    """Ready again, the child could be moved to where the block stands against."""
    story = opened()
    basis = consented(story)
    ready(story)
    handoff = proposed(story, basis)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story.did("KZ", block.place_block, countries=("KG",))

    with pytest.raises(ProtectiveRefusal) as refused:
        ready(story)
    assert refused.value.rule == "blocked"


OUT = Actor(id="uncle-1", role="supervisor", organisation="cps-almaty")
HOUSE = Actor(id="sup-7", role="supervisor", organisation="house-1")


def _keeps_out(story: Story) -> Story:
    story.did("KZ", block.place_block, persons=(OUT.id, HOUSE.organisation))
    return story


@pytest.mark.parametrize("by", [OUT, HOUSE], ids=["person", "house"])
def test_who_is_excluded_decides_nothing_and_is_not_told_why(by: Actor) -> None:
    """Not even to lift the block; told as a wrong role is told, recorded as what it is."""
    story = _keeps_out(opened())
    block_id = next(iter(story["KZ"].national.care.blocks))
    tries: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (identity.change_status, {"status": NeutralStatus.READY}),
        (care.appoint_guardian, {}),
        (consent.grant_consent, {**TERMS, "given_by": ConsentGiver.UNKNOWN}),
        (block.lift_block, {"block_id": block_id}),
    ]
    for take, words in tries:
        with pytest.raises(AccessRefused) as refusal:
            story["KZ"].decide(take, by=by, **words)
        assert str(refusal.value) == "a supervisor does not decide this"
        assert (refusal.value.rule, refusal.value.recorded_as) == ("role", "excluded")
        story.did("KZ", take, **words)


@pytest.mark.parametrize("by", [OUT, HOUSE], ids=["person", "house"])
def test_what_else_forbids_it_is_not_told_to_who_is_excluded(by: Actor) -> None:
    """That a block stands against a country, that an erasure is open, whom the child refused."""
    story = _keeps_out(opened())
    _block(story, "KG")
    basis = granted(story)
    sent = {"recipient": "KG", "basis_id": basis, "scopes": ALL, "due_on": SOON}
    tries: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (referral.send_referral, sent),
        (closing.close_case, {}),
        (block.lift_block, {"block_id": uuid4()}),
    ]
    for take, words in tries:
        with pytest.raises(DecisionRefused):
            story["KZ"].decide(take, **words)
        with pytest.raises(AccessRefused) as refusal:
            story["KZ"].decide(take, by=by, **words)
        assert str(refusal.value) == "a supervisor does not decide this"


def test_what_is_refused_to_an_excluded_person_is_kept_with_its_true_rule() -> None:
    """By whoever asks for the decision; the person may be recorded, and decides nothing."""
    story = _keeps_out(opened())
    kept = {"decision": "lift_block", "rule": "excluded"}
    story.did("KZ", care.record_refusal, by=OUT, **kept)
    request = Request(by=OUT, decisions=(decision(care.appoint_guardian),), case_id=story.case_id)
    refusal = AccessRefused(
        "a supervisor does not decide this", rule="role", recorded_as="excluded"
    )

    assert kept_of(request, refusal).arguments == {
        "decision": "appoint_guardian", "rule": "excluded",
    }  # fmt: skip
    looks = decision(access.access_data, scopes=ALL, purpose=Purpose.SERVICE)
    assert kept_of(replace(request, decisions=(looks,)), refusal).arguments == {
        "scopes": ALL, "purpose": Purpose.SERVICE, "rule": "excluded",
    }  # fmt: skip


def test_a_program_goes_on_in_a_house_that_is_excluded() -> None:
    """It has to stop what has to stop; by its own name it is excluded as anybody is."""
    story = _keeps_out(opened())
    program = Actor(id="reactor", role="system", organisation=HOUSE.organisation)
    story.did("KZ", care.seek_own_consent, by=program)

    with pytest.raises(AccessRefused):
        story["KZ"].decide(care.seek_own_consent, by=replace(program, id=OUT.id))


@pytest.mark.parametrize("by", [OUT, HOUSE], ids=["person", "house"])
@pytest.mark.parametrize(("upheld", "ends"), [(True, True), (False, False)])
@pytest.mark.parametrize("refuses", [True, False], ids=["refusal", "withdrawal"])
def test_what_an_excluded_person_records_of_a_withdrawal_is_reviewed(
    refuses: bool, upheld: bool, ends: bool, by: Actor
) -> None:
    """Whoever's word he says it is: it ends nothing before somebody else has looked at it."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "accepted")
    _keeps_out(story)
    child = {"given_by": ConsentGiver.CHILD, "by": by}
    if refuses:
        story.did("KZ", withdrawal.refuse_consent, recipient="KG", scopes=ALL[:1], **child)
    else:
        story.did("KZ", withdrawal.withdraw_consent, consent_id=basis, **child)

    assert story["KZ"].national.care.withdrawals_asked[basis].why == "excluded_person"
    assert reacted(story) == []
    with pytest.raises(AccessRefused):
        story["KZ"].decide(withdrawal.review_withdrawal, consent_id=basis, upheld=False, by=by)
    story.did("KZ", withdrawal.review_withdrawal, consent_id=basis, upheld=upheld)
    reacted(story)
    assert (handoff(story, referral_id).state, bool(due(story))) == ("accepted", False)
    assert ({one.state for one in grants(story)} == {"stopped"}) is ends


def test_a_refusal_of_what_nobody_permitted_is_kept_and_reviewed_too() -> None:
    """Said by an excluded person, it blocks nothing; the review closes it."""
    story = _keeps_out(opened())
    refused = uuid4()
    story.did(
        "KZ", withdrawal.refuse_consent, recipient="KG", scopes=ALL, consent_id=refused, by=OUT
    )

    assert set(story["KZ"].national.care.withdrawals_asked) == {refused}
    granted(story)
    story.did("KZ", withdrawal.review_withdrawal, consent_id=refused, upheld=True)
    assert story["KZ"].national.care.withdrawals_asked == {}


def test_what_waits_for_a_review_names_nobody() -> None:
    """A name where a pseudonym belongs is refused here, too."""
    story = opened()
    basis = granted(story)
    _keeps_out(story)

    with pytest.raises(CodeUnknown):
        story["KZ"].decide(
            withdrawal.withdraw_consent, consent_id=basis, by=OUT,
            given_by=ConsentGiver.CAREGIVER, giver="Aigul Bekova",
        )  # fmt: skip


@pytest.mark.parametrize("role", ["border_officer", "guardian", "provider"])
def test_who_is_not_in_charge_learns_of_no_block_by_trying(role: str) -> None:
    """The same words whether one stands or not, and before anything of the case is looked at."""
    by = Actor(id="a-1", role=role, organisation="office-1")
    sent = {"recipient": "KG", "basis_id": uuid4(), "scopes": ALL, "due_on": SOON}
    said = []
    for blocked in (False, True):
        story = opened()
        if blocked:
            _block(story, "KG")
        for take, words in (
            (referral.send_referral, sent),
            (transfer.propose_transfer, sent),
            (identity.change_status, {"status": NeutralStatus.READY}),
        ):
            with pytest.raises(WrongRole) as refusal:
                story["KZ"].decide(take, by=by, **words)
            said.append(str(refusal.value))

    assert said[:3] == said[3:]
