"""The cryptography of sealed fields and capsules, written from its standards.

Python's standard library only, neither our code nor the library it seals with: what both sides
open is what the standards say. Slow, and open to whoever measures time: for tests only.
"""

from __future__ import annotations

import hmac
import struct
from hashlib import sha256

P25519 = 2**255 - 19


def hkdf_extract(salt: bytes, material: bytes) -> bytes:
    """RFC 5869, section 2.2."""
    return hmac.new(salt or bytes(32), material, sha256).digest()


def hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, section 2.3."""
    found, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.new(key, block + info + bytes([number]), sha256).digest()
        found += block
    return found[:length]


# AES-256 (FIPS 197) in GCM (NIST SP 800-38D).


def _times(a: int, b: int) -> int:
    found = 0
    while b:
        found ^= a * (b & 1)
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return found


def _substitute(byte: int) -> int:
    inverse = next((x for x in range(256) if _times(byte, x) == 1), 0)
    turned = [(inverse << n | inverse >> 8 - n) & 255 for n in range(5)]
    return turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63


S_BOX = bytes(_substitute(byte) for byte in range(256))
DOUBLE = bytes(_times(byte, 2) for byte in range(256))


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[at : at + 4] for at in range(0, 32, 4)]
    constant = 1
    while len(words) < 60:
        word = words[-1]
        if len(words) % 8 == 0:
            turned = (word[1:] + word[:1]).translate(S_BOX)
            word = bytes([turned[0] ^ constant]) + turned[1:]
            constant = DOUBLE[constant]
        elif len(words) % 8 == 4:
            word = word.translate(S_BOX)
        words.append(_xor(word, words[-8]))
    return [b"".join(words[at : at + 4]) for at in range(0, 60, 4)]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def _mixed(column: bytes) -> bytes:
    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[at] ^ whole ^ DOUBLE[column[at] ^ column[(at + 1) % 4]] for at in range(4))


def _aes_block(keys: list[bytes], block: bytes) -> bytes:
    state = _xor(block, keys[0])
    for number, key in enumerate(keys[1:], 1):
        state = state.translate(S_BOX)
        state = bytes(state[at * 5 % 16] for at in range(16))
        if number < 14:
            state = b"".join(_mixed(state[at : at + 4]) for at in range(0, 16, 4))
        state = _xor(state, key)
    return state


def _ghash(key: bytes, text: bytes) -> bytes:
    factor, found = int.from_bytes(key, "big"), 0
    for at in range(0, len(text), 16):
        found ^= int.from_bytes(text[at : at + 16], "big")
        product, turned = 0, factor
        for bit in range(127, -1, -1):
            product ^= turned * (found >> bit & 1)
            turned = turned >> 1 ^ (0xE1 << 120) * (turned & 1)
        found = product
    return found.to_bytes(16, "big")


def _filled(text: bytes) -> bytes:
    return text + bytes(-len(text) % 16)


def _gcm(key: bytes, nonce: bytes, text: bytes) -> tuple[bytes, list[bytes]]:
    keys = _round_keys(key)
    stream = b"".join(
        _aes_block(keys, nonce + struct.pack(">I", 2 + at)) for at in range(-(-len(text) // 16))
    )
    return _xor(text, stream), keys


def _gcm_tag(keys: list[bytes], nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    sizes = struct.pack(">QQ", len(aad) * 8, len(sealed) * 8)
    hashed = _ghash(_aes_block(keys, bytes(16)), _filled(aad) + _filled(sealed) + sizes)
    return _xor(hashed, _aes_block(keys, nonce + b"\0\0\0\1"))


def aes_gcm(key: bytes, nonce: bytes, text: bytes, aad: bytes) -> bytes:
    """Return ciphertext and tag."""
    sealed, keys = _gcm(key, nonce, text)
    return sealed + _gcm_tag(keys, nonce, sealed, aad)


# ChaCha20-Poly1305 (RFC 8439).


def _quarter(s: list[int], a: int, b: int, c: int, d: int) -> None:
    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        mixed = s[z] ^ s[x]
        s[z] = (mixed << turn | mixed >> 32 - turn) & 0xFFFFFFFF


def _chacha_block(key: bytes, nonce: bytes, counter: int) -> bytes:
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter]
    start += struct.unpack("<3I", nonce)
    state = list(start)
    for _ in range(10):
        for at in range(4):
            _quarter(state, at, 4 + at, 8 + at, 12 + at)
        for at in range(4):
            _quarter(state, at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, start, strict=True)))


def chacha20_poly1305(key: bytes, nonce: bytes, text: bytes, aad: bytes) -> bytes:
    """Return ciphertext and tag."""
    stream = b"".join(_chacha_block(key, nonce, 1 + at) for at in range(-(-len(text) // 64)))
    sealed = _xor(text, stream)
    one_time = _chacha_block(key, nonce, 0)
    factor = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    hashed = _filled(aad) + _filled(sealed) + struct.pack("<QQ", len(aad), len(sealed))
    found = 0
    for at in range(0, len(hashed), 16):
        number = int.from_bytes(hashed[at : at + 16] + b"\1", "little")
        found = (found + number) * factor % (2**130 - 5)
    tag = (found + int.from_bytes(one_time[16:], "little")) % 2**128
    return sealed + tag.to_bytes(16, "little")


def x25519(private: bytes, public: bytes) -> bytes:
    """RFC 7748, section 5."""
    k = int.from_bytes(private, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    u = int.from_bytes(public, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in range(254, -1, -1):
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        plus, minus = pow(x2 + z2, 2, P25519), pow(x2 - z2, 2, P25519)
        da, cb = (x3 - z3) * (x2 + z2), (x3 + z3) * (x2 - z2)
        x3, z3 = pow(da + cb, 2, P25519), u * pow(da - cb, 2, P25519) % P25519
        x2 = plus * minus % P25519
        z2 = (plus - minus) * (plus + 121665 * (plus - minus)) % P25519
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, P25519) % P25519).to_bytes(32, "little")


def public_of(private: bytes) -> bytes:
    """Return the public key of a private one."""
    return x25519(private, b"\x09" + bytes(31))


# HPKE (RFC 9180): base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.


def _labeled(key: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    return hkdf_expand(key, text, length)


def _extracted(salt: bytes, suite: bytes, label: bytes, material: bytes) -> bytes:
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + material)


def hpke_key(shared: bytes, sent: bytes, public: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return (key, nonce) of the first message, from the result of the exchange."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    mixed = _extracted(b"", kem, b"eae_prk", shared)
    secret = _labeled(mixed, kem, b"shared_secret", sent + public, 32)
    context = b"\0" + _extracted(b"", suite, b"psk_id_hash", b"")
    context += _extracted(b"", suite, b"info_hash", info)
    key = _extracted(secret, suite, b"secret", b"")
    return (
        _labeled(key, suite, b"key", context, 32),
        _labeled(key, suite, b"base_nonce", context, 12),
    )


def hpke_sealed(text: bytes, public: bytes, info: bytes, ephemeral: bytes) -> bytes:
    """Return the sender's half of the exchange, ciphertext and tag."""
    sent = public_of(ephemeral)
    key, nonce = hpke_key(x25519(ephemeral, public), sent, public, info)
    return sent + aes_gcm(key, nonce, text, b"")
