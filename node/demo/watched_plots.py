"""A plot about a child who is followed until her case ends, and taken up again."""

from __future__ import annotations

from events.codes import RiskLevel, Safety
from ledger.case import care, closing, monitoring, searching
from node.demo.awaiting import waits
from node.demo.desk import Desk
from node.demo.story import Story
from node.reading import reader


def watched(story: Story) -> None:
    """By the rules somebody looks at her by a time; missing and found; her case ends by two."""
    here = story.here
    story.title = "Nobody forgets her until her case ends"
    story.opens("opens a case of a girl")
    waits(here, lambda: _reckoned(here, story, "first_contact", "views", "risk"))
    story.takes(here, "listens to the child, in time", care.record_views)
    story.takes(here, "says how urgent it is", care.assess_risk, risk=RiskLevel.MEDIUM)
    story.takes(here, "raises the alarm: she is missing", searching.report_missing)
    waits(here, lambda: _reckoned(here, story, "child_missing", "follow_up"))
    story.takes(here, "has found her", searching.report_found)
    waits(here, lambda: _reckoned(here, story, "risk_review"))
    story.takes(here, "looks at the risk anew", care.assess_risk, risk=RiskLevel.LOW)
    follow_up = {"safety": Safety.SAFE}
    story.takes(here, "visits her, and she is safe", monitoring.complete_follow_up, **follow_up)
    asked = {"reason": "no_further_action_possible_required", "informed": True}
    story.takes(here, "asks to close the case, and why", closing.request_closure, **asked)
    waits(here, lambda: _reckoned(here, story, "closure_decision"))
    story.takes(here, "another person closes it", closing.close_case)
    waits(here, lambda: not here.ledger.case(story.case_id).national.care.monitored or None)
    story.takes(here, "begins again, for a reason", closing.reopen_case, reason="neglect_medical")
    waits(here, lambda: _reckoned(here, story, "first_contact", "assessment"))
    story.ending = "Each step had its time, and `ledger deadline list` says what came of it."


def _reckoned(desk: Desk, story: Story, *steps: str) -> bool | None:
    """Say whether the rules have set a deadline for each of these steps, and all can see it."""
    with reader(desk.where) as found:
        running = found.rows("deadlines", "WHERE case_id = %s AND state = 'running'", story.case_id)
    return (set(steps) <= {one["step"] for one in running}) or None
