"""Ed25519 signatures, as RFC 8032 (section 5.1) defines them, for checking only."""

from __future__ import annotations

import hashlib

#: The field, the order of the base point's group, and the curve's constant d (section 5.1).
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)

#: A point in extended coordinates: X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z (section 5.1.4).
CurvePoint = tuple[int, int, int, int]
_NEUTRAL: CurvePoint = (0, 1, 1, 0)


def _add(one: CurvePoint, other: CurvePoint) -> CurvePoint:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: CurvePoint) -> CurvePoint:
    result = _NEUTRAL
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _x_of(y: int, sign: int) -> int | None:
    """Section 5.1.3: the x that belongs to a y, or None if there is none."""
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if square == 0:
        return None if sign else 0
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_1 % _P
    if (x * x - square) % _P:
        return None
    return _P - x if x & 1 != sign else x


def _point_of(encoded: bytes) -> CurvePoint | None:
    number = int.from_bytes(encoded, "little")
    y = number & ((1 << 255) - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % _P)


def _encoded(point: CurvePoint) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0) or 0
_BASE: CurvePoint = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def ed25519_is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a 64-byte signature is good (section 5.1.7, without the cofactor).

    A key of small order is refused: it "signs" every message.
    """
    if len(public) != 32 or len(signature) != 64:
        return False
    key = _point_of(public)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= _ORDER or _encoded(_times(8, key)) == _encoded(_NEUTRAL):
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % _ORDER
    minus_key: CurvePoint = (_P - key[0], key[1], key[2], _P - key[3])
    return _encoded(_add(_times(s, _BASE), _times(k, minus_key))) == signature[:32]
