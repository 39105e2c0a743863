"""`ledger override`: release without consent; a second person approves, and it ends."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("override")

verb(
    app,
    "approve",
    "approve_override",
    role=Role.SUPERVISOR,
    summary="Approve release without consent, as a second person: who asked cannot approve.",
)
verb(app, "end", "end_override")
verb(app, "review", "review_override", role=Role.SUPERVISOR)
