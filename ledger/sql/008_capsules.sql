-- Releases that the keystore has prepared: a capsule leaves only when its KeysReleased has come
-- back effective, and a crash between the two must not make a second one. Gone with the erasure.
CREATE TABLE keystore.capsule (
    grant_id uuid PRIMARY KEY,       -- event id of the KeysReleased
    case_id uuid NOT NULL,
    handoff_id uuid NOT NULL,
    preview bool NOT NULL,           -- which of the two steps
    basis_id uuid NOT NULL,
    epoch bigint NOT NULL,
    scopes text[] NOT NULL,
    commitments bytea[] NOT NULL,    -- in the order of scopes
    carried bytea NOT NULL,          -- salt and capsule: what goes on the grants topic
    box_scopes text[] NOT NULL,
    boxes bytea[] NOT NULL,          -- the record, sealed for this very event
    prepared_at timestamptz NOT NULL DEFAULT now(),
    left_at timestamptz              -- when it was given out the first time
);
CREATE UNIQUE INDEX capsule_step_idx
ON keystore.capsule (case_id, handoff_id, preview, basis_id, epoch);
CREATE INDEX capsule_case_idx ON keystore.capsule (case_id);
GRANT SELECT, INSERT, DELETE, UPDATE (left_at) ON keystore.capsule TO ledger_keystore;
