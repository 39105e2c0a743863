"""The folder of the nodes of one machine: what `ledger up` writes and every verb reads.

DIR/agreement.toml: countries, topics, log keys.
DIR/running.json: what runs now, while it runs.
DIR/kafka/, DIR/postgresql/: the servers' folders.
DIR/KZ/node.toml: how to reach this country's servers.
DIR/KZ/log.key: signs this country's events, mode 0400.
DIR/KZ/national.key: seals what stands on its national topic, mode 0400.
DIR/KZ/keystore/: its socket, its slot files and the key-encryption key: never in a backup.
DIR/KZ/notes/: the keys of sealer and witness, and what each has signed last: never in a backup.
DIR/KZ/notices.toml: addresses and secrets of its duty desks, mode 0400; written by hand.
DIR/KZ/<role>.dsn: one connection URL per role in the database, mode 0600.
DIR/KZ/relay/, DIR/KZ/worker-1/: each program's log.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from events.agreement import Agreement
from events.errors import Misconfigured

#: What a verb or a program may be in the country's database, by its role there.
ROLES: Mapping[str, str] = {
    "append": "ledger_append",
    "relay": "ledger_relay",
    "project": "ledger_project",
    "audit": "ledger_audit",
    "keystore": "ledger_keystore",
    "seal": "ledger_seal",
    "witness": "ledger_witness",
    "notices": "ledger_notices",
}


#: What every system takes for a path of a socket.
_LONGEST_SOCKET = 100


def default_dir() -> Path:
    """Return the folder used when none is named: under the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "referral-ledger"


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that only this account can read, at once or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode), "w") as opened:
        opened.write(text)
    part.replace(path)


@dataclass(frozen=True)
class CountryFolder:
    """One country's part of the folder."""

    country: str
    path: Path

    @property
    def log_key(self) -> Path:
        """The file of the key that signs this country's events."""
        return self.path / "log.key"

    @property
    def national_key(self) -> Path:
        """The file of the keys that seal this country's national topic."""
        return self.path / "national.key"

    @property
    def kek(self) -> Path:
        """The file of the key-encryption key."""
        return self.path / "keystore" / "kek.key"

    @property
    def slots(self) -> tuple[Path, ...]:
        """The slot files. On one disk here; a real node has them on two."""
        return tuple(self.path / "keystore" / f"slots-{at}" / "slots" for at in (1, 2))

    @property
    def keystore(self) -> Path:
        """The keystore's socket; in a folder of its own where this path is too long for one."""
        here = (self.path / "keystore" / "socket").absolute()
        if len(str(here).encode()) <= _LONGEST_SOCKET:
            return here
        name = sha256(str(here).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ledger-{os.getuid()}-{name}.socket"

    @property
    def notes(self) -> Path:
        """The folder of the keys that sign notes, and of what was signed."""
        return self.path / "notes"

    @property
    def notices(self) -> Path:
        """The file with addresses and secrets of the duty desks, if somebody has written one."""
        return self.path / "notices.toml"

    @property
    def node_file(self) -> Path:
        """The file that says how to reach the country's servers."""
        return self.path / "node.toml"

    def dsn_file(self, role: str) -> Path:
        """Return the file with the connection URL of a role."""
        return self.path / f"{role}.dsn"

    def read(self) -> Mapping[str, Any]:
        """Return what node.toml says; Misconfigured if it cannot be read."""
        try:
            return tomllib.loads(self.node_file.read_text())
        except OSError as error:
            raise Misconfigured(f"{self.node_file}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise Misconfigured(f"{self.node_file}: {error}") from None

    def write(self, **said: str) -> None:
        """Write node.toml."""
        lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        write_private(self.node_file, "\n".join([f'country = "{self.country}"', *lines]) + "\n")


@dataclass(frozen=True)
class Home:
    """The folder."""

    path: Path

    @property
    def agreement_file(self) -> Path:
        """The agreement that all its countries share."""
        return self.path / "agreement.toml"

    @property
    def running_file(self) -> Path:
        """What runs now; absent while nothing does."""
        return self.path / "running.json"

    def country(self, code: str) -> CountryFolder:
        """Return the part of one country."""
        return CountryFolder(code, self.path / code)

    def agreement(self) -> Agreement | None:
        """Return the agreement, or None while the folder is new."""
        return Agreement.load(self.agreement_file) if self.agreement_file.exists() else None

    def running(self) -> Mapping[str, Any] | None:
        """Return what `ledger up` wrote about the running programs, if it runs."""
        try:
            found = json.loads(self.running_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return found if isinstance(found, dict) else None
