"""A keystore in operation: how it is, and the change of its key-encryption key beside it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from events.errors import KekWrong, ServiceUnavailable
from ledger.keys.kek import Kek
from ledger.keys.keyset import KeySet
from node import keeping
from node.settings import KeystoreSettings
from tests.keystore import Keystore


@pytest.fixture
def keystore(database, tmp_path) -> Keystore:
    return Keystore(database, tmp_path)


def settings(keystore: Keystore, kek: bytes, before: bytes | None) -> KeystoreSettings:
    file: Path | None = None
    if before is not None:
        file = keystore.folder / "before"
        file.write_text(base64.b64encode(before).decode())
        file.chmod(0o400)
    return KeystoreSettings.read(
        country="KZ",
        agreement=keystore.folder / "agreement.toml",
        pg=keystore.dsn,
        keystore=keystore.folder / "socket",
        slots=",".join(map(str, keystore.paths)),
        kek=base64.b64encode(kek).decode(),
        kek_before=file,
    )


def made(keystore: Keystore, count: int) -> dict:
    """Keys of so many cases, by case."""
    with keystore.open() as vault:
        return {case: vault.own(case).key_ids for case in (uuid4() for _ in range(count))}


def name_of(kek: bytes) -> bytes:
    return Kek(kek).id


def _nobody_listens(_retired, _current):
    raise ServiceUnavailable("the register cannot be reached")


def test_the_key_is_changed_beside_the_running_program_and_every_case_still_opens(keystore):
    cases = made(keystore, 5)
    (old,) = keystore.keks
    new = os.urandom(32)
    keystore.keks = [new, old]
    with keystore.open() as running:  # started again with both, as the runbook says
        later = uuid4()
        running.own(later)
        with pytest.raises(ServiceUnavailable):  # what cannot be recorded is not done
            keeping.rotate(settings(keystore, new, old), _nobody_listens)
        assert 5 == keeping.look(2, keystore.dsn).sets[name_of(old).hex()]
        told = []
        done = keeping.rotate(settings(keystore, new, old), lambda *said: told.append(said))
        assert (5, 0) == done
        assert [([name_of(old)], name_of(new))] == told
        assert (0, 0) == keeping.rotate(settings(keystore, new, old), _nobody_listens)
        for case_id, key_ids in cases.items():
            found = running.own(case_id)
            assert isinstance(found, KeySet)
            assert key_ids == found.key_ids
    keystore.keks = [new]  # the old one may go
    with keystore.open() as vault:
        assert all(vault.own(case_id).key_ids == key_ids for case_id, key_ids in cases.items())
    keystore.keks = [old]
    with pytest.raises(KekWrong):
        keystore.open()


def test_a_key_that_the_program_does_not_know_yet_wraps_nothing(keystore):
    """It would go on with the old one, and find sets that it cannot open."""
    made(keystore, 1)
    (old,) = keystore.keks
    with pytest.raises(KekWrong, match="start it with this key and the one before"):
        keeping.rotate(settings(keystore, os.urandom(32), old))
    assert dict.fromkeys(_names(keystore), 1) == _look(keystore).sets


def test_the_status_says_what_is_under_which_key_and_shows_none(keystore):
    made(keystore, 3)
    (old,) = keystore.keks
    keystore.keks = [os.urandom(32), old]
    with keystore.open() as vault:
        vault.own(uuid4())
    found = _look(keystore)
    assert {1, 3} == set(found.sets.values())
    assert (2, 2, 0) == (found.replicas, found.replicas_known, found.erasing)
    for key in keystore.keks:
        assert key.hex() not in str(found)


def test_an_erasure_that_waits_for_a_replica_is_counted(keystore):
    (case_id,) = made(keystore, 1)
    with keystore.open() as vault:
        keystore.paths[1].rename(keystore.folder / "away")
        with pytest.raises(Exception, match="not overwritten on every replica"):
            vault.erase_case(case_id)
        assert 1 == _look(keystore).erasing
        (keystore.folder / "away").rename(keystore.paths[1])
        vault.finish()
    assert 0 == _look(keystore).erasing


def test_a_crash_leaves_no_core_file():
    """Nor may anything that it starts ask for one again."""
    said = (
        "import resource; from node.run_keystore import leave_no_core_file;"
        " leave_no_core_file(); print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    run = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert run.stdout == "(0, 0)\n"


def _look(keystore: Keystore) -> keeping.Kept:
    return keeping.look(2, keystore.dsn)


def _names(keystore: Keystore) -> list[str]:
    return [key.id.hex() for key in [keystore.chain().current]]
