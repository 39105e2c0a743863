"""Two readings of one topic that know nothing of each other: the fold, and an auditor's rules.

Any release at all, forged at any place of a good history. What takes effect breaks no rule; what
is void because it was not permitted is found. A fold that let something through, or a rule that
called wrong what is right, would show here.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import DataScope
from events.data import KeysReleased
from events.referral import ReferralExpired, ReferralRejected, ReferralRevoked
from events.transfer import (
    ResponsibilityMoved,
    TransferExpired,
    TransferRejected,
    TransferRevoked,
)
from ledger.case.conditions import CONDITIONS
from ledger.case.fold import fold
from ledger.case.plane import VoidReason
from ledger.log.rules import CaseRules
from tests.sharing_play import SCOPES, Play, told
from tests.violations import STRANGER, Forger, forgers

STORIES = 60
#: Reasons for which a release is void that are about permission, not about the state of the case.
FORBIDDEN = frozenset(
    CONDITIONS[name][1] for name in ("key_offered", "scopes_permitted", "fresh_epoch")
)


@cache
def places() -> list[tuple[Play, int]]:
    """Return every place at which keys were released."""
    stories = [told(seed, steps=30) for seed in range(STORIES)]
    return [(story, at) for story in stories for at, _ in enumerate(forgers(story))]


def step(forger: Forger, by: str, luck: Random) -> None:
    """Let somebody take a step of the handoff, whether it may or not."""
    answers = (ReferralRejected, ReferralRevoked, ReferralExpired)
    if not forger.is_referral:
        answers = (TransferRejected, TransferRevoked, TransferExpired, ResponsibilityMoved)
    kind = luck.choice(answers)
    words = {"basis_id": forger.release.basis_id} if kind is ResponsibilityMoved else {}
    forger.put(by, kind, handoff_id=forger.release.handoff_id, **words)


def forged(forger: Forger, luck: Random) -> bool:
    """Let somebody say something or other, then release somehow; say whether it took effect."""
    for _ in range(luck.randrange(3)):
        by = luck.choice((forger.kz, forger.kg, STRANGER))
        match luck.randrange(5):
            case 0:
                forger.end_basis(by)
            case 1:
                forger.grant(by, scopes=SCOPES)
            case 2 | 3:
                step(forger, by, luck)
            case _:
                forger.stop(by, epoch=luck.randrange(3))
    scopes = tuple(luck.sample([*SCOPES, DataScope.PHOTO], luck.randrange(1, 4)))
    handoffs = [*forger.plane.referrals, *forger.plane.transfers, uuid4()]
    some: dict[str, Any] = {
        "origin": luck.choice((forger.kz, forger.kg, STRANGER)),
        "recipient": luck.choice((forger.kz, forger.kg, STRANGER)),
        "basis_id": luck.choice([*forger.plane.consents, uuid4()]),
        "handoff_id": luck.choice(handoffs),
        "epoch": luck.randrange(4),
        "seen": luck.choice(forger.heard).leaf,
        "scopes": scopes,
    }
    few = {name: some[name] for name in luck.sample(sorted(some), luck.randrange(4))}
    count = len(few.get("scopes", forger.release.scopes))
    forger.again(commitments=tuple(uuid4().bytes * 2 for _ in range(count)), **few)
    return not forger.heard[-1].void


def is_of_the_state_only(void: VoidReason, forger: Forger, release: KeysReleased) -> bool:
    """Say whether the receiver did offer a key: then it is the handoff's state that forbids.

    R3 asks for the key; by which states a handoff passes is the fold's to judge.
    """
    return void is VoidReason.NO_KEY_OFFERED and any(
        getattr(heard.event, "grant_key", None) is not None
        and heard.event.handoff_id == release.handoff_id
        for heard in forger.heard
    )


def check(place: int, luck: int) -> VoidReason | None:
    """Forge one release and compare both readings; return the fold's verdict."""
    story, at = places()[place % len(places())]
    forger = list(forgers(story))[at]
    effective = forged(forger, Random(luck))
    rules = CaseRules(story.case_id)
    *before, last = [heard._replace(void=None) for heard in forger.heard]
    for heard in before:
        rules.hear(heard)
    found = {one.what for one in rules.hear(last)}
    plane = story.planes[0]
    for heard in forger.heard:
        plane, verdict = fold(plane, heard.event, heard.leaf)
    assert verdict.effective is effective
    if effective:
        # The fold asks only that no stop has ended the epoch; an auditor, that it is a new one.
        assert found <= {"epoch_reused"}
    if verdict.void in FORBIDDEN and not is_of_the_state_only(verdict.void, forger, last.event):
        assert found, verdict
    return verdict.void


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2**32))
def test_what_takes_effect_breaks_no_rule_and_what_is_forbidden_is_found(place, luck):
    check(place, luck)


def test_the_forgeries_reach_every_kind_of_verdict():
    """Or the comparison would compare nothing."""
    met = {check(luck, luck) for luck in range(600)}
    assert {None, VoidReason.WRONG_COUNTRY, VoidReason.UNSEEN_PROTECTION, *FORBIDDEN} <= met


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2**32))
def test_in_thousands_of_forgeries(place, luck):
    check(place, luck)
