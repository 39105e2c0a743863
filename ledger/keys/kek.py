"""Key-encryption keys: 32 bytes that never stand in the database, from a file, a setting or a KMS.

Several may be known at once, the present one first, so that one can be changed for another while
the keystore works. A key is named by a hash of its own; nothing here shows the key itself.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from events.errors import KekWrong, Misconfigured

KEK_BYTES: Final = 32
_NAME: Final = b"xref/v1/kek\0"
#: A KMS that takes longer than this does not answer.
_COMMAND_S: Final = 30


@dataclass(frozen=True, slots=True)
class Kek:
    """One key-encryption key."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        """The 16 bytes by which the key is known."""
        return sha256(_NAME + self.key).digest()[:16]

    def __repr__(self) -> str:
        """Show the name only."""
        return f"Kek({self.id.hex()})"


class KekSource(Protocol):
    """Somebody who holds a key-encryption key."""

    def read(self) -> Kek:
        """Return the key; Misconfigured names the source, never what it said."""
        ...


@dataclass(frozen=True)
class KekFile:
    """A file that only this account can read: base64, hexadecimal or 32 raw bytes."""

    path: Path

    def read(self) -> Kek:
        """Return the key of the file; Misconfigured."""
        source = f"the key-encryption key file {self.path}"
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
                    raise Misconfigured(f"{source} is open to other accounts: give it mode 0400")
                return decode(file.read(4096), source)
        except OSError as error:
            raise Misconfigured(f"{source}: {error.strerror}") from None


@dataclass(frozen=True)
class KekVariable:
    """A variable of the environment: base64 or hexadecimal."""

    name: str

    def read(self) -> Kek:
        """Return the key of the variable; Misconfigured."""
        said = os.environ.get(self.name)
        if said is None:
            raise Misconfigured(f"no key-encryption key: {self.name} is not set")
        return decode(said.encode(errors="replace"), f"the key-encryption key in {self.name}")


@dataclass(frozen=True)
class KekCommand:
    """A program that prints the key in base64: how a KMS or an HSM is asked. No shell is used."""

    argv: tuple[str, ...]
    timeout_s: float = _COMMAND_S

    def read(self) -> Kek:
        """Run the program and return what it printed; Misconfigured."""
        source = f"the key-encryption key command {self.argv[0] if self.argv else ''!r}"
        try:
            ended = subprocess.run(  # noqa: S603 - the operator's own program, without a shell
                self.argv, capture_output=True, check=False, timeout=self.timeout_s
            )
        except (OSError, ValueError, IndexError) as error:
            said = getattr(error, "strerror", None) or "it cannot be run"
            raise Misconfigured(f"{source}: {said}") from None
        except subprocess.TimeoutExpired:
            said = f"no answer within {self.timeout_s:g} s"
            raise Misconfigured(f"{source}: {said}") from None
        if ended.returncode != 0:
            # What it printed may hold the key, or the way to it.
            raise Misconfigured(f"{source} ended with code {ended.returncode}")
        return decode(ended.stdout, source)


def decode(said: bytes, source: str) -> Kek:
    """Return the key that these bytes are; Misconfigured names the source, never the bytes."""
    key = _decoded(said)
    if key is None:
        raise Misconfigured(
            f"{source} is no key of {KEK_BYTES} random bytes in base64, in hexadecimal or raw"
        )
    # A passphrase or a placeholder: no 32 random bytes look like this in the life of the world.
    if all(32 <= byte < 127 for byte in key) or len(set(key)) < 8:
        raise Misconfigured(f"{source} is text or a pattern, not {KEK_BYTES} random bytes")
    return Kek(key)


def _decoded(said: bytes) -> bytes | None:
    text = said.strip()
    for read in (binascii.unhexlify, _base64):
        try:
            key = read(text)
        except ValueError:
            continue
        if len(key) == KEK_BYTES:
            return key
    return said if len(said) == KEK_BYTES else None


def _base64(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)


class KekChain:
    """The keys that are known: the first is the present one, the others open what is older."""

    def __init__(self, keks: Sequence[Kek]) -> None:
        if not keks:
            raise Misconfigured("no key-encryption key is named")
        self.current = keks[0]
        self._known = {kek.id: kek for kek in keks}

    def __repr__(self) -> str:
        """Show the names only."""
        return f"KekChain({', '.join(name.hex() for name in self._known)})"

    @classmethod
    def read(cls, sources: Iterable[KekSource]) -> KekChain:
        """Ask every source, the present key's first; Misconfigured."""
        return cls([source.read() for source in sources])

    def __contains__(self, kek_id: bytes) -> bool:
        return kek_id in self._known

    def by_id(self, kek_id: bytes) -> Kek:
        """Return the key of this name; KekWrong if it is not known here."""
        found = self._known.get(kek_id)
        if found is None:
            raise KekWrong(
                f"keys are kept under key-encryption key {kek_id.hex()}, which is not among the"
                f" {len(self._known)} given: give it too, behind the present one"
            )
        return found
