"""`tree`: entries of 300 bytes, hashed and appended to a tree that can prove, against pymerkle.

`compact` is the same into the peaks alone, as a sealer and a witness keep them. `prove` is every
inclusion proof of a tree, ours and pymerkle's. pymerkle gets an environment of its own, in the
temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.environment import interpreter, timed_elsewhere
from bench.harness import BASELINE, OURS, Effort, Figure, Watch, compare
from bench.servers import Servers
from events.stamp import leaf_hash
from ledger.log.merkle import CompactRange
from ledger.log.tree import Tree

_BYTES = 300
_PYMERKLE = ("pymerkle==7.0.0", "cachetools==7.2.1")


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure entries appended per second, and proofs made."""
    count = effort.events_or(100_000, quick=500)
    entries = [os.urandom(_BYTES) for _ in range(count)]
    python = interpreter(servers.folder / "pymerkle", _PYMERKLE, _PYMERKLE[0])
    program = Path(__file__).with_name("pymerkle_tree.py")
    with timed_elsewhere(python, program, str(_BYTES)) as seconds:

        def theirs(name: str, many: int) -> float:
            return many / seconds(f"{name} {many}")

        provable = max(count // 10, 2)
        tree = Tree(map(leaf_hash, entries[:provable]))
        proofs = compare(
            "tree prove",
            {OURS: partial(_prove, tree), BASELINE: partial(theirs, "prove", provable)},
            unit="proofs/s",
            effort=effort,
            goal="ratio >= 4",
        )
        prove = {
            "ours": proofs.ours,
            "baseline": proofs.baseline,
            "ratio": proofs.ratio,
            "goal": proofs.extra["goal"],
        }
        contenders = {
            OURS: partial(_append, Tree, entries),
            BASELINE: partial(theirs, "append", count),
            "compact": partial(_append, CompactRange, entries),
        }
        yield compare(
            "tree",
            contenders,
            unit="entries/s",
            effort=effort,
            goal="ratio >= 5",
            extra=lambda: {"prove": prove},
        )


def _append(kind: type[Tree | CompactRange], entries: list[bytes]) -> float:
    tree, watch = kind(), Watch()
    for entry in entries:
        tree.append(leaf_hash(entry))
    return watch.rate(len(entries))


def _prove(tree: Tree) -> float:
    watch = Watch()
    for index in range(tree.size):
        tree.inclusion(index)
    return watch.rate(tree.size)
