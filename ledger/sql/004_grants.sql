-- Least privilege. A table, sequence or function that is not named here is closed to everybody
-- but its owner; nobody has UPDATE, DELETE or TRUNCATE on what was decided.

REVOKE ALL ON SCHEMA ledger FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO ledger_append, ledger_relay, ledger_project, ledger_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger
TO ledger_append, ledger_relay, ledger_project, ledger_audit;
GRANT EXECUTE ON FUNCTION ledger.incarnation() TO ledger_append, ledger_relay;

GRANT INSERT ON ledger.ledger_events, ledger.command TO ledger_append;
GRANT USAGE ON SEQUENCE ledger.ledger_events_notification_id_seq TO ledger_append, ledger_relay;
GRANT EXECUTE ON FUNCTION ledger.append, ledger.append_one TO ledger_append, ledger_relay;

-- Own events found on the topic after a restore are copied back by the relay.
GRANT INSERT ON ledger.ledger_events TO ledger_relay;
GRANT INSERT, UPDATE ON ledger.relay_hint, ledger.start_mark TO ledger_relay;
