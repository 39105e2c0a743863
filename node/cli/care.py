"""`ledger care`: the national work with the child; other countries do not see it."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("care")

verb(app, "assess-risk", "assess_risk")
verb(app, "concern", "record_concern")
verb(app, "assessment", "complete_assessment")
verb(app, "views", "record_views")
verb(app, "resolve-concern", "resolve_concern")
verb(app, "sibling", "link_sibling")
verb(app, "assign", "assign_case")
verb(app, "appoint-guardian", "appoint_guardian")
verb(app, "end-guardian", "end_guardian")
verb(app, "follow-up", "complete_follow_up")
verb(app, "attempt", "attempt_contact")
verb(app, "feedback", "receive_feedback")
verb(app, "complaint", "receive_complaint")
verb(app, "answer-complaint", "answer_complaint", role=Role.SUPERVISOR)
