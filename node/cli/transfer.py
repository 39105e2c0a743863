"""`ledger transfer`: responsibility for a case moves to another country."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb
from node.cli.listing import listing

app = noun("transfer")

verb(app, "request", "request_transfer", role=Role.FOCAL_POINT)
verb(app, "propose", "propose_transfer", role=Role.FOCAL_POINT)
verb(app, "preview", "preview_transfer", role=Role.FOCAL_POINT)
verb(
    app,
    "accept",
    "accept_transfer",
    role=Role.FOCAL_POINT,
    waits=True,
    summary="Agree to take responsibility; it moves later, at `ledger transfer move`.",
)
verb(app, "reject", "reject_transfer", role=Role.FOCAL_POINT)
verb(app, "revoke", "revoke_transfer", role=Role.FOCAL_POINT, waits=True)
verb(app, "expire", "expire_transfer", role=Role.FOCAL_POINT)
verb(
    app,
    "move",
    "move_responsibility",
    role=Role.FOCAL_POINT,
    waits=True,
    summary="Answer for the case from here on, as the country that accepted it.\n\n"
    "Refused while no basis is in force, unless the child is here already.",
)
verb(
    app,
    "return",
    "return_case",
    role=Role.FOCAL_POINT,
    summary="Propose that the country before take the case back: a new transfer, never an undo.\n\n"
    "The grounds are data of scope preview.",
)
verb(app, "complete", "complete_handover")
listing(app, "transfer")
