"""AES-256-GCM in plain Python, to open what a key of one event was given for.

FIPS 197 and NIST SP 800-38D. Slow, and not for secrets of one's own: whoever runs this holds the
key and the box already, so it takes no care to hide how long anything takes.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

_TAG_BYTES = 16
_ROUNDS = 14


def aes_gcm_opened(key: bytes, nonce: bytes, box: bytes, bound: bytes) -> bytes:
    """Return the text of a box with its tag behind; ValueError if it does not open."""
    if len(key) != 32 or len(nonce) != 12 or len(box) < _TAG_BYTES:
        raise ValueError("no key, nonce or box of AES-256-GCM")
    schedule = _schedule(key)
    text, tag = box[:-_TAG_BYTES], box[-_TAG_BYTES:]
    mask = _encrypted(schedule, nonce + b"\0\0\0\1")
    lengths = (8 * len(bound)).to_bytes(8, "big") + (8 * len(text)).to_bytes(8, "big")
    hashed = _hashed(_encrypted(schedule, bytes(16)), (*_blocks(bound), *_blocks(text), lengths))
    if not hmac.compare_digest(bytes(a ^ b for a, b in zip(mask, hashed, strict=True)), tag):
        raise ValueError("it does not open with this key at this place")
    return b"".join(
        bytes(a ^ b for a, b in zip(block, _encrypted(schedule, nonce + at), strict=False))
        for block, at in _numbered(text)
    )


def _numbered(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each block of a text with its counter: the first one, 1, masks the tag."""
    for number, at in enumerate(range(0, len(text), 16), start=2):
        yield text[at : at + 16], number.to_bytes(4, "big")


def _blocks(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 16):
        yield data[at : at + 16].ljust(16, b"\0")


def _hashed(key: bytes, blocks: tuple[bytes, ...]) -> bytes:
    """GHASH (SP 800-38D, 6.4): multiply and add in GF(2^128), bits in reverse."""
    by, found = int.from_bytes(key, "big"), 0
    for block in blocks:
        left, found, one = found ^ int.from_bytes(block, "big"), 0, by
        for bit in range(127, -1, -1):
            if left >> bit & 1:
                found ^= one
            one = one >> 1 ^ (0xE1 << 120 if one & 1 else 0)
    return found.to_bytes(16, "big")


def _product(a: int, b: int) -> int:
    """Multiply in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197, 4.2)."""
    found = 0
    while b:
        if b & 1:
            found ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return found


def _substitution() -> bytes:
    """The S-box (FIPS 197, 5.1.1): the inverse, then an affine map."""
    found = bytearray(256)
    for value in range(256):
        inverse = next((one for one in range(256) if _product(value, one) == 1), 0)
        spread = inverse
        for turn in range(1, 5):
            spread ^= (inverse << turn | inverse >> (8 - turn)) & 255
        found[value] = spread ^ 0x63
    return bytes(found)


class _Tables:
    """Made when the first key is used: a bundle without keys needs none."""

    sbox = b""
    twice = b""
    thrice = b""

    @classmethod
    def ready(cls) -> None:
        """Make them once."""
        if not cls.sbox:
            cls.twice = bytes(_product(value, 2) for value in range(256))
            cls.thrice = bytes(_product(value, 3) for value in range(256))
            cls.sbox = _substitution()


def _schedule(key: bytes) -> list[bytes]:
    """Key expansion of AES-256 (FIPS 197, 5.2): sixteen bytes a round."""
    _Tables.ready()
    words, constant = [key[at : at + 4] for at in range(0, 32, 4)], 1
    for number in range(8, 4 * (_ROUNDS + 1)):
        word = words[-1]
        if number % 8 == 0:
            word = (word[1:] + word[:1]).translate(_Tables.sbox)
            word = bytes((word[0] ^ constant,)) + word[1:]
            constant = _product(constant, 2)
        elif number % 8 == 4:
            word = word.translate(_Tables.sbox)
        words.append(bytes(a ^ b for a, b in zip(words[-8], word, strict=True)))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


#: ShiftRows (FIPS 197, 5.1.2): where each byte of the state comes from.
_SHIFTED = tuple((at + 4 * (at % 4)) % 16 for at in range(16))


def _encrypted(schedule: list[bytes], block: bytes) -> bytes:
    """Return one block, encrypted (FIPS 197, 5.1)."""
    twice, thrice = _Tables.twice, _Tables.thrice
    state = bytes(a ^ b for a, b in zip(block, schedule[0], strict=True))
    for number in range(1, _ROUNDS + 1):
        state = state.translate(_Tables.sbox)
        state = bytes(state[at] for at in _SHIFTED)
        if number < _ROUNDS:
            mixed = bytearray()
            for at in range(0, 16, 4):
                a, b, c, d = state[at : at + 4]
                mixed += bytes((
                    twice[a] ^ thrice[b] ^ c ^ d, a ^ twice[b] ^ thrice[c] ^ d,
                    a ^ b ^ twice[c] ^ thrice[d], thrice[a] ^ b ^ c ^ twice[d],
                ))  # fmt: skip
            state = bytes(mixed)
        state = bytes(a ^ b for a, b in zip(state, schedule[number], strict=True))
    return state
