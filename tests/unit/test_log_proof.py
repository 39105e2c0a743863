"""Proofs for files (c2sp.org/tlog-proof@v1): what is written, read, believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.lines import encoded
from ledger.log.policy import Policy
from ledger.log.proof import Proof
from ledger.log.signature import LogSigner
from ledger.log.tree import Tree

LOG = LogSigner("referral.ledger/KZ", b"l" * 32)
WITNESS = Ed25519Cosigner("referral.witness/KG", b"w" * 32)
POLICY = Policy.of([LOG.verifier], {"KG": WITNESS.verifier}, 1)
LEAVES = [leaf_hash(b"%d" % number) for number in range(137)]
TREE = Tree(LEAVES)
CHECKPOINT = Checkpoint(LOG.name, TREE.size, TREE.root())
SIGNED = CHECKPOINT.signed_by(LOG)
COSIGNED = SIGNED.with_signatures([WITNESS.cosign(SIGNED.text, 1_790_000_000)])


def proof_of(index: int) -> Proof:
    return Proof(index, tuple(TREE.inclusion(index)), COSIGNED)


@pytest.mark.parametrize("extra", [None, b"", b"more"])
@pytest.mark.parametrize("index", [0, 1, 100, 136])
def test_a_proof_comes_back_and_holds(index, extra):
    """The extra data is carried, and nothing is built on it."""
    proof = replace(proof_of(index), extra=extra)
    assert Proof.parse(proof.render()) == proof
    assert proof.verify(LEAVES[index], POLICY) == CHECKPOINT


def test_the_text_is_the_one_of_the_specification():
    proof = replace(proof_of(0), hashes=(b"h" * 32,), extra=b"x")
    head = f"c2sp.org/tlog-proof@v1\nextra eA==\nindex 0\n{encoded(b'h' * 32)}\n\n"
    assert proof.render() == head.encode() + COSIGNED.render()
    alone = Tree(LEAVES[:1])
    note = Checkpoint(LOG.name, 1, alone.root()).signed_by(LOG)
    assert Proof(0, (), note).render() == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + note.render()


@pytest.mark.parametrize(
    ("proof", "leaf", "rule"),
    [
        (proof_of(5), LEAVES[6], "inclusion"),
        (replace(proof_of(5), index=6), LEAVES[5], "inclusion"),
        (replace(proof_of(5), index=137), LEAVES[5], "inclusion"),
        (replace(proof_of(5), hashes=()), LEAVES[5], "inclusion"),
        (replace(proof_of(5), checkpoint=SIGNED), LEAVES[5], "quorum"),
        (
            replace(proof_of(5), checkpoint=replace(COSIGNED, signatures=COSIGNED.signatures[1:])),
            LEAVES[5],
            "note_signature",
        ),
        (
            replace(
                proof_of(5),
                checkpoint=replace(COSIGNED, text=replace(CHECKPOINT, size=138).body),
            ),
            LEAVES[5],
            "note_signature",
        ),
    ],
)
def test_what_is_not_proven(proof, leaf, rule):
    """Sigstore's client once looked at proofs and never at the checkpoint's signature."""
    with pytest.raises(RecordRejected) as wrong:
        proof.verify(leaf, POLICY)
    assert wrong.value.rule == rule


GOOD = proof_of(5).render().decode()
FIRST_HASH = encoded(TREE.inclusion(5)[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD.replace("@v1", "@v2", 1),
        GOOD.replace("index 5\n", "", 1),
        GOOD.replace("index 5\n", "index 05\n", 1),
        GOOD.replace("index 5\n", "index +5\n", 1),
        GOOD.replace("index 5\n", "index 5\r\n", 1),
        GOOD.replace("index 5\n", "index 5\nextra eA==\n", 1),
        GOOD.replace("index 5\n", "extra eA==\nextra eA==\nindex 5\n", 1),
        GOOD.replace("index 5\n", "extra eA\nindex 5\n", 1),
        GOOD.replace("index 5\n", "index 5\n\n", 1),
        GOOD.replace("index 5\n", "index ж\n", 1),
        GOOD.replace("index 5\n", "index 5\n" + f"{FIRST_HASH}\n" * 64, 1),
        GOOD.replace(FIRST_HASH, FIRST_HASH[:-4], 1),
        GOOD.replace(FIRST_HASH, FIRST_HASH + " ", 1),
        GOOD.split("\n\n", maxsplit=1)[0] + "\n",
        GOOD.removesuffix("\n"),
    ],
)
def test_what_is_no_proof_is_not_read(text):
    with pytest.raises(RecordRejected):
        Proof.parse(text.encode())
