"""What the case systems that people use today let through, and this one does not.

One test for each acceptance test that they fail (found by reading their code), as far as the parts
here are about it. Each stands at the decision: no door, and no form, can go round it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from events import code_lists
from events.codes import RiskLevel, Safety
from events.errors import DecisionRefused, NotAllowedNow, ProtectiveRefusal, WrongRole
from events.stamp import Actor
from ledger.case import care, closing, consent, identity, monitoring, plan, referral, transfer
from tests.given import (
    CASEWORKER,
    CLOSING,
    SCOPES,
    SOON,
    SUPERVISOR,
    Story,
    consented,
    opened,
    proposed,
    ready,
    sent,
)
from tests.unit.test_plan_decisions import AGREE, planned
from tests.unit.test_redirection import chooses


def refused(story: Story, country: str, decision, /, kind=DecisionRefused, **said) -> None:
    before = story[country].case
    with pytest.raises(kind):
        story[country].decide(decision, **said)
    after = story[country].case
    assert (before.ahead, before.national) == (after.ahead, after.national), "no effect"


def test_nobody_says_by_himself_that_consent_is_overridden():
    """A parameter of whoever may refer is enough there; here it takes a second person."""
    story = opened()
    terms = {"recipient": "KG", "purpose": "service", "scopes": SCOPES, "expires_on": SOON}
    alone = {**terms, "requested_by": SUPERVISOR.id}
    refused(story, "KZ", consent.approve_override, by=SUPERVISOR, **alone)
    refused(story, "KZ", consent.approve_override, by=CASEWORKER, requested_by="cw-2", **terms)


def test_nobody_but_the_named_receiver_accepts_a_transfer():
    """Whoever can read the case may accept there."""
    story = Story("KZ", "KG", "UZ")
    story.did("KZ", identity.open_case)
    ready(story)
    handoff = proposed(story, consented(story))
    refused(story, "UZ", transfer.accept_transfer, handoff_id=handoff)
    refused(story, "KZ", transfer.accept_transfer, handoff_id=handoff)
    provider = Actor(id="p-1", role="provider", organisation="shelter")
    refused(story, "KG", transfer.accept_transfer, WrongRole, by=provider, handoff_id=handoff)


def test_what_was_done_is_not_taken_back():
    """A completed referral can be set to revoked there."""
    story = opened()
    handoff = sent(story, consented(story, purpose="service"))
    for decision in (referral.receive_referral, referral.accept_referral, referral.start_referral):
        story.did("KG", decision, handoff_id=handoff)
    story.did("KG", referral.complete_referral, handoff_id=handoff, outcome="fulfilled")
    refused(story, "KZ", referral.revoke_referral, handoff_id=handoff)


def test_nobody_approves_what_he_asked_for():
    """A permission `self_approve` exists there."""
    story, plan_id = planned()
    story.did("KZ", plan.submit_plan, plan_id=plan_id, by=SUPERVISOR, **AGREE)
    refused(story, "KZ", plan.approve_plan, ProtectiveRefusal, by=SUPERVISOR, plan_id=plan_id)
    story = opened()
    story.did("KZ", closing.request_closure, by=SUPERVISOR, **CLOSING)
    refused(story, "KZ", closing.close_case, ProtectiveRefusal, by=SUPERVISOR)


def test_a_closed_case_is_opened_again_by_a_supervisor_with_a_reason_and_by_nothing_else():
    """To add a service or an incident opens it there, and nobody is asked why."""
    story = opened()
    story.did("KZ", closing.request_closure, by=CASEWORKER, **CLOSING)
    story.did("KZ", closing.close_case)
    story.did("KZ", care.record_concern)
    story.did("KZ", care.assess_risk, risk=RiskLevel.HIGH)
    assert "closed" == story["KZ"].case.identity.state
    with pytest.raises(NotAllowedNow):
        chooses(story)
    refused(story, "KZ", monitoring.complete_follow_up, safety=Safety.SAFE)
    refused(story, "KZ", closing.reopen_case, by=CASEWORKER, reason="abuse")
    refused(story, "KZ", closing.reopen_case, reason="UNKNOWN")
    story.did("KZ", closing.reopen_case, reason="abuse")
    assert "open" == story["KZ"].case.identity.state


@pytest.mark.parametrize(
    ("first", "state"), [("KG", "moved"), ("KZ", "revoked")], ids=["moved", "revoked"]
)
def test_of_a_move_and_a_revocation_exactly_one_wins(first, state):
    """There both are written; here responsibility is never nobody's and never two countries'."""
    story = opened()
    ready(story)
    handoff = proposed(story, consented(story))
    story.did("KG", transfer.accept_transfer, handoff_id=handoff)
    story["KG"].decide(transfer.move_responsibility, handoff_id=handoff)
    story["KZ"].decide(transfer.revoke_transfer, handoff_id=handoff)
    story.publish(first)
    story.settle()
    for country in ("KZ", "KG"):
        settled = story[country].case.settled
        assert state == settled.transfers[handoff].state
        assert first == settled.identity.responsible


def test_a_code_that_means_something_else_is_found():
    """There a country renamed `abducted_trafficked` so that it read as poverty."""
    known = code_lists.code_list("separation_cause")
    label = {**known.codes, "abducted_trafficked": known.codes["poverty"]}
    assert known.sha256 != replace(known, codes=label).sha256


def test_transferred_is_no_reason_to_close_a_case():
    """There a case that was handed over is closed, and nobody answers for it any more."""
    refused(
        opened(), "KZ", closing.request_closure, reason="transferred", informed=True,
        by=CASEWORKER,
    )  # fmt: skip
