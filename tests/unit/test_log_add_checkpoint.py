"""What a witness answers (c2sp.org/tlog-witness, "add-checkpoint"), and what a log makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger.log.add_checkpoint import Answer, Request, answer, conflicting_size, cosignatures
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner, MlDsaCosigner
from ledger.log.lines import encoded
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.note import Note
from ledger.log.signature import LogSigner
from ledger.log.tree import Tree

LOG = LogSigner("referral.ledger/KZ", b"l" * 32)
WITNESS = Ed25519Cosigner("referral.witness/KG", b"w" * 32)
LATER = MlDsaCosigner("referral.witness/KG", b"q" * 32)
LOGS = {LOG.name: [LOG.verifier]}
AT = 1_790_000_000
TREE = Tree(leaf_hash(b"%d" % number) for number in range(200))
FORK = Tree(leaf_hash(b"%d" % (number or 7)) for number in range(200))


def head(size: int, tree: Tree = TREE) -> Checkpoint:
    return Checkpoint(LOG.name, size, tree.root(size))


def request(old: int, size: int, tree: Tree = TREE, log: LogSigner = LOG) -> Request:
    proof = tuple(tree.consistency(min(old, size), size))
    return Request(old, proof, head(size, tree).signed_by(log))


def ask(asked: Request | bytes, last: Checkpoint | None = None) -> Answer:
    body = asked if isinstance(asked, bytes) else asked.render()
    return answer(body, LOGS, lambda _: last, lambda text: [WITNESS.cosign(text, AT)])


def test_a_log_that_grows_is_cosigned_again_and_again():
    """And what the witness keeps is what it serves to monitors: log's and own signature."""
    last = None
    for size in (0, 0, 1, 1, 5, 100, 200):
        asked = request(last.size if last else 0, size)
        said = ask(asked, last)
        assert (200, "text/plain; charset=utf-8") == (said.status, said.content_type)
        lines = cosignatures(asked.note, said.body, [WITNESS.verifier])
        assert lines == (WITNESS.cosign(asked.note.text, AT),)
        assert said.cosigned == asked.note.with_signatures(lines)
        last = Checkpoint.parse(said.cosigned.text)
        assert last == head(size)


def test_a_witness_may_sign_with_two_keys_and_keeps_no_strangers_line():
    """A second, post-quantum line; a signature of somebody else is not repeated."""
    asked = request(0, 5)
    strange = asked.note.with_signatures([LogSigner("x", b"x" * 32).sign_text("text\n")])
    said = answer(
        replace(asked, note=strange).render(),
        LOGS,
        lambda _: None,
        lambda text: [WITNESS.cosign(text, AT), LATER.cosign(text, AT)],
    )
    keys = [WITNESS.verifier, LATER.verifier]
    assert 2 == len(cosignatures(asked.note, said.body, keys))
    assert 1 == len(cosignatures(asked.note, said.body, keys[1:]))
    assert {LOG.name, WITNESS.name} == {line.name for line in said.cosigned.signatures}


EMPTY_WITH_ROOT = replace(head(0), root=b"r" * 32)


@pytest.mark.parametrize(
    ("status", "asked", "last"),
    [
        (403, request(0, 5, log=LogSigner(LOG.name, b"s" * 32)), None),
        (403, request(0, 5, log=LogSigner("referral.ledger/KG", b"k" * 32)), None),
        (400, request(6, 5), None),
        (400, request(6, 5), head(6)),
        (422, request(4, 5, FORK), head(4)),
        (409, request(5, 5, FORK), head(5)),
        (422, replace(request(4, 5), proof=()), head(4)),
        (422, replace(request(4, 5), proof=request(3, 5).proof), head(4)),
        (422, replace(request(5, 5), proof=request(4, 5).proof), head(5)),
        (422, replace(request(0, 5), proof=(b"h" * 32,)), None),
        (409, Request(0, (), EMPTY_WITH_ROOT.signed_by(LOG)), None),
    ],
)
def test_what_is_not_cosigned(status, asked, last):
    """Status by status, and never a cosignature beside it."""
    said = ask(asked, last)
    assert (status, None) == (said.status, said.cosigned)
    assert "\N{EM DASH}".encode() not in said.body


def test_a_false_signature_beside_a_good_one_is_forbidden():
    """Such a note is malformed as a whole."""
    asked = request(0, 5)
    line = asked.note.signatures[0]
    false = line._replace(signature=bytes(64))
    assert 403 == ask(replace(asked, note=Note.of(asked.note.text, line, false))).status


def test_a_log_that_is_not_known_is_not_asked_about():
    """Not even its name is said again: anybody may post anything."""
    stranger = LogSigner("stranger.example", b"s" * 32)
    note = Checkpoint(stranger.name, 0, EMPTY_ROOT).signed_by(stranger)
    said = answer(Request(0, (), note).render(), LOGS, pytest.fail, pytest.fail)
    assert 404 == said.status
    assert b"stranger" not in said.body


@pytest.mark.parametrize(("old", "last"), [(0, 5), (4, 5), (5, 4), (3, None)])
def test_a_log_that_is_behind_learns_the_size(old, last):
    """Also one that never asked before and says that it did."""
    said = ask(request(old, 10), None if last is None else head(last))
    assert (409, "text/x.tlog.size") == (said.status, said.content_type)
    assert said.body == f"{last or 0}\n".encode()
    assert (last or 0) == conflicting_size(said.body)


GOOD = request(3, 5).render().decode()
HASH = encoded(request(3, 5).proof[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD.replace("old 3", "old 03", 1),
        GOOD.replace("old 3", "old", 1),
        GOOD.replace("old 3", "new 3", 1),
        GOOD.replace("old 3\n", "old 3\r\n", 1),
        GOOD.replace("old 3\n", "", 1),
        GOOD.replace("old 3\n", "old 3\nж\n", 1),
        GOOD.replace(HASH, HASH[4:], 1),
        GOOD.replace(HASH, f"{HASH}\n" * 61 + HASH, 1),
        GOOD.replace("\n\n", "\n", 1),
        GOOD.removesuffix("\n"),
        GOOD.replace("\n5\n", "\n05\n", 1),
        GOOD + "x" * 2**20,
    ],
)
def test_what_is_no_request_is_a_bad_one(text):
    said = answer(text.encode(), LOGS, pytest.fail, pytest.fail)
    assert 400 == said.status


def test_a_request_comes_back_as_it_was():
    """The form of the specification's example, and at most 63 hashes."""
    asked = request(3, 5)
    assert Request.parse(asked.render()) == asked
    hashes = "".join(f"{encoded(one)}\n" for one in asked.proof)
    assert asked.render() == f"old 3\n{hashes}\n".encode() + asked.note.render()
    most = replace(asked, proof=(b"h" * 32,) * 63)
    assert Request.parse(most.render()) == most
    assert 422 == ask(most, head(3)).status


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"\xff\n", b"hello\n", WITNESS.cosign(head(5).body, AT).render().encode()[:-1]],
)
def test_an_answer_that_is_none_is_refused(body):
    with pytest.raises(RecordRejected):
        cosignatures(head(5).signed_by(LOG), body, [WITNESS.verifier])


def test_a_cosignature_of_something_else_is_refused():
    """Of another checkpoint, or of somebody whom we do not know."""
    note = head(5).signed_by(LOG)
    for text, key in ((head(4).body, WITNESS.verifier), (note.text, LATER.verifier)):
        with pytest.raises(RecordRejected) as refused:
            cosignatures(note, WITNESS.cosign(text, AT).render().encode(), [key])
        assert refused.value.rule == "note_signature"


@pytest.mark.parametrize("body", [b"", b"05\n", b"-1\n", b"\xff\n", b"5\n\n"])
def test_a_size_that_is_none_is_refused(body):
    with pytest.raises(RecordRejected):
        conflicting_size(body)
