"""Private set intersection: whether a child who is sought is one whom another country holds.

Two countries compare tokens of children without showing lists: Diffie-Hellman in the prime-order
group of edwards25519 (libsodium). A token becomes a point; each country multiplies by a secret of
this one comparison; only products of both secrets are compared. The **holder**, who has children in
care, learns which of its own tokens are sought. The **seeker** learns nothing but how many points
came, and those are padded, so it learns a size that says little.

    seeker                                       holder
    a·H(token)        ── sought ─────────────▶
                      ◀───────────── held ──     b·H(token), padded, in an order of chance
    a·(b·H(token))    ── answered ───────────▶   compares with b·(a·H(token)).

Both are taken to follow these steps, and each may ask with tokens of its choice: whoever lets
somebody ask has to bound how often, and for whom.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from hashlib import sha512
from typing import Final

from nacl.bindings import (
    crypto_core_ed25519_from_uniform,
    crypto_core_ed25519_is_valid_point,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_noclamp,
)

from events.errors import EventTooLarge, RecordRejected

POINT_BYTES: Final = 32
#: What a holder sends is padded to a multiple of so many points.
BUCKET: Final = 1_024
#: The longest list that is taken.
MOST_POINTS: Final = 65_536
_DOMAIN: Final = b"xref/psi/v1\0"


class Seeker:
    """The country that looks for children; it learns nothing of who is found."""

    def __init__(self, tokens: Iterable[bytes]) -> None:
        self._secret = _Secret()
        # Sorted: the order in which children are sought is nobody's business.
        self.sought: Sequence[bytes] = sorted(map(self._secret.blinded, frozenset(tokens)))

    def answer(self, held: Sequence[bytes]) -> list[bytes]:
        """Return what a holder sent, multiplied once more, in its order. RecordRejected."""
        return self._secret.raised(held)


class Holder:
    """The country that has children in care; it learns which of its tokens are sought."""

    def __init__(self, tokens: Iterable[bytes], *, bucket: int = BUCKET) -> None:
        self._secret = _Secret()
        own: list[bytes | None] = list(frozenset(tokens))
        own += [None] * (-len(own) % bucket)
        random.SystemRandom().shuffle(own)
        self._own = own
        self.held: Sequence[bytes] = [
            self._secret.blinded(os.urandom(POINT_BYTES) if token is None else token)
            for token in own
        ]

    def hits(self, sought: Sequence[bytes], answered: Sequence[bytes]) -> frozenset[bytes]:
        """Return this country's tokens that are sought, too. RecordRejected.

        `answered` is what the seeker made of `held`, in its order.
        """
        if len(answered) != len(self.held):
            raise RecordRejected(
                f"{len(self.held)} points were sent, and {len(answered)} came back", rule="psi"
            )
        both = frozenset(self._secret.raised(sought))
        _require_points(answered)
        pairs = zip(self._own, answered, strict=True)
        return frozenset(token for token, point in pairs if token is not None and point in both)


class _Secret:
    """A number that one country draws for one comparison and forgets."""

    def __init__(self) -> None:
        self._scalar = crypto_core_ed25519_scalar_reduce(os.urandom(64))

    def __repr__(self) -> str:
        """Never show it."""
        return "_Secret()"

    def blinded(self, token: bytes) -> bytes:
        """Return the point of a token, multiplied."""
        uniform = sha512(_DOMAIN + token).digest()[:POINT_BYTES]
        point = crypto_core_ed25519_from_uniform(uniform)
        found: bytes = crypto_scalarmult_ed25519_noclamp(self._scalar, point)
        return found

    def raised(self, points: Sequence[bytes]) -> list[bytes]:
        """Return another country's points, multiplied, in their order. RecordRejected."""
        _require_points(points)
        return [crypto_scalarmult_ed25519_noclamp(self._scalar, point) for point in points]


def _require_points(points: Sequence[bytes]) -> None:
    """Refuse what is no point of the group: multiplied, it would tell of the secret."""
    if len(points) > MOST_POINTS:
        raise EventTooLarge(f"{len(points)} points came; {MOST_POINTS} are taken")
    for at, point in enumerate(points):
        if len(point) != POINT_BYTES or not crypto_core_ed25519_is_valid_point(point):
            raise RecordRejected(f"point {at} is none of the prime-order group", rule="psi")
