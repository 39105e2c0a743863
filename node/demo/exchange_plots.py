"""Plots about two countries that work on one case: it goes there, comes back, and is one."""

from __future__ import annotations

from events.codes import AgeBand, ConsentGiver, DataScope, NeutralStatus, Purpose
from ledger.case import consent, duplicate, identity, joining, measure, reserving, transfer
from ledger.case.personal import PersonalData
from node.demo.desk import Desk
from node.demo.plots import ANSWER_IN, PERMITTED_FOR, SCOPES, proposed
from node.demo.story import Story
from node.words import country_name

_SHELTER = PersonalData({DataScope.PROTECTION: {"measure": "a bed for tonight"}})
_WHY = PersonalData({DataScope.NARRATIVE: {"why": "we go on with it"}})
_GROUNDS = PersonalData({DataScope.PREVIEW: {"grounds": "her aunt lives there"}})


def protected_and_returned(story: Story) -> None:
    """Protected where she is, handed over there, and handed back: each a decision of its own."""
    here, there = story.here, story.there
    story.title = "There and back, and protected meanwhile"
    proposed(story)
    story.takes(
        there, "protects her, for she is there already", measure.take_measure, data=_SHELTER
    )
    story.takes(here, "looks at that; it answers for her still", measure.review_measure, data=_WHY)
    _moves(story, there)
    _permits_back(story)
    (came,) = here.ledger.case(story.case_id).settled.transfers
    back = {
        "returned_id": came, "scopes": SCOPES, "due_on": ANSWER_IN, "data": _GROUNDS,
    }  # fmt: skip
    story.takes(there, "asks to take her back, and why", transfer.return_case, **back)
    _moves(story, here)
    story.ending = f"{country_name(here.country)} answers for her again, by a transfer of its own."


def two_cases(story: Story) -> None:
    """Two cases turn out to be one child's."""
    here = story.here
    story.title = "One child, two cases"
    story.opens("opens a case")
    other = here.outcome(here.open()).case_id
    suspects = {"other_case_id": other}
    story.takes(here, "suspects that another case is hers", duplicate.suspect_duplicate, **suspects)
    (suspicion_id,) = here.ledger.case(story.case_id).national.suspicions
    said = {"suspicion_id": suspicion_id}
    story.takes(here, "finds so, as one person", duplicate.confirm_duplicate, **said)
    story.takes(here, "and another one", duplicate.confirm_duplicate, person="second", **said)
    here.outcome(here.decide(other, reserving.reserve_case, yielding_case_id=story.case_id))
    story.takes(here, "lets this case yield", joining.join_case, into_case_id=other)
    story.ending = "One case goes on; parted again, it would come back as it was."


def _moves(story: Story, to: Desk) -> None:
    """Let a country look, accept, take over and meet the child."""
    story.takes(to, "looks at the preview", transfer.preview_transfer)
    story.takes(to, "accepts", transfer.accept_transfer)
    story.takes(to, "takes over", transfer.move_responsibility)
    story.takes(to, "has met the child", transfer.complete_handover)


def _permits_back(story: Story) -> None:
    here, there = story.here, story.there
    story.takes(
        there, "records that she lets it go back", consent.grant_consent,
        recipient=here.country, purpose=Purpose.TRANSFER, scopes=SCOPES,
        expires_on=PERMITTED_FOR, given_by=ConsentGiver.CHILD,
        age_band=AgeBand.FROM_15_TO_17,
    )  # fmt: skip
    ready = {"status": NeutralStatus.READY}
    story.takes(there, "says that she may travel", identity.change_status, **ready)
