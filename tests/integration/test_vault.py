"""The vault on real databases and files: keys are made once, counted, destroyed for good."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from events.errors import (
    KekWrong,
    KeysGone,
    KeystoreDamaged,
    KeyWornOut,
    Misconfigured,
    NotAllowedNow,
    RecordRejected,
    SealBroken,
    ServiceUnavailable,
)
from ledger.keys.counting import BLOCK, MOST_SEALS
from ledger.keys.keyset import Erased, Kind
from ledger.keys.seal import key_id
from ledger.keys.slots import CHUNK
from tests.keystore import Keystore

REFUSED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def keystore(database, tmp_path) -> Keystore:
    return Keystore(database, tmp_path)


@pytest.fixture
def vault(keystore):
    with keystore.open() as opened:
        yield opened


def test_a_case_has_one_key_for_every_scope_from_the_start(vault, keystore):
    """A later scope would show that something new is known about the child."""
    case = uuid4()
    keys = vault.own(case)
    assert (keys.epoch, keys.scopes) == (1, tuple(range(1, 12)))
    deks = [keys.dek(scope) for scope in keys.scopes]
    assert len(set(deks)) == 11
    assert {scope: key_id(keys.dek(scope)) for scope in keys.scopes} == dict(keys.key_ids)
    with keystore.open() as again:
        assert deks == [again.own(case).dek(scope) for scope in keys.scopes]


def test_keys_are_found_by_epoch_and_by_name(vault):
    case = uuid4()
    old = vault.own(case)
    new = vault.next_epoch(case, after=1)
    assert (old.epoch, new.epoch, vault.own(case).epoch) == (1, 2, 2)
    assert old.dek(3) != new.dek(3)
    assert vault.own_at(case, 1).dek(3) == old.dek(3)
    assert vault.by_key_id(case, old.key_ids[3]).epoch == 1
    assert vault.own_at(case, 3) is None
    assert vault.by_key_id(uuid4(), old.key_ids[3]) is None


def test_an_epoch_is_made_once_and_its_number_never_used_again(vault):
    """After a restore the ledger knows epochs that the vault has forgotten."""
    case = uuid4()
    assert vault.next_epoch(case, after=6).epoch == 7
    assert vault.next_epoch(case, after=6).epoch == 7
    assert vault.next_epoch(case, after=2).epoch == 7
    assert [line.epoch for line in vault.sets(case)] == [7]


@pytest.mark.parametrize("what", [("own",), ("next_epoch", ["after", 0])])
def test_two_processes_make_one_epoch(keystore, vault, what):
    """Both are told of the same withdrawal, and both seal to the same key afterwards."""
    cases = [uuid4() for _ in range(12)]
    calls = [(what[0], case, *what[1:]) for case in cases]
    runs = [keystore.elsewhere(*calls) for _ in range(2)]
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    for run in runs:
        said, _ = run.communicate()
        assert (run.returncode, said.split()) == (0, ["1"] * 12)
    assert [1] * 12 == [len(vault.sets(case)) for case in cases]


def test_threads_share_a_vault(vault):
    case = uuid4()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: vault.own(case).dek(1), range(24)))
    assert len(set(made)) == 1


def test_received_keys_are_kept_by_grant_and_epoch(vault):
    case, grant = uuid4(), uuid4()
    keys = [(1, 4, os.urandom(32)), (2, 4, os.urandom(32)), (1, 5, os.urandom(32))]
    vault.receive(case, grant, keys)
    vault.receive(case, grant, keys)
    assert [(4, (1, 2)), (5, (1,))] == [(one.epoch, one.scopes) for one in vault.sets(case)]
    for scope, epoch, dek in keys:
        assert vault.by_key_id(case, key_id(dek)) is None, "no own key"
        assert vault.by_key_id(case, key_id(dek), uuid4()) is None, "of no other grant"
        found = vault.by_key_id(case, key_id(dek), grant)
        assert (found.kind, found.epoch, found.dek(scope)) == (Kind.RECEIVED, epoch, dek)
    with pytest.raises(RecordRejected, match="kept with other keys"):
        vault.receive(case, grant, [(1, 4, os.urandom(32))])
    with pytest.raises(RecordRejected, match="two keys of scope 1"):
        vault.receive(case, uuid4(), [(1, 4, os.urandom(32)), (1, 4, os.urandom(32))])


def test_a_one_time_key_is_the_same_until_it_is_destroyed(vault):
    case, handoff = uuid4(), uuid4()
    public = vault.one_time(case, handoff, "preview")
    assert public == vault.one_time(case, handoff, "preview")
    assert public != vault.one_time(case, handoff, "accepted")
    private = vault.one_time_private(case, handoff, "preview")
    opened = X25519PrivateKey.from_private_bytes(private)
    assert opened.public_key().public_bytes_raw() == public
    assert vault.erase_case(case, grant=handoff).slots == 0, "a handoff is no grant"
    assert vault.erase_case(case, handoff=handoff).slots == 2
    for ask in (vault.one_time_private, vault.one_time):
        with pytest.raises(KeysGone, match="were destroyed"):
            ask(case, handoff, "preview")
    with pytest.raises(KeysGone, match="never had"):
        vault.one_time_private(case, uuid4(), "preview")


def test_an_id_that_another_case_used_first_blocks_nothing(vault):
    """Handoff and grant ids are chosen by other countries, too."""
    first, second, theirs = uuid4(), uuid4(), uuid4()
    public = vault.one_time(first, theirs, "preview")
    assert vault.one_time(second, theirs, "preview") != public
    private = [vault.one_time_private(case, theirs, "preview") for case in (first, second)]
    assert len(set(private)) == 2
    for case in (first, second):
        dek = os.urandom(32)
        vault.receive(case, theirs, [(1, 4, dek)])
        assert vault.by_key_id(case, key_id(dek), theirs).dek(1) == dek
    vault.erase_case(first)
    assert vault.one_time(second, theirs, "preview")


def test_nobody_gives_us_a_key_that_we_have_or_had(vault):
    """Else an erased key would open again, or one grant what another was stopped for."""
    case, grant, dek = uuid4(), uuid4(), os.urandom(32)
    own = vault.own(case)
    vault.receive(case, grant, [(1, 4, dek)])
    for _ in range(2):
        for known in (own.dek(3), dek):
            with pytest.raises(SealBroken) as refused:
                vault.receive(case, uuid4(), [(3, 1, known)])
            assert refused.value.rule == "key_known"
        vault.erase_case(case)
    assert isinstance(vault.by_key_id(case, own.key_ids[3]), Erased)


def test_a_release_has_keys_of_its_own(vault):
    """What is sealed before and after is under others, and numbers are counted on."""
    case = uuid4()
    before = vault.own(case)
    one = vault.for_release(case, after=0)
    between = vault.own(case)
    two = vault.for_release(case, after=one.epoch)
    assert [one.epoch, between.epoch, two.epoch, vault.own(case).epoch] == [2, 3, 4, 5]
    assert len({keys.dek(1) for keys in (before, one, between, two, vault.own(case))}) == 5
    assert vault.next_epoch(case, after=two.epoch).epoch == 5
    assert vault.for_release(uuid4(), after=0).epoch == 2, "whether anything was sealed or not"
    assert vault.for_release(uuid4(), after=6).epoch == 8, "after a restore"
    vault.erase_case(case)
    with pytest.raises(KeysGone):
        vault.for_release(case, after=4)


def test_a_case_that_is_open_again_begins_after_its_tombstones(vault):
    case = uuid4()
    keys = vault.own(case)
    vault.erase_case(case)
    moment = datetime.now(UTC)
    assert vault.next_epoch(case, after=0, again=True).epoch == 2
    assert vault.next_epoch(case, after=0, again=True).epoch == 2
    assert vault.own(case).epoch == 2
    assert isinstance(vault.by_key_id(case, keys.key_ids[3]), Erased)
    # Erased again, as after a restore: what was made since stays.
    assert vault.erase_case(case, before=moment) == vault.attest(case, before=moment)
    assert vault.attest(case, before=moment).slots == 1
    assert vault.own(case).epoch == 2


def test_seals_are_counted_before_they_are_made(vault, keystore):
    """In blocks: a crash loses a part of one, and never counts too little."""
    keys = vault.own(uuid4())
    vault.reserve(keys, 1)
    vault.reserve(keys, BLOCK - 1)
    assert vault.sets(keys.case_id)[0].seals == BLOCK
    vault.reserve(keys, BLOCK + 1)
    assert vault.sets(keys.case_id)[0].seals == 3 * BLOCK
    with keystore.open() as after_a_crash:
        after_a_crash.reserve(keys, 1)
    assert vault.sets(keys.case_id)[0].seals == 4 * BLOCK


def test_a_worn_key_seals_no_more(vault, database):
    """Near its limit a random nonce could come twice."""
    keys = vault.own(uuid4())
    vault.reserve(keys, MOST_SEALS - BLOCK)
    with pytest.raises(KeyWornOut, match="make the next epoch"):
        vault.reserve(keys, BLOCK + 1)
    vault.reserve(keys, BLOCK)
    with pytest.raises(KeyWornOut):
        vault.reserve(keys, 1)
    assert database.run("SELECT seals FROM keystore.key_set") == [(MOST_SEALS,)]
    vault.reserve(vault.next_epoch(keys.case_id, after=1), 1)


def test_an_erased_case_has_no_keys_and_gets_none(vault):
    case = uuid4()
    keys = vault.next_epoch(case, after=0), vault.next_epoch(case, after=1)
    evidence = vault.erase_case(case)
    assert (evidence.slots, evidence.replicas) == (2, 2)
    assert len(vault._memory) == 0
    assert all(one.opened for one in evidence.destroyed)
    assert set(evidence.key_ids) == {name for one in keys for name in one.key_ids.values()}
    assert isinstance(vault.own_at(case, 1), Erased)
    assert isinstance(vault.by_key_id(case, keys[1].key_ids[4]), Erased)
    for ask in (vault.own, lambda of: vault.next_epoch(of, after=2)):
        with pytest.raises(KeysGone, match="destroyed here"):
            ask(case)
    with pytest.raises(KeysGone, match="was destroyed"):
        vault.reserve(keys[1], 1)
    assert vault.erase_case(case) == vault.attest(case) == evidence


def test_only_what_was_named_is_destroyed(vault):
    case, grant, other = uuid4(), uuid4(), uuid4()
    own, dek, another = vault.own(case), os.urandom(32), os.urandom(32)
    vault.receive(case, grant, [(1, 1, dek)])
    vault.receive(case, other, [(1, 1, another)])
    vault.one_time(case, uuid4(), "preview")
    vault.erase_case(case, grant=grant)
    assert isinstance(vault.by_key_id(case, key_id(dek), grant), Erased)
    assert vault.by_key_id(case, key_id(another), other).dek(1) == another
    vault.erase_case(case, kinds={Kind.RECEIVED})
    assert isinstance(vault.by_key_id(case, key_id(another), other), Erased)
    vault.receive(case, grant, [(1, 1, dek)])
    assert isinstance(vault.by_key_id(case, key_id(dek), grant), Erased), "a second delivery"
    assert vault.own(case).dek(1) == own.dek(1)
    states = {line.kind: line.state for line in vault.sets(case)}
    assert states == {Kind.OWN: "live", Kind.RECEIVED: "erased", Kind.ONE_TIME: "live"}


def test_the_share_leaves_every_replica_and_the_row(vault, keystore, database):
    """A tombstone says what there was, and nothing that could bring it back."""
    case = uuid4()
    vault.own(case)
    ((slot, share),) = database.run("SELECT slot, share_db FROM keystore.key_set")
    before = keystore.shares(slot)[0]
    vault.erase_case(case)
    assert all(before not in path.read_bytes() for path in keystore.paths)
    ((row,),) = database.run("SELECT key_set::text FROM keystore.key_set")
    assert share.hex() not in row
    vault.own(uuid4())
    assert database.run("SELECT count(DISTINCT slot) FROM keystore.key_set") == [(2,)]


def test_nothing_is_attested_before_it_was_destroyed(vault):
    """The erasure log must not report an erasure that never happened."""
    case = uuid4()
    vault.own(case)
    with pytest.raises(NotAllowedNow, match="live, not erased") as caught:
        vault.attest(case)
    assert caught.value.rule == "keys_erased"
    assert vault.own(case)


def test_a_canary_that_still_opens_forbids_the_attestation(vault, database, monkeypatch):
    """Here the overwriting does nothing, as on a file system that keeps old blocks."""
    case = uuid4()
    keys = vault.own(case)
    monkeypatch.setattr(vault._slots, "overwrite", lambda _slot: 2)
    with pytest.raises(KeystoreDamaged, match="still opens") as caught:
        vault.erase_case(case)
    assert caught.value.rule == "canary"
    monkeypatch.undo()
    assert database.run("SELECT state FROM keystore.key_set") == [("erasing",)]
    assert isinstance(vault.by_key_id(case, keys.key_ids[1]), Erased)
    assert vault.attest(case).slots == 1


@pytest.mark.parametrize("step", ["condemned", "overwritten"])
def test_an_erasure_that_was_killed_is_finished_by_the_next_opening(keystore, database, step):
    case = uuid4()
    with keystore.open() as vault:
        keys = vault.own(case)
    run = keystore.elsewhere(("erase_case", case), die_at=step)
    run.communicate("go\n")
    assert run.returncode == -9
    assert database.run("SELECT state, share_db IS NULL FROM keystore.key_set") == [
        ("erasing", False)
    ]
    with keystore.open() as vault:
        assert vault.unfinished() == []
        assert isinstance(vault.by_key_id(case, keys.key_ids[1]), Erased)
        evidence = vault.attest(case)
        assert (evidence.slots, evidence.replicas, evidence.destroyed[0].opened) == (1, 2, True)


def test_an_erasure_that_stopped_between_two_replicas_is_no_alarm(keystore, database):
    """The row says why they differ, so the erasure is finished instead."""
    case = uuid4()
    with keystore.open() as vault:
        keys = vault.own(case)
    keystore.elsewhere(("erase_case", case), die_at="condemned").communicate("go\n")
    ((slot,),) = database.run("SELECT slot FROM keystore.key_set")
    with keystore.paths[0].open("r+b") as file:
        file.seek(slot * 32)
        file.write(os.urandom(32))
    left = keystore.shares(slot)[1]
    with keystore.open() as vault:
        assert isinstance(vault.by_key_id(case, keys.key_ids[1]), Erased)
        assert vault.attest(case).replicas == 2
    assert left not in keystore.shares(slot)


def test_while_a_replica_is_away_keys_are_used_but_not_made_nor_destroyed(keystore, vault):
    case, other = uuid4(), uuid4()
    keys, kept = vault.own(case), vault.own(other)
    away = keystore.paths[0].with_name("away")
    keystore.paths[0].rename(away)
    with keystore.open() as again:
        assert (again.replicas, again.own(other).dek(1)) == (1, kept.dek(1))
        with pytest.raises(KeystoreDamaged, match="cannot be read from enough"):
            again.own(uuid4())
        with pytest.raises(KeystoreDamaged, match="nothing counts as destroyed"):
            again.erase_case(case)
        assert isinstance(again.by_key_id(case, keys.key_ids[1]), Erased), "used no more"
        assert again.unfinished() == [case]
        with pytest.raises(KeystoreDamaged):
            again.attest(case)
    with keystore.open() as unfinished:
        assert unfinished.unfinished() == [case]
        away.rename(keystore.paths[0])
        assert unfinished.attest(case).replicas == 2


def test_a_lost_replica_is_mended(keystore, vault):
    keys = vault.own(uuid4())
    keystore.paths[1].unlink()
    assert (vault.mend(), vault.mend(), vault.replicas) == (1, 0, 2)
    keystore.paths[0].unlink()
    with keystore.open() as again:
        assert again.own(keys.case_id).dek(1) == keys.dek(1)


def test_a_share_that_was_changed_on_one_replica_releases_nothing(keystore, database):
    with keystore.open() as vault:
        case = vault.own(uuid4()).case_id
    ((slot,),) = database.run("SELECT slot FROM keystore.key_set")
    with keystore.paths[0].open("r+b") as file:
        file.seek(slot * 32)
        file.write(os.urandom(32))
    with keystore.open() as vault, pytest.raises(KeystoreDamaged, match="differs") as caught:
        vault.own(case)
    assert caught.value.rule == "slot_replicas"


def test_fewer_replicas_than_there_were_are_refused(keystore, database, tmp_path):
    """The one that is not named any more would keep every share."""
    (tmp_path / "disk-3").mkdir()
    with keystore.open() as vault:
        vault.own(uuid4())
    database.run("UPDATE keystore.slot_file SET replicas = 3")
    with pytest.raises(KeystoreDamaged, match="name all of them"):
        keystore.open()


def test_slot_files_of_another_database_are_refused(keystore, new_database):
    """All its keys would look erased, and every erasure would hit a stranger."""
    keystore.open().close()
    other = Keystore(new_database(), keystore.folder / "other")
    other.open().close()
    for one, another in zip(keystore.paths, other.paths, strict=True):
        another.replace(one)
    with pytest.raises(KeystoreDamaged, match="another keystore"):
        keystore.open()


def test_a_wrong_kek_is_named_before_anything_is_touched(keystore):
    with keystore.open() as vault:
        vault.own(uuid4())
    right, keystore.keks = keystore.keks, [os.urandom(32)]
    before = [path.stat().st_mtime_ns for path in keystore.paths]
    with pytest.raises(KekWrong, match="give it too") as caught:
        keystore.open()
    assert not any(key.hex() in str(caught.value) for key in [*right, *keystore.keks])
    assert before == [path.stat().st_mtime_ns for path in keystore.paths]
    keystore.keks = right
    keystore.open().close()


def test_a_new_kek_replaces_the_old_one_while_keys_are_used(keystore, database):
    """Batch by batch; what was erased needs no KEK any more."""
    cases = [uuid4() for _ in range(7)]
    with keystore.open() as vault:
        deks = [vault.own(case).dek(5) for case in cases]
        vault.erase_case(cases[0])
    old = keystore.keks[0]
    keystore.keks = [os.urandom(32), old]
    with keystore.open() as vault:
        assert deks[1:] == [vault.own(case).dek(5) for case in cases[1:]]
        assert (6, 0) == vault.rotate(batch=4)
        assert (0, 0) == vault.rotate()
    keystore.keks = keystore.keks[:1]
    with keystore.open() as vault:
        assert deks[1:] == [vault.own(case).dek(5) for case in cases[1:]]
    keystore.keks = [old, *keystore.keks]
    with pytest.raises(KekWrong, match="is retired"):
        keystore.open()
    assert [(1,)] == database.run("SELECT count(*) FROM keystore.kek WHERE retired_at IS NULL")


def test_slots_do_not_run_out_and_are_never_given_twice(vault, database):
    """With the last one of a chunk the files grow."""
    database.run(f"SELECT setval('keystore.next_slot', {CHUNK - 2})")
    for _ in range(3):
        vault.own(uuid4())
    slots = database.run("SELECT slot FROM keystore.key_set ORDER BY 1")
    assert [(CHUNK - 1,), (CHUNK,), (CHUNK + 1,)] == slots
    assert database.run("SELECT ready FROM keystore.slot_file") == [(2 * CHUNK,)]


def test_a_new_life_of_the_database_gives_out_new_slots_only(keystore, database):
    """A restored one takes slots for free that were used, and overwritten, since."""
    with keystore.open() as vault:
        vault.own(uuid4())
    database.run("UPDATE keystore.slot_file SET incarnation = 'before the restore'")
    with keystore.open() as vault:
        vault.own(uuid4())
    with keystore.open() as vault:
        vault.own(uuid4())
    slots = [slot for (slot,) in database.run("SELECT slot FROM keystore.key_set ORDER BY 1")]
    assert [1, CHUNK, CHUNK + 1] == slots


def test_files_of_a_database_that_was_lost_are_kept(keystore, new_database):
    """It may be found again; a new database starts behind what they hold."""
    with keystore.open() as vault:
        lost = vault.own(uuid4())
    found, keystore.database = keystore.database, new_database()
    with keystore.open() as vault:
        vault.own(uuid4())
    assert keystore.database.run("SELECT slot FROM keystore.key_set") == [(CHUNK,)]
    keystore.database = found
    with keystore.open() as vault:
        assert vault.own(lost.case_id).dek(1) == lost.dek(1)


def test_the_database_is_needed_for_every_use(keystore):
    """What memory holds is not given out by itself: another process may have destroyed it."""
    with keystore.open() as vault, keystore.open() as other:
        keys = vault.own(uuid4())
        other.erase_case(keys.case_id)
        assert isinstance(vault.by_key_id(keys.case_id, keys.key_ids[1]), Erased)


def test_a_server_that_is_away_is_named_without_the_password(keystore):
    nowhere = psycopg.conninfo.make_conninfo(keystore.dsn, port=1)
    keystore.database = type("Away", (), {"as_role": lambda _self, _role: nowhere})()
    with pytest.raises(ServiceUnavailable) as caught:
        keystore.open()
    assert psycopg.conninfo.conninfo_to_dict(nowhere)["password"] not in str(caught.value)


def test_a_login_of_another_role_keeps_no_keys(keystore, database):
    keystore.database = type(
        "Other", (), {"as_role": lambda _self, _role: database.as_role("append")}
    )()
    with pytest.raises(Misconfigured, match="may not"):
        keystore.open()
    assert not any(path.exists() for path in keystore.paths)


def run(dsn: str, statement: str) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("role", ["append", "relay", "project", "audit"])
@pytest.mark.parametrize("table", ["key_set", "kek", "slot_file", "next_slot"])
def test_no_other_program_sees_a_share(standing_database, role, table):
    with pytest.raises(REFUSED):
        run(standing_database.as_role(role), f"SELECT * FROM keystore.{table}")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.ledger_events SELECT * FROM ledger.ledger_events",
        "INSERT INTO ledger.command SELECT * FROM ledger.command",
        "SELECT ledger.append('{}', '{}', '{}', '{}', '{}')",
        "SELECT nextval('ledger.ledger_events_notification_id_seq')",
        "UPDATE ledger.start_mark SET high_watermark = 0",
        "UPDATE mirror.record SET effect_rank = 0",
        "INSERT INTO mirror.stray SELECT * FROM mirror.stray",
        "UPDATE projections.current_generation SET number = 2",
        "DELETE FROM keystore.key_set",
        "DELETE FROM keystore.kek",
        "TRUNCATE keystore.key_set",
        "UPDATE keystore.key_set SET case_id = gen_random_uuid()",
        "UPDATE keystore.key_set SET slot = slot + 1",
        "UPDATE keystore.key_set SET key_ids = '{}'",
        "UPDATE keystore.slot_file SET mark = mark",
        "CREATE TABLE keystore.mine (x int)",
        "CREATE SCHEMA mine",
    ],
)
def test_the_keystore_decides_nothing_and_forgets_no_key(standing_database, statement):
    """It judges what others decided; and that a key was destroyed stays on record."""
    with pytest.raises(REFUSED):
        run(standing_database.as_role("keystore"), statement)


@pytest.mark.parametrize(
    "what",
    [
        "count(*) FROM ledger.ledger_events",
        "count(*) FROM ledger.command",
        "count(*) FROM ledger.start_mark",
        "count(*) FROM mirror.record",
        "count(*) FROM mirror.stray",
        "count(*) FROM projections.current_generation WHERE number <> 1",
        "count(*) FROM (SELECT ledger.incarnation()) AS life WHERE incarnation IS NULL",
    ],
)
def test_the_keystore_reads_what_it_judges_from(standing_database, what):
    assert [(0,)] == run(standing_database.as_role("keystore"), f"SELECT {what}")
