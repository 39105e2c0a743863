"""`ledger erasure`: destroy the keys of a closed case, so that nobody reads it any more."""

from __future__ import annotations

from events.codes import Role
from node.cli.app import noun
from node.cli.deciding import verb

app = noun("erasure")

verb(app, "request", "request_erasure", role=Role.SUPERVISOR)
verb(app, "approve", "approve_erasure", role=Role.DATA_PROTECTION_OFFICER)
verb(app, "hold", "place_hold", role=Role.DATA_PROTECTION_OFFICER)
verb(app, "end-hold", "end_hold", role=Role.DATA_PROTECTION_OFFICER)
