"""`ledger referral`: a service is sought elsewhere; responsibility stays."""

from __future__ import annotations

from node.cli.app import noun
from node.cli.deciding import verb
from node.cli.listing import listing

app = noun("referral")

verb(app, "send", "send_referral")
verb(app, "receive", "receive_referral")
verb(app, "accept", "accept_referral", waits=True)
verb(app, "reject", "reject_referral")
verb(app, "start", "start_referral")
verb(app, "complete", "complete_referral")
verb(app, "revoke", "revoke_referral", waits=True)
verb(app, "expire", "expire_referral")
listing(app, "referral")
