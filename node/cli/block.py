"""`ledger block`: nothing about a child goes to some countries and persons; why is sealed."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("block")

verb(app, "place", "place_block")
verb(app, "lift", "lift_block", role=Role.SUPERVISOR)
