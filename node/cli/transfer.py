"""`ledger transfer`: responsibility for a case moves to another country."""

from __future__ import annotations

from node.cli.app import noun
from node.cli.deciding import verb
from node.cli.listing import listing

app = noun("transfer")

verb(app, "request", "request_transfer")
verb(app, "propose", "propose_transfer")
verb(app, "preview", "preview_transfer")
verb(
    app,
    "accept",
    "accept_transfer",
    waits=True,
    summary="Agree to take responsibility; it moves later, at `ledger transfer move`.",
)
verb(app, "reject", "reject_transfer")
verb(app, "revoke", "revoke_transfer", waits=True)
verb(app, "expire", "expire_transfer")
verb(
    app,
    "move",
    "move_responsibility",
    waits=True,
    summary="Answer for the case from here on, as the country that accepted it.\n\n"
    "Refused while no basis is in force, unless the child is here already.",
)
verb(app, "complete", "complete_handover")
listing(app, "transfer")
