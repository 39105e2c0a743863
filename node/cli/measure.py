"""`ledger measure`: urgent protection where the child is, while another country answers for her."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("measure")

verb(app, "take", "take_measure")
verb(app, "end", "end_measure")
verb(app, "review", "review_measure", role=Role.SUPERVISOR)
