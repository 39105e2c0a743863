-- The keystore asks which generation is current, to know how far this node has read.

GRANT USAGE ON SCHEMA projections TO ledger_keystore;
GRANT SELECT ON projections.current_generation TO ledger_keystore;
