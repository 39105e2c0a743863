"""What a node needs before its first start, typed: key files, logins, case systems."""

from __future__ import annotations

import psycopg
import pytest

from events.agreement import Agreement, Country
from ledger.keys.kek import KekFile
from ledger.keys.national import NationalKeys
from projections import generation
from tests.e2e.conftest import environment, ledger


@pytest.fixture
def env(database, tmp_path) -> dict[str, str]:
    """The settings of whoever prepares KZ's node: the database's owner."""
    country = {
        code: Country(code=code, zone="UTC", log_keys=(f"{code}+x+y",)) for code in ("KZ", "KG")
    }
    agreement = tmp_path / "agreement.toml"
    agreement.write_text(Agreement(name="t", prefix="t", partitions=1, countries=country).render())
    dsn = database.dsn
    return environment(LEDGER_PG=dsn, LEDGER_AGREEMENT=str(agreement), LEDGER_COUNTRY="KZ")


def test_the_keys_of_a_country_are_made_once_and_shown_to_nobody(tmp_path):
    files = [tmp_path / "kz-national-key", tmp_path / "kz-kek"]
    done = ledger("prepare", "keys", tmp_path, "--country", "KZ")
    assert done.code == 0, done.err
    assert {0o400} == {file.stat().st_mode & 0o777 for file in files}
    national, kek = NationalKeys.load(files[0]), KekFile(files[1]).read()
    for secret in (*national.render().split()[2::3], files[1].read_text().strip()):
        assert secret not in done.out + done.err

    again = ledger("prepare", "keys", tmp_path, "--country", "KZ", "--json").json
    assert again == {"country": "KZ", "files": list(map(str, files)), "made": 0}
    assert kek == KekFile(files[1]).read()

    files[1].rename(tmp_path / "kz-kek-before")  # how the next one is made
    assert ledger("prepare", "keys", tmp_path, "--country", "KZ", "--json").json["made"] == 1
    assert kek != KekFile(files[1]).read()


def test_every_program_gets_a_login_of_its_own_role(tmp_path, env, database):
    done = ledger("prepare", "logins", tmp_path, "--json", env=env)
    assert done.code == 0, done.err
    try:
        for role, file in done.json["files"].items():
            path = tmp_path / f"kz-{role}-dsn"
            assert (str(path), 0o600) == (file, path.stat().st_mode & 0o777)
            with psycopg.connect(path.read_text()) as connection:
                own = "SELECT pg_has_role(session_user, %s, 'usage')"
                assert (True,) == connection.execute(own, (f"ledger_{role}",)).fetchone()
                assert (False,) == connection.execute(own, ("pg_read_all_data",)).fetchone()
            assert path.read_text().split("password=")[1].split()[0] not in done.out + done.err
    finally:
        _drop(database, *done.json["files"])


def test_a_case_system_gets_a_login_that_reads_its_organisation_s_cases(tmp_path, env, database):
    with psycopg.connect(database.dsn, autocommit=True) as owner:
        generation.ensure(owner)
    user, file = f"{database.name}_shelter", tmp_path / "shelter"
    done = ledger("prepare", "organisation", "shelter-a", file, "--user", user, env=env)
    assert done.code == 0, done.err
    try:
        assert [(user, "shelter-a")] == database.run(
            "SELECT login::text, organisation FROM ledger.organisation_login"
        )
        with psycopg.connect(file.read_text()) as connection:
            assert [] == connection.execute("SELECT * FROM read_1.case_file").fetchall()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM read_1.audit_trail")
    finally:
        _drop(database, "shelter")


def _drop(database, *users: str) -> None:
    for user in users:
        database.run(f"DROP OWNED BY {database.name}_{user}")
        database.run(f"DROP ROLE {database.name}_{user}")
