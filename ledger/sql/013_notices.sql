-- The program that tells duty desks that a task waits. It reads what it needs to decide on a case,
-- and adds national events: whoever takes it over can say nothing to another country. Which
-- national event it is nobody sees here, since they are sealed.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledger_notices') THEN
        CREATE ROLE ledger_notices NOLOGIN;
    END IF;
END
$$;
COMMENT ON ROLE ledger_notices IS 'Tells duty desks: reads tasks, adds national events only.';

CREATE FUNCTION ledger.append_national(
    case_id uuid, number bigint, topic text, state bytea,
    key text, request_hash bytea, event_ids uuid[]
)
RETURNS bigint
LANGUAGE plpgsql
-- With the rights of the tables' owner, who alone may insert here for this program.
SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    IF topic IS DISTINCT FROM 'national/NationalEvent' THEN
        RAISE insufficient_privilege USING MESSAGE = 'this role adds national events only';
    END IF;
    RETURN ledger.append_one(case_id, number, topic, state, key, request_hash, event_ids);
END
$$;
REVOKE ALL ON FUNCTION ledger.append_national FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.append_national, ledger.incarnation() TO ledger_notices;

GRANT USAGE ON SCHEMA ledger, mirror, witness TO ledger_notices;
GRANT SELECT ON ledger.ledger_events, ledger.command, ledger.start_mark, ledger.rule_text
TO ledger_notices;
GRANT SELECT ON mirror.record, witness.alarm TO ledger_notices;
