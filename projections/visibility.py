"""Who sees which rows of a generation: most readers all, an organisation those of its own cases.

A case system of one organisation reads as a login of role `ledger_organisation`. Which organisation
that is, the database's owner has written down (ledger/sql/010_row_security.sql); a session cannot
say so itself. Row security is not forced on the owner of the tables: it is the projecting role,
which writes every row, and PostgreSQL refuses COPY into a table that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import LiteralString

from projections.change import BLOCK
from projections.models import TABLES

#: Roles that see every row of every read model.
READERS: LiteralString = "ledger_append, ledger_relay, ledger_audit, ledger_keystore"

_OWN_CASES = "EXISTS (SELECT FROM {schema}.own_cases AS own WHERE own.case_id = {table}.case_id)"
_NOT_OF_BLOCKS = f"event_type IS NULL OR event_type NOT IN ({str(tuple(BLOCK.split()))[1:-1]})"
#: What a case system shows, and which of its rows. The trail and the access ledger are for
#: auditors; that a block exists, and for whom, is for the few who placed it.
ORGANISATIONS_SEE: Mapping[str, str] = {
    "case_file": _OWN_CASES,
    "case_organisations": _OWN_CASES,
    "consents": _OWN_CASES,
    "coverage": _OWN_CASES,
    "plan_items": _OWN_CASES,
    "plans": _OWN_CASES,
    "referrals": _OWN_CASES,
    "releases": _OWN_CASES,
    "responsibility_began": _OWN_CASES,
    "routings": _OWN_CASES,
    "tasks": f"{_OWN_CASES} AND ({_NOT_OF_BLOCKS})",
}
#: What the program that tells duty desks needs: which tasks are open, and how far the mirror is.
NOTICES_SEE: Mapping[str, str] = {"tasks": "", "audit_trail": "(case_id, topic, leaf, place)"}
_NOTICES_READ = ("position", "parked")
#: Views over them, which show what the tables show; policies ask the last one.
_VIEWS = ("responsibility", "own_cases")

# Asked once for each statement, with the rights of the projecting role.
_ORGANISATION = """
CREATE FUNCTION {schema}.organisation() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC SELECT ledger.organisation_of_login(); END
"""
# A view of the projecting role, which sees every row: of one case it costs a look into an index, of
# all cases one hash. An organisation that a block names sees nothing of that case, whatever it has
# done for the child before.
_VIEW_OF_OWN_CASES = """
CREATE VIEW {schema}.own_cases WITH (security_barrier = true) AS
SELECT worked.case_id FROM {schema}.case_organisations AS worked
WHERE worked.organisation = (SELECT {schema}.organisation()) AND NOT EXISTS (
    SELECT FROM {schema}.blocks AS one
    WHERE one.case_id = worked.case_id AND one.lifted_at IS NULL
        AND worked.organisation = ANY (one.persons)
)
"""


def secure(schema: str) -> Iterator[str]:
    """Yield the statements that say who sees what of a new generation; its owner runs them."""
    yield f"GRANT USAGE ON SCHEMA {schema} TO {READERS}, ledger_organisation"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {READERS}"
    yield _ORGANISATION.format(schema=schema)
    yield f"REVOKE ALL ON FUNCTION {schema}.organisation() FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {schema}.organisation() TO ledger_organisation"
    yield _VIEW_OF_OWN_CASES.format(schema=schema)
    for table in TABLES:
        name = f"{schema}.{table.name}"
        yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
        yield f"CREATE POLICY everything ON {name} FOR SELECT TO {READERS} USING (true)"
    for table_name, rows in ORGANISATIONS_SEE.items():
        name = f"{schema}.{table_name}"
        seen = rows.format(schema=schema, table=table_name)
        yield f"GRANT SELECT ON {name} TO ledger_organisation"
        yield f"CREATE POLICY own_cases ON {name} FOR SELECT TO ledger_organisation USING ({seen})"
    yield f"GRANT USAGE ON SCHEMA {schema} TO ledger_notices"
    for name in _NOTICES_READ:
        yield f"GRANT SELECT ON {schema}.{name} TO ledger_notices"
    for table_name, columns in NOTICES_SEE.items():
        name = f"{schema}.{table_name}"
        yield f"GRANT SELECT {columns} ON {name} TO ledger_notices"
        yield f"CREATE POLICY notices ON {name} FOR SELECT TO ledger_notices USING (true)"
    for view in _VIEWS:
        yield f"GRANT SELECT ON {schema}.{view} TO ledger_organisation"
