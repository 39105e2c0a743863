"""What each program of a country's node is told from the country's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from node.home import CountryFolder
from node.note_keys import note_key_files
from node.settings import (
    SECRETS,
    KeystoreSettings,
    NoticesSettings,
    ReactorSettings,
    RelaySettings,
    SealerSettings,
    ServedSettings,
    WitnessSettings,
    WorkerSettings,
    variable_of,
)


class Told(NamedTuple):
    """One program."""

    settings: type[ServedSettings]
    #: What it is in the country's database: node/home.py.
    role: str
    #: Its own settings, by field. A secret is told by its file.
    own: Callable[[CountryFolder], Mapping[str, Any]]


def _listed(files: Sequence[Path]) -> str:
    return ",".join(str(path.absolute()) for path in files)


def _notes(program: str) -> Callable[[CountryFolder], Mapping[str, Any]]:
    return lambda folder: {
        "note_keys": _listed(note_key_files(folder.notes, program)),
        "heads": folder.notes / f"{program}.heads",
    }


#: Every program, in the order in which people are told of them.
TOLD: Mapping[str, Told] = {
    "relay": Told(RelaySettings, "relay", lambda folder: {"log_key": folder.log_key}),
    "worker": Told(WorkerSettings, "project", lambda folder: {"national_key": folder.national_key}),
    "keystore": Told(
        KeystoreSettings,
        "keystore",
        lambda folder: {
            "national_key": folder.national_key,
            "keystore": folder.keystore,
            "kek": folder.kek,
            "slots": _listed(folder.slots),
        },
    ),
    "reactor": Told(
        ReactorSettings,
        "append",
        lambda folder: {"national_key": folder.national_key, "keystore": folder.keystore},
    ),
    "sealer": Told(SealerSettings, "seal", _notes("sealer")),
    "witness": Told(WitnessSettings, "witness", _notes("witness")),
    "notices": Told(
        NoticesSettings,
        "notices",
        lambda folder: {"national_key": folder.national_key, "notices": folder.notices},
    ),
}


def told(folder: CountryFolder, program: str) -> Mapping[str, Any]:
    """Return the settings of a program as arguments of `read`; a secret as its file says it."""
    of = TOLD[program]
    found = {"country": folder.country, "pg": folder.dsn_file(of.role), **of.own(folder)}
    return {
        name: value.read_text().strip() if name in SECRETS else value
        for name, value in found.items()
        if name not in SECRETS or value.exists()
    }


def environment(folder: CountryFolder, program: str) -> Mapping[str, str]:
    """Return the same as variables of the environment; a secret is named by its file."""
    of = TOLD[program]
    found = {"country": folder.country, "pg": folder.dsn_file(of.role), **of.own(folder)}
    return {
        variable_of(of.settings, name) + "_FILE" * (name in SECRETS): str(
            value.absolute() if isinstance(value, Path) else value
        )
        for name, value in found.items()
    }
