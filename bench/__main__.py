"""`python -m bench [NAME…]`, and what `ledger bench` calls: figures on stdout, words on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Protocol

from bench.harness import Effort, say
from bench.servers import Servers


class Line(Protocol):
    """What a benchmark has to say."""

    @property
    def good(self) -> bool:
        """Whether it may be believed: False ends with exit code 1."""

    def line(self) -> str:
        """Return it as one JSON object."""


Run = Callable[[Servers, Effort], Iterator[Line]]

#: Where each benchmark is; a module is imported when it is run.
BENCHMARKS: Mapping[str, str] = {
    "codec": "codec:run",
    "append": "append:one_each",
    "append-16": "append:sixteen",
    "append-raw": "append:raw",
    "command": "command:run",
    "append-sealed": "append_sealed:run",
    "import": "importing:run",
    "relay": "relaying:run",
    "publishing": "publishing:run",
    "live-projection": "projecting:run",
    "catch-up": "catching_up:run",
    "rebuild": "rebuilding:run",
    "visible-40": "visible:at_40",
    "visible-400": "visible:at_400",
    "stop-40": "stopping:at_40",
    "seal": "sealing:run",
    "tree": "tree:run",
    "verify-1m": "verifying:run",
    "as-of": "as_of:run",
    "backdating": "backdating:run",
    "routing": "routing:run",
    "audit": "auditing:run",
    "audit-kills": "auditing_killed:run",
    "kills": "kills:run",
}
#: Only run when named: they take longer, and ask whether all is well.
NAMED_ONLY = frozenset({"audit", "audit-kills", "kills"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all that measure speed; return 0 unless something went wrong."""
    parser = argparse.ArgumentParser(prog="ledger bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--events", type=int, help="events of a run, instead of each one's own")
    parser.add_argument("--kills", type=int, default=100, help="how often programs are killed")
    parser.add_argument(
        "--patience", type=float, default=0, metavar="S", help="repeat disturbed rounds so long"
    )
    parser.add_argument("--quick", action="store_true", help="does it run? figures mean nothing")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    effort = Effort(
        quick=given.quick,
        rounds=1 if given.quick else given.rounds,
        events=given.events,
        kills=given.kills,
        patience=given.patience,
    )
    return run(given.names or [name for name in BENCHMARKS if name not in NAMED_ONLY], effort)


def run(names: Sequence[str], effort: Effort) -> int:
    """Run benchmarks on one pair of servers, printing each figure as soon as it is known."""
    good = True
    with Servers() as servers:
        for name in names:
            say(f"-- {name}")
            for line in load(name)(servers, effort):
                print(line.line(), flush=True)
                good &= line.good
    return 0 if good else 1


def load(name: str) -> Run:
    """Return the function that runs a benchmark."""
    module, _, function = BENCHMARKS[name].partition(":")
    found: Run = getattr(import_module(f"bench.{module}"), function)
    return found


if __name__ == "__main__":
    sys.exit(main())
