"""Two countries decide on two cases of one child, in every interleaving of two orders.

The cases stand in different partitions, so no reader has one order of both: here every merge of the
two that the relays could make is played. No server, as in `test_agreement.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import DataScope, NeutralStatus, Purpose
from events.errors import BadInput, DecisionRefused
from events.stamp import Event
from ledger.case import (
    closing,
    consent,
    duplicate,
    identity,
    joining,
    referral,
    reserving,
    transfer,
)
from ledger.case.fold import fold
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, empty
from tests.given import CASEWORKER, CLOSING, SCOPES, SOON, Story, known_together, opened
from tests.unit.test_duplicates import SECOND, moved, shared

COUNTRIES = ("KZ", "KG")
OTHER = {"by": SECOND}
WHY = PersonalData({DataScope.NARRATIVE: {"why": "two children"}})
TERMS = {"scopes": SCOPES, "expires_on": SOON, "purpose": Purpose.TRANSFER}
HANDOFF = {"scopes": SCOPES[:1], "due_on": SOON}

#: A decision, what it is about, and fixed arguments.
Choice = tuple[Callable[..., Any], str, Mapping[str, Any]]
CHOICES: tuple[Choice, ...] = (
    (duplicate.suspect_duplicate, "other_case_id", {}),
    (duplicate.confirm_duplicate, "suspicion_id", {}),
    (duplicate.confirm_duplicate, "suspicion_id", OTHER),
    (duplicate.dismiss_duplicate, "suspicion_id", {}),
    *2 * ((reserving.reserve_case, "yielding_case_id", {}),),
    *3 * ((joining.join_case, "into_case_id", {}),),
    (joining.part_case, "", {"data": WHY}),
    (closing.request_closure, "", {"by": CASEWORKER, **CLOSING}),
    (closing.close_case, "", {}),
    (closing.reopen_case, "", {"reason": "other"}),
    (identity.change_status, "", {"status": NeutralStatus.READY}),
    (consent.grant_consent, "recipient", TERMS),
    (referral.send_referral, "recipient basis_id", HANDOFF),
    (referral.reject_referral, "handoff_id", {}),
    (referral.revoke_referral, "handoff_id", {}),
    *2 * ((transfer.propose_transfer, "recipient basis_id", HANDOFF),),
    *2 * ((transfer.accept_transfer, "handoff_id", {}),),
    (transfer.revoke_transfer, "handoff_id", {}),
    *2 * ((transfer.move_responsibility, "handoff_id", {}),),
)


@dataclass
class World:
    """Two cases, and in which order their topics grew."""

    stories: tuple[Story, Story]
    #: Which case each further record belongs to.
    order: list[int] = field(default_factory=list)
    #: How long the topics were when the play began.
    begun: tuple[int, int] = (0, 0)

    def publish(self, at: int, country: str, count: int | None) -> None:
        """Put waiting events on a topic."""
        before = len(self.stories[at].topic)
        self.stories[at].publish(country, count)
        self.order += [at] * (len(self.stories[at].topic) - before)

    def play(self, actions: list[tuple[Any, ...]]) -> None:
        """Play a schedule, and let everybody hear of everything in the end."""
        for kind, at, country, luck in actions:
            if kind == "decide":
                self.decide(at, country, luck)
            elif kind == "publish":
                self.publish(at, country, luck % 3 + 1)
            else:
                self.stories[at].deliver(country, luck % 4 + 1)
        for at, story in enumerate(self.stories):
            for country in COUNTRIES:
                self.publish(at, country, None)
            story.settle()

    def decide(self, at: int, country: str, luck: int) -> None:
        """Let a country take some decision that it may take."""
        chance = Random(luck)
        for take, about, fixed in chance.sample(CHOICES, len(CHOICES)):
            options = list(self._arguments(at, country, about, take))
            for arguments in chance.sample(options, len(options)):
                with suppress(DecisionRefused, BadInput):
                    self.stories[at][country].decide(take, **fixed, **arguments)
                    return

    def _arguments(
        self, at: int, country: str, about: str, take: Callable[..., Any]
    ) -> Iterator[dict[str, Any]]:
        story, other = self.stories[at], self.stories[1 - at].case_id
        case = story[country].case
        bases = [*case.ahead.consents, *case.national.consents]
        known: Mapping[str, list[Any]] = {
            "other_case_id": [other], "yielding_case_id": [other], "into_case_id": [other],
            "suspicion_id": list(case.ahead.suspicions), "recipient": list(COUNTRIES),
            "handoff_id": [*case.ahead.referrals, *case.ahead.transfers],
        }  # fmt: skip
        if about == "recipient basis_id":
            yield from ({"recipient": to, "basis_id": one} for to in COUNTRIES for one in bases)
        elif about:
            for one in known[about]:
                told = self._told(at, one) if take is duplicate.confirm_duplicate else {}
                yield {about: one, **told}
        else:
            yield {}

    def _told(self, at: int, suspicion_id: UUID) -> dict[str, Any]:
        """What the other side has told on the telephone."""
        for node in self.stories[at].nodes.values():
            noted = node.case.national.care.duplicates.get(suspicion_id)
            if noted is not None:
                return {"other_case_id": noted.other_case_id, "opening": noted.salt.hex()}
        return {}

    def places(self) -> Iterator[tuple[int, Event, bool, tuple[Plane, Plane]]]:
        """Yield every place of both orders as they grew: case, event, effective, planes before."""
        planes = [empty(story.case_id, shared=True) for story in self.stories]
        read = [0, 0]
        for at in (*[0] * self.begun[0], *[1] * self.begun[1], *self.order):
            event, leaf = self.stories[at].topic[read[at]]
            before = (planes[0], planes[1])
            planes[at], verdict = fold(planes[at], event, leaf)
            read[at] += 1
            yield at, event, verdict.effective, before


def begun(suspected: tuple[int, ...], *, moving: bool) -> World:
    """Two cases, KG answers for the second; some are confirmed to be the other's child."""
    stories = (shared(opened()), moved(opened(seed=1)))
    known_together(*stories)
    world = World(stories)
    for at in suspected:
        holder = ("KZ", "KG")[at]
        stories[at].did(holder, duplicate.suspect_duplicate, other_case_id=stories[1 - at].case_id)
        (suspicion_id,) = stories[at][holder].case.ahead.suspicions
        for country in COUNTRIES:
            told = world._told(at, suspicion_id)
            stories[at].did(country, duplicate.confirm_duplicate, suspicion_id=suspicion_id, **told)
    if moving:
        moved(stories[0])
    world.begun = (len(stories[0].topic), len(stories[1].topic))
    return world


#: Which suspicions are confirmed when a play begins, and whether KG answers for both cases by then.
STARTS = (((0,), True), ((0, 1), True), ((0, 1), False), ((), True))

luck = st.integers(0, 2**32)
acts = st.tuples(
    st.sampled_from(("decide", "decide", "publish", "deliver")),
    st.sampled_from((0, 1)), st.sampled_from(COUNTRIES), luck,
)  # fmt: skip
plays = st.lists(acts, min_size=25, max_size=70)


def joins(world: World) -> list[tuple[int, tuple[Plane, Plane]]]:
    """Return the joins that took effect, and both cases before each."""
    return [
        (at, before)
        for at, event, effective, before in world.places()
        if effective and type(event).__name__ == "CaseJoined"
    ]


def the_child_has_one_country_at_every_place(world: World) -> None:
    """Never do both cases yield; where one does, the other has its one country."""
    for _, _, _, before in world.places():
        states = [plane.identity.state for plane in before]
        assert states != ["joined", "joined"]
        assert "joined" not in states or {"open", "closed"} & set(states)
        for plane in before:
            assert plane.identity.state == "none" or plane.identity.responsible in COUNTRIES


def a_join_moves_no_responsibility(world: World) -> None:
    """One country answers for both cases at its place, and the one that goes on is open."""
    for at, before in joins(world):
        yields, goes_on = before[at], before[1 - at]
        assert goes_on.identity.state == "open"
        assert yields.identity.responsible == goes_on.identity.responsible
        assert not goes_on.open_transfers


#: A suspicion that another case is meant may still be put at an end.
AFTER_A_JOIN = {"CaseParted", "RecordCorrected", "TransferRejected", "DuplicateDismissed"}


def no_handoff_is_lost(world: World) -> None:
    """Nothing is open on a case that yields, and nothing begins on it until it is parted."""
    for at, before in joins(world):
        assert not before[at].open_transfers
        assert not any(one.open for one in before[at].referrals.values())
    for at, event, effective, before in world.places():
        if effective and before[at].identity.state == "joined":
            assert type(event).__name__ in AFTER_A_JOIN


def only_what_both_sides_confirmed_is_joined(world: World) -> None:
    """By a person of each country, or two of one."""
    for at, before in joins(world):
        found = [one for one in before[at].suspicions.values() if one.is_confirmed]
        assert any({one.asked, one.holder} <= {who for who, _ in one.confirmed} for one in found)


RULES = (
    the_child_has_one_country_at_every_place,
    a_join_moves_no_responsibility,
    no_handoff_is_lost,
    only_what_both_sides_confirmed_is_joined,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(STARTS), plays)
def test_in_every_interleaving_of_two_orders(
    start: tuple[tuple[int, ...], bool], actions: list[tuple[Any, ...]]
) -> None:
    """All rules, on the same stories."""
    world = begun(start[0], moving=start[1])
    world.play(actions)
    for holds in RULES:
        holds(world)


def played(seed: int) -> World:
    """A long play that follows from a number."""
    chance = Random(seed)
    actions = [
        (chance.choice(("decide", "decide", "publish", "deliver")), chance.choice((0, 1)),
         chance.choice(COUNTRIES), chance.getrandbits(32))
        for _ in range(90)
    ]  # fmt: skip
    suspected, moving = STARTS[seed % len(STARTS)]
    world = begun(suspected, moving=moving)
    world.play(actions)
    return world


def test_such_plays_do_join() -> None:
    """Else the rules above would hold of nothing."""
    assert sum(len(joins(played(seed))) for seed in range(60)) >= 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(0, 600, 20))
def test_in_hundreds_of_long_plays(seed: int) -> None:
    """All rules, for some minutes."""
    for one in range(seed, seed + 20):
        for holds in RULES:
            holds(played(one))
