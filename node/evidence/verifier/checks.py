"""The checks of manifest, checkpoints and entries. Each returns a line that says what holds."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from itertools import pairwise

from node.evidence.verifier.container import Faulty
from node.evidence.verifier.facts import REPORT, Facts
from node.evidence.verifier.merkle import RangeTree, is_consistent, is_included, leaf_hash_of
from node.evidence.verifier.notes import PLAIN, NoteKey, SignedTree, base64_bytes, decimal
from node.evidence.verifier.quorum import Trust

_PROOF = "c2sp.org/tlog-proof@v1"
_TILE = 256


def check_manifest(facts: Facts) -> str:
    """Every file is in the manifest with its bytes, and there is no file more."""
    facts.read_manifest()
    facts.require_known_files()
    tiles = facts.of_kind("tile")  # large: read once, where they are replayed
    for name in facts.digests:
        if name not in tiles:
            facts.take(name)
    facts.read_report()
    facts.require_kinds()
    later = f"; {len(tiles)} entry bundles follow below" if tiles else ""
    return f"manifest: {len(facts.digests)} files, none changed, none more{later}"


def check_notes(facts: Facts, trusted: Collection[NoteKey] | None) -> str:
    """Every checkpoint is signed by its log and cosigned as its policy asks; they only grow."""
    for name, match in facts.of_kind("policy").items():
        facts.trusts[match["log"]] = _trust(facts, name, trusted)
    needed = {key for trust in facts.trusts.values() for key in trust.keys}
    needed |= _signers(facts, needed, trusted)
    if set(facts.keys_in("vkeys")) != needed:
        raise Faulty("vkeys", "it does not list the keys of policies and signers")
    for (log, size), name in sorted(facts.at("checkpoint").items()):
        facts.trees.setdefault(log, {})[size] = _tree(facts, name, (log, size), trusted)
    if facts.trees.keys() != facts.trusts.keys():
        odd = min(facts.trees.keys() ^ facts.trusts.keys())
        raise Faulty(f"policy/{odd}.policy", "this log has no policy, or no checkpoint")
    steps = {
        (match["log"], int(match["old"]), int(match["new"])): name
        for name, match in facts.of_kind("consistency").items()
    }
    for log, trees in facts.trees.items():
        sizes = sorted(trees)
        for old, new in pairwise(sizes):
            name = steps.pop((log, old, new), f"consistency/{log}/{old}-{new}.txt")
            _consistent(facts, name, trees[old][0], trees[new][0])
    for name in steps.values():
        raise Faulty(name, "it proves something between checkpoints that are not here")
    many = sum(map(len, facts.trees.values()))
    return f"checkpoints: {many} of {len(facts.trees)} logs, signed, cosigned, and growing only"


def _trust(facts: Facts, name: str, trusted: Collection[NoteKey] | None) -> Trust:
    try:
        trust = Trust.parse(facts.take(name).decode())
    except ValueError as error:
        raise Faulty(name, f"no policy: {error}") from None
    for key in trust.keys:
        _require_trusted(name, key, trusted)
    return trust


def _require_trusted(name: str, key: NoteKey, trusted: Collection[NoteKey] | None) -> None:
    if trusted is not None and key not in trusted:
        raise Faulty(name, f"it believes a key of {key.name} that is not among the trusted ones")


def _signers(
    facts: Facts, others: Collection[NoteKey], trusted: Collection[NoteKey] | None
) -> set[NoteKey]:
    """Return the keys of events: each is its country's, for events, and signs nothing else.

    A key is trusted for what its name says. Without this a witness abroad could sign events.
    """
    found: set[NoteKey] = set()
    for name, match in facts.of_kind("signers").items():
        for key in facts.keys_in(name):
            if (key.kind, key.name) != (PLAIN, f"{match['country']}-log"):
                raise Faulty(name, f"the key of {key.name} is none of its country for events")
            if any(key.public == one.public and key != one for one in (*others, *(trusted or ()))):
                raise Faulty(name, f"the key of {key.name} is another one, too: for checkpoints")
            _require_trusted(name, key, trusted)
            found.add(key)
    return found


def _tree(
    facts: Facts, name: str, place: tuple[str, int], trusted: Collection[NoteKey] | None
) -> tuple[SignedTree, tuple[int, ...]]:
    log, _ = place
    if log not in facts.trusts:
        raise Faulty(name, "its log has no policy")
    try:
        tree = SignedTree.parse(facts.take(name))
        times = facts.trusts[log].check(tree)
        if trusted is not None:
            facts.trusts[log].require_countries(tree, trusted)
    except ValueError as error:
        raise Faulty(name, str(error)) from None
    if (tree.origin, tree.size) != place:
        raise Faulty(name, "it is of another log, or of another size, than it is called")
    return tree, times


def _consistent(facts: Facts, name: str, old: SignedTree, new: SignedTree) -> None:
    try:
        first, *lines, last = facts.take(name).decode().split("\n")
        proof = [base64_bytes(line) for line in lines]
    except ValueError:
        raise Faulty(name, "no consistency proof") from None
    good = is_consistent(old.size, new.size, old.root, new.root, proof)
    if first != f"old {old.size}" or last or not good:
        raise Faulty(name, "the older checkpoint is not the beginning of the newer one")


def check_proofs(facts: Facts) -> str:
    """Every entry stands in its log, under the log's newest checkpoint here."""
    entries, proofs = facts.at("entry"), facts.at("proof")
    for place in sorted(entries.keys() ^ proofs.keys()):
        raise Faulty(entries.get(place) or proofs[place], "an entry without proof, or the reverse")
    for (log, index), name in sorted(entries.items()):
        value = facts.take(name)
        _proven(facts, proofs[log, index], log, index, value)
        facts.entries.setdefault(log, {})[index] = value
    if not entries:
        raise Faulty(REPORT, "it is about a case, and no event of it is in the bundle")
    return f"proofs: {len(entries)} entries stand in their logs at their places"


def _proven(facts: Facts, name: str, log: str, index: int, value: bytes) -> None:
    if log not in facts.trees:
        raise Faulty(name, "there is no checkpoint of its log")
    tree = facts.newest(log)
    head, blank, note = facts.take(name).partition(b"\n\n")
    try:
        first, second, *lines = head.decode("ascii").split("\n")
        proof = [base64_bytes(line) for line in lines]
        said = SignedTree.parse(note)
        if said != tree:  # else its signatures were checked above
            facts.trusts[log].check(said)
    except ValueError as error:
        raise Faulty(name, str(error)) from None
    if first != _PROOF or second != f"index {index}" or not blank or said.text != tree.text:
        raise Faulty(name, "not a proof of this index under the newest checkpoint here")
    if not is_included(index, tree.size, leaf_hash_of(value), proof, tree.root):
        raise Faulty(name, f"entries/{log}/{index}.avro does not stand in the log at this place")


def check_ranges(facts: Facts) -> str:
    """Every range, hashed again from its bytes, gives the root of the newest checkpoint."""
    tiles: dict[str, dict[str, str]] = {}
    for name, match in facts.of_kind("tile").items():
        tiles.setdefault(match["log"], {})[match["tile"]] = name
    many = 0
    for name, match in facts.of_kind("range").items():
        many += _replayed(facts, name, match["log"], tiles.pop(match["log"], {}))
    for left in tiles.values():
        raise Faulty(next(iter(left.values())), "it belongs to no range")
    if not many:
        raise Faulty(REPORT, "it is about a range, and there is none in the bundle")
    return f"replay: {many} entries give the signed roots"


def _replayed(facts: Facts, name: str, log: str, tiles: dict[str, str]) -> int:
    if log not in facts.trees:
        raise Faulty(name, "there is no checkpoint of its log")
    newest, tree = facts.newest(log), RangeTree()
    try:
        begin, end, left, right = _range_said(facts.take(name).decode())
        tree.take_rest(left, begin)
        while tree.size < end:
            path = tile_path(tree.size // _TILE, min(_TILE, end - tree.size))
            file = tiles.pop(path, f"logs/{log}/tile/entries/{path}")
            _take_tile(facts, file, tree, min(_TILE, end - tree.size))
        tree.take_rest(right, newest.size)
    except ValueError as error:
        raise Faulty(name, str(error)) from None
    for file in tiles.values():
        raise Faulty(file, "it is no part of the range")
    if tree.root != newest.root:
        raise Faulty(name, "its entries are not those of the log: they give another root")
    return end - begin


def _range_said(text: str) -> tuple[int, int, list[bytes], list[bytes]]:
    begin, end, *rest = text.split("\n")
    middle = rest.index("")
    if begin[:5] != "from " or end[:3] != "to " or rest[-1]:
        raise ValueError("not a range")
    left, right = rest[:middle], rest[middle + 1 : -1]
    first, last = decimal(begin[5:]), decimal(end[3:])
    if first % _TILE or first >= last:
        raise ValueError("a range begins where a bundle of entries begins, and is not empty")
    return first, last, [base64_bytes(one) for one in left], [base64_bytes(one) for one in right]


def _take_tile(facts: Facts, name: str, tree: RangeTree, width: int) -> None:
    entries = list(entries_in(name, facts.take(name)))
    for header in {entry[:10] for entry in entries}:
        facts.headers.setdefault(header, name)
    leaves = [leaf_hash_of(entry) for entry in entries]
    if len(leaves) != width:
        raise Faulty(name, f"it holds {len(leaves)} entries, not {width}")
    tree.take_leaves(leaves)


def entries_in(name: str, data: bytes) -> Iterator[bytes]:
    """Yield the entries of a bundle (tlog-tiles, "Log entries"); Faulty if it is cut."""
    at, end = 0, len(data)
    length_at = struct.Struct(">H").unpack_from
    while at < end:
        if at + 2 > end or (after := at + 2 + length_at(data, at)[0]) > end:
            raise Faulty(name, "its last entry is cut")
        yield data[at + 2 : after]
        at = after


def tile_path(number: int, width: int) -> str:
    """Return the path of a tile (tlog-tiles, "Merkle Tree"): groups of three digits, x before."""
    digits = f"{number:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == _TILE else f"{path}.p/{width}"
