"""Where the desks of a country are told: addresses and secrets, in a file of the node's own.

Nobody else may read it. What is wrong is told by file and line, and never with what stands there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretBytes, SecretStr, model_validator

from events.errors import Misconfigured
from ledger.rules.documents import Document, mistake, read

#: How a secret of a webhook begins, as the Standard Webhooks specification says.
_SECRET: Final = "whsec_"  # noqa: S105 - the mark of one
#: A secret has so many bytes: the same specification.
_BYTES: Final = range(24, 65)


def _key(said: object) -> SecretBytes:
    said = str(said)
    try:
        key = base64.b64decode(said.removeprefix(_SECRET), validate=True)
    except binascii.Error:
        key = b""
    if not said.startswith(_SECRET) or len(key) not in _BYTES:
        raise mistake(f"a secret is {_SECRET} and 24 to 64 bytes in base64")
    return SecretBytes(key)


def _url(said: str) -> str:
    try:
        parts = urlsplit(said)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.username or parts.password or parts.fragment:
        raise mistake("a webhook is an http(s) address without a password in it")
    return said


def _address(said: str) -> str:
    name, _, domain = said.partition("@")
    if not name or not domain or "@" in domain or not said.isascii() or not said.isprintable():
        raise mistake("an address of mail is name@domain")
    if any(one in said for one in ' ,;<>"()\\'):
        raise mistake("an address of mail is name@domain")
    return said


def is_on_this_machine(host: str) -> bool:
    """Say whether no wire leads to a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


MailAddress = Annotated[str, AfterValidator(_address)]
Secret = Annotated[SecretBytes, BeforeValidator(_key)]


class Addressed(Document):
    """A desk, and how it is told."""

    id: str
    webhook: Annotated[str, AfterValidator(_url)] | None = None
    #: Keys that sign, the newest first; the one before as long as the receiver still asks for it.
    secrets: tuple[Secret, ...] = ()
    mail: tuple[MailAddress, ...] = ()

    @model_validator(mode="after")
    def _require_way(self) -> Self:
        if self.webhook is None and not self.mail:
            raise mistake("a desk has a webhook, or mail, or both")
        if (self.webhook is None) != (not self.secrets):
            raise mistake("a webhook is signed: it has secrets, and nothing else has")
        return self

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys that sign, the newest first."""
        return tuple(one.get_secret_value() for one in self.secrets)


class MailServer(Document):
    """The server that takes mail."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: MailAddress
    user: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _require_both(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise mistake("who logs in has a user and a password")
        return self


class Addresses(Document):
    """Everything that stands in the file."""

    server: MailServer | None = None
    #: Authorities of desks and server (PEM); default: those that the machine knows.
    ca: Path | None = None
    desk: Annotated[tuple[Addressed, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _require_whole(self) -> Self:
        seen: set[str] = set()
        for at, desk in enumerate(self.desk):
            if desk.id in seen:
                raise mistake("it is there twice", ("desk", at))
            if desk.mail and self.server is None:
                raise mistake("it has mail, and there is no [server]", ("desk", at))
            seen.add(desk.id)
        return self

    @property
    def by_desk(self) -> Mapping[str, Addressed]:
        """The desks by their names in the rule pack."""
        return {one.id: one for one in self.desk}


@dataclass(slots=True)
class AddressFile:
    """The file, read again whenever it has changed: a new secret asks for no new start."""

    path: Path
    #: Permits http to other machines: development only.
    insecure: bool
    _mark: tuple[int, ...] = ()
    _addresses: Addresses | None = None

    def read(self) -> Addresses | None:
        """Return what stands in it; None while it is not there. Misconfigured."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._mark, self._addresses = (), None
            return None
        except OSError as error:
            raise Misconfigured(f"LEDGER_NOTICES: {self.path}: {error.strerror}") from None
        mark = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)
        if mark != self._mark:
            self._addresses = load(self.path, insecure=self.insecure)
            self._mark = mark
        return self._addresses


def load(path: Path, *, insecure: bool) -> Addresses:
    """Read the file; Misconfigured if others may read it, or if something would go in clear.

    `insecure` permits http to other machines: development only.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"LEDGER_NOTICES: {path} cannot be read as a text") from None
    if mode & 0o077:
        raise Misconfigured(
            f"LEDGER_NOTICES: {path} holds secrets and others may read it: chmod 0400",
            rule="file_mode",
        )
    found = read(Addresses, text, path.name)
    for desk in found.desk:
        parts = urlsplit(desk.webhook or "https://none")
        away = not is_on_this_machine(str(parts.hostname))
        if parts.scheme == "http" and away and not insecure:
            raise Misconfigured(
                f"{path.name}: the webhook of {desk.id!r} is not on this machine: use https, or"
                " LEDGER_INSECURE_DEV=1 for development",
                rule="https",
            )
    return found
