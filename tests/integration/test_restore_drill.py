"""The restore drill: a backup from before an erasure, the KEK in hand, and today's slot files.

The rows come back, and with them half of every key. What was erased stays erased, what was not
opens; and with yesterday's slot files everything would open, which is why no backup holds them.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from events.errors import KeysGone, KeystoreDamaged
from ledger import database as databases
from ledger.keys.keyset import Erased, KeySet
from ledger.keys.seal import key_id
from ledger.keys.slots import CHUNK, SLOT_BYTES
from node.embedded import accounts, postgres
from node.embedded.postgres import EmbeddedPostgres
from tests.conftest import PACKAGES, Database
from tests.keystore import Keystore

NAME = "drill"


@contextmanager
def running(folder: Path) -> Iterator[tuple[EmbeddedPostgres, Database]]:
    server = EmbeddedPostgres(folder, settings={"fsync": "off"})
    server.start()
    try:
        yield server, Database(NAME, databases.prepare(server.dsn(), NAME, packages=PACKAGES))
    finally:
        server.stop()


def backed_up(server: EmbeddedPostgres, first: Path, folder: Path) -> Path:
    """Take a base backup with its WAL into the folder of a second server; return its data."""
    folder.mkdir()
    for name in ("password", "initdb-done"):
        shutil.copy(first / name, folder / name)
    installed = postgres._installed()
    lodging = accounts.lodge(installed, "restore-drill", folder)
    subprocess.run(
        [
            *(installed / "pginstall" / "bin" / "pg_basebackup", "--pgdata", lodging.data),
            *("--wal-method=stream", "--checkpoint=fast", "--host=127.0.0.1"),
            *(f"--port={server.port}", "--username=ledger", "--no-password"),
        ],
        env={"PGPASSWORD": server.password, "PATH": os.defpath},
        check=True,
        capture_output=True,
    )
    if lodging.account.uid:
        for path in [lodging.data, *lodging.data.rglob("*")]:
            os.chown(path, lodging.account.uid, lodging.account.uid)
    return lodging.data


def found_in(folder: Path, secrets: list[bytes]) -> list[bytes]:
    """Return those that stand in some file, wherever in it."""
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return [secret for secret in secrets if any(secret in text for text in texts)]


@dataclass
class Drill:
    """What is left of the first server, and what was known while it ran."""

    keystore: Keystore
    restored: Path
    backup: Path
    live: dict[UUID, list[bytes]]
    erased: dict[UUID, list[bytes]]
    #: Of the erased sets: the share that stood in the row, and the one that stood in the slot.
    shares: list[tuple[bytes, bytes]]
    #: The slot files as they were before the erasure.
    yesterday: Path


def filled(vault) -> dict[UUID, list[bytes]]:
    """Own keys of two epochs, received ones and a one-time key, for ten cases."""
    found = {}
    for case in (uuid4() for _ in range(10)):
        received = os.urandom(32)
        vault.receive(case, case, [(1, 9, received)])
        vault.one_time(case, case, "accepted")
        own = [vault.own(case).dek(1), vault.next_epoch(case, after=1).dek(11)]
        found[case] = [*own, received]
    return found


@pytest.fixture(scope="module")
def drill(tmp_path_factory) -> Iterator[Drill]:
    folder = tmp_path_factory.mktemp("drill")
    with running(folder / "first") as (server, database):
        keystore = Keystore(database, folder / "keys")
        with keystore.open() as vault:
            live, erased = filled(vault), filled(vault)
            rows = database.run(
                "SELECT share_db, slot FROM keystore.key_set WHERE case_id = ANY (%s)",
                list(erased),
            )
            shares = [(share, keystore.shares(slot)[0]) for share, slot in rows]
            backup = backed_up(server, folder / "first", folder / "second")
            yesterday = shutil.copytree(keystore.folder, folder / "yesterday")
            for case in erased:
                assert vault.erase_case(case).slots == 4
    yield Drill(keystore, folder / "second", backup, live, erased, shares, yesterday)
    shutil.rmtree(backup, ignore_errors=True)


@pytest.fixture(scope="module")
def restored(drill) -> Iterator[Database]:
    with running(drill.restored) as (_, database):
        yield database


def opened(vault, case: UUID, deks: list[bytes]) -> list[bytes]:
    """Ask for each key of a case by its name; return those that come."""
    found = []
    for dek in deks:
        try:
            keys = vault.by_key_id(case, key_id(dek)) or vault.by_key_id(case, key_id(dek), case)
        except KeystoreDamaged as error:
            if error.rule != "share_gone":
                raise
            continue
        assert isinstance(keys, KeySet)
        found += [keys.dek(scope) for scope in keys.scopes if keys.dek(scope) == dek]
    return found


def test_the_backup_holds_one_share_of_what_was_erased_and_never_the_other(drill):
    """Deleting a row deletes nothing: what counts is that it was never enough."""
    assert len(drill.shares) == 40
    in_row, in_slot = (list(shares) for shares in zip(*drill.shares, strict=True))
    assert in_row == found_in(drill.backup, in_row)
    assert in_slot == found_in(drill.yesterday, in_slot)
    for folder in (drill.backup, drill.keystore.folder):
        assert [] == found_in(folder, in_slot)


def test_no_key_is_on_any_disk(drill):
    """Neither in the database with its WAL nor in the slot files; nor is the KEK."""
    keys = [dek for deks in (drill.live | drill.erased).values() for dek in deks]
    for folder in (drill.backup, drill.keystore.folder, drill.yesterday):
        assert [] == found_in(folder, [*keys, *drill.keystore.keks])


def test_of_the_erased_keys_none_comes_back_and_of_the_others_all_do(drill, restored):
    """With the KEK and the slot files of today, on the restored database."""
    keystore = Keystore(restored, drill.keystore.folder, drill.keystore.keks)
    assert restored.run("SELECT state, count(*) FROM keystore.key_set GROUP BY 1") == [
        ("live", 80)
    ], "the restored rows know of no erasure"
    with keystore.open() as vault:
        assert [] == [
            dek for case, deks in drill.erased.items() for dek in opened(vault, case, deks)
        ]
        for case, deks in drill.live.items():
            assert deks == opened(vault, case, deks)
            assert vault.one_time_private(case, case, "accepted")
        for case in drill.erased:
            with pytest.raises(KeystoreDamaged):
                vault.one_time_private(case, case, "accepted")
            with pytest.raises(KeystoreDamaged):
                vault.own(case)


def test_no_slot_of_today_opens_what_was_erased(drill, restored):
    """Not only the slot that the row names: whoever has the files may try them all."""
    from ledger.keys import rows
    from ledger.keys.wrapping import opens

    case = next(iter(drill.erased))
    with psycopg.connect(restored.dsn) as connection:
        row = rows.chosen(connection, case)[0]
    kek = drill.keystore.chain().current
    for path in drill.keystore.paths:
        found = path.read_bytes()
        for slot in range(0, len(found), SLOT_BYTES):
            share = found[slot : slot + SLOT_BYTES]
            assert not opens(row.locked, kek, share, row.case_id, row.set_id)


def test_with_the_slot_files_of_yesterday_everything_would_open(drill, restored):
    """The counter-test: so the slot files belong in no backup and in no snapshot."""
    keystore = Keystore(restored, drill.yesterday, drill.keystore.keks)
    with keystore.open() as vault:
        for case, deks in drill.erased.items():
            assert deks == opened(vault, case, deks)


def test_after_a_restore_keys_are_erased_again_and_new_ones_get_new_slots(drill, restored):
    """The ledger knows what was erased; the vault then leaves its tombstones a second time."""
    keystore = Keystore(restored, drill.keystore.folder, drill.keystore.keks)
    with keystore.open() as vault:
        for case, deks in drill.erased.items():
            evidence = vault.erase_case(case)
            assert (evidence.slots, evidence.replicas) == (4, 2)
            assert not any(one.opened for one in evidence.destroyed)
            assert isinstance(vault.by_key_id(case, key_id(deks[0])), Erased)
            with pytest.raises(KeysGone):
                vault.own(case)
        vault.own(uuid4())
    assert [(True,)] == restored.run(f"SELECT max(slot) >= {CHUNK} FROM keystore.key_set")
