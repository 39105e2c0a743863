"""`ledger consent`: permission to share data scopes of a case with a country until a day."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("consent")

verb(app, "grant", "grant_consent")
verb(app, "refuse", "refuse_consent")
verb(app, "withdraw", "withdraw_consent")
verb(app, "review-withdrawal", "review_withdrawal", role=Role.SUPERVISOR)
