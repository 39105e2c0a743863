"""Two cases of one child: suspected, confirmed by both sides, joined, and parted again."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from events.case import CaseJoined
from events.codes import DataScope, NeutralStatus, Purpose
from events.duplicate import DuplicateSuspected
from events.errors import (
    BadInput,
    CaseUnknown,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongCountry,
    WrongRole,
)
from events.stamp import Actor
from ledger.case import (
    block,
    care,
    closing,
    duplicate,
    identity,
    joining,
    monitoring,
    referral,
    reserving,
    searching,
    transfer,
)
from ledger.case.joint import Suspicion
from ledger.case.personal import PersonalData
from projections.case_file import TABLE as FILE
from projections.case_file import row as file_row
from tests.given import (
    CASEWORKER,
    CLOSING,
    SCOPES,
    SOON,
    Story,
    consented,
    known_together,
    opened,
    proposed,
    ready,
    sent,
)

WHY = PersonalData({DataScope.NARRATIVE: {"why": "another mother"}})
SECOND = Actor(id="sup-2", role="supervisor", organisation="cps-astana")
Pair = tuple[Story, Story]


def two_at_home() -> Pair:
    """KZ has two cases and nobody else knows of them."""
    pair = opened(), opened(seed=1)
    known_together(*pair)
    return pair


def shared(story: Story, *, to: str = "KG") -> Story:
    """Let another country have been a party to a case; nothing is open any more."""
    handoff_id = sent(story, consented(story, to=to, purpose=Purpose.SERVICE))
    story.did("KZ", referral.revoke_referral, handoff_id=handoff_id)
    return story


def moved(story: Story) -> Story:
    """Let KG answer for a case that KZ has opened."""
    handoff_id = new_transfer(story)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff_id)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff_id)
    return story


def new_transfer(story: Story) -> UUID:
    basis_id = consented(story)
    ready(story)
    return proposed(story, basis_id)


def across() -> Pair:
    """KZ answers for the yielding case, KG for the one that goes on; each is a party to both."""
    pair = shared(opened()), moved(opened(seed=1))
    known_together(*pair)
    return pair


def suspected(pair: Pair, country: str = "KZ", **more: Any) -> UUID:
    yields, goes_on = pair
    yields.did(
        country, duplicate.suspect_duplicate, other_case_id=goes_on.case_id, by=CASEWORKER, **more
    )
    return next(reversed(yields[country].case.national.care.duplicates))


def opening(pair: Pair, suspicion_id: UUID, country: str = "KZ") -> dict[str, Any]:
    noted = pair[0][country].case.national.care.duplicates[suspicion_id]
    return {"other_case_id": noted.other_case_id, "opening": noted.salt.hex()}


def confirmed_at_home(pair: Pair) -> UUID:
    suspicion_id = suspected(pair)
    pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id, by=SECOND)
    return suspicion_id


def reserved(pair: Pair, country: str = "KZ") -> None:
    pair[1].did(country, reserving.reserve_case, yielding_case_id=pair[0].case_id)


def joined(pair: Pair, country: str = "KZ", **more: Any) -> Any:
    return pair[0].did(country, joining.join_case, into_case_id=pair[1].case_id, **more)


def refused(story: Story, rule: str, decision: Any, kind: Any, country: str = "KZ", **said: Any):
    with pytest.raises(kind) as error:
        story[country].decide(decision, **said)
    assert rule == error.value.rule


def state(story: Story, country: str = "KZ") -> str:
    return story[country].case.identity.state


def suspicion(story: Story, suspicion_id: UUID, country: str = "KZ") -> Suspicion:
    case = story[country].case
    return {**case.national.suspicions, **case.ahead.suspicions}[suspicion_id]


def test_two_cases_at_home_are_joined_after_two_people_have_confirmed():
    pair = two_at_home()
    confirmed_at_home(pair)
    reserved(pair)
    joined(pair)
    assert ("joined", "open") == (state(pair[0]), state(pair[1]))
    assert pair[1].case_id == pair[0]["KZ"].case.national.identity.into_case
    assert [] == pair[0].topic == pair[1].topic, "nothing of it is anybody else's business"


def test_one_person_is_not_two():
    pair = two_at_home()
    suspicion_id = suspected(pair)
    for _ in range(2):
        pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    reserved(pair)
    into = {"into_case_id": pair[1].case_id}
    refused(pair[0], "not_confirmed", joining.join_case, ProtectiveRefusal, **into)


def test_nothing_is_joined_without_a_suspicion():
    pair = two_at_home()
    into = {"into_case_id": pair[1].case_id}
    refused(pair[0], "not_confirmed", joining.join_case, ProtectiveRefusal, **into)
    with pytest.raises(CaseUnknown):
        pair[0]["KZ"].decide(joining.join_case, into_case_id=uuid4())
    with pytest.raises(BadInput):
        pair[0]["KZ"].decide(joining.join_case, into_case_id=pair[0].case_id)


def test_a_caseworker_suspects_and_a_supervisor_confirms():
    pair = two_at_home()
    suspicion_id = suspected(pair)
    for decision in (duplicate.confirm_duplicate, duplicate.dismiss_duplicate):
        with pytest.raises(WrongRole):
            pair[0]["KZ"].decide(decision, suspicion_id=suspicion_id, by=CASEWORKER)


def test_across_the_border_a_person_of_each_country_confirms_and_one_answers_for_both():
    pair = across()
    suspicion_id = suspected(pair)
    pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    told = {"suspicion_id": suspicion_id, **opening(pair, suspicion_id)}
    pair[0].did("KG", duplicate.confirm_duplicate, **told)
    assert suspicion(pair[0], suspicion_id, "KG").is_confirmed
    into = {"into_case_id": pair[1].case_id}
    refused(pair[0], "same_country", joining.join_case, WrongCountry, **into)
    moved(pair[0])
    reserved(pair, "KG")
    event = joined(pair, "KG")
    assert pair[0].verdict(event).effective
    for country in ("KZ", "KG"):
        assert ("joined", "KG") == (
            state(pair[0], country),
            pair[0][country].settled.identity.responsible,
        )
    assert pair[1].case_id == _file(pair[0], "KG")["into_case_id"]


def _file(story: Story, country: str) -> dict[str, Any]:
    case = story[country].case
    return dict(zip(FILE.columns, file_row(case.settled, case.national), strict=True))


def test_the_shared_topic_links_no_two_cases():
    """The id of the other case stands nowhere in it, in no form that can be tried out."""
    pair = across()
    suspicion_id = suspected(pair)
    pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    pair[0].did(
        "KG", duplicate.confirm_duplicate, suspicion_id=suspicion_id, **opening(pair, suspicion_id)
    )
    moved(pair[0])
    reserved(pair, "KG")
    event = joined(pair, "KG")
    assert isinstance(event, CaseJoined)
    assert suspicion_id == event.into_case_id == event.suspicion_id
    assert str(pair[1].case_id) not in str([one for one, _ in pair[0].topic])
    (raised,) = (one for one, _ in pair[0].topic if isinstance(one, DuplicateSuspected))
    assert duplicate.commitment(pair[0].case_id, pair[1].case_id, bytes(32)) != raised.other
    assert _file(Story("KZ", "KG"), "KZ")["into_case_id"] is None
    unknowing = pair[0]["KZ"].case
    assert unknowing.settled.identity.into_case == suspicion_id


@pytest.mark.parametrize("told", [{}, {"opening": "00" * 32}, {"opening": "no hex"}])
def test_who_confirms_knows_which_case_it_is(told):
    pair = across()
    suspicion_id = suspected(pair)
    said = {"suspicion_id": suspicion_id, "other_case_id": pair[1].case_id, **told}
    refused(pair[0], "commitment", duplicate.confirm_duplicate, BadInput, country="KG", **said)


def test_another_country_s_case_at_home_is_noted_and_nobody_hears_of_it():
    """KG knows the child by a case of its own; that there is one is for KG to say."""
    pair = opened(), Story(seed=1)
    pair[1].did("KG", identity.open_case)
    known_together(*pair)
    shared(pair[0])
    before = len(pair[0].topic)
    suspicion_id = suspected(pair, "KG", privately=True)
    assert (before, {}) == (len(pair[0].topic), pair[0]["KZ"].settled.suspicions)
    assert suspicion_id == suspected(pair, "KG"), "the same one, when KG decides so"
    assert "suspected" == suspicion(pair[0], suspicion_id).state
    assert pair[0]["KZ"].case.national.care.duplicates == {}


def test_a_country_that_is_no_party_is_told_nothing():
    yields, goes_on = opened(), moved(opened(seed=1))
    known_together(yields, goes_on)
    said = {"other_case_id": goes_on.case_id}
    refused(yields, "party", duplicate.suspect_duplicate, NotAllowedNow, **said)
    yields.did("KZ", duplicate.suspect_duplicate, privately=True, **said)
    assert [] == yields.topic


@pytest.mark.parametrize("of", [0, 1])
def test_a_block_against_a_country_tells_it_nothing(of):
    pair = across()
    suspicion_id = suspected(pair, "KG")
    pair[of].did("KZ", block.place_block, countries=("KG",))
    said = {"suspicion_id": suspicion_id, **opening(pair, suspicion_id, "KG")}
    if of == 0:
        refused(pair[0], "blocked", duplicate.confirm_duplicate, ProtectiveRefusal, **said)
    other = across()
    other[of].did("KZ", block.place_block, countries=("KG",))
    asked = {"other_case_id": other[1].case_id}
    refused(other[0], "blocked", duplicate.suspect_duplicate, ProtectiveRefusal, **asked)


def test_a_dismissal_ends_it_and_gives_no_reason():
    pair = across()
    suspicion_id = suspected(pair)
    pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    event = pair[0].did("KG", duplicate.dismiss_duplicate, suspicion_id=suspicion_id, data=WHY)
    assert ("dismissed", ()) == (suspicion(pair[0], suspicion_id).state, event.sealed)
    told = {"suspicion_id": suspicion_id, **opening(pair, suspicion_id)}
    refused(pair[0], "suspected", duplicate.confirm_duplicate, NotAllowedNow, "KG", **told)
    again = suspected(pair)
    assert again != suspicion_id


def test_the_case_that_goes_on_has_to_be_reserved_and_is_kept():
    pair = two_at_home()
    suspicion_id = confirmed_at_home(pair)
    into = {"into_case_id": pair[1].case_id}
    refused(pair[0], "not_reserved", joining.join_case, NotAllowedNow, **into)
    reserved(pair)
    pair[1].did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    refused(pair[1], "reserved", closing.close_case, ProtectiveRefusal)
    pair[0].did("KZ", duplicate.dismiss_duplicate, suspicion_id=suspicion_id)
    pair[1].did("KZ", closing.close_case)
    assert "closed" == state(pair[1])


def test_a_reserved_case_is_not_handed_over_and_does_not_yield_itself():
    pair = two_at_home()
    confirmed_at_home(pair)
    other_way = (pair[1], pair[0])
    confirmed_at_home(other_way)
    reserved(pair)
    refused(pair[0], "reserved", reserving.reserve_case, NotAllowedNow,
            yielding_case_id=pair[1].case_id)  # fmt: skip
    basis_id = consented(pair[1])
    ready(pair[1])
    with pytest.raises(ProtectiveRefusal, match="goes on for case"):
        proposed(pair[1], basis_id)
    joined(pair)
    refused(pair[1], "into_open", joining.join_case, NotAllowedNow, into_case_id=pair[0].case_id)
    proposed(pair[1], basis_id)


def test_a_case_with_an_open_transfer_cannot_be_reserved():
    pair = opened(), opened(seed=1)
    known_together(*pair)
    confirmed_at_home(pair)
    new_transfer(pair[1])
    yielding = {"yielding_case_id": pair[0].case_id}
    refused(pair[1], "handoff_open", reserving.reserve_case, NotAllowedNow, **yielding)


def test_what_is_only_decided_of_a_case_reserves_nothing():
    """A reopening on its way may come behind the join: the child would have nobody meanwhile."""
    pair = two_at_home()
    shared(pair[1])
    confirmed_at_home(pair)
    pair[1].did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    pair[1]["KZ"].decide(closing.close_case)
    pair[1]["KZ"].decide(closing.reopen_case, reason="other")
    said = {"yielding_case_id": pair[0].case_id}
    refused(pair[1], "pending", reserving.reserve_case, NotAllowedNow, **said)
    pair[1].settle()
    reserved(pair)
    joined(pair)


def test_only_a_suspected_case_is_waited_for():
    pair = two_at_home()
    yielding = {"yielding_case_id": pair[0].case_id}
    refused(pair[1], "suspected", reserving.reserve_case, NotAllowedNow, **yielding)


def test_what_goes_on_here_is_ended_or_moved_first_and_named():
    pair = two_at_home()
    confirmed_at_home(pair)
    reserved(pair)
    sibling = uuid4()
    pair[0].did("KZ", care.link_sibling, sibling_case_id=sibling)
    with pytest.raises(NotAllowedNow, match=f"sibling {sibling}"):
        joined(pair)
    pair[1].did("KZ", care.link_sibling, sibling_case_id=sibling)
    consent_id = consented(pair[0], to="KZ", purpose=Purpose.SERVICE)
    at_home = uuid4()
    pair[0].did("KZ", referral.send_referral, recipient="KZ", basis_id=consent_id,
                scopes=SCOPES, due_on=SOON, handoff_id=at_home)  # fmt: skip
    with pytest.raises(NotAllowedNow, match=f"referral {at_home}"):
        joined(pair)
    pair[0].did("KZ", referral.revoke_referral, handoff_id=at_home)
    pair[0].did("KZ", searching.report_missing)
    with pytest.raises(NotAllowedNow, match="missing"):
        joined(pair)
    pair[0].did("KZ", searching.report_found)
    joined(pair)


def test_no_block_is_lost():
    pair = two_at_home()
    confirmed_at_home(pair)
    reserved(pair)
    pair[0].did("KZ", block.place_block, countries=("UZ",), persons=("uncle-1",))
    into = {"into_case_id": pair[1].case_id}
    refused(pair[0], "block_kept", joining.join_case, ProtectiveRefusal, **into)
    pair[1].did("KZ", block.place_block, countries=("UZ",), persons=("uncle-1", "uncle-2"))
    joined(pair)


def test_nothing_open_on_the_topic_is_lost_in_a_join():
    pair = shared(opened()), opened(seed=1)
    known_together(*pair)
    confirmed_at_home(pair)
    reserved(pair)
    sent(pair[0], consented(pair[0], purpose=Purpose.SERVICE))
    with pytest.raises(NotAllowedNow, match="handoff_open"):
        joined(pair)


def test_parting_brings_a_case_back_open_and_not_ready():
    pair = across()
    suspicion_id = suspected(pair)
    pair[0].did("KZ", duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    told = {"suspicion_id": suspicion_id, **opening(pair, suspicion_id)}
    pair[0].did("KG", duplicate.confirm_duplicate, **told)
    moved(pair[0])
    reserved(pair, "KG")
    ready(pair[0], "KG")
    joined(pair, "KG")
    refused(pair[0], "joined", closing.reopen_case, NotAllowedNow, country="KG", reason="other")
    with pytest.raises(WrongRole):
        pair[0]["KG"].decide(joining.part_case, data=WHY, by=CASEWORKER)
    with pytest.raises(WrongCountry):
        pair[0]["KZ"].decide(joining.part_case, data=WHY)
    before = monitoring.begun_again(pair[0]["KG"].case)
    event = pair[0].did("KG", joining.part_case, data=WHY)
    assert before + 1 == monitoring.begun_again(pair[0]["KG"].case)
    settled = pair[0]["KZ"].settled
    assert ("open", NeutralStatus.NOT_READY, None, "KG", ()) == (
        settled.identity.state, settled.identity.status, settled.identity.into_case,
        settled.identity.responsible, event.sealed,
    )  # fmt: skip
    assert "parted" == settled.suspicions[suspicion_id].state
    refused(pair[0], "joined", joining.part_case, NotAllowedNow, country="KG", data=WHY)


def test_a_join_that_another_country_could_not_know_to_be_confirmed_is_void():
    """A node without guards names a case in clear, or joins on one side's word: no effect."""
    pair = shared(opened()), opened(seed=1)
    suspicion_id = uuid4()

    def join_anyway(_matter: Any, **said: Any) -> Any:
        from ledger.case.matter import Draft

        return (Draft(CaseJoined, said),)

    node = pair[0]["KZ"]
    (event,) = node.decide_anyway(
        join_anyway, into_case_id=suspicion_id, suspicion_id=suspicion_id, schema_version=2
    )
    pair[0].settle()
    assert "not_confirmed" == pair[0].verdict(event).void
