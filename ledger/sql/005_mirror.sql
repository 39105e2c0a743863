-- This country's verified copy of the topics, in the topics' order: the one source of folds,
-- rebuilds, as-of questions and evidence. Written by the workers only, in the transaction that
-- moves their positions.

CREATE SCHEMA mirror;

-- Every admitted record, once.
CREATE TABLE mirror.record (
    topic text NOT NULL CHECK (topic IN ('shared', 'national')),
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    effect_offset bigint,           -- where it takes effect; NULL while it is held
    effect_rank int,                -- order among those that take effect at one offset, from 0
    case_id uuid NOT NULL,
    origin text NOT NULL,
    version int NOT NULL,
    event_id uuid NOT NULL,
    leaf bytea NOT NULL,
    log_index bigint NOT NULL,
    signature bytea NOT NULL,
    ce_type text NOT NULL,
    value bytea NOT NULL,
    mirrored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset"),
    CHECK ((effect_offset IS NULL) = (effect_rank IS NULL)),
    CHECK (effect_offset >= "offset")
);
-- A case with all it has; and the proof that no version of an origin was ever admitted twice.
CREATE UNIQUE INDEX record_version_idx ON mirror.record (case_id, topic, origin, version);
-- An origin's log in its own order, for whoever recomputes it.
CREATE INDEX record_log_idx ON mirror.record (topic, origin, log_index);
-- What still waits, and what took effect later than it came: both are few.
CREATE INDEX record_held_idx ON mirror.record (case_id) WHERE effect_offset IS NULL;
CREATE INDEX record_released_idx ON mirror.record (topic, partition, effect_offset)
WHERE effect_offset > "offset";

-- Every record that is no event of a case, or not another one: kept as evidence, without effect.
CREATE TABLE mirror.stray (
    topic text NOT NULL CHECK (topic IN ('shared', 'national')),
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('noise', 'equivocation', 'repeat')),
    reason text NOT NULL,
    key bytea,
    value bytea,                    -- NULL for a repeat: the same bytes stand in mirror.record
    leaf bytea,
    log bytea,
    origin text,                    -- who signed it; NULL for noise
    mirrored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);

-- Two signed statements about one log that cannot both be true. Admission does not depend on
-- them (ADR 0030): records of one log stand in several partitions, which have no common order.
CREATE VIEW mirror.log_conflict AS
SELECT one.topic, one.origin, one.log_index, one.leaf, other.leaf AS other_leaf
FROM mirror.record AS one
JOIN mirror.record AS other
    ON other.topic = one.topic AND other.origin = one.origin
    AND other.log_index = one.log_index AND other.leaf > one.leaf
UNION ALL
SELECT one.topic, one.origin, one.log_index, one.leaf, stray.leaf
FROM mirror.record AS one
JOIN mirror.stray AS stray
    ON stray.topic = one.topic AND stray.origin = one.origin AND stray.outcome <> 'noise'
    AND CASE
        WHEN stray.leaf = one.leaf
            THEN substring(stray.log FOR 8) <> int8send(one.log_index)
        ELSE substring(stray.log FOR 8) = int8send(one.log_index)
    END;

GRANT USAGE ON SCHEMA mirror TO ledger_append, ledger_relay, ledger_project, ledger_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA mirror
TO ledger_append, ledger_relay, ledger_project, ledger_audit;
-- A released record learns its place; nothing else of it ever changes, and nothing is deleted.
GRANT INSERT, UPDATE (effect_offset, effect_rank) ON mirror.record TO ledger_project;
GRANT INSERT ON mirror.stray TO ledger_project;
