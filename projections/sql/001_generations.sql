-- Generations of read models: schemas read_1, read_2, ..., made and dropped by the projecting role
-- (projections/generation.py). Readers ask which one is current.

CREATE SCHEMA projections;

CREATE TABLE projections.current_generation (
    only_row bool PRIMARY KEY DEFAULT true CHECK (only_row),
    number int NOT NULL CHECK (number >= 1),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What a rebuild found when it compared: equal, or different for a reason that a person gave.
CREATE TABLE projections.rebuilt (
    number int PRIMARY KEY,
    before int NOT NULL,
    equal bool NOT NULL,
    reason text,
    rebuilt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (equal OR reason IS NOT NULL)
);

GRANT USAGE ON SCHEMA projections
TO ledger_append, ledger_relay, ledger_project, ledger_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA projections
TO ledger_append, ledger_relay, ledger_project, ledger_audit;
GRANT INSERT, UPDATE ON projections.current_generation TO ledger_project;
GRANT INSERT ON projections.rebuilt TO ledger_project;
