"""Trees of any size: every proof holds, and none holds of anything else."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.log.merkle import CompactRange, node_hash
from ledger.log.tree import Tree, verify_consistency, verify_inclusion

UNHURRIED = settings(deadline=None)
#: Leaves that are all different; a proof cannot tell equal ones apart.
LEAVES = [sha256(number.to_bytes(4, "big")).digest() for number in range(300)]
TREE = Tree(LEAVES)

sizes = st.integers(1, len(LEAVES))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def head(leaves) -> bytes:
    """MTH of RFC 6962, section 2.1, as it stands there."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(head(leaves[:half]), head(leaves[half:]))


@UNHURRIED
@given(st.lists(st.integers(0, 40), max_size=12))
def test_every_way_of_growing_gives_the_definition(steps):
    """One by one, many at once, and from a state that was written down between."""
    tree, peaks, at = Tree(), CompactRange(), 0
    for step in steps:
        added = LEAVES[at : at + step]
        if step % 2:
            tree.extend(added)
        for leaf in added:
            peaks.append(leaf)
            if not step % 2:
                tree.append(leaf)
        peaks = CompactRange.of_state(peaks.state)
        at = tree.size
    assert head(LEAVES[:at]) == tree.root() == peaks.root == TREE.root(at)
    assert at == peaks.size


@UNHURRIED
@given(st.data(), sizes)
def test_an_inclusion_proof_holds_for_its_leaf_only(data, size):
    """Any bit of the leaf, the root, the path; any other index."""
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, root = LEAVES[index], TREE.inclusion(index, size), TREE.root(size)
    assert verify_inclusion(index, size, leaf, proof, root)

    bit = data.draw(st.integers(0, 255))
    other = data.draw(st.integers(0, 2 * size).filter(lambda one: one != index))
    assert not verify_inclusion(index, size, flipped(leaf, bit), proof, root)
    assert not verify_inclusion(index, size, leaf, proof, flipped(root, bit))
    assert not verify_inclusion(other, size, leaf, proof, root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        wrong = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        assert not verify_inclusion(index, size, leaf, wrong, root)


def turns(index: int, size: int) -> list[bool]:
    """From the leaf up: whether the sibling stands on the left (RFC 6962, section 2.1.1)."""
    start, end, found = 0, size, []
    while end - start > 1:
        half = 1
        while half * 2 < end - start:
            half *= 2
        left = index >= start + half
        start, end = (start + half, end) if left else (start, start + half)
        found.append(left)
    return found[::-1]


@UNHURRIED
@given(st.data(), sizes, st.integers(1, 600))
def test_another_size_is_believed_only_where_the_path_is_the_same(data, size, other):
    """What binds the size is the signature over it: proofs of two sizes may be the same bytes."""
    index = data.draw(st.integers(0, size - 1))
    assume(index < other)
    good = verify_inclusion(
        index, other, LEAVES[index], TREE.inclusion(index, size), TREE.root(size)
    )
    assert good == (turns(index, size) == turns(index, other))


@UNHURRIED
@given(st.data(), sizes, sizes)
def test_a_consistency_proof_holds_for_its_roots_only(data, one, two):
    """Any bit of either root and of the proof, and the sizes the other way round."""
    old, new = min(one, two), max(one, two)
    proof, was, now = TREE.consistency(old, new), TREE.root(old), TREE.root(new)
    assert verify_consistency(old, new, proof, was, now)

    bit = data.draw(st.integers(0, 255))
    assert not verify_consistency(old, new, proof, flipped(was, bit), now)
    assert not verify_consistency(old, new, proof, was, flipped(now, bit))
    assert old == new or not verify_consistency(new, old, proof, now, was)
    assert not verify_consistency(old, new, [*proof, was], was, now)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        wrong = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        assert not verify_consistency(old, new, wrong, was, now)
        assert not verify_consistency(old, new, proof[:-1], was, now)


@UNHURRIED
@given(st.data(), st.integers(2, len(LEAVES)))
def test_a_rewritten_history_has_no_proof(data, new):
    """Somebody changes one leaf of what was signed, and proves with the tree that he now has."""
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    forged = Tree([*LEAVES[:changed], bytes(32), *LEAVES[changed + 1 : new]])
    proof = forged.consistency(old, new)
    assert not verify_consistency(old, new, proof, TREE.root(old), forged.root())
