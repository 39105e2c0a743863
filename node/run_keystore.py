"""`ledger keystore run`, and what the supervisor starts: keeps the keys of one country."""

from __future__ import annotations

import resource
import shlex
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.programs import Program
from node.programs import main as run_program
from node.settings import KeystoreSettings

if TYPE_CHECKING:
    from ledger.keys.kek import KekChain


def main(**given: Any) -> int:
    """Run the keystore of `given` settings, and of the environment for the rest."""
    leave_no_core_file()
    return run_program("keystore", lambda: prepare(KeystoreSettings.read(**given)))


def leave_no_core_file() -> None:
    """Let no crash of this process write its memory, with the keys in it, to a disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def prepare(settings: KeystoreSettings) -> Program:
    """Wire the keystore together. KekWrong, KeystoreDamaged, before anything is touched."""
    from events.agreement import Agreement
    from events.errors import Misconfigured
    from ledger.keys.keystore import Keystore
    from ledger.keys.measures import REPLICAS
    from ledger.keys.national import NationalKeys
    from ledger.keys.server import KeystoreServer
    from ledger.keys.slots import Slots
    from ledger.keys.vault import Vault
    from ledger.store import Store

    if settings.national_key is None:
        raise Misconfigured("a keystore judges from the ledger: set LEDGER_NATIONAL_KEY_FILE")
    dsn = settings.pg.get_secret_value()
    keys = NationalKeys.load(settings.national_key)
    slots = Slots([Path(path.strip()) for path in settings.slots.split(",")])
    vault = Vault.open(dsn, slots, key_chain(settings))
    store = Store(dsn, connections=4, program="ledger keystore", keys=keys)
    agreement = Agreement.load(settings.agreement)
    keystore = Keystore(store, vault, settings.country, agreement=agreement)
    REPLICAS.labels(settings.country).set_function(lambda: vault.replicas)
    server = KeystoreServer(settings.keystore, keystore)

    def waiting() -> Mapping[str, str]:
        good = vault.replicas
        return {} if good >= 2 else {"slots": f"{good} of two slot files can be read"}

    def run(stop: threading.Event) -> int:
        server.run(stop)
        keystore.close()
        return 0

    return Program(settings, waiting, run)


def key_chain(settings: KeystoreSettings) -> KekChain:
    """Return the key-encryption keys that the settings name. Misconfigured."""
    from events.errors import Misconfigured
    from ledger.keys.kek import KekChain, KekCommand, KekFile, decode

    keks = []
    if settings.kek is not None:
        keks.append(decode(settings.kek.get_secret_value().encode(), "LEDGER_KEK"))
    if settings.kek_command is not None:
        keks.append(KekCommand(tuple(shlex.split(settings.kek_command))).read())
    if len(keks) != 1:
        raise Misconfigured("set one of LEDGER_KEK_FILE, LEDGER_KEK and LEDGER_KEK_COMMAND")
    if settings.kek_before is not None:
        keks.append(KekFile(settings.kek_before).read())
    return KekChain(keks)


if __name__ == "__main__":
    sys.exit(main())
