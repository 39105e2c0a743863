"""A witness that is asked over HTTP, and our log at a stranger's (c2sp.org/tlog-witness)."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from consumers.third_party import Offering, ThirdParty
from consumers.witness_door import NOT_NOW
from events.errors import Misconfigured
from ledger.log import add_checkpoint
from ledger.log.add_checkpoint import LARGEST_REQUEST, Answer, Request, cosignatures
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.note import Note
from ledger.log.tree import Tree
from node import witness_http
from tests.witnessing import NOW, Bench, Event, Keys, log_of

KEYS = Keys()
KZ = KEYS.agreement.shared_log("KZ")
EVENTS = [Event("KZ", index, index % 3, b"%d" % index) for index in range(20)]
LEAVES = log_of(EVENTS, "KZ")
TREE = Tree(LEAVES)
FORK = Tree([*LEAVES[:7], b"x" * 32, *LEAVES[8:]])
STRANGER = Ed25519Cosigner("witness.example/ngo", b"n" * 32)


@pytest.fixture(scope="module")
def standing_bench(standing_database, tmp_path_factory) -> Iterator[Bench]:
    found = Bench(KEYS, "KG", standing_database, tmp_path_factory.mktemp("http"))
    yield found
    found.close()


@pytest.fixture
def kg(standing_bench) -> Bench:
    standing_bench.emptied()
    return standing_bench


@pytest.fixture(scope="module")
def port(standing_bench) -> Iterator[int]:
    """The port at which whoever is the witness of KG now is asked."""

    def answer(body: bytes) -> Answer:
        return standing_bench.witness.add_checkpoint(body)

    with witness_http.asked(answer, "127.0.0.1", 0) as port:
        yield port


def request(old: int, size: int, tree: Tree = TREE) -> Request:
    note = Checkpoint(KZ, size, tree.root(size)).signed_by(KEYS.sealers[KZ])
    return Request(old, tuple(tree.consistency(min(old, size), size)), note)


def post(port: int, body: bytes, path: str = add_checkpoint.PATH) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body)
        said = connection.getresponse()
        return said.status, said.headers["Content-Type"], said.read()
    finally:
        connection.close()


def test_what_was_received_here_is_cosigned_for_the_asking(kg, port):
    """And is kept, in the file and on the topic, before the answer is out."""
    kg.mirrors(*EVENTS)
    for old, size in ((0, 5), (5, 5), (5, 20)):
        asked = request(old, size)
        status, kind, body = post(port, asked.render())
        assert (200, "text/plain; charset=utf-8") == (status, kind)
        assert cosignatures(asked.note, body, [KEYS.witness("KG").verifier])
        assert size == kg.cosigned("KZ")[-1]


def test_answers_are_those_of_the_specification(kg, port):
    """400, 403, 404, 409, 422: in the order in which it asks for them."""
    kg.mirrors(*EVENTS)
    assert 200 == post(port, request(0, 9).render())[0]
    assert 400 == post(port, b"hello")[0]
    assert 400 == post(port, b"")[0]
    assert 400 == post(port, request(12, 10).render())[0]
    foreign = Checkpoint(KZ, 9, TREE.root(9)).signed_by(KEYS.sealers["referral.ledger/UZ"])
    assert 403 == post(port, Request(9, (), foreign).render())[0]
    own = KEYS.agreement.shared_log("KG")
    mine = Checkpoint(own, 9, TREE.root(9)).signed_by(KEYS.sealers[own])
    assert 404 == post(port, Request(0, (), mine).render())[0]  # nobody is one's own witness
    assert (409, "text/x.tlog.size", b"9\n") == post(port, request(0, 12).render())
    assert 422 == post(port, request(9, 12, FORK).render())[0]
    assert [9] == kg.cosigned("KZ")
    # The proof proves nothing, and the log has signed it: two trees of one size.
    assert [("fork", KZ, None, 12)] == kg.alarms()


def test_a_fork_with_a_good_proof_is_refused_too(kg, port):
    """It grows from what was cosigned, and is not what was received: then it is an alarm."""
    kg.mirrors(*EVENTS)
    assert 200 == post(port, request(0, 5).render())[0]
    assert 422 == post(port, request(5, 9, FORK).render())[0]
    assert [("root_differs", KZ, None, 9)] == kg.alarms()
    assert 422 == post(port, request(5, 9).render())[0]
    assert [5] == kg.cosigned("KZ")


def test_what_has_not_arrived_is_asked_for_again(kg, port):
    kg.mirrors(*EVENTS[:5])
    asked = request(0, 9).render()
    assert 503 == post(port, asked)[0]
    kg.mirrors(*EVENTS[5:])
    assert 200 == post(port, asked)[0]


def test_a_rollback_is_refused_after_a_new_start_and_an_empty_database(kg, port):
    """The file remembers."""
    kg.mirrors(*EVENTS)
    assert 200 == post(port, request(0, 9).render())[0]
    kg._owner.execute("DELETE FROM witness.cosignature")
    kg._owner.execute("DELETE FROM witness.checkpoint")
    kg.started()
    assert (409, b"9\n") == post(port, request(0, 5).render())[::2]
    assert 400 == post(port, request(9, 5).render())[0]
    assert 200 == post(port, request(9, 12).render())[0]


def test_a_witness_that_is_not_the_only_one_says_not_now(kg, port):
    """Whose the file of heads is, answers."""
    with psycopg.connect(kg.database.as_role("witness"), autocommit=True):
        kg.witness = kg.made()
        assert 503 == post(port, request(0, 5).render())[0]
        kg.started()


def test_a_database_that_is_gone_says_not_now(kg, port):
    kg.mirrors(*EVENTS)
    lost = psycopg.connect(kg.database.as_role("witness"), autocommit=True)
    kg.witness._session = lost
    lost.close()
    assert 503 == post(port, request(0, 5).render())[0]
    assert [] == kg.cosigned("KZ")
    kg.started()


def test_two_that_ask_at_once_get_one_history(kg, port):
    """Of many sizes at once from one old size: one is cosigned, the others learn its size."""
    kg.mirrors(*EVENTS)
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda size=size: answers.append(post(port, request(0, size).render())[0])
        )
        for size in range(3, 11)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [200, *[409] * 7] == sorted(answers)
    assert 1 == len(kg.cosigned("KZ"))


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (404, "POST / HTTP/1.1\r\nContent-Length: 1"),
        (404, "POST /add-checkpoint/ HTTP/1.1\r\nContent-Length: 1"),
        (411, "POST /add-checkpoint HTTP/1.1"),
        (411, "POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1"),
        (411, "POST /add-checkpoint HTTP/1.1\r\nContent-Length: \xb9"),
        (411, "POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked"),
        (413, f"POST /add-checkpoint HTTP/1.1\r\nContent-Length: {LARGEST_REQUEST + 1}"),
        (413, f"POST /add-checkpoint HTTP/1.1\r\nContent-Length: {'9' * 5000}"),
        (501, "GET /add-checkpoint HTTP/1.1"),
        (400, "\0\xff rubbish"),
    ],
)
def test_what_is_no_request_is_refused_before_it_is_read(kg, port, status, head):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(f"{head}\r\n\r\n".encode("latin-1"))
        assert f"{status}".encode() in line.makefile("rb").read()


def test_whoever_dawdles_is_left(monkeypatch, port):
    """A body that comes byte by byte has some seconds in all; and others are answered meanwhile."""
    monkeypatch.setattr(witness_http, "_PATIENCE_S", 0.3)
    # Shorter than what a single read is given: it is the request as a whole that has an end.
    with socket.create_connection(
        ("127.0.0.1", port), timeout=witness_http._PATIENCE_S + 5
    ) as line:
        line.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 99\r\n\r\nold 0")
        assert 400 == post(port, b"hello")[0]
        assert b"" == line.recv(100)


def test_more_than_so_many_at_a_time_are_closed(monkeypatch, kg):
    monkeypatch.setattr(witness_http, "_MOST", 1)
    with (
        witness_http.asked(kg.witness.add_checkpoint, "127.0.0.1", 0) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as line,
    ):
        line.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold")
        with pytest.raises((OSError, http.client.HTTPException)):
            post(port, b"hello")
        line.sendall(b" 0 and")
        assert b" 400 " in line.makefile("rb").readline()


def test_an_address_that_is_taken_is_said(port):
    taken = witness_http.asked(lambda _: NOT_NOW, "127.0.0.1", port)
    with pytest.raises(Misconfigured, match=str(port)), taken:
        pass


class Ngo:
    """A third party's witness, as the specification has it: no mirror, one signed head."""

    def __init__(self) -> None:
        self.last: Checkpoint | None = None
        self.asked: list[int] = []
        #: What it says whatever it is asked.
        self.says: Answer | None = None

    def answer(self, body: bytes) -> Answer:
        if self.says is not None:
            return self.says
        own = KEYS.agreement.shared_log("KG")
        self.asked.append(Request.parse(body).old)
        keys = {own: [KEYS.sealers[own].verifier]}
        said = add_checkpoint.answer(
            body, keys, lambda _: self.last, lambda text: [STRANGER.cosign(text, NOW)]
        )
        if said.cosigned is not None:
            self.last = Checkpoint.parse(said.cosigned.text)
        return said


THIRD = Ngo()


@pytest.fixture(scope="module")
def ngo_port() -> Iterator[int]:
    """The port of whoever is the third party now."""
    with witness_http.asked(THIRD.answer, "127.0.0.1", 0) as port:
        yield port


@pytest.fixture
def ngo(ngo_port) -> Ngo:
    THIRD.__init__()
    return THIRD


@pytest.fixture
def one(kg, ngo, ngo_port) -> Offering:
    """What offers KG's log to the third party."""
    kg.mirrors(*MINE)
    party = ThirdParty(f"http://127.0.0.1:{ngo_port}/", STRANGER.verifier.render())
    witness = kg.made(third_parties=(party,))
    kg.witness = witness
    known = witness._trust.logs[KEYS.agreement.shared_log("KG")]
    return Offering(known, party, kg.posted, witness._shared, now=lambda: NOW)


MINE = [Event("KG", index, index % 3, b"kg%d" % index) for index in range(20)]


def sealed(kg: Bench, size: int, *, other: bool = False) -> Note:
    """Let KG's sealer say how far its log has come."""
    own = KEYS.agreement.shared_log("KG")
    leaves = log_of(MINE, "KG")[:size]
    note = KEYS.checkpoint(own, [b"x" * 32, *leaves[1:]] if other else leaves)
    kg.hears(note)
    return note


def test_a_third_party_cosigns_our_checkpoints(kg, ngo, one):
    """Asked from where it was; its line stands under the note, on the topic, with its time."""
    own = KEYS.agreement.shared_log("KG")
    assert not one.look(kg.connection)
    for size in (5, 20):
        sealed(kg, size)
        assert one.look(kg.connection)
        assert not one.look(kg.connection)
    assert [0, 5] == ngo.asked
    last = kg.posted.of(own)[-1]
    assert last.verified_by([STRANGER.verifier])
    kg.hears(last)
    assert [(STRANGER.name, 5), (STRANGER.name, 20)] == kg.database.run(
        "SELECT witness, size FROM witness.cosignature ORDER BY size"
    )
    ((note,),) = kg.database.run("SELECT note FROM witness.checkpoint WHERE size = 20")
    assert note.encode() == last.render()


def test_a_third_party_that_knows_more_than_we_remember_tells_its_size(kg, ngo, one):
    sealed(kg, 5)
    assert one.look(kg.connection)
    kg.database.run("DELETE FROM witness.cosignature")
    sealed(kg, 9)
    assert one.look(kg.connection)
    assert [0, 0, 5] == ngo.asked


def test_what_is_not_our_log_is_offered_to_nobody(kg, ngo, one):
    """A checkpoint with another root, or over what is not here: others alarm, nobody is asked."""
    sealed(kg, 5, other=True)
    assert not one.look(kg.connection)
    kg.database.run("DELETE FROM mirror.record WHERE log_index >= 7")
    sealed(kg, 12)
    assert not one.look(kg.connection)
    assert [] == ngo.asked


ELSEWHERE = STRANGER.cosign(Checkpoint("x", 0, bytes(32)).body, 1).render().encode()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, "text/plain", b"x"),
        Answer(200, "text/plain", b""),
        Answer(200, "text/plain", b"\xff" * 1_000_000),
        Answer(200, "text/plain", ELSEWHERE),
        Answer(409, "text/x.tlog.size", b"999\n"),
        Answer(409, "text/x.tlog.size", b"-1\n"),
        Answer(422, "text/plain", b"no\n"),
    ],
    ids=range(7),
)
def test_an_answer_that_is_none_changes_nothing(kg, ngo, one, answer):
    """Whatever a third party says: we go on, and believe its key alone."""
    ngo.says = answer
    sealed(kg, 5)
    assert not one.look(kg.connection)
    assert [] == kg.database.run("SELECT 1 FROM witness.cosignature")
    assert [] == kg.posted.of(KEYS.agreement.shared_log("KG"))


def test_a_third_party_that_is_not_there_holds_nobody_up(kg, one):
    sealed(kg, 5)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    one._party = ThirdParty(f"http://127.0.0.1:{port}", STRANGER.verifier.render())
    assert not one.look(kg.connection)


@pytest.mark.parametrize("url", ["", "ftp://x", "https://", "witness.example", "http://x/?a=1"])
def test_an_address_that_is_none_is_said_at_the_start(url):
    with pytest.raises(Misconfigured, match=r"witness\.example/ngo"):
        ThirdParty(url, STRANGER.verifier.render())


def test_third_parties_stand_in_one_setting():
    """A key may hold a plus and a slash, and an address a path."""
    key = STRANGER.verifier.render()
    both = ThirdParty.listed(f"https://w.example/a {key}, http://127.0.0.1:8 {key},")
    assert ["https://w.example/a", "http://127.0.0.1:8"] == [one.url for one in both]
    assert [] == ThirdParty.listed("")
    for text in (key, f"https://w.example{key}", f"https://w.example {key} {key}"):
        with pytest.raises(Misconfigured):
            ThirdParty.listed(text)
