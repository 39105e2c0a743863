"""Keystore and reactor in operation: what the doctor sees, what they say of themselves."""

from __future__ import annotations

import json
import urllib.request

import psycopg
import pytest


def test_the_doctor_looks_at_keys_and_at_who_moves_them(nodes):
    done = nodes.does("doctor")
    assert done["ok"], done["checks"]
    names = {check["name"] for check in done["checks"]}
    assert {"national key", "slot files", "erasures", "key-encryption key"} <= names
    assert {"keystore", "reactor", "topic e2e.grants"} <= names


def test_a_lost_replica_is_found_with_what_to_do(nodes):
    slots = nodes.home / "UZ" / "keystore" / "slots-2" / "slots"
    slots.rename(slots.with_name("away"))
    try:
        done = nodes("doctor", country="UZ")
        status = nodes.does("keystore", "status", country="UZ")
    finally:
        slots.with_name("away").rename(slots)
    assert done.code == 1
    assert "1 of 2 can be read" in done.out
    assert "docs/runbooks/keystore-replica-lost.md" in done.out
    assert (1, 2) == (status["replicas"], status["replicas_known"])
    assert nodes.does("doctor", country="UZ")["ok"]


def test_a_wrong_key_encryption_key_is_found(nodes):
    """It would be found at the next start, when nobody can read anything."""
    kek = nodes.home / "UZ" / "keystore" / "kek.key"
    right = kek.read_text()
    kek.chmod(0o600)
    kek.write_text("q" + right[1:] if not right.startswith("q") else "r" + right[1:])
    try:
        done = nodes("doctor", country="UZ")
    finally:
        kek.write_text(right)
        kek.chmod(0o400)
    assert done.code == 1
    assert "docs/runbooks/kek-rotation.md" in done.out
    assert right.strip() not in done.out + done.err


def test_a_slot_file_that_is_lost_is_made_anew(nodes):
    slots = nodes.home / "UZ" / "keystore" / "slots-1" / "slots"
    before = slots.read_bytes()
    slots.unlink()
    assert {"made": 1, "waiting": 0} == nodes.does(
        "keystore", "mend", "--dir", nodes.home, country="UZ"
    )
    assert before == slots.read_bytes()
    assert nodes.does("doctor", country="UZ")["ok"]


def test_after_a_restore_what_was_erased_is_erased_again(nodes):
    """The rows of an old backup say that keys are alive; the ledger says that they are gone."""
    data = nodes.folder / "data.json"
    data.write_text('{"identity": {"name": "Aizhan"}}')
    case = nodes.does("case", "open", "--data", data, "--wait")["case_id"]
    columns = "set_id, share_db, wrapped, canary"
    with psycopg.connect(nodes.up.document["countries"]["KZ"]["postgresql"]) as owner:
        backup = owner.execute(
            f"SELECT {columns} FROM keystore.key_set WHERE case_id = %s", (case,)
        ).fetchall()
    assert backup
    nodes.does("case", "request-closure", case, "--reason", "case_opened_in_error", "--informed")
    nodes.does("case", "close", case, "--by", "supervisor:s-1@cps", "--wait")
    nodes.does("erasure", "request", case)
    nodes.does("erasure", "approve", case, "--wait")
    for _ in range(400):
        if "ErasureAttested" in nodes("case", "history", case).out:
            break
    with psycopg.connect(nodes.up.document["countries"]["KZ"]["postgresql"]) as owner:
        for set_id, *shares in backup:
            owner.execute(
                "UPDATE keystore.key_set SET share_db = %s, wrapped = %s, canary = %s,"
                " state = 'live', erased_at = NULL, replicas = NULL WHERE set_id = %s",
                (*shares, set_id),
            )
    done = nodes.does("keystore", "replay")
    assert (True, {}) == (done["erasures"] >= 1, done["refused"])
    with psycopg.connect(nodes.up.document["countries"]["KZ"]["postgresql"]) as owner:
        states = owner.execute(
            "SELECT DISTINCT state, opened FROM keystore.key_set WHERE case_id = %s", (case,)
        ).fetchall()
    assert [("erased", False)] == states, "it did not open before it was erased a second time"


@pytest.mark.parametrize("program", ["keystore", "reactor"])
def test_the_program_says_how_it_is(nodes, program):
    address = nodes.up.document["countries"]["KZ"][program]["metrics"]
    with urllib.request.urlopen(address, timeout=30) as answer:
        metrics = answer.read().decode()
    assert "ledger_build_info" in metrics
    if program == "keystore":
        assert 'ledger_keystore_replicas{country="KZ"} 2.0' in metrics
    for question in ("live", "ready"):
        where = address.replace("/metrics", f"/health/{question}")
        with urllib.request.urlopen(where, timeout=30) as answer:
            assert json.load(answer)[question]
