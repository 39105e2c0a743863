"""Coming of age: consents of others end, her own is asked, and no date of birth shows outside."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from events.codes import AgeBand, Assent, ConsentGiver, Purpose
from events.errors import NotAllowedNow, WrongRole
from events.stamp import Actor
from ledger.case import consent, withdrawal
from ledger.keys.majority import Age, age_of, majority_on
from tests.given import NOON, SCOPES, new_id, opened
from tests.reacting import ALL, due, granted, grants, handoff, reacted, referred, transferred

REACTOR = Actor(id="reactor-KZ", role="system", organisation="reactor-KZ")
TODAY = NOON.date()


@pytest.mark.parametrize(
    ("identity", "day"),
    [
        ({"birth_date": "2008-11-24"}, date(2026, 11, 24)),
        ({"birth_date": "2008-02-29"}, date(2026, 3, 1)),  # the later of two days
        ({"birth_date": "2008-03-04", "birth_date_estimated": True}, date(2026, 12, 31)),
        ({"birth_year": 2008}, date(2026, 12, 31)),
        ({"birth_year": "2008"}, None),
        ({"birth_date": "4 March"}, None),
        ({"name": "x"}, None),
        ({}, None),
    ],
)
def test_the_day_of_majority_is_the_later_one(identity, day):
    """Nobody loses protection by an estimate."""
    assert majority_on(identity) == day


def given(story, by: ConsentGiver, band: AgeBand):
    consent_id = new_id()
    story.did(
        "KZ", consent.grant_consent, recipient="KG", purpose=Purpose.SERVICE, scopes=SCOPES,
        expires_on=TODAY + timedelta(days=30), consent_id=consent_id, given_by=by,
        giver=None if by is ConsentGiver.CHILD else "aunt-1", age_band=band, assent=Assent.WRITTEN,
    )  # fmt: skip
    return consent_id


def test_consents_of_others_end_and_her_own_stays():
    """From the day itself, whatever the topic shows yet."""
    story = opened()
    others = given(story, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    hers = given(story, ConsentGiver.CHILD, AgeBand.FROM_15_TO_17)
    case = story["KZ"].case
    born = {"birth_date": TODAY.replace(year=TODAY.year - 18).isoformat()}

    assert age_of(case, born, TODAY) == Age(ended=(others,))
    assert hers not in age_of(case, born, TODAY).ended
    assert age_of(case, born, TODAY - timedelta(days=1)).ended == ()


def test_she_is_asked_in_the_month_of_the_ninetieth_day_before():
    """By the month, so that the trail tells no birthday; and only if others consented."""
    story = opened()
    born = {"birth_date": "2009-02-10"}  # comes of age on 2027-02-10; ninety days before: 12 Nov
    assert age_of(story["KZ"].case, born, date(2026, 11, 1)) == Age()
    given(story, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    case = story["KZ"].case

    assert age_of(case, born, date(2026, 11, 1)).seek
    assert age_of(case, born, date(2026, 11, 30)).seek
    assert not age_of(case, born, date(2026, 10, 31)).seek


def test_only_the_reactor_ends_a_consent_by_age():
    """A person withdraws; a consent that has ended does not end twice."""
    story = opened()
    basis = given(story, ConsentGiver.CAREGIVER, AgeBand.FROM_12_TO_14)
    with pytest.raises(WrongRole):
        story["KZ"].decide(withdrawal.end_by_age, consent_id=basis)
    story["KZ"].decide(withdrawal.end_by_age, consent_id=basis, by=REACTOR)
    assert story["KZ"].national.consents[basis].state == "withdrawn"
    with pytest.raises(NotAllowedNow):
        story["KZ"].decide(withdrawal.end_by_age, consent_id=basis, by=REACTOR)


@pytest.mark.parametrize("take", [referred, transferred])
def test_what_she_gives_herself_goes_on_when_what_others_gave_has_ended(take):
    """Asked ninety days before, she says yes; at majority nothing stops for want of asking."""
    story = opened()
    purpose = Purpose.SERVICE if take is referred else Purpose.TRANSFER
    aunts = granted(story, purpose=purpose)
    handoff_id = take(story, aunts, "accepted")
    hers = granted(story, purpose=purpose, by=ConsentGiver.CHILD)
    given_for = story["KG"].settled.consents[hers].given_for
    assert given_for == handoff(story, handoff_id).began_with
    assert reacted(story) == []

    story.did("KZ", withdrawal.end_by_age, consent_id=aunts, by=REACTOR)
    assert not story["KZ"].case.national.care.ended_by
    assert due(story) == []  # what went out on the aunt's word is stopped first
    reacted(story)
    assert {one.basis_id for one in grants(story) if one.state == "released"} == {hers}


def test_her_own_is_given_for_what_she_has_not_given_yet():
    """For what has no basis first; then for what others gave; and not twice for the same."""
    story = opened("KZ", "KG", "UZ")
    first = referred(story, granted(story), "accepted")
    second = referred(story, granted(story), "accepted")
    own = [granted(story, by=ConsentGiver.CHILD) for _ in range(3)]
    elsewhere = granted(story, to="UZ", by=ConsentGiver.CHILD)
    less = granted(story, by=ConsentGiver.CHILD, scopes=ALL[:1])
    adults = granted(story)
    began = [handoff(story, one).began_with for one in (first, second)]
    bases = story["KG"].settled.consents

    assert [bases[one].given_for for one in (*own, less, adults)] == [*began, None, None, None]
    assert story["KZ"].case.national.consents.get(elsewhere, bases.get(elsewhere)).given_for is None
