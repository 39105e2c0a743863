-- What this node knows of signed notes: checkpoints of every log, who else has signed them, in
-- which order each country heard the shared topic, and what does not fit together. The notes
-- themselves stand on the checkpoints topics; this is what was read there and found good.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['ledger_seal', 'ledger_witness']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;
COMMENT ON ROLE ledger_seal IS 'Signs checkpoints of its own logs: reads them, adds notes.';
COMMENT ON ROLE ledger_witness IS 'Recomputes the logs of others: reads the mirror, adds notes.';

CREATE SCHEMA witness;

-- A checkpoint whose signature is good. Another root at a size that is here is a fork.
CREATE TABLE witness.checkpoint (
    log text NOT NULL,              -- 'referral.ledger/KZ'
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,             -- the signed note, with every cosignature known here
    signed_at timestamptz NOT NULL DEFAULT now(),  -- when this node heard of it
    PRIMARY KEY (log, size)
);

-- Who says that this root is the root of what it has itself received, and when.
CREATE TABLE witness.cosignature (
    log text NOT NULL,
    size bigint NOT NULL,
    witness text NOT NULL,          -- name of its key: 'referral.witness/KG'
    cosigned_at timestamptz NOT NULL,  -- by the clock of the witness; it stands in what it signed
    PRIMARY KEY (log, size, witness),
    FOREIGN KEY (log, size) REFERENCES witness.checkpoint
);

-- In which order a country heard a partition of the shared topic: root over the leaf hashes of
-- what was admitted, of all origins, in the topic's order.
CREATE TABLE witness.order_note (
    country text NOT NULL,
    partition int NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country, partition, size)
);

-- A country's national log as other countries know it: one salted hash a day, at a fixed hour.
CREATE TABLE witness.commitment (
    log text NOT NULL,
    day date NOT NULL,
    commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
    note text NOT NULL,
    -- Only in the country itself: what opens it.
    salt bytea CHECK (octet_length(salt) = 32),
    size bigint,
    root bytea,
    PRIMARY KEY (log, day)
);

-- What does not fit together. Nothing is ever taken away: a person says that it is resolved.
CREATE TABLE witness.alarm (
    alarm_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    rule text NOT NULL,             -- 'fork', 'root_differs', 'order_differs' ..: docs/reference.md
    log text NOT NULL,
    partition int,
    size bigint,                    -- of the checkpoint or order note that it is about
    log_index bigint,
    event_id uuid,
    words text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolved_by text,
    CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
);
-- Each kind of fault of a log once, however often and wherever it is seen: whoever can cause them
-- must not fill the table that every decision looks into.
CREATE UNIQUE INDEX alarm_once_idx ON witness.alarm (rule, log, partition)
NULLS NOT DISTINCT WHERE resolved_at IS NULL;

-- How far the witness has read the topics of notes.
CREATE TABLE witness.position (
    topic text PRIMARY KEY,
    topic_id uuid NOT NULL,
    next_offset bigint NOT NULL
);

GRANT USAGE ON SCHEMA witness TO ledger_seal, ledger_witness, ledger_append, ledger_relay,
    ledger_project, ledger_audit, ledger_keystore;
GRANT SELECT ON ALL TABLES IN SCHEMA witness TO ledger_seal, ledger_witness, ledger_append,
    ledger_relay, ledger_project, ledger_audit, ledger_keystore;

GRANT USAGE ON SCHEMA ledger, mirror TO ledger_seal, ledger_witness;
GRANT SELECT ON mirror.record TO ledger_seal, ledger_witness;
GRANT SELECT ON mirror.stray TO ledger_witness;
GRANT SELECT ON ledger.ledger_events TO ledger_seal;
GRANT INSERT ON witness.checkpoint, witness.commitment, witness.alarm
TO ledger_seal, ledger_witness;
GRANT INSERT ON witness.cosignature, witness.order_note TO ledger_witness;
GRANT UPDATE (note) ON witness.checkpoint TO ledger_witness;
GRANT INSERT, UPDATE ON witness.position TO ledger_witness;
-- Who may decide may say that a fault is resolved; the decision is recorded beside it.
GRANT UPDATE (resolved_at, resolved_by) ON witness.alarm TO ledger_append;
