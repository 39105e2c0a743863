"""Text as a terminal may see it: what would steer it, or turn words around, is written out.

Unicode Standard Annex 9 (marks of direction); halves of surrogate pairs stand in no encoding.
"""

from __future__ import annotations

import re

_STEERING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str, keep: str = "") -> str:
    r"""Return a text with controls, but those to `keep`, written as JSON does: \u001b."""
    return _STEERING.sub(
        lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", text
    )
