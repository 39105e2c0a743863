-- Receipts: what the read models of a generation rested on at one moment, and what they said then.
-- Taken by whoever projects, read by whoever audits; nobody changes one.

CREATE TABLE projections.receipt (
    receipt_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation int NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    why text NOT NULL CHECK (why IN ('rebuilt', 'asked')),
    -- Per topic and partition: next offset, size and root of the tree over the audit trail's leaf
    -- hashes in order of effect.
    orders jsonb NOT NULL,
    -- Per log: size and root of the tree over the same leaf hashes in the log's order, up to the
    -- first place that the trail does not have.
    logs jsonb NOT NULL,
    -- Sides of cases that were parked, each with the place from which on it was not folded.
    parked jsonb NOT NULL,
    schemas bytea NOT NULL CHECK (octet_length(schemas) = 32),  -- hash of the released schemas
    models jsonb NOT NULL,          -- read model -> state hash
    shared jsonb NOT NULL           -- the same of what stands on the shared topic; alike abroad
);
CREATE INDEX receipt_newest_idx ON projections.receipt (generation, taken_at);

GRANT SELECT ON projections.receipt TO ledger_append, ledger_relay, ledger_project, ledger_audit;
GRANT INSERT ON projections.receipt TO ledger_project;
