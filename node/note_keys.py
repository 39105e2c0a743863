"""The keys with which a country signs notes about logs: each of its own use, in its own file.

The sealer has one for each log of its country, under the log's name. The witness has three: it
cosigns what other countries have sealed, says in which order this country heard the shared topic,
and cosigns the national log. That last one belongs in other hands than the node's (an ombudsman's);
where `ledger up` runs everything on one machine, it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from events import contract
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.signature import LogSigner
from ledger.log.signers import Signer, load_signers


class NoteKey(NamedTuple):
    """One key of every country."""

    #: The program that has it.
    program: str
    #: Name of the key, by topic prefix and country.
    name: Callable[[str, str], str]
    make: Callable[[str, Path], Signer]


def _shared_log(prefix: str, country: str) -> str:
    return contract.log_name(contract.shared_topic(prefix), country)


def _national_log(prefix: str, country: str) -> str:
    return contract.log_name(contract.national_topic(prefix, country), country)


#: By the name of its file.
NOTE_KEYS: Mapping[str, NoteKey] = {
    "seal-shared-key": NoteKey("sealer", _shared_log, LogSigner.create),
    "seal-national-key": NoteKey("sealer", _national_log, LogSigner.create),
    "witness-key": NoteKey("witness", contract.witness_name, Ed25519Cosigner.create),
    "order-key": NoteKey("witness", contract.order_name, LogSigner.create),
    "domestic-witness-key": NoteKey(
        "witness", contract.domestic_witness_name, Ed25519Cosigner.create
    ),
}


def note_key_files(folder: Path, program: str, *, begin: str = "") -> list[Path]:
    """Return the key files of a program in a folder; `begin` is how their names begin."""
    return [folder / f"{begin}{name}" for name, key in NOTE_KEYS.items() if key.program == program]


def ensure_note_keys(folder: Path, prefix: str, country: str, *, begin: str = "") -> Sequence[str]:
    """Make the key files that are not there, mode 0400; return every verifier key.

    Those are what every country pins in its agreement, as `note_keys`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {folder / f"{begin}{name}": key for name, key in NOTE_KEYS.items()}
    for file, key in files.items():
        if not file.exists():
            key.make(key.name(prefix, country), file)
    return [one.verifier.render() for some in load_signers(files).values() for one in some]
