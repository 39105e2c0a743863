"""Notes, proofs and requests, whatever is in them and whatever is done to their bytes."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import LedgerError, RecordRejected
from ledger.log.add_checkpoint import Request
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner, MlDsaCosigner
from ledger.log.note import Note, SignatureLine
from ledger.log.policy import Policy, satisfied
from ledger.log.policy_text import parse_policy, render_policy
from ledger.log.proof import Proof
from ledger.log.signature import LogSigner
from ledger.log.tree import Tree
from ledger.log.vkey import is_key_name

UNHURRIED = settings(deadline=None)
LOG = LogSigner("referral.ledger/KZ", b"l" * 32)
WITNESS = Ed25519Cosigner("referral.witness/KG", b"w" * 32)
LATER = MlDsaCosigner("later.example", b"q" * 32)
KEYS = [LOG.verifier, WITNESS.verifier, LATER.verifier]
LEAVES = [sha256(bytes([number])).digest() for number in range(100)]
TREE = Tree(LEAVES)
HEAD = Checkpoint(LOG.name, TREE.size, TREE.root())
NOTE = HEAD.signed_by(LOG).with_signatures(
    cosigner.cosign(HEAD.body, 1_790_000_000) for cosigner in (WITNESS, LATER)
)
POLICY = Policy.of([LOG.verifier], {"KG": WITNESS.verifier, "later": LATER.verifier}, 2)

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n")).map(
    lambda text: text + "\n"
)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(is_key_name)
lines = st.builds(
    SignatureLine,
    names,
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=1, max_size=100),
)
notes = st.builds(Note, texts, st.lists(lines, min_size=1, max_size=16).map(tuple))


def changed(data: bytes, at: int, how: int) -> bytes:
    """One byte is another, is gone, or is there twice."""
    at %= len(data)
    other = bytes([data[at] ^ how]) if how < 256 else b"" if how == 256 else data[at : at + 1] * 2
    return data[:at] + other + data[at + 1 :]


damage = {"at": st.integers(0, 2**16), "how": st.integers(1, 257)}


@UNHURRIED
@given(notes)
def test_a_note_comes_back_byte_for_byte(note):
    """Whoever signed it, and in whatever script."""
    assert Note.parse(note.render()) == note
    assert Note.of(note.text, *note.signatures) == note


@UNHURRIED
@given(st.binary() | st.text().map(str.encode))
def test_what_is_read_has_one_spelling(data):
    """Any bytes: read as what they are, or refused by name."""
    for reads in (Note.parse, Proof.parse, Request.parse):
        try:
            found = reads(data)
        except RecordRejected:
            continue
        assert found.render() == data
    try:
        policy = parse_policy(data)
    except LedgerError:
        return
    assert parse_policy(render_policy(policy)) == policy


@settings(deadline=None, max_examples=500)
@given(**damage)
def test_a_note_with_any_byte_changed_is_refused_or_lacks_a_signature(at, how):
    """No signature that is still believed covers anything but the text that was signed."""
    data = changed(NOTE.render(), at, how)
    if data == NOTE.render():  # a byte beside its own kind
        return
    try:
        note = Note.parse(data)
        found = note.verified_by(KEYS)
    except RecordRejected:
        return
    assert note.text == NOTE.text
    assert len(found) < len(KEYS)


@settings(deadline=None, max_examples=500)
@given(index=st.integers(0, 99), extra=st.binary(max_size=8) | st.none(), **damage)
def test_a_proof_with_any_byte_changed_proves_nothing_else(index, extra, at, how):
    """The extra data alone is not authenticated (c2sp.org/tlog-proof, "Format")."""
    proof = Proof(index, tuple(TREE.inclusion(index)), NOTE, extra)
    data = changed(proof.render(), at, how)
    try:
        found = Proof.parse(data)
        said = found.verify(LEAVES[index], POLICY)
    except RecordRejected:
        return
    assert said == HEAD
    assert (found.index, found.hashes) == (index, proof.hashes)


@settings(deadline=None, max_examples=500)
@given(**damage)
def test_a_checkpoint_with_any_byte_changed_does_not_satisfy(at, how):
    """Both witnesses are asked for, so each byte of the note counts."""
    data = changed(NOTE.render(), at, how)
    try:
        note = Note.parse(data)
    except RecordRejected:
        return
    assert satisfied(note, POLICY) == (data == NOTE.render())
