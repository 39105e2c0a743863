"""Private keys in files: a name, for whom it is, and 32 secret bytes, readable by one user only."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from events.errors import Misconfigured
from ledger.log.vkey import is_key_name

SEED = 32


def create_seed(path: Path, name: str, *use: str) -> bytes:
    """Make 32 random bytes and write them to a new file of mode 0400."""
    if not is_key_name(name):
        raise Misconfigured(
            f"{name!r} cannot be the name of a key: spaces and + have no place there"
        )
    seed = os.urandom(SEED)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join([name, *use, base64.b64encode(seed).decode(), ""]))
    return seed


def uses_of(path: Path) -> tuple[str, ...]:
    """Return for which use a key file was made; Misconfigured if it is none."""
    return _read(path, "key")[1]


def read_seed(path: Path, what: str, *use: str) -> tuple[str, bytes]:
    """Read (name, seed) of a file made for the same use.

    Misconfigured names the file and `what` it should be, never its content. A key of another use is
    refused: one key for two kinds of signature is what c2sp.org/signed-note warns of.
    """
    name, uses, seed = _read(path, what)
    if uses != use:
        raise Misconfigured(f"{what} {path} is not a {what} file")
    return name, seed


def _read(path: Path, what: str) -> tuple[str, tuple[str, ...], bytes]:
    try:
        name, *uses, encoded = path.read_text().split()
        seed = base64.b64decode(encoded, validate=True)
    except OSError as error:
        raise Misconfigured(f"{what} {path}: {error.strerror}") from None
    except (ValueError, binascii.Error):
        raise Misconfigured(f"{what} {path} is not a {what} file") from None
    if len(seed) != SEED or not is_key_name(name):
        raise Misconfigured(f"{what} {path} is not a {what} file")
    return name, tuple(uses), seed
