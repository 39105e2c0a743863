"""Which events another country gets to see, and when: nothing before it must."""

from __future__ import annotations

from hashlib import sha256

from events.case import CaseOpened
from events.codes import Purpose
from events.consent import ConsentGranted
from ledger.case import care, referral, searching, withdrawal
from tests.given import (
    CASEWORKER,
    SCOPES,
    SOON,
    Story,
    consented,
    opened,
    proposed,
    ready,
)


def _types(story: Story) -> list[str]:
    return [type(event).__name__ for event, _ in story.topic]


def test_national_work_never_shares_a_child() -> None:
    """Monitoring, consents and domestic referrals stay at home."""
    story = opened()
    consented(story)
    story.did("KZ", care.assess_risk)
    story.did("KZ", care.record_views)
    domestic = consented(story, to="KZ", purpose=Purpose.SERVICE)
    story.did(
        "KZ", referral.send_referral, recipient="KZ", basis_id=domestic, scopes=SCOPES,
        due_on=SOON,
    )  # fmt: skip

    assert _types(story) == []


def test_the_first_cross_border_step_shares_exactly_what_it_needs() -> None:
    """CaseOpened, the consent the step rests on, the step; not the other consent, not the work."""
    story = opened()
    needed = consented(story)
    consented(story)
    story.did("KZ", care.assess_risk)
    ready(story)

    proposed(story, needed)

    assert _types(story) == ["CaseOpened", "ConsentGranted", "TransferProposed"]
    granted = story.topic[1][0]
    assert isinstance(granted, ConsentGranted)
    assert granted.consent_id == needed


def test_the_first_shared_event_commits_to_the_national_history() -> None:
    """With the salt, which stays national, the commitment can be opened later."""
    story = opened()
    needed = consented(story)
    ready(story)
    leaves = list(story["KZ"].leaves)

    proposed(story, needed)

    shared = story.topic[0][0]
    assert isinstance(shared, CaseOpened)
    opened_with = b"referral/history/v1\0" + bytes(32) + b"".join(leaves)
    assert shared.history_commitment == sha256(opened_with).digest()
    assert story["KZ"].national.care.shared_with == "KG"


def test_a_later_consent_is_shared_and_an_earlier_one_when_it_is_used() -> None:
    """After the first step, consents for other countries are shared as they come."""
    story = opened()
    first, second = consented(story), consented(story, purpose=Purpose.SERVICE)
    ready(story)
    proposed(story, first)
    third = consented(story, purpose=Purpose.SERVICE)
    assert second not in story["KG"].settled.consents
    assert third in story["KG"].settled.consents

    story.did(
        "KZ", referral.send_referral, recipient="KG", basis_id=second, scopes=SCOPES,
        due_on=SOON,
    )  # fmt: skip

    assert second in story["KG"].settled.consents


def test_a_withdrawal_of_a_national_consent_tells_nobody() -> None:
    """What was never shared does not show by ending."""
    story = opened()
    first, other = consented(story), consented(story)
    ready(story)
    proposed(story, first)
    before = len(story.topic)

    story.did("KZ", withdrawal.withdraw_consent, consent_id=other)

    assert len(story.topic) == before


def test_shared_events_are_neutral() -> None:
    """By the day, by the focal point, without the organisation that works with the child."""
    story = opened()
    needed = consented(story)
    ready(story)
    proposed(story, needed)

    for event, _ in story.topic:
        assert event.actor.organisation == "focal-point-KZ"
        assert event.occurred_at.time().isoformat() == "00:00:00"
        assert event.sealed == ()


def test_the_receiving_country_works_nationally_too() -> None:
    """Its own notes about the child go to its own topic only."""
    story = opened()
    needed = consented(story)
    ready(story)
    proposed(story, needed)
    before = len(story.topic)

    story.did("KG", care.assign_case, assignee="cw-7", by=CASEWORKER)

    assert len(story.topic) == before
    assert story["KG"].national.care.assignee == "cw-7"


def test_an_alarm_goes_where_the_case_is() -> None:
    """Missing is national for a national case and shared for a shared one."""
    story = opened()
    story.did("KZ", searching.report_missing)
    assert _types(story) == []
    basis = consented(story)
    ready(story)
    proposed(story, basis)

    story.did("KG", searching.report_missing)

    assert _types(story)[-1] == "ChildMissing"
    story.did("KZ", searching.report_found)
    assert _types(story)[-1] == "ChildFound"
    story.did("KZ", searching.report_found)
    assert _types(story)[-1] == "ChildFound"
    assert not story["KZ"].national.identity.missing


def test_a_consent_for_use_at_home_stays_at_home() -> None:
    """Also in a case that is shared."""
    story = opened()
    needed = consented(story)
    ready(story)
    proposed(story, needed)
    before = len(story.topic)

    at_home = consented(story, to="KZ", purpose=Purpose.SERVICE)

    assert len(story.topic) == before
    assert at_home in story["KZ"].national.consents
