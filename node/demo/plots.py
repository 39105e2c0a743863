"""The plots: what happens to a case between two countries. Each is told to the end."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from events.codes import AgeBand, ConsentGiver, DataScope, NeutralStatus, Outcome, Purpose
from events.errors import DecisionRefused
from ledger.case import care, consent, identity, referral, transfer, withdrawal
from ledger.case.personal import PersonalData
from ledger.receipt import Receipt
from node.arguments import DaysAhead, Take
from node.demo.desk import Desk
from node.demo.story import Plot, Story
from node.words import country_name

SCOPES = (DataScope.PREVIEW, DataScope.IDENTITY, DataScope.HEALTH)
_KNOWN = PersonalData(
    {
        DataScope.IDENTITY: {"name": "Aizada Example", "birth_date": "2010-05-04"},
        DataScope.HEALTH: {"note": "asthma, inhaler lost"},
    }
)
_ASKED = PersonalData({DataScope.PREVIEW: {"needs": "doctor this week"}})
ANSWER_IN = DaysAhead(14)
PERMITTED_FOR = DaysAhead(180)
#: Two people who decide at the same moment sometimes do not; then they are asked again.
_RACES = 5


def stays_at_home(story: Story) -> None:
    """A child who needs nobody abroad."""
    story.title = "A case that needs nobody abroad"
    story.opens("opens a case")
    story.takes(story.here, "listens to the child", care.record_views)
    story.takes(story.here, "looks at the risks", care.assess_risk)
    story.ending = f"{country_name(story.there.country)} never learns that this child exists."


def handed_over(story: Story) -> None:
    """Responsibility moves, in three deliberate steps."""
    story.title = "A handover, from beginning to end"
    proposed(story)
    here, there = country_name(story.here.country), country_name(story.there.country)
    story.takes(story.there, "looks at the preview", transfer.preview_transfer)
    story.takes(story.there, f"accepts; {here} still answers for her", transfer.accept_transfer)
    story.takes(
        story.there, "takes over: from here on it answers for her", transfer.move_responsibility
    )
    story.takes(story.there, "has met the child", transfer.complete_handover)
    story.ending = f"{there} answers for the child. At no moment did two countries, or none."


def served_abroad(story: Story) -> None:
    """A referral: a service abroad, responsibility at home."""
    story.title = "A service abroad"
    _referred(story)
    story.takes(story.there, "has received it", referral.receive_referral)
    story.takes(story.there, "accepts", referral.accept_referral)
    story.takes(story.there, "begins", referral.start_referral)
    story.takes(story.there, "has done it", referral.complete_referral, outcome=Outcome.FULFILLED)
    story.ending = f"{country_name(story.here.country)} answered for her all the time."


def rejected(story: Story) -> None:
    """The other country cannot take the case."""
    story.title = "The other country says no"
    proposed(story)
    story.takes(story.there, "cannot take her", transfer.reject_transfer)
    story.ending = f"{country_name(story.here.country)} still answers for her, and looks further."


def raced(story: Story) -> None:
    """Take over and take back at the same moment, each on its own view: one order decides."""
    story.title = "Two decisions at the same moment"
    for _ in range(_RACES):
        story.lines.clear()
        proposed(story)
        story.takes(story.there, "accepts", transfer.accept_transfer)
        try:
            moved, revoked = _at_once(story)
        except DecisionRefused:  # one of them had heard of the other: that is no race
            continue
        break
    moved = story.heard(story.there, "takes over, at the very moment when …", moved)
    revoked = story.heard(story.here, "… takes the transfer back", revoked)
    assert _effective(moved) != _effective(revoked), "exactly one of the two takes effect"
    holder = story.there if _effective(moved) else story.here
    story.ending = f"Both ledgers say the same: {country_name(holder.country)} answers for her."


def withdrawn(story: Story) -> None:
    """Consent is taken back while the answer is on its way."""
    story.title = "Consent taken back in time"
    _referred(story)
    story.takes(story.there, "has received it", referral.receive_referral)
    with story.there.deaf():
        taken_back = story.here.decide(story.case_id, withdrawal.withdraw_consent)
        taken_back = story.here.outcome(taken_back)
        acceptance = story.there.decide(story.case_id, referral.accept_referral)
    story.heard(story.here, "the child takes her consent back", taken_back)
    story.heard(story.there, "accepts, before it has heard of that", acceptance)
    story.ending = "A permission decided in ignorance of a withdrawal never takes effect."


def data_travels(story: Story) -> None:
    """Data about the child: released in two steps, shown to who is recorded, stopped at once."""
    story.title = "What is known about her travels only with consent"
    there = country_name(story.there.country)
    story.opens("opens a case, and writes down her name and her health", data=_KNOWN)
    story.takes(
        story.here,
        f"records that she lets name and health go to {there}",
        consent.grant_consent,
        recipient=story.there.country,
        purpose=Purpose.SERVICE,
        scopes=SCOPES,
        expires_on=PERMITTED_FOR,
        given_by=ConsentGiver.CHILD,
        age_band=AgeBand.FROM_15_TO_17,
    )
    _asks(story, f"asks {there} for a doctor", referral.send_referral, data=_ASKED)
    story.takes(story.there, "has received it", referral.receive_referral)
    story.reads(story.there, "reads what is needed, and no name", SCOPES[:1], "open")
    story.takes(story.there, "accepts", referral.accept_referral)
    story.reads(story.there, "reads her name and her health", SCOPES[1:], "open")
    story.takes(
        story.here,
        "the child takes her consent back",
        withdrawal.withdraw_consent,
        given_by=ConsentGiver.CHILD,
    )
    story.reads(story.there, "asks for her name again: it is closed", SCOPES[1:2], "stopped")
    story.ending = "She keeps her doctor. Whoever read something was recorded before it was shown."


#: The first ones, in this order; the rest of the cases are taken from PLAIN in turn.
PLOTS: tuple[Plot, ...] = (
    handed_over,
    served_abroad,
    rejected,
    raced,
    withdrawn,
    data_travels,
    stays_at_home,
)
#: Plots that can happen beside others.
PLAIN: tuple[Plot, ...] = (stays_at_home, served_abroad, handed_over, rejected)


def _permitted(story: Story, purpose: Purpose) -> None:
    story.opens("opens a case")
    there = country_name(story.there.country)
    story.takes(
        story.here,
        f"records her consent: name and health may go to {there}",
        consent.grant_consent,
        recipient=story.there.country,
        purpose=purpose,
        scopes=SCOPES,
        expires_on=PERMITTED_FOR,
    )


def _referred(story: Story) -> None:
    _permitted(story, Purpose.SERVICE)
    there = country_name(story.there.country)
    _asks(story, f"asks {there} for a service", referral.send_referral)


def proposed(story: Story) -> None:
    """Open a case that may travel, and propose that the other country take over."""
    _permitted(story, Purpose.TRANSFER)
    there = country_name(story.there.country)
    ready = {"status": NeutralStatus.READY}
    story.takes(story.here, "says that she may travel", identity.change_status, **ready)
    _asks(story, f"proposes that {there} take over", transfer.propose_transfer)


def _asks(story: Story, words: str, take: Take, **more: Any) -> None:
    asked: Mapping[str, Any] = {
        "recipient": story.there.country,
        "scopes": SCOPES,
        "due_on": ANSWER_IN,
        **more,
    }
    story.takes(story.here, words, take, **asked)


def _at_once(story: Story) -> tuple[Receipt, Receipt]:
    """Let both countries decide at the same moment; return the move and the revocation."""
    start = Barrier(2)

    def decide(desk: Desk, take: Take) -> Receipt:
        start.wait()
        return desk.decide(story.case_id, take)

    with ThreadPoolExecutor(2) as pool:
        moved = pool.submit(decide, story.there, transfer.move_responsibility)
        revoked = pool.submit(decide, story.here, transfer.revoke_transfer)
    return moved.result(), revoked.result()


def _effective(receipt: Receipt) -> bool:
    return all(event.state == "effective" for event in receipt.events)
