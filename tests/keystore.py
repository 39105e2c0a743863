"""A country's keystore in a test: its slot files and its KEK; opened here or in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.keys.kek import Kek, KekChain
from ledger.keys.slots import SLOT_BYTES, Slots
from ledger.keys.vault import Vault

# Another process: does the named things one after the other, and kills itself at a step.
ANOTHER = """
import json, os, signal, sys
from pathlib import Path
from uuid import UUID
from ledger.keys.kek import Kek, KekChain
from ledger.keys.slots import Slots
from ledger.keys.vault import Vault
said = json.loads(sys.argv[1])
def at(step):
    if step == said["die_at"]:
        os.kill(os.getpid(), signal.SIGKILL)
kek = KekChain([Kek(bytes.fromhex(key)) for key in said["keks"]])
with Vault.open(said["dsn"], Slots([Path(p) for p in said["paths"]]), kek, at=at) as vault:
    print("open", flush=True)
    sys.stdin.readline()
    for name, case_id, *more in said["calls"]:
        found = getattr(vault, name)(UUID(case_id), **dict(more))
        print(getattr(found, "epoch", "done"), flush=True)
"""


@dataclass
class Keystore:
    """What belongs to one vault."""

    database: Any
    folder: Path
    keks: list[bytes] = field(default_factory=lambda: [os.urandom(32)])

    def __post_init__(self) -> None:
        for name in ("disk-1", "disk-2"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def paths(self) -> list[Path]:
        """The replicas."""
        return [self.folder / name / "slots" for name in ("disk-1", "disk-2")]

    @property
    def dsn(self) -> str:
        """A login that may keep keys."""
        return self.database.as_role("keystore")

    def chain(self) -> KekChain:
        """The KEKs, the present one first."""
        return KekChain([Kek(key) for key in self.keks])

    def open(self, **more: Any) -> Vault:
        """Open the vault here."""
        return Vault.open(self.dsn, Slots(self.paths), self.chain(), **more)

    def elsewhere(self, *calls: tuple[Any, ...], die_at: str = "") -> subprocess.Popen[str]:
        """Open it in another process, which waits for a line, then does these calls."""
        said = {
            "dsn": self.dsn,
            "paths": [str(path) for path in self.paths],
            "keks": [key.hex() for key in self.keks],
            "calls": [[name, str(case_id), *more] for name, case_id, *more in calls],
            "die_at": die_at,
        }
        run = subprocess.Popen(
            [sys.executable, "-c", ANOTHER, json.dumps(said)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path.cwd(),
        )
        assert run.stdout is not None
        assert run.stdout.readline() == "open\n"
        return run

    def shares(self, slot: int) -> list[bytes]:
        """What stands in a slot on each replica."""
        place = slice(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)
        return [path.read_bytes()[place] for path in self.paths]
