"""Which verifier reads which verifier key."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from events.errors import Misconfigured
from ledger.log.cosignature import CosignatureVerifier, MlDsaVerifier
from ledger.log.note import Verifier
from ledger.log.signature import LogVerifier
from ledger.log.vkey import COSIGNATURE, ED25519, ML_DSA_44, VerifierKey

_OF: Mapping[int, Callable[[str, bytes], Verifier]] = {
    ED25519: LogVerifier,
    COSIGNATURE: CosignatureVerifier,
    ML_DSA_44: MlDsaVerifier,
}


def log_verifier(text: str) -> Verifier:
    """Read a key that may sign a log's checkpoints: any type; Misconfigured if it is damaged."""
    key = VerifierKey.parse(text)
    return _OF[key.kind](key.name, key.public)


def witness_verifier(text: str) -> CosignatureVerifier | MlDsaVerifier:
    """Read a key that may cosign (types 0x04 and 0x06); Misconfigured if it is none."""
    found = log_verifier(text)
    if isinstance(found, CosignatureVerifier | MlDsaVerifier):
        return found
    raise Misconfigured(f"verifier key of {found.name!r} cannot cosign: it has no time")
