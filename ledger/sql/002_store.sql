-- What this country decided. Only ever added to.

-- The table of eventsourcing 9.5.6's application recorder, column for column (a contract test
-- compares), so that the library's reading side works on it.
CREATE TABLE ledger.ledger_events (
    originator_id uuid NOT NULL,             -- the case
    originator_version bigint NOT NULL,      -- the decision number: one counter over both topics
    topic text NOT NULL,                     -- 'shared/CaseOpened', 'national/RiskAssessed'
    state bytea NOT NULL,                    -- the bytes that go on the topic
    notification_id bigserial,               -- order of commit; may have gaps
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX ledger_events_notification_id_idx ON ledger.ledger_events (notification_id);

-- What was asked, by the caller's idempotency key. Written in the transaction of its events.
CREATE TABLE ledger.command (
    key text PRIMARY KEY,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    case_id uuid NOT NULL,
    event_ids uuid[] NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);

-- Append a group of independent commands: each all or nothing, whatever becomes of the others.
--
-- One entry of `owners` .. `states` is an event, of `keyed` .. `event_ids` a command with an
-- idempotency key; `owners` and `keyed` hold the number of the command within the group. The
-- caller puts no two commands of one key or one decision number into a group.
--
-- Answers: `recorded`, the notification ids of the events that were added, in their order;
-- `known`, the commands whose key was there already; `taken`, those whose number was.
CREATE FUNCTION ledger.append(
    owners int[], cases uuid[], numbers bigint[], topics text[], states bytea[],
    keyed int[] DEFAULT '{}', keys text[] DEFAULT '{}', hashes bytea[] DEFAULT '{}',
    key_cases uuid[] DEFAULT '{}', event_ids text[] DEFAULT '{}',
    OUT recorded bigint[], OUT known int[], OUT taken int[]
)
LANGUAGE plpgsql
-- Finite, and shorter than what a caller waits for: a stuck writer must not stop a country.
SET lock_timeout = '5s'
AS $$
DECLARE
    refused int[] := '{}';
BEGIN
    -- One writer at a time until it has committed: the order of ids is the order of commits, so
    -- a reader that goes on from the highest id it has seen never misses an event. Unlike the
    -- table lock of the library it lets VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY work.
    -- The key: the first 63 bits of SHA-256("ledger.append").
    PERFORM pg_advisory_xact_lock(7908396229742373756);

    IF cardinality(keyed) > 0 THEN
        SELECT array_agg(c.owner) INTO known
        FROM unnest(keyed, keys) AS c (owner, key) JOIN ledger.command USING (key);
    END IF;
    refused := coalesce(known, '{}');
    -- Almost no number is taken, and to ask first costs as much as to add: so add, and ask only
    -- after a violation. The second one would be the caller's own doing, and is raised.
    FOR attempt IN 1..2 LOOP
        BEGIN
            WITH added AS (
                INSERT INTO ledger.ledger_events (originator_id, originator_version, topic, state)
                SELECT e.case_id, e.number, e.topic, e.state
                FROM unnest(owners, cases, numbers, topics, states) WITH ORDINALITY
                    AS e (owner, case_id, number, topic, state, place)
                WHERE e.owner <> ALL (refused)
                ORDER BY e.place
                RETURNING notification_id
            )
            SELECT array_agg(notification_id ORDER BY notification_id) INTO recorded FROM added;
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            IF attempt = 2 THEN
                RAISE;
            END IF;
            SELECT array_agg(DISTINCT e.owner) INTO taken
            FROM unnest(owners, cases, numbers) AS e (owner, case_id, number)
            JOIN ledger.ledger_events AS there
                ON there.originator_id = e.case_id AND there.originator_version = e.number
            WHERE e.owner <> ALL (refused);
            refused := refused || coalesce(taken, '{}');
        END;
    END LOOP;

    IF cardinality(keyed) > 0 THEN
        INSERT INTO ledger.command (key, request_hash, case_id, event_ids)
        SELECT c.key, c.hash, c.case_id, c.event_ids::uuid[]
        FROM unnest(keyed, keys, hashes, key_cases, event_ids)
            AS c (owner, key, hash, case_id, event_ids)
        WHERE c.owner <> ALL (refused);
    END IF;
    IF recorded IS NOT NULL THEN
        NOTIFY ledger_events;  -- wakes the relay; the library's channel of this table
    END IF;
END
$$;

-- The same for one event, with or without a key, the usual case of a quiet minute: half the work.
-- A key or a number that is there already is a unique_violation, of the key first.
CREATE FUNCTION ledger.append_one(
    case_id uuid, number bigint, topic text, state bytea,
    key text DEFAULT NULL, request_hash bytea DEFAULT NULL, event_ids uuid[] DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SET lock_timeout = '5s'
AS $$
DECLARE
    recorded bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7908396229742373756);
    IF key IS NOT NULL THEN
        INSERT INTO ledger.command (key, request_hash, case_id, event_ids)
        VALUES (key, request_hash, case_id, event_ids);
    END IF;
    INSERT INTO ledger.ledger_events (originator_id, originator_version, topic, state)
    VALUES (case_id, number, topic, state)
    RETURNING notification_id INTO recorded;
    NOTIFY ledger_events;
    RETURN recorded;
END
$$;
