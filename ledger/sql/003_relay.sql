-- What the relay remembers between two runs, and what it knows when it starts.

-- How far the topic was known to hold this country's events. A hint: it may be behind, it is
-- never ahead, because it moves only after a commit that was read back or acknowledged.
CREATE TABLE ledger.relay_hint (
    topic text PRIMARY KEY CHECK (topic IN ('shared', 'national')),
    notification_id bigint NOT NULL,   -- everything up to here stands on the topic
    rank bigint NOT NULL,              -- so many events of this topic: the next log index
    next_offsets jsonb NOT NULL,       -- partition -> offset from which to scan at the next start
    topic_id uuid NOT NULL,            -- the topic these offsets belong to
    moved_at timestamptz NOT NULL DEFAULT now()
);

-- One life of this database: changes with every start of the server, with every failover
-- (timeline) and with every restore (a restored database or table is a new one).
CREATE FUNCTION ledger.incarnation() RETURNS text
LANGUAGE sql STABLE
RETURN format(
    '%s/%s/%s/%s',
    extract(epoch FROM pg_postmaster_start_time()),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    'ledger.ledger_events'::regclass::oid,
    left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
);

-- The end of each topic when the relay had started in this life of the database and had copied
-- back what the store lacked. Nothing may be decided before the mirror has come so far.
CREATE TABLE ledger.start_mark (
    topic text NOT NULL CHECK (topic IN ('shared', 'national')),
    partition int NOT NULL,
    topic_id uuid NOT NULL,
    high_watermark bigint NOT NULL,
    incarnation text NOT NULL DEFAULT ledger.incarnation(),
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (topic, partition)
);
