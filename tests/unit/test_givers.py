"""Who may give permission at which age, take it back, and give it again (domain.md b.3, §11)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from events.codes import AgeBand, Assent, ConsentGiver, Purpose
from events.errors import BadInput, CodeUnknown, NotAllowedNow, ProtectiveRefusal
from ledger.case import block, care, consent, withdrawal
from tests.given import CASEWORKER, SOON, Story, consented, new_id, opened
from tests.reacting import ALL, AUNT, granted, overridden, referred

CHILD, CAREGIVER, GUARDIAN, OTHER = list(ConsentGiver)[1:]
ADULTS = {CAREGIVER, GUARDIAN, OTHER}
YOUNG, MIDDLE, OLDER, OLDEST, GROWN = list(AgeBand)[1:]
ANY = set(Assent)
#: Written down a second time, from domain.md b.3: who consents, and how the child agrees.
TABLE: dict[AgeBand, tuple[set[ConsentGiver], set[Assent]]] = {
    YOUNG: (ADULTS, ANY),
    MIDDLE: ({CAREGIVER, GUARDIAN}, {Assent.ORAL, Assent.WRITTEN}),
    OLDER: ({CHILD, CAREGIVER, GUARDIAN}, {Assent.WRITTEN}),
    OLDEST: ({CHILD}, ANY),
    GROWN: ({CHILD}, ANY),
}


def _grant(story: Story, by: ConsentGiver = CAREGIVER, **more: Any) -> UUID:
    """Let a caseworker of KZ record a consent to a service in KG."""
    consent_id = new_id()
    terms = {
        "recipient": "KG", "purpose": Purpose.SERVICE, "scopes": ALL, "expires_on": SOON,
        "given_by": by, "giver": AUNT if by in ADULTS else None,
        "age_band": OLDER, "assent": Assent.WRITTEN, "consent_id": consent_id,
    }  # fmt: skip
    story.did("KZ", consent.grant_consent, by=CASEWORKER, **{**terms, **more})
    return consent_id


def _take_back(story: Story, consent_id: UUID, by: ConsentGiver, country: str = "KZ") -> None:
    giver = AUNT if by in ADULTS else None
    story.did(country, withdrawal.withdraw_consent, consent_id=consent_id, given_by=by, giver=giver)


def test_the_table_speaks_of_every_age() -> None:
    """A band that is added has to say who consents."""
    assert set(TABLE) == set(AgeBand) - {AgeBand.UNKNOWN}


@pytest.mark.parametrize("assent", list(Assent))
@pytest.mark.parametrize("by", list(ConsentGiver)[1:])
@pytest.mark.parametrize("age_band", list(TABLE))
def test_who_consents_depends_on_the_childs_age(
    age_band: AgeBand, by: ConsentGiver, assent: Assent
) -> None:
    """Every cell of the table, and every refusal beside it."""
    story = opened()
    givers, assents = TABLE[age_band]
    if by in givers and assent in assents:
        granted_id = _grant(story, by, age_band=age_band, assent=assent)
        terms = story["KZ"].national.care.terms[granted_id]
        assert (terms.given_by, terms.age_band) == (by, age_band)
        return
    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story, by, age_band=age_band, assent=assent)
    assert refusal.value.rule == ("giver" if by not in givers else "assent")


@pytest.mark.parametrize(
    ("more", "error", "rule"),
    [
        ({"giver": None}, BadInput, "giver_named"),
        ({"age_band": AgeBand.UNKNOWN}, BadInput, "age_band"),
        ({"by": CHILD, "giver": "child-1"}, BadInput, "giver_named"),
        ({"giver": "Aigul Bekova"}, CodeUnknown, "pseudonym"),
        ({"withheld_from": ("the father",)}, CodeUnknown, "pseudonym"),
        ({"language": "Qaraqalpaq tili"}, CodeUnknown, "pseudonym"),
    ],
)
def test_what_is_said_about_the_giver_is_complete_and_no_name(
    more: dict[str, Any], error: type[Exception], rule: str
) -> None:
    """An adult by pseudonym, the child by none beside the case's."""
    with pytest.raises(error) as refusal:
        _grant(opened(), **more)
    assert refusal.value.rule == rule  # type: ignore[attr-defined]


def test_an_excluded_person_consents_to_nothing() -> None:
    """A block stands against a person as it stands against a country."""
    story = opened()
    story.did("KZ", block.place_block, persons=(AUNT,))

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story)
    assert refusal.value.rule == "excluded_person"
    _grant(story, giver="aunt-2")


def test_who_gave_it_and_who_took_it_back_stays_at_home() -> None:
    """The shared events name neither; the other country learns that it may not, never from whom."""
    story = opened()
    first = _grant(story, CHILD)
    referred(story, first, "sent")
    second = _grant(story, CHILD)
    _take_back(story, second, CHILD)

    assert {first, second} <= set(story["KG"].settled.consents)
    assert story["KG"].national.care.terms == {}
    assert story["KG"].national.care.ended_by == {}
    assert story["KZ"].national.care.ended_by == {second: CHILD}


@pytest.mark.parametrize("taken_back_by", [CHILD, CAREGIVER])
def test_the_child_gives_again_what_anybody_took_back(taken_back_by: ConsentGiver) -> None:
    """It is hers to give."""
    story = opened()
    _take_back(story, _grant(story), taken_back_by)
    _grant(story, CHILD)


def test_an_adult_of_the_same_standing_gives_again_what_an_adult_took_back() -> None:
    """A caregiver changes her mind; a guardian does not change it for her."""
    story = opened()
    _take_back(story, _grant(story), CAREGIVER)

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story, GUARDIAN)
    assert refusal.value.rule == "taken_back"
    _grant(story, CAREGIVER)


@pytest.mark.parametrize("adult", [CAREGIVER, GUARDIAN])
def test_no_adult_gives_again_what_the_child_took_back(adult: ConsentGiver) -> None:
    """Without a review of her best interests, that is: then a supervisor records it."""
    story = opened()
    _take_back(story, _grant(story), CHILD)

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story, adult)
    assert refusal.value.rule == "taken_back"
    granted(story, by=adult)


def test_no_adult_gives_again_what_the_child_refused() -> None:
    """Not even one scope of it, and not by asking for more beside it."""
    story = opened()
    refused = {"recipient": "KG", "scopes": ALL[2:], "given_by": CHILD}
    story.did("KZ", withdrawal.refuse_consent, **refused)

    for scopes in (ALL, ALL[2:]):
        with pytest.raises(ProtectiveRefusal):
            _grant(story, scopes=scopes)
    _grant(story, scopes=ALL[:2])
    _grant(story, CHILD)


@pytest.mark.parametrize("order", [(CHILD, CAREGIVER), (CAREGIVER, CHILD)])
def test_an_adult_does_not_put_her_word_over_the_childs(order: tuple[ConsentGiver, ...]) -> None:
    """Taking back once more what the child took back makes it no adult's withdrawal."""
    story = opened()
    consent_id = _grant(story)
    for by in order:
        _take_back(story, consent_id, by)

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story)
    assert refusal.value.rule == "taken_back"


@pytest.mark.parametrize("once_more", [False, True], ids=["", "and an adult said so, too"])
def test_what_another_country_took_back_may_have_been_the_childs_word(once_more: bool) -> None:
    """Who it was is known there alone, so here no adult gives it again without a review."""
    story = opened()
    consent_id = _grant(story)
    referred(story, consent_id, "sent")
    _take_back(story, consent_id, CHILD, country="KG")
    if once_more:
        _take_back(story, consent_id, CAREGIVER)

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story)
    assert refusal.value.rule == "taken_back"
    _grant(story, CHILD)


def test_an_override_that_the_child_ended_is_no_adults_to_replace() -> None:
    """Her word against release without consent is a word against release."""
    story = opened()
    _take_back(story, overridden(story), CHILD)

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story)
    assert refusal.value.rule == "taken_back"


def test_an_override_that_its_authority_ended_stands_in_nobodys_way() -> None:
    """The emergency is over, and now somebody can be asked."""
    story = opened()
    story.did("KZ", consent.end_override, override_id=overridden(story))
    _grant(story)


def test_a_withdrawal_of_one_purpose_is_one_of_the_data() -> None:
    """The other country sees data and recipient, so these decide, not what it was for."""
    story = opened("KZ", "KG", "UZ")
    _take_back(story, _grant(story, purpose=Purpose.RESEARCH), CHILD)

    with pytest.raises(ProtectiveRefusal):
        _grant(story)
    _grant(story, recipient="UZ")


def test_nobody_takes_back_what_nobody_gave() -> None:
    """An id that is not known here is a mistake, or a guess."""
    story = opened()
    consented(story)

    with pytest.raises(NotAllowedNow) as refusal:
        _take_back(story, new_id(), CHILD)
    assert refusal.value.rule == "basis_known"
    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.withdraw_consent, consent_id=overridden(story))
    assert refusal.value.rule == "basis_known"


def test_another_adult_of_the_same_kind_does_not_give_what_one_took_back() -> None:
    """Persons count, not kinds: the uncle is a caregiver, too, and it was not his to take back."""
    story = opened()
    _take_back(story, _grant(story), CAREGIVER)

    with pytest.raises(ProtectiveRefusal) as refusal:
        _grant(story, giver="uncle-1")
    assert refusal.value.rule == "taken_back"
    assert set(story["KZ"].national.care.ended_by_person.values()) == {AUNT}
    granted(story, giver="uncle-1")  # after a review, by a supervisor
    _grant(story)


def test_what_two_adults_took_back_neither_gives_alone() -> None:
    """Each of them speaks for himself."""
    story = opened()
    _take_back(story, _grant(story, giver=AUNT), CAREGIVER)
    refused = {"recipient": "KG", "scopes": ALL, "given_by": CAREGIVER, "giver": "uncle-1"}
    story.did("KZ", withdrawal.refuse_consent, **refused)

    for giver in (AUNT, "uncle-1"):
        with pytest.raises(ProtectiveRefusal):
            _grant(story, giver=giver)


@pytest.mark.parametrize("known_by", ["grant", "refusal"])
def test_who_is_known_as_another_is_not_believed_to_be_the_guardian(known_by: str) -> None:
    """The uncle does not end what the aunt gave by calling himself guardian."""
    story = opened("KZ", "KG", "UZ")
    basis = _grant(story)
    story.did("KZ", care.appoint_guardian)
    if known_by == "grant":
        _grant(story, recipient="UZ", giver="uncle-1")
    else:
        uncle = {"given_by": OTHER, "giver": "uncle-1"}
        story.did("KZ", withdrawal.refuse_consent, recipient="UZ", scopes=ALL, **uncle)
    withdraw = {"consent_id": basis, "given_by": GUARDIAN}

    with pytest.raises(NotAllowedNow) as refusal:
        story["KZ"].decide(withdrawal.withdraw_consent, giver="uncle-1", **withdraw)
    assert refusal.value.rule == "giver_known"
    story.did("KZ", withdrawal.withdraw_consent, giver="guardian-1", **withdraw)
    assert story["KZ"].national.consents[basis].state == "withdrawn"


def test_a_giver_who_was_appointed_takes_back_what_she_gave() -> None:
    """As the giver she may, whatever she is called since."""
    story = opened()
    basis = _grant(story)
    story.did("KZ", care.appoint_guardian)
    _take_back(story, basis, GUARDIAN)

    assert story["KZ"].national.consents[basis].state == "withdrawn"
