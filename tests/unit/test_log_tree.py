"""Trees against the reference vectors of github.com/transparency-dev/merkle, and their edges."""

from __future__ import annotations

from hashlib import sha256

import pytest

from events.errors import BadInput, RecordRejected
from events.stamp import leaf_hash
from ledger.log.merkle import EMPTY_ROOT, CompactRange, root_of
from ledger.log.tree import Tree, verify_consistency, verify_inclusion

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
#: (index, size) of the vectors `inclusionProofs`, there counted from 1.
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
#: (old, new) of the vectors `consistencyProofs`.
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
TREE = Tree(LEAVES)
SOME = sha256(b"some").digest()


def root(size):
    return bytes.fromhex(ROOTS[size])


def read(proof):
    return [bytes.fromhex(one) for one in proof]


@pytest.mark.parametrize("size", range(9))
def test_the_reference_roots(size):
    """Whichever way it is built."""
    one_by_one = Tree()
    for leaf in LEAVES[:size]:
        one_by_one.append(leaf)
    assert {root(size)} == {
        TREE.root(size),
        one_by_one.root(),
        Tree(LEAVES[:size]).root(),
        root_of(LEAVES[:size]),
    }
    assert size == one_by_one.size


@pytest.mark.parametrize(("place", "proof"), INCLUSIONS.items())
def test_the_reference_inclusion_proofs(place, proof):
    """We make them, and believe them."""
    index, size = place
    assert read(proof) == TREE.inclusion(index, size)
    assert verify_inclusion(index, size, LEAVES[index], read(proof), root(size))


@pytest.mark.parametrize(("sizes", "proof"), CONSISTENCIES.items())
def test_the_reference_consistency_proofs(sizes, proof):
    """We make them, and believe them."""
    old, new = sizes
    assert read(proof) == TREE.consistency(old, new)
    assert verify_consistency(old, new, read(proof), root(old), root(new))


@pytest.mark.parametrize("index_and_size", [(0, 0), (1, 0), (2, 1), (-1, 1), (0, 1)])
def test_an_inclusion_that_cannot_be(index_and_size):
    """Also an empty tree, which has a root but no leaf."""
    index, size = index_and_size
    assert not verify_inclusion(index, size, SOME, [], EMPTY_ROOT)


@pytest.mark.parametrize("index", range(8))
def test_a_path_that_is_cut_or_longer_leads_nowhere(index):
    """Or an inner node could pass for a leaf."""
    proof = TREE.inclusion(index)
    for wrong in (proof[:-1], proof[1:], [*proof, SOME], [SOME, *proof], proof[::-1]):
        assert not verify_inclusion(index, 8, LEAVES[index], wrong, TREE.root())


@pytest.mark.parametrize("short", [b"", SOME[:-1], SOME + b"\0"])
def test_a_hash_has_32_bytes(short):
    """Where one hash ends and the next begins is not for the sender to say."""
    assert not verify_inclusion(0, 1, short, [], short)
    assert not verify_inclusion(0, 2, LEAVES[0], [short], root(2))
    assert not verify_consistency(1, 1, [], short, short)
    assert not verify_consistency(1, 2, [short], root(1), root(2))


@pytest.mark.parametrize(
    ("old", "new", "proof", "old_root", "good"),
    [
        (0, 0, [], root(0), True),
        (0, 5, [], root(0), True),
        (0, 5, [], SOME, False),
        (0, 5, [SOME], root(0), False),
        (5, 5, [], root(5), True),
        (5, 5, [SOME], root(5), False),
        (5, 5, [], SOME, False),
        (4, 5, [], root(4), False),
        (3, 5, [], root(3), False),
        (6, 5, [], root(6), False),
        (-1, 5, [], root(0), False),
    ],
)
def test_consistency_at_its_edges(old, new, proof, old_root, good):
    """The empty tree begins every tree; a tree never shrinks; nothing follows from nothing."""
    assert good == verify_consistency(old, new, proof, old_root, root(new))


def test_a_proof_ends_at_the_root():
    """A shorter proof is not one of a taller tree, nor a path to a node below its root."""
    assert not verify_consistency(1, 4, TREE.consistency(1, 2), root(1), root(2))
    assert not verify_consistency(3, 8, TREE.consistency(3, 4), root(3), root(4))
    assert not verify_inclusion(0, 8, LEAVES[0], TREE.inclusion(0, 4), root(4))


@pytest.mark.parametrize(
    "asked",
    [
        lambda: TREE.root(9),
        lambda: TREE.root(-1),
        lambda: TREE.inclusion(8),
        lambda: TREE.inclusion(3, 3),
        lambda: TREE.inclusion(-1),
        lambda: TREE.consistency(5, 4),
        lambda: TREE.consistency(-1, 4),
        lambda: TREE.consistency(4, 9),
    ],
)
def test_a_tree_proves_nothing_of_what_it_never_was(asked):
    """Instead of a proof that nobody can use."""
    with pytest.raises(BadInput):
        asked()


@pytest.mark.parametrize("state", [b"", b"\0" * 7, b"\0" * 7 + b"\1", b"\0" * 8 + SOME])
def test_a_state_that_is_cut_is_not_read(state):
    """A sealer that begins with the wrong tree would sign a fork."""
    with pytest.raises(RecordRejected, match="not the state"):
        CompactRange.of_state(state)
