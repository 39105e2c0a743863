"""seal: a text of 300 bytes to a box and back, against the cipher of the library below us.

Ours derives a key of the event, binds the box to its place, names the key and pads to 1,024 bytes;
eventsourcing's AESCipher (the one on `cryptography`, which is its faster) does none of it. Places
are there before the watch starts: `with_place` makes them too, one for each way, and that is what
a whole field costs. `direct` is ours under the data key itself. `aws` is the same texts against
the AWS Encryption SDK with a raw AES keyring, which binds a context and commits to its key as we
do; `times_master_key` is how often we are as fast as its older interface. The SDK pins other
libraries than we do, so it gets an environment of its own, in the temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.cryptography import AESCipher
from eventsourcing.utils import Environment

from bench.environment import interpreter, timed_elsewhere
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, Watch, compare, rounded
from bench.servers import Servers
from events.codes import DataScope
from ledger.keys.seal import DIRECT, PER_EVENT, SCOPE_NUMBER, Place, padded, seal, unseal

_BYTES = 300
_SIZE = padded(_BYTES)

#: What the baseline was measured with: the SDK and everything that it needs, by pip's own settings.
_AWS = (
    "attrs==26.1.0",
    "aws-cryptographic-material-providers==1.11.3",
    "aws-cryptography-internal-dynamodb==1.11.3",
    "aws-cryptography-internal-kms==1.11.3",
    "aws-cryptography-internal-primitives==1.11.3",
    "aws-cryptography-internal-standard-library==1.11.3",
    "aws-encryption-sdk==4.0.7",
    "boto3==1.44.8",
    "botocore==1.44.8",
    "cffi==2.1.1",
    "cryptography==50.0.2",
    "DafnyRuntimePython==4.9.0",
    "jmespath==1.1.0",
    "pycparser==3.12",
    "python-dateutil==2.9.0.post0",
    "pytz==2025.2",
    "s3transfer==0.19.3",
    "six==1.17.0",
    "urllib3==2.8.0",
    "wrapt==2.5.2",
)


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure texts per second, sealed and opened."""
    count = effort.events_or(40_000, quick=400)
    load = _Load(count)
    python = interpreter(servers.folder / "aws", _AWS, _AWS[6])
    program = Path(__file__).with_name("aws_cipher.py")
    with timed_elsewhere(python, program, str(_BYTES)) as seconds:

        def aws(name: str, share: int) -> Contender:
            many = max(count // share, 2)
            return lambda: many / seconds(f"{name} {many}")

        beside = _measure(
            "seal aws",
            {OURS: load.ours(), BASELINE: aws("keyring", 400), "master_key": aws("master_key", 40)},
            effort,
            "ratio >= 100",
        )
    against = {
        "ours": beside.ours,
        "baseline": beside.baseline,
        "ratio": beside.ratio,
        "goal": beside.extra["goal"],
        "times_master_key": rounded(beside.ours / beside.extra["master_key"]["value"]),
    }
    contenders = {
        OURS: load.ours(),
        BASELINE: load.stock(),
        "direct": load.ours(DIRECT),
        "with_place": load.with_place(),
    }
    yield _measure("seal", contenders, effort, "ratio >= 0.4", aws=against)


def _measure(
    name: str, contenders: dict[str, Contender], effort: Effort, goal: str, **more: object
) -> Figure:
    return compare(name, contenders, unit="texts/s", effort=effort, goal=goal, extra=lambda: more)


class _Load:
    """Texts with the places where they stand, and one key for all."""

    def __init__(self, count: int) -> None:
        self._dek = os.urandom(32)
        key = AESCipher.create_key(32)
        self._stock = AESCipher(Environment("bench", {AESCipher.CIPHER_KEY: key}))
        place = Place(
            event_id=UUID(int=0),
            case_id=uuid4(),
            scope=SCOPE_NUMBER[DataScope.HEALTH],
            epoch=1,
            schema_sha256=os.urandom(32),
            path="sealed",
            origin="KZ",
        )
        self._texts = [(replace(place, event_id=uuid4()), os.urandom(_BYTES)) for _ in range(count)]

    def ours(self, suite: int = PER_EVENT) -> Contender:
        """Return how we seal and open."""
        dek = self._dek

        def both(place: Place, text: bytes) -> bytes:
            return unseal(dek, place, seal(dek, place, text, size=_SIZE, suite=suite))

        return self._timed(both)

    def with_place(self) -> Contender:
        """Return the same for whoever has to make the place, on the way there and back."""
        dek = self._dek

        def both(place: Place, text: bytes) -> bytes:
            return unseal(dek, _again(place), seal(dek, _again(place), text, size=_SIZE))

        return self._timed(both)

    def stock(self) -> Contender:
        """Return how the library below us does it."""
        cipher = self._stock
        return self._timed(lambda _, text: cipher.decrypt(cipher.encrypt(text)))

    def _timed(self, both: Callable[[Place, bytes], bytes]) -> Contender:
        texts: Sequence[tuple[Place, bytes]] = self._texts

        def once() -> float:
            watch = Watch()
            for place, text in texts:
                if both(place, text) != text:
                    raise AssertionError
            return watch.rate(len(texts))

        return once


def _again(place: Place) -> Place:
    return Place(
        event_id=place.event_id,
        case_id=place.case_id,
        scope=place.scope,
        epoch=place.epoch,
        schema_sha256=place.schema_sha256,
        path=place.path,
        origin=place.origin,
    )
