"""Private keys that sign notes, by their names: a signature is made in the name of its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from events.errors import Misconfigured
from ledger.log.cosignature import Ed25519Cosigner, MlDsaCosigner
from ledger.log.key_file import uses_of
from ledger.log.signature import LogSigner

Signer = LogSigner | Ed25519Cosigner | MlDsaCosigner
_KINDS: Mapping[tuple[str, ...], type[Signer]] = {
    (): LogSigner,
    ("cosignature/v1",): Ed25519Cosigner,
    ("ml-dsa-44",): MlDsaCosigner,
}


def load_signers(files: Iterable[Path]) -> Mapping[str, tuple[Signer, ...]]:
    """Read key files of any kind, by name; one name may have a key and the one that follows.

    Misconfigured names a file that is none, or one that holds the same key as another.
    """
    found: dict[str, tuple[Signer, ...]] = {}
    for file in files:
        kind = _KINDS.get(uses_of(file))
        if kind is None:
            raise Misconfigured(f"key {file} signs no notes")
        signer = kind.load(file)
        before = found.get(signer.name, ())
        if any(one.verifier.render() == signer.verifier.render() for one in before):
            raise Misconfigured(f"key {file}: the same key is in another file already")
        found[signer.name] = (*before, signer)
    return found
