"""What is asked again and again costs the same however long a table is: it is never read whole."""

import psycopg

from consumers import candidates
from consumers.candidates import Candidates

#: So many rows, and one question more than a planner asks before it plans for good.
ROWS, ASKED = 6_000, 7
_MIRROR = """
INSERT INTO mirror.record (topic, partition, "offset", effect_offset, effect_rank, case_id, origin,
    version, event_id, leaf, log_index, signature, ce_type, value)
SELECT 'shared', one %% 6, one / 6, one / 6, 0, gen_random_uuid(), 'KZ', 1, gen_random_uuid(),
    uuid_send(gen_random_uuid()), one, uuid_send(gen_random_uuid()), 'CaseOpened',
    uuid_send(gen_random_uuid())
FROM generate_series(%s::int, %s) AS one
"""


def scans(connection, table: str) -> int:
    """Return how often a whole table was read in this transaction."""
    row = connection.execute(
        "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = %s::regclass", (table,)
    ).fetchone()
    return row[0] if row else 0


def test_a_look_for_news_reads_what_is_new(database):
    database.run(_MIRROR, 1, ROWS)
    database.run("ANALYZE mirror.record")
    with psycopg.connect(database.as_role("append")) as connection:
        looking = Candidates(connection, "KZ", 6)
        for _ in range(ASKED):
            assert looking.news() == set()
        assert scans(connection, "mirror.record") == 0


def test_news_that_are_too_many_for_one_look_are_all_seen(database, monkeypatch):
    monkeypatch.setattr(candidates, "_MOST", 10)
    with psycopg.connect(database.as_role("append"), autocommit=True) as connection:
        looking = Candidates(connection, "KZ", 6)
        database.run(_MIRROR, 1, 150)
        assert len(looking.news()) == 150
        assert looking.news() == set()
