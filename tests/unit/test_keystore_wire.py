"""The keystore's door: what it understands, what it answers, and what it never repeats."""

import os
import socket
import stat
import struct
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import errors
from events.codes import DataScope
from events.errors import (
    AccessRefused,
    LedgerError,
    Misconfigured,
    RecordRejected,
    ServiceUnavailable,
    UnknownSchema,
)
from events.stamp import SealedEntry
from ledger.keys import server as door
from ledger.keys import wire
from ledger.keys.capsules import Prepared
from ledger.keys.client import KeystoreClient
from ledger.keys.keyset import Evidence
from ledger.keys.sealing import Field, Opened
from ledger.keys.server import ANSWERS, KeystoreServer, answer

SECRET = "Aizada was born in Osh"


class Standing:
    """What stands behind the door here: it answers, and knows what it was asked."""

    country = "KZ"
    replicas = 2

    def __init__(self):
        self.asked = []

    def seal(self, fields):
        self.asked.append(fields)
        return [one.text for one in fields]

    def show(self, *asked):
        self.asked.append(asked)
        raise AccessRefused("access is not recorded", rule="recorded")

    def carry(self, case_id, grant_id, *, again):
        self.asked.append((case_id, grant_id, again))
        return grant_id.bytes

    def erase(self, case_id, _erasure_id):
        return Evidence(case_id, ())


def field(text=b"text"):
    return Field(
        event_id=uuid4(), case_id=uuid4(), origin="KZ", scope=DataScope.HEALTH,
        schema_sha256=bytes(32), size=64, text=text,
    )  # fmt: skip


@pytest.fixture
def path():
    with TemporaryDirectory() as folder:  # a socket's path is short
        yield Path(folder) / "keystore"


@pytest.fixture
def served(path):
    keystore = Standing()
    with running(path, keystore):
        client = KeystoreClient(path)
        yield keystore, client
        client.close()


class running:  # noqa: N801 - reads as a block
    def __init__(self, path, keystore):
        self.server, self.stop = KeystoreServer(path, keystore), threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(self.stop,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def test_what_is_sealed_comes_back_in_order(served):
    keystore, client = served
    fields = [field(b"one"), field(b"\0\xff")]
    assert client.seal(fields) == [b"one", b"\0\xff"]
    assert keystore.asked == [fields]


def test_a_refusal_comes_back_as_what_it_was(served):
    _, client = served
    with pytest.raises(AccessRefused) as refused:
        client.show(uuid4(), uuid4())
    assert (refused.value.rule, str(refused.value)) == ("recorded", "access is not recorded")
    assert client.replicas() == 2  # the connection is as good as before


@pytest.mark.parametrize(
    "name", [name for name, kind in vars(errors).items() if isinstance(kind, type)
             and issubclass(kind, LedgerError)]
)  # fmt: skip
def test_every_error_survives_the_way(name):
    kind = getattr(errors, name)
    back = wire.error_in(wire.error_out(kind("case 1: no", rule="some_rule")))
    assert (type(back), back.rule, str(back)) == (kind, "some_rule", "case 1: no")


@pytest.mark.parametrize("name", ["OSError", "SystemExit", "Iterable", "__doc__", "Nothing"])
def test_an_error_that_is_none_of_ours_is_not_made(name):
    back = wire.error_in({"error": name, "rule": "r", "message": "m"})
    assert type(back) is Misconfigured


def test_only_this_account_may_come_in(path, monkeypatch):
    keystore = Standing()
    with running(path, keystore):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        client = KeystoreClient(path)
        assert client.replicas() == 2
        client.close()
        somebody = os.getuid() + 1
        monkeypatch.setattr(door, "_is_ours", lambda connection: _credentials(connection, somebody))
        with pytest.raises(ServiceUnavailable):
            client.replicas()


def _credentials(connection, uid):
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", said)[1] == uid


def test_a_client_outlives_its_keystore(path):
    """A keystore that was started again is found by whoever asked the one before."""
    client = KeystoreClient(path)
    for _ in range(2):
        with running(path, Standing()):
            assert client.replicas() == 2
    with pytest.raises(ServiceUnavailable) as away:
        client.replicas()
    assert str(path.parent) not in str(away.value)
    client.close()


def test_an_old_keystore_that_ends_late_leaves_its_successor_the_door(path):
    old = running(path, Standing())
    with old:
        with running(path, Standing()):
            old.stop.set()
            old.thread.join()
            client = KeystoreClient(path)
            assert client.replicas() == 2
            client.close()
        assert not path.exists()


def test_a_path_that_is_too_long_is_a_setting_that_is_wrong(tmp_path):
    with pytest.raises(Misconfigured, match="choose a shorter folder"):
        KeystoreServer(tmp_path / ("k" * 120), Standing())


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"ask": "erase_everything"},
        {"ask": ["seal"]},
        {"ask": "seal"},
        {"ask": "seal", "fields": [["no", "fields"]]},
        {"ask": "seal", "fields": 7},
        {"ask": "carry", "case_id": 7, "grant_id": str(uuid4())},
        {"ask": "carry", "case_id": SECRET, "grant_id": str(uuid4())},
        {"ask": "carry", "case_id": str(uuid4())},
        {"ask": "show", "case_id": str(uuid4()), "access_id": None},
    ],
)
def test_a_question_that_cannot_be_read_is_an_answer_and_quotes_nothing(asked):
    keystore = Standing()
    said = wire.message(answer(keystore, wire.line({**asked, "note": SECRET})))
    assert said["error"] == "RecordRejected"
    assert SECRET not in str(said)
    assert keystore.asked == []


@given(st.binary(max_size=200))
def test_any_line_gets_an_answer(line):
    assert "error" in wire.message(answer(Standing(), line))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9),
                    lambda more: st.lists(more, max_size=3), max_leaves=6),
       st.sampled_from(sorted(ANSWERS.keys() - {"ping"})))  # fmt: skip
def test_any_argument_gets_an_answer(value, ask):
    names = ("case_id", "handoff_id", "grant_id", "access_id", "erasure_id", "fields", "after")
    asked = dict.fromkeys((*names, "preview", "value"), value)
    wire.message(answer(Standing(), wire.line({"ask": ask, **asked})))


def test_a_connection_that_says_nothing_keeps_nobody_waiting(path):
    with running(path, Standing()):
        silent = socket.socket(socket.AF_UNIX)
        silent.connect(str(path))
        half = socket.socket(socket.AF_UNIX)
        half.connect(str(path))
        half.sendall(b'{"ask":')
        client = KeystoreClient(path)
        assert client.replicas() == 2
        for one in (silent, half, client):
            one.close()


def test_many_ask_at_once_and_each_gets_its_own_answer(served):
    _, client = served
    wrong, start = list(range(24)), threading.Barrier(24)

    def ask(number):
        start.wait()
        for _ in range(10):
            text = os.urandom(20)
            assert client.seal([field(text)]) == [text]
            assert client.carry(uuid4(), UUID(int=number)) == number.to_bytes(16)
        wrong.remove(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_prepared_release_leaves_its_capsule_behind():
    """It leaves by `carry` alone, once the ledger says so."""
    capsule = os.urandom(32 + 48 + 37)
    one = Prepared(
        uuid4(), uuid4(), uuid4(), False, uuid4(), 1, (DataScope.HEALTH,), (bytes(32),), capsule,
        (SealedEntry(scope=DataScope.HEALTH, box=b"box"),),
    )  # fmt: skip
    said = wire.prepared_out(one)
    assert wire.text_of(capsule) not in str(said)
    back = wire.prepared_in(said)
    assert (back["grant_id"], back["capsule"]) == (one.grant_id, one.capsule_hash)
    assert back["sealed"] == one.sealed


def test_what_is_shown_comes_back_and_is_in_no_repr():
    shown = {"KZ": {DataScope.HEALTH: Opened("open", SECRET.encode())}}
    assert wire.shown_in(wire.shown_out(shown)) == shown
    assert SECRET not in repr(shown) + repr(field(SECRET.encode()))


def test_an_evidence_says_what_was_destroyed(served):
    _, client = served
    done = client.erase(uuid4(), uuid4())
    assert (done.slots, done.replicas, done.keys) == (0, 0, ())


def test_what_is_no_object_is_refused():
    for text in (b"", b"[]", b"7", b"\xff", b'{"a"'):
        with pytest.raises(RecordRejected):
            wire.message(text)
    assert issubclass(UnknownSchema, RecordRejected)
