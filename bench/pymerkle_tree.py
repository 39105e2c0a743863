"""A baseline of `tree`: pymerkle, in an environment of its own.

`python -I pymerkle_tree.py BYTES` says "ready"; for each line `append COUNT` on stdin it appends so
many entries of BYTES bytes to an empty tree in memory and prints the seconds that it took, for
`prove COUNT` the seconds of so many inclusion proofs from a tree of COUNT entries. Imports nothing
of ours: its interpreter is the one of that environment.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from pymerkle import InmemoryTree  # type: ignore[import-not-found]


def main() -> None:
    """Serve the benchmark."""
    size = int(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        name, count = line.split()
        entries = [os.urandom(size) for _ in range(int(count))]
        tree: Any = InmemoryTree(algorithm="sha256")
        began = time.perf_counter()
        for entry in entries:
            tree.append_entry(entry)
        if name == "prove":
            began = time.perf_counter()
            for index in range(1, len(entries) + 1):
                tree.prove_inclusion(index)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
