"""Our five import names are generic; nobody else may bring one into this environment (ADR 0001).

A foreign `events` in site-packages wins over ours without a word. So every program looks first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from events.errors import Misconfigured

NAMES = ("events", "ledger", "projections", "consumers", "node")
_OURS = "referral_ledger"


def require_sole_owner(places: Iterable[str] | None = None) -> None:
    """Refuse to run beside a distribution or folder that brings one of our import names."""
    for name, intruder in _intruders(sys.path if places is None else places):
        raise Misconfigured(
            f"{intruder} also brings the Python package {name!r}: remove it, or give"
            " referral-ledger an environment of its own",
            rule="sole_owner",
        )


def _intruders(places: Iterable[str]) -> Iterator[tuple[str, str]]:
    home = Path(__file__).parents[1]
    for name in NAMES:
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).parents[1] != home:
            yield name, str(spec and spec.origin)
    for place in map(Path, places):
        for listing in (*place.glob("*.dist-info/RECORD"), *place.glob("*.egg-info/*.txt")):
            if not listing.parent.name.startswith(_OURS):
                yield from _brought(listing)


def _brought(listing: Path) -> Iterator[tuple[str, str]]:
    """Look through the files of one distribution, without parsing: this runs at every start."""
    text = b"\n" + listing.read_bytes()
    for name in NAMES:
        if f"\n{name}/".encode() in text or f"\n{name}.py".encode() in text:
            yield name, listing.parent.name.rpartition(".")[0]
