-- Where keys live: half of every key set. The other half is a slot of 32 bytes in files that no
-- backup holds (ledger/keys/slots.py), so no copy of these tables, however old, opens a key whose
-- slot was overwritten.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledger_keystore') THEN
        CREATE ROLE ledger_keystore NOLOGIN;
    END IF;
END
$$;
COMMENT ON ROLE ledger_keystore IS 'Keeps keys: reads the ledger to judge, writes its own tables.';

CREATE SCHEMA keystore;

-- Key-encryption keys by their name, never the key: a wrong one is found before anything is done.
CREATE TABLE keystore.kek (
    kek_id bytea PRIMARY KEY CHECK (octet_length(kek_id) = 16),
    known_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz          -- no key is under it any more, and none ever will be
);

-- The slot files that belong to these rows.
CREATE TABLE keystore.slot_file (
    only_row bool PRIMARY KEY DEFAULT true CHECK (only_row),
    mark bytea NOT NULL CHECK (octet_length(mark) = 32),  -- SHA-256 of slot 0, which is no share
    replicas int NOT NULL CHECK (replicas >= 2),          -- the most there ever were
    ready bigint NOT NULL CHECK (ready > 0),              -- slots that stand on every replica
    incarnation text NOT NULL       -- the life of the database in which slots are given out
);
CREATE SEQUENCE keystore.next_slot MINVALUE 1;

-- All keys of one case, epoch and owner. A tombstone stays behind for ever.
CREATE TABLE keystore.key_set (
    set_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('own', 'received', 'one_time')),
    case_id uuid NOT NULL,
    epoch bigint CHECK (epoch BETWEEN 0 AND 4294967295),
    grant_id uuid,                  -- received: the grant that released them
    handoff_id uuid,                -- one_time: whose acceptance names the public key ..
    stage text,                     -- .. and in which step
    public bytea CHECK (octet_length(public) = 32),
    scopes smallint[] NOT NULL,
    key_ids bytea[] NOT NULL,       -- of the same places; 16 bytes each
    slot bigint NOT NULL UNIQUE CHECK (slot > 0),
    share_db bytea CHECK (octet_length(share_db) = 32),
    wrapped bytea,                  -- the keys, one after the other, under AES-KW
    canary bytea,                   -- opens as long as the keys do
    kek_id bytea NOT NULL REFERENCES keystore.kek,
    seals bigint NOT NULL DEFAULT 0 CHECK (seals BETWEEN 0 AND 1048576),  -- reserved so far
    state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'erasing', 'erased')),
    opened bool,                    -- whether it did, just before its slot was overwritten
    replicas int,                   -- on so many the slot was overwritten and the canary failed
    created_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    CHECK (cardinality(scopes) = cardinality(key_ids)),
    CHECK ((kind = 'one_time') = (epoch IS NULL)),
    CHECK ((kind = 'received') = (grant_id IS NOT NULL)),
    CHECK ((kind = 'one_time') = (handoff_id IS NOT NULL AND stage IS NOT NULL)),
    CHECK ((kind = 'one_time') = (public IS NOT NULL)),
    CHECK (num_nulls(share_db, wrapped, canary) = CASE state WHEN 'erased' THEN 3 ELSE 0 END),
    CHECK (num_nulls(erased_at, replicas) = CASE state WHEN 'erased' THEN 0 ELSE 2 END)
);
CREATE UNIQUE INDEX key_set_own_idx ON keystore.key_set (case_id, epoch) WHERE kind = 'own';
CREATE UNIQUE INDEX key_set_received_idx ON keystore.key_set (case_id, grant_id, epoch)
WHERE kind = 'received';
CREATE UNIQUE INDEX key_set_one_time_idx ON keystore.key_set (case_id, handoff_id, stage)
WHERE kind = 'one_time';
CREATE INDEX key_set_case_idx ON keystore.key_set (case_id);
CREATE INDEX key_set_erasing_idx ON keystore.key_set (case_id) WHERE state = 'erasing';
CREATE INDEX key_set_kek_idx ON keystore.key_set (kek_id, set_id) WHERE state <> 'erased';

-- It judges from the ledger itself, not from what a caller claims.
GRANT USAGE ON SCHEMA ledger, mirror, keystore TO ledger_keystore;
GRANT SELECT ON ledger.ledger_events, ledger.command, ledger.start_mark TO ledger_keystore;
GRANT SELECT ON ALL TABLES IN SCHEMA mirror TO ledger_keystore;
GRANT EXECUTE ON FUNCTION ledger.incarnation() TO ledger_keystore;

-- No DELETE: that a key was destroyed is never forgotten. A set never changes case, slot or names.
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA keystore TO ledger_keystore;
GRANT UPDATE (retired_at) ON keystore.kek TO ledger_keystore;
GRANT UPDATE (replicas, ready, incarnation) ON keystore.slot_file TO ledger_keystore;
GRANT UPDATE (
    share_db, wrapped, canary, kek_id, seals, state, opened, replicas, erased_at
) ON keystore.key_set TO ledger_keystore;
GRANT USAGE, SELECT, UPDATE ON SEQUENCE keystore.next_slot TO ledger_keystore;
