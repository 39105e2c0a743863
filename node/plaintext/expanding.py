"""Values as PostgreSQL compresses them: pglz, and the LZ4 block format.

As much as can be had is returned: of a value that was cut, its beginning.
"""

from __future__ import annotations

#: Methods by their number in a compressed value.
METHODS = {0: "pglz", 1: "lz4"}


def expanded(method: int, packed: bytes, size: int) -> tuple[bytes, bool]:
    """Return what was packed, at most `size` bytes, and whether it is all and nothing is left."""
    out = bytearray()
    try:
        used = (_pglz if method == 0 else _lz4)(packed, size, out)
    except IndexError:  # cut, or no packed value at all
        return bytes(out[:size]), False
    return bytes(out[:size]), len(out) == size and used == len(packed)


def _copy(out: bytearray, back: int, count: int) -> None:
    """Repeat what stands `back` bytes before the end; it may run into what it writes."""
    if not 0 < back <= len(out):
        raise IndexError
    begin = len(out) - back
    if back >= count:
        out += out[begin : begin + count]
    else:
        out += (out[begin:] * (count // back + 1))[:count]


def _pglz(packed: bytes, size: int, out: bytearray) -> int:
    """Expand into `out`; return how many bytes were read. See pg_lzcompress.c."""
    at = 0
    while at < len(packed) and len(out) < size:
        control = packed[at]
        at += 1
        for bit in range(8):
            if at >= len(packed) or len(out) >= size:
                break
            if not control >> bit & 1:
                out.append(packed[at])
                at += 1
                continue
            count = (packed[at] & 15) + 3
            back = (packed[at] & 0xF0) << 4 | packed[at + 1]
            at += 2
            if count == 18:
                count += packed[at]
                at += 1
            _copy(out, back, min(count, size - len(out)))
    return at


def _lz4(packed: bytes, size: int, out: bytearray) -> int:
    """Expand into `out`; return how many bytes were read. See lz4_Block_format.md."""
    at = 0
    while at < len(packed) and len(out) < size:
        token = packed[at]
        count, at = _lz4_length(packed, at + 1, token >> 4)
        out += packed[at : at + count]
        at += count
        if at >= len(packed):
            break
        back = packed[at] | packed[at + 1] << 8
        count, at = _lz4_length(packed, at + 2, token & 15)
        _copy(out, back, min(count + 4, max(size - len(out), 0)))
    return at


def _lz4_length(packed: bytes, at: int, count: int) -> tuple[int, int]:
    if count == 15:
        more = 255
        while more == 255:
            more = packed[at]
            count += more
            at += 1
    return count, at
