-- Whoever tells duty desks asks which generation is current, to read the tasks of it.

GRANT USAGE ON SCHEMA projections TO ledger_notices;
GRANT SELECT ON projections.current_generation TO ledger_notices;
