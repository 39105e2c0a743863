"""Three countries decide on stale views in every interleaving, and still agree.

No server: the topic is a list, reading it late or early is the only freedom that a real broker
leaves (what a broker may lose, repeat or forge is `test_admission.py`). What must hold at every
place of the order holds here, for any order hypothesis can think of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import NeutralStatus, Outcome, Purpose
from events.errors import DecisionRefused
from events.stamp import Event
from ledger.case import closing, consent, identity, referral, searching, transfer, withdrawal
from ledger.case.encoding import state_hash
from ledger.case.fold import fold
from ledger.case.plane import Plane, empty
from ledger.case.steps import Kind, step_of
from tests.given import (
    CASEWORKER,
    CLOSING,
    NOON,
    SCOPES,
    SOON,
    Story,
    consented,
    opened,
    proposed,
    ready,
)

COUNTRIES = ("KZ", "KG", "UZ")
TERMS: Mapping[str, Any] = {"scopes": SCOPES, "expires_on": SOON}
HANDOFF: Mapping[str, Any] = {"scopes": SCOPES[:1], "due_on": SOON}

#: What the countries and their relays do, one after another.
Actions = list[tuple[Any, ...]]
#: A decision, what it is about (a basis, a handoff, a country, nothing), and fixed arguments.
Choice = tuple[Callable[..., Any], str, Mapping[str, Any]]
CHOICES: tuple[Choice, ...] = (
    (consent.grant_consent, "recipient", {**TERMS, "purpose": Purpose.TRANSFER}),
    (consent.grant_consent, "recipient", {**TERMS, "purpose": Purpose.SERVICE}),
    (withdrawal.withdraw_consent, "consent_id", {}),
    (withdrawal.refuse_consent, "recipient", {"scopes": SCOPES}),
    (consent.approve_override, "recipient",
     {**TERMS, "purpose": Purpose.TRANSFER, "requested_by": "cw-9"}),
    (consent.end_override, "override_id", {}),
    (identity.change_status, "", {"status": NeutralStatus.READY}),
    (identity.change_status, "", {"status": NeutralStatus.NOT_READY}),
    (searching.report_missing, "", {}),
    (searching.report_found, "", {}),
    (closing.request_closure, "", {"by": CASEWORKER, **CLOSING}),
    (closing.close_case, "", {}),
    (closing.reopen_case, "", {"reason": "other"}),
    (referral.send_referral, "recipient basis_id", HANDOFF),
    (referral.receive_referral, "handoff_id", {}),
    (referral.accept_referral, "handoff_id", {}),
    (referral.reject_referral, "handoff_id", {}),
    (referral.start_referral, "handoff_id", {}),
    (referral.complete_referral, "handoff_id", {"outcome": Outcome.FULFILLED}),
    (referral.revoke_referral, "handoff_id", {}),
    (transfer.request_transfer, "holder", {"due_on": SOON}),
    (transfer.propose_transfer, "recipient basis_id", HANDOFF),
    (transfer.preview_transfer, "handoff_id", {}),
    (transfer.accept_transfer, "handoff_id", {}),
    (transfer.reject_transfer, "handoff_id", {}),
    (transfer.revoke_transfer, "handoff_id", {}),
    (transfer.move_responsibility, "handoff_id", {}),
    (transfer.move_responsibility, "handoff_id", {"child_is_here": True}),
    (transfer.complete_handover, "handoff_id", {}),
)  # fmt: skip

decided = st.tuples(st.just("decide"), st.sampled_from(COUNTRIES), st.integers(0, 2**32))
published = st.tuples(st.just("publish"), st.sampled_from(COUNTRIES), st.integers(1, 3))
delivered = st.tuples(st.just("deliver"), st.sampled_from(COUNTRIES), st.integers(1, 4))
plays = st.lists(decided | decided | published | delivered, min_size=25, max_size=60)


def _arguments(story: Story, country: str, choice: Choice) -> Iterator[dict[str, Any]]:
    """Every way to fill a decision in with what this country knows."""
    _, about, fixed = choice
    case = story[country].case
    bases = [*case.ahead.consents, *case.national.consents]
    known: dict[str, Iterable[Any]] = {
        "recipient": COUNTRIES,
        "holder": COUNTRIES,
        "consent_id": bases,
        "override_id": bases,
        "handoff_id": [*case.ahead.referrals, *case.ahead.transfers],
        "basis_id": bases,
    }
    names = about.split()
    for values in product(*(known[name] for name in names)):
        yield {**fixed, **dict(zip(names, values, strict=True))}


def decide_something(story: Story, country: str, luck: int) -> None:
    """Let a country take some decision that its own view allows; it may have none."""
    chance = Random(luck)
    for choice in chance.sample(CHOICES, len(CHOICES)):
        options = list(_arguments(story, country, choice))
        for arguments in chance.sample(options, len(options)):
            with suppress(DecisionRefused):
                story[country].decide(choice[0], **arguments)
                return


def begun() -> Story:
    """A shared case in the middle of things, so that little luck is needed to meet a race."""
    story = opened(*COUNTRIES)
    first = consented(story)
    consented(story, to="UZ")
    service = consented(story, purpose=Purpose.SERVICE)
    ready(story)
    proposed(story, first)
    story.did("KZ", referral.send_referral, recipient="KG", basis_id=service, **HANDOFF)
    return story


def _play(actions: Actions) -> Story:
    story = begun()
    for kind, country, *rest in actions:
        if kind == "decide":
            decide_something(story, country, *rest)
        elif kind == "publish":
            story.publish(country, *rest)
        else:
            story.deliver(country, *rest)
    story.settle()
    return story


def _prefixes(story: Story) -> list[tuple[Plane, Event, Plane, bool]]:
    """Return (before, event, after, effective) for every place of the topic."""
    plane = empty(story.case_id, shared=True)
    places = []
    for event, leaf in story.topic:
        after, verdict = fold(plane, event, leaf)
        places.append((plane, event, after, verdict.effective))
        plane = after
    return places


def countries_agree_at_every_prefix(story: Story) -> None:
    """However late each of them read: same prefix, same state, same hash."""
    assert len({state_hash(story[country].settled) for country in COUNTRIES}) == 1
    for country in COUNTRIES:
        assert story[country].waiting == []


def exactly_one_country_answers_for_the_child_at_every_place(story: Story) -> None:
    """Responsibility is never null, never double, and moves by ResponsibilityMoved only."""
    for before, event, after, effective in _prefixes(story):
        if before.identity.state == "none":
            continue
        assert after.identity.responsible in COUNTRIES
        if before.identity.responsible != after.identity.responsible:
            assert effective
            assert type(event).__name__ == "ResponsibilityMoved"
            assert after.identity.responsible == event.origin


def no_permission_is_taken_in_ignorance_of_a_protection(story: Story) -> None:
    """Restated without the fold's own bookkeeping: look at the places between `seen` and here."""
    leaves = [leaf for _, leaf in story.topic]
    places = _prefixes(story)
    for at, (_, event, _, effective) in enumerate(places):
        if not effective or step_of(event).kind_of(event) is not Kind.PERMISSIVE:
            continue
        had_seen = leaves.index(event.seen) + 1 if event.seen in leaves else 0
        missed = [
            other
            for _, other, _, took_effect in places[had_seen:at]
            if took_effect
            and other.origin != event.origin
            and step_of(other).kind_of(other) is Kind.PROTECTIVE
        ]
        assert missed == []


def every_country_learns_the_verdict_of_its_own_events(story: Story) -> None:
    """Pending ends: effective or void, and void changes nothing but the place."""
    for before, event, after, effective in _prefixes(story):
        assert story.verdict(event).effective is effective
        if not effective:
            assert (after.identity, after.consents) == (before.identity, before.consents)
            assert (after.referrals, after.transfers) == (before.referrals, before.transfers)


def nothing_is_accepted_or_sent_without_a_basis_in_force(story: Story) -> None:
    """Consent bites at the place of the event, whatever its decider believed."""
    for before, event, _, effective in _prefixes(story):
        if effective and "basis_in_force" in step_of(event).requires:
            basis = before.consents[event.basis_id]  # type: ignore[attr-defined]
            assert basis.state == "granted"
            assert basis.expires_on is not None
            assert basis.expires_on >= NOON.date()


RULES = (
    countries_agree_at_every_prefix,
    exactly_one_country_answers_for_the_child_at_every_place,
    no_permission_is_taken_in_ignorance_of_a_protection,
    every_country_learns_the_verdict_of_its_own_events,
    nothing_is_accepted_or_sent_without_a_basis_in_force,
)


@pytest.mark.parametrize("holds", RULES, ids=lambda rule: rule.__name__)
@settings(max_examples=60, deadline=None)
@given(plays)
def test_in_every_interleaving(holds: Callable[[Story], None], actions: Actions) -> None:
    """Each rule, on stories of its own."""
    holds(_play(actions))


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(plays)
def test_in_thousands_of_interleavings(actions: Actions) -> None:
    """All rules, on the same stories, for some minutes."""
    story = _play(actions)
    for holds in RULES:
        holds(story)
