-- How relays ended so far: one that is gone tells nobody, so its successors do.
-- A relay counts as killed from the moment it has the lock, until it lives to say what happened.
CREATE TABLE ledger.relay_end (
    relay text NOT NULL,               -- the topics that it served, as it names itself
    reason text NOT NULL CHECK (reason IN ('killed', 'fenced', 'away', 'broken')),
    times bigint NOT NULL,
    PRIMARY KEY (relay, reason)
);
GRANT SELECT, INSERT, UPDATE ON ledger.relay_end TO ledger_relay;
