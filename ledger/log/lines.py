"""What lines of C2SP texts are made of: numbers, base64, hashes. One spelling of each is read.

A text that could be spelled in two ways could be changed without breaking a signature's meaning,
so everything else is refused: leading zeros, signs, digits of other scripts, base64 without its
padding or with bits that decode to nothing.
"""

from __future__ import annotations

import base64
import binascii
import re

from events.errors import RecordRejected

#: Bytes of a SHA-256 hash.
HASH = 32
#: Sizes and indexes end here: other people's programs hold them in signed 64-bit numbers.
LARGEST = 2**63 - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def decimal(text: str, what: str) -> int:
    """Read an ASCII decimal without leading zeros (c2sp.org/tlog-checkpoint, "Note text").

    `what` names the number in the error: RecordRejected, rule `line`.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > LARGEST:
        raise RecordRejected(f"{what} is not a decimal number without leading zeros", rule="line")
    return int(text)


def encoded(data: bytes) -> str:
    """Write standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def decoded(text: str, what: str) -> bytes:
    """Read standard base64 as `encoded` writes it, else RecordRejected, rule `line`.

    RFC 4648, section 3.5: a decoder may refuse padding bits that are not zero; we do.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if encoded(data) != text:
        raise RecordRejected(f"{what} is not base64 (RFC 4648, section 4)", rule="line")
    return data


def read_hash(text: str, what: str) -> bytes:
    """Read the base64 of a SHA-256 hash, else RecordRejected, rule `line`."""
    data = decoded(text, what)
    if len(data) != HASH:
        raise RecordRejected(f"{what} has {len(data)} bytes instead of {HASH}", rule="line")
    return data
