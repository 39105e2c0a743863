"""Which schemas were released: what the bytes of an event mean is not for a bundle to say.

In `verify.py` the list itself stands here, as it was when that file was made.
"""

from __future__ import annotations

from importlib.resources import files

#: SHA-256 of each, in hex.
RELEASED_SCHEMAS = frozenset(
    line.split()[0]
    for line in (files("events") / "schemas" / "RELEASED").read_text("utf-8").splitlines()
)
