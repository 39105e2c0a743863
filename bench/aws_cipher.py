"""A baseline of `seal`: the AWS Encryption SDK for Python, in an environment of its own.

`python -I aws_cipher.py BYTES` says "ready"; for each line `keyring COUNT` or `master_key COUNT` on
stdin it encrypts and decrypts so many texts of BYTES bytes and prints the seconds that it took.
Keys are local; nothing is asked over the network. Imports nothing of ours: its interpreter is the
one of that environment.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import aws_encryption_sdk as sdk  # type: ignore[import-not-found]
from aws_cryptographic_material_providers.mpl import (  # type: ignore[import-not-found]
    AwsCryptographicMaterialProviders,
)
from aws_cryptographic_material_providers.mpl.config import (  # type: ignore[import-not-found]
    MaterialProvidersConfig,
)
from aws_cryptographic_material_providers.mpl.models import (  # type: ignore[import-not-found]
    AesWrappingAlg,
    CreateRawAesKeyringInput,
)
from aws_encryption_sdk.identifiers import (  # type: ignore[import-not-found]
    Algorithm,
    EncryptionKeyType,
    WrappingAlgorithm,
)
from aws_encryption_sdk.internal.crypto.wrapping_keys import (  # type: ignore[import-not-found]
    WrappingKey,
)
from aws_encryption_sdk.key_providers.raw import RawMasterKey  # type: ignore[import-not-found]

#: What our additional data binds, as far as the SDK has a place for it.
_CONTEXT = {"case": "4b1c7f6e", "event": "018f0000", "scope": "health", "origin": "KZ"}
#: With key commitment, and without signatures, which cost as much again.
_ALGORITHM = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY

Both = Callable[[bytes], bytes]


def keyring(client: Any) -> Both:
    """Return how the SDK's documentation does it: a raw AES keyring."""
    made = AwsCryptographicMaterialProviders(
        config=MaterialProvidersConfig()
    ).create_raw_aes_keyring(
        input=CreateRawAesKeyringInput(
            key_namespace="bench",
            key_name="case",
            wrapping_key=os.urandom(32),
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )

    def both(text: bytes) -> bytes:
        box, _ = client.encrypt(
            source=text, keyring=made, encryption_context=_CONTEXT, algorithm=_ALGORITHM
        )
        found: bytes = client.decrypt(source=box, keyring=made, encryption_context=_CONTEXT)[0]
        return found

    return both


def master_key(client: Any) -> Both:
    """Return its older interface, which is ten times as fast."""
    made = RawMasterKey(
        provider_id="bench",
        key_id="case",
        wrapping_key=WrappingKey(
            WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            os.urandom(32),
            EncryptionKeyType.SYMMETRIC,
        ),
    )

    def both(text: bytes) -> bytes:
        box, _ = client.encrypt(
            source=text, key_provider=made, encryption_context=_CONTEXT, algorithm=_ALGORITHM
        )
        found: bytes = client.decrypt(source=box, key_provider=made)[0]
        return found

    return both


def main() -> None:
    """Serve the benchmark."""
    text = os.urandom(int(sys.argv[1]))
    client = sdk.EncryptionSDKClient()
    known = {"keyring": keyring(client), "master_key": master_key(client)}
    for both in known.values():
        both(text)
    print("ready", flush=True)
    for line in sys.stdin:
        name, count = line.split()
        both = known[name]
        began = time.perf_counter()
        for _ in range(int(count)):
            if both(text) != text:
                sys.exit("what was decrypted is not what was encrypted")
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
