-- The case system of one organisation reads what its own people work on, and nothing else.
-- Which rows those are is said for each generation of read models (projections/visibility.py).

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledger_organisation') THEN
        CREATE ROLE ledger_organisation NOLOGIN;
    END IF;
END
$$;
COMMENT ON ROLE ledger_organisation IS 'Reads current state of the cases of one organisation.';

-- Whose login is whose: written by the owner of the database only, readable for nobody else.
-- Roles belong to the whole server, this table to one country.
CREATE TABLE ledger.organisation_login (
    login name PRIMARY KEY,
    organisation text NOT NULL CHECK (organisation <> ''),
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- `session_user` is who logged in: SET ROLE does not change it, and no setting of a session does.
CREATE FUNCTION ledger.organisation_of_login() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT organisation FROM ledger.organisation_login WHERE login = session_user;
END;
REVOKE ALL ON FUNCTION ledger.organisation_of_login() FROM PUBLIC;
-- It is asked with the rights of the role that owns the read models.
GRANT EXECUTE ON FUNCTION ledger.organisation_of_login() TO ledger_project;
