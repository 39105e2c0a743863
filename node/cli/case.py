"""`ledger case`: a child's matter, known by a pseudonym."""

from __future__ import annotations

from events.codes import NeutralStatus, Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("case")

verb(app, "open", "open_case")
verb(
    app,
    "ready",
    "change_status",
    preset={"status": NeutralStatus.READY},
    summary="Say that the case may be handed over.",
)
verb(
    app,
    "not-ready",
    "change_status",
    preset={"status": NeutralStatus.NOT_READY},
    summary="Say that the case may not be handed over; never why. Stops open transfers.",
)
verb(app, "missing", "report_missing")
verb(app, "found", "report_found")
verb(app, "correct", "correct_record")
verb(app, "join", "join_case", role=Role.SUPERVISOR)
verb(app, "request-closure", "request_closure")
verb(app, "close", "close_case", role=Role.SUPERVISOR)
verb(app, "reopen", "reopen_case")
