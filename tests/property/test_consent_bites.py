"""Consent, release, withdrawal, override and erasure in every interleaving of three countries.

Each country's reactor and keystore are played by the rules that the real ones ask
(`ledger.case.sharing`); what is late, early or crosses is up to hypothesis. The relay and the
topic are the list of `tests/given.py`: every own event gets its place in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import AgeBand, Assent, ConsentGiver, Outcome, Purpose, RetentionGround
from events.consent import ConsentRefused, ConsentWithdrawn, OverrideEnded
from events.data import KeysReleased, ReleaseStopped
from events.errors import BadInput, DecisionRefused
from events.stamp import Event
from ledger.case import (
    block,
    closing,
    consent,
    data,
    erasure,
    identity,
    referral,
    transfer,
    withdrawal,
)
from ledger.case.encoding import state_hash
from ledger.case.erasure import OVERWRITTEN, holds_on, require_erasable
from ledger.case.fold import fold
from ledger.case.plane import Plane, empty
from ledger.case.sharing import releases_due, stops
from tests.given import CASEWORKER, CLOSING, NOON, Story, opened
from tests.reacting import (
    ALL,
    DPO,
    PREVIEW,
    REST,
    SYSTEM,
    granted,
    react,
    referred,
    transferred,
    with_key,
)

COUNTRIES = ("KZ", "KG", "UZ")
DUE_ON = NOON.date() + timedelta(days=30)
LAST = NOON.date() + timedelta(days=2)
AUNT: Mapping[str, Any] = {
    "given_by": ConsentGiver.CAREGIVER, "giver": "aunt-1",
    "age_band": AgeBand.FROM_12_TO_14, "assent": Assent.WRITTEN,
}  # fmt: skip
CHILD: Mapping[str, Any] = {
    "given_by": ConsentGiver.CHILD,
    "age_band": AgeBand.FROM_12_TO_14, "assent": Assent.WRITTEN,
}  # fmt: skip
TERMS: Mapping[str, Any] = {"scopes": ALL, "expires_on": DUE_ON}
FOR_SERVICE = {**TERMS, "purpose": Purpose.SERVICE}
FOR_TRANSFER = {**TERMS, "purpose": Purpose.TRANSFER}
HANDOFF: Mapping[str, Any] = {"scopes": ALL, "due_on": DUE_ON}
CLAIM = {"ground": RetentionGround.MANDATE, "until": DUE_ON}

#: A decision, what it is about, and fixed arguments.
Choice = tuple[Callable[..., Any], str, Mapping[str, Any]]
CHOICES: tuple[Choice, ...] = (
    (consent.grant_consent, "recipient", {**FOR_SERVICE, **AUNT}),
    (consent.grant_consent, "recipient", {**FOR_SERVICE, **CHILD}),
    (consent.grant_consent, "recipient", {**FOR_SERVICE, **CHILD, "expires_on": LAST}),
    (consent.grant_consent, "recipient", {**FOR_TRANSFER, **CHILD}),
    (consent.approve_override, "recipient",
     {**FOR_SERVICE, "requested_by": "cw-9", "reason": "court_order"}),
    (consent.end_override, "override_id", {}),
    (withdrawal.withdraw_consent, "consent_id", {"given_by": ConsentGiver.CHILD}),
    (withdrawal.withdraw_consent, "consent_id",
     {"given_by": ConsentGiver.CAREGIVER, "giver": "aunt-1"}),
    (withdrawal.review_withdrawal, "consent_id", {"upheld": True}),
    (withdrawal.refuse_consent, "recipient", {"scopes": PREVIEW}),
    (withdrawal.refuse_consent, "recipient", {"scopes": REST[:1]}),
    (withdrawal.forgo_data, "handoff_id", {}),
    (identity.change_status, "", {"status": "ready"}),
    (identity.change_status, "", {"status": "not_ready"}),
    (referral.send_referral, "recipient basis_id", HANDOFF),
    (referral.send_referral, "recipient basis_id", {**HANDOFF, "scopes": PREVIEW}),
    (with_key(referral.receive_referral), "handoff_id", {}),
    (with_key(referral.receive_referral), "handoff_id", {}),
    (with_key(referral.accept_referral), "handoff_id", {}),
    (with_key(referral.accept_referral), "handoff_id", {}),
    (with_key(referral.accept_referral), "handoff_id basis_id", {}),
    (referral.start_referral, "handoff_id", {}),
    (referral.complete_referral, "handoff_id", {"outcome": Outcome.FULFILLED}),
    (referral.revoke_referral, "handoff_id", {}),
    (transfer.propose_transfer, "recipient basis_id", HANDOFF),
    (with_key(transfer.preview_transfer), "handoff_id", {}),
    (with_key(transfer.accept_transfer), "handoff_id", {}),
    (transfer.move_responsibility, "handoff_id", {}),
    (transfer.complete_handover, "handoff_id", {}),
    (data.destroy_keys, "grant_id", {}),
    (data.claim_retention, "grant_id", CLAIM),
    (block.place_block, "countries", {}),
    (block.lift_block, "block_id", {}),
)  # fmt: skip
#: What happens to a case whose work is done.
ENDING: tuple[Choice, ...] = (
    (closing.request_closure, "", {"by": CASEWORKER, **CLOSING}),
    (closing.close_case, "", {}),
    (closing.close_case, "", {}),
    (closing.reopen_case, "", {"reason": "other"}),
    (erasure.place_hold, "", {"until": LAST}),
    (erasure.end_hold, "hold_id", {}),
    (erasure.request_erasure, "", {}),
    (erasure.approve_erasure, "erasure_id", {"by": DPO}),
    (erasure.approve_erasure, "erasure_id", {"by": DPO}),
    (erasure.approve_erasure, "erasure_id", {"by": DPO}),
    (withdrawal.withdraw_consent, "consent_id", {"given_by": ConsentGiver.CHILD}),
    (data.claim_retention, "grant_id", CLAIM),
    (referral.send_referral, "recipient basis_id", HANDOFF),
    (with_key(referral.receive_referral), "handoff_id", {}),
    (referral.revoke_referral, "handoff_id", {}),
)  # fmt: skip

Actions = list[tuple[Any, ...]]
decided = st.tuples(st.just("decide"), st.sampled_from(COUNTRIES), st.integers(0, 2**32))
published = st.tuples(st.just("publish"), st.sampled_from(COUNTRIES), st.integers(1, 3))
delivered = st.tuples(st.just("deliver"), st.sampled_from(COUNTRIES), st.integers(1, 4))
reacts = st.tuples(st.just("react"), st.sampled_from(COUNTRIES))
nights = st.tuples(st.just("night"))
plays = st.lists(
    decided | decided | decided | published | delivered | delivered | reacts | nights,
    min_size=20,
    max_size=60,
)


@dataclass
class Run:
    """A story, its clock, and what was seen while it was played."""

    story: Story
    choices: tuple[Choice, ...] = CHOICES
    at: datetime = NOON
    #: What was erased, and the state of the case at that moment.
    erased: list[tuple[str, bool, bool]] = field(default_factory=list)

    def arguments(self, country: str, choice: Choice) -> Iterator[dict[str, Any]]:
        """Every way to fill a decision in with what this country knows."""
        _, about, fixed = choice
        case = self.story[country].case
        bases = [*case.ahead.consents, *case.national.consents]
        of_care = case.national.care
        known: Mapping[str, list[Any]] = {
            "recipient": list(COUNTRIES),
            "countries": [(other,) for other in COUNTRIES if other != country],
            "consent_id": bases,
            "override_id": bases,
            "basis_id": bases,
            "handoff_id": [*case.ahead.referrals, *case.ahead.transfers],
            "grant_id": list(case.ahead.releases),
            "block_id": list(of_care.blocks),
            "erasure_id": list(of_care.erasures),
            "hold_id": list(of_care.holds),
        }
        names = about.split()
        if not names:
            yield dict(fixed)
        elif len(names) == 1:
            yield from ({**fixed, names[0]: value} for value in known[names[0]])
        else:
            one, two = (known[name] for name in names)
            yield from ({**fixed, names[0]: a, names[1]: b} for a in one for b in two)

    def decide(self, country: str, luck: int) -> None:
        """Let a country try some decisions, until its own view allows one; it may allow none."""
        chance = Random(luck)
        for choice in chance.sample(self.choices, min(12, len(self.choices))):
            options = list(self.arguments(country, choice))
            for arguments in chance.sample(options, min(2, len(options))):
                with suppress(DecisionRefused, BadInput):  # a last day may be over
                    self.story[country].decide(choice[0], at=self.at, **arguments)
                    return

    def react(self, country: str) -> list[Event]:
        """Let a country's reactor run: stop, release, erase."""
        made = react(self.story, country, self.at)
        node = self.story[country]
        for erasure_id, one in node.case.national.care.erasures.items():
            if one.state != "approved":
                continue
            with suppress(DecisionRefused):
                require_erasable(node.case, self.at.date())
                self._erase(country, erasure_id)
        return made

    def _erase(self, country: str, erasure_id: UUID) -> None:
        node, on = self.story[country], self.at.date()
        settled_open = node.settled.identity.state == "open"
        self.erased.append((country, settled_open, bool(holds_on(node.national, on))))
        done = {"slots": 1, "replicas": 2, "method": OVERWRITTEN, "by": SYSTEM, "at": self.at}
        node.decide(erasure.record_erased, erasure_id=erasure_id, **done)
        attest = {"keys": (), "backups_expire_on": on, "by": SYSTEM, "at": self.at}
        node.decide(data.attest_erasure, erasure_id=erasure_id, **attest)


def begun() -> Run:
    """A case shared with two countries, so that little luck is needed to meet a race."""
    story = opened(*COUNTRIES)
    service, other = granted(story), granted(story, to="UZ")
    referred(story, service, "accepted")
    referred(story, service, "received")
    referred(story, other, "started", to="UZ")
    moving = granted(story, purpose=Purpose.TRANSFER)
    transferred(story, moving, "accepted")
    return Run(story)


def ending() -> Run:
    """A case whose only referral is completed; what was given for it is still held."""
    story = opened(*COUNTRIES)
    referred(story, granted(story), "completed")
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    return Run(story, ENDING)


def _step(run: Run, action: tuple[Any, ...]) -> None:
    match action:
        case ("decide", country, luck):
            run.decide(country, luck)
        case ("publish", country, count):
            run.story.publish(country, count)
        case ("deliver", country, count):
            run.story.deliver(country, count)
        case ("react", country):
            run.react(country)
        case _:
            run.at += timedelta(days=1)


def _play(actions: Actions, begin: Callable[[], Run]) -> Run:
    run = begin()
    for action in actions:
        _step(run, action)
    run.story.settle()
    return run


def _places(story: Story) -> Iterator[tuple[Plane, Event, Plane, bool]]:
    """Yield (before, event, after, effective) for every place of the topic."""
    plane = empty(story.case_id, shared=True)
    for event, leaf in story.topic:
        after, verdict = fold(plane, event, leaf)
        yield plane, event, after, verdict.effective
        plane = after


def every_release_rests_on_a_basis_in_force_and_on_a_key_that_was_offered(run: Run) -> None:
    """Restated without the conditions of the step: recipient, scopes, day, key and epoch."""
    for before, event, _, effective in _places(run.story):
        if not isinstance(event, KeysReleased) or not effective:
            continue
        basis, handoff = before.consents[event.basis_id], before.handoff(event.handoff_id)
        assert handoff is not None
        assert basis.state == "granted"
        assert basis.expires_on is not None
        assert event.recorded_at.date() <= basis.expires_on
        assert set(event.scopes) <= set(basis.scopes) & set(handoff.scopes)
        assert event.recipient == basis.recipient == handoff.receiver
        assert event.origin == handoff.sender
        key = handoff.preview_key if event.scopes == PREVIEW else handoff.key
        assert key is not None
        assert event.epoch > before.stopped_epochs.get(event.origin, 0)


def nothing_is_released_on_a_basis_that_was_taken_back(run: Run) -> None:
    """From the place of the withdrawal on, for ever."""
    gone: set[UUID] = set()
    for _, event, _, effective in _places(run.story):
        if effective and isinstance(event, ConsentWithdrawn | ConsentRefused):
            gone.add(event.consent_id)
        if effective and isinstance(event, OverrideEnded):
            gone.add(event.override_id)
        if effective and isinstance(event, KeysReleased):
            assert event.basis_id not in gone


def the_senders_next_run_stops_what_has_lost_its_basis(run: Run) -> None:
    """Everywhere it has heard of, at once, and the keys of nobody else are left behind."""
    for country in COUNTRIES:
        run.react(country)
    run.story.settle()
    for country in COUNTRIES:
        plane, on = run.story[country].settled, run.at.date()
        for release in plane.releases.values():
            if release.origin != country or release.state != "released":
                continue
            basis = plane.consents[release.basis_id]
            assert basis.covers(release.recipient, release.scopes, on)


def no_referral_changes_its_state_because_of_a_withdrawal(run: Run) -> None:
    """Care goes on; also because of a stop, a release or a claim."""
    stopping = ConsentWithdrawn | ConsentRefused | OverrideEnded | ReleaseStopped | KeysReleased
    for before, event, after, _ in _places(run.story):
        if isinstance(event, stopping):
            assert {one: r.state for one, r in before.referrals.items()} == {
                one: r.state for one, r in after.referrals.items()
            }
            assert before.identity.responsible == after.identity.responsible


def all_countries_agree_when_everything_is_delivered(run: Run) -> None:
    """Same prefix, same state."""
    assert len({state_hash(run.story[country].settled) for country in COUNTRIES}) == 1
    assert all(run.story[country].waiting == [] for country in COUNTRIES)


def nothing_is_due_for_ever(run: Run) -> None:
    """A second run right after the first does nothing, and soon no run does anything."""
    for country in COUNTRIES:
        run.react(country)
        assert run.react(country) == []
    for _ in range(3):
        run.story.settle()
        made = [event for country in COUNTRIES for event in run.react(country)]
        if not made:
            break
    for country in COUNTRIES:
        case = run.story[country].case
        assert list(releases_due(case, run.at.date())) == []
        assert stops(case, run.at.date()) == {}


def nothing_is_erased_of_an_open_case_or_under_a_hold(run: Run) -> None:
    """Judged by what the topic had settled, and at the moment of erasing."""
    for country in COUNTRIES:
        run.react(country)
    assert all(not is_open and not held for _, is_open, held in run.erased)


def nobody_is_given_keys_that_a_former_recipient_holds(run: Run) -> None:
    """After a stop, whoever may go on reads with keys that the other lacks."""
    held: dict[tuple[str, str], int] = {}
    for before, event, _, effective in _places(run.story):
        if effective and isinstance(event, ReleaseStopped):
            for release in before.releases.values():
                if (release.origin, release.handoff_id) == (event.origin, event.handoff_id):
                    where = (release.origin, release.recipient)
                    held[where] = max(held.get(where, 0), release.epoch)
        if effective and isinstance(event, KeysReleased):
            stopped = [epoch for (origin, _), epoch in held.items() if origin == event.origin]
            assert all(event.epoch > epoch for epoch in stopped)


RULES = (
    every_release_rests_on_a_basis_in_force_and_on_a_key_that_was_offered,
    nothing_is_released_on_a_basis_that_was_taken_back,
    the_senders_next_run_stops_what_has_lost_its_basis,
    no_referral_changes_its_state_because_of_a_withdrawal,
    all_countries_agree_when_everything_is_delivered,
    nothing_is_due_for_ever,
    nothing_is_erased_of_an_open_case_or_under_a_hold,
    nobody_is_given_keys_that_a_former_recipient_holds,
)
BEGINNINGS = (begun, ending)


@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda begin: begin.__name__)
@settings(max_examples=25, deadline=None)
@given(plays)
def test_in_every_interleaving(begin: Callable[[], Run], actions: Actions) -> None:
    """All rules, on the same story: the last ones let the reactors run once more."""
    run = _play(actions, begin)
    for holds in RULES:
        holds(run)


@pytest.mark.soak
@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda begin: begin.__name__)
@settings(max_examples=1_500, deadline=None)
@given(plays)
def test_in_thousands_of_interleavings(begin: Callable[[], Run], actions: Actions) -> None:
    """The same for some minutes."""
    run = _play(actions, begin)
    for holds in RULES:
        holds(run)
