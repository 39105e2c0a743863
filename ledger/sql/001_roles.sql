-- What a program may be, once per server. Nobody logs in as one of these: a login role of one
-- country is a member of one of them, and may connect to that country's database only
-- (ledger/database.py, admit).

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['ledger_append', 'ledger_relay', 'ledger_project', 'ledger_audit']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;

COMMENT ON ROLE ledger_append IS 'Decides: adds events and commands, reads everything.';
COMMENT ON ROLE ledger_relay IS 'Publishes: reads events, adds own events found on the topic.';
COMMENT ON ROLE ledger_project IS 'Mirrors and projects: owns what can be built again.';
COMMENT ON ROLE ledger_audit IS 'Reads everything, writes nothing.';
