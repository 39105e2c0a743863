-- What a reactor has carried and taken in. Notes only: losing them repeats a step that may be
-- repeated, since a capsule has its grant as key and a grant is kept once.
CREATE TABLE ledger.grant_moved (
    grant_id uuid NOT NULL,
    step text NOT NULL CHECK (step IN ('sent', 'received', 'tombstoned')),
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (grant_id, step)
);
GRANT SELECT, INSERT ON ledger.grant_moved TO ledger_append;
GRANT SELECT ON ledger.grant_moved TO ledger_audit;
