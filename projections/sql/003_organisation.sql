-- A case system of one organisation asks which generation is current, as every reader does.

GRANT USAGE ON SCHEMA projections TO ledger_organisation;
GRANT SELECT ON projections.current_generation TO ledger_organisation;
