"""An agreement: the countries that share one ledger, its topics, and the keys of their logs.

A node may take part in several. Log keys are pinned here and handed over out of band, so a
signature never rests on first contact.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events import contract
from events.errors import Misconfigured

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """One party of an agreement."""

    code: str
    #: IANA time zone in which its due dates and birthdays are read.
    zone: str
    #: Verifier keys of its log signer, C2SP signed-note form, oldest first.
    log_keys: tuple[str, ...]
    #: Verifier keys of what signs its notes, in the same form: of its sealer for each of its logs,
    #: of its witnesses, and of who signs its order notes. A key's name says which it is.
    note_keys: tuple[str, ...] = ()

    def keys_named(self, name: str) -> tuple[str, ...]:
        """Return the verifier keys of its notes that have a name."""
        return tuple(key for key in self.note_keys if key.startswith(f"{name}+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Countries, topics and pinned keys of one ledger."""

    name: str
    prefix: str
    #: Partitions of every event topic; frozen, because another number moves cases.
    partitions: int
    countries: Mapping[str, Country]
    #: Which schemas it began with: the SHA-256 of the first lines of RELEASED, in hex. Empty:
    #: nobody wrote that down, and every schema of a release counts (events/schema_pin.py).
    schemas: str = ""

    @property
    def shared_topic(self) -> str:
        """The topic that all countries write."""
        return contract.shared_topic(self.prefix)

    @property
    def grants_topic(self) -> str:
        """The topic on which all countries hand released keys to each other."""
        return contract.grants_topic(self.prefix)

    @property
    def checkpoints_topic(self) -> str:
        """The topic of signed notes about the shared logs."""
        return contract.checkpoints_topic(self.prefix)

    def national_checkpoints_topic(self, country: str) -> str:
        """The topic of signed notes about a country's national log."""
        return contract.national_checkpoints_topic(self.prefix, country)

    def shared_log(self, country: str) -> str:
        """The name of a country's log of the shared topic."""
        return contract.log_name(self.shared_topic, country)

    def national_log(self, country: str) -> str:
        """The name of a country's log of its national topic."""
        return contract.log_name(self.national_topic(country), country)

    def log(self, topic: str, origin: str) -> str:
        """Return the name of a country's log of a topic, `shared` or `national`."""
        return self.shared_log(origin) if topic == "shared" else self.national_log(origin)

    def national_topic(self, country: str) -> str:
        """The topic that only this country writes and reads."""
        return contract.national_topic(self.prefix, country)

    @classmethod
    def load(cls, path: Path) -> Agreement:
        """Read an agreement file (TOML); Misconfigured names what is wrong in it."""
        try:
            text = path.read_text()
            return cls.parse(tomllib.loads(text))
        except OSError as error:
            raise Misconfigured(f"agreement file {path}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise Misconfigured(f"agreement file {path}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured(f"agreement file {path}: {error} is missing or wrong") from None

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Agreement:
        """Return the agreement of a parsed TOML table."""
        countries = {
            code: Country(
                code=code,
                zone=row["zone"],
                log_keys=tuple(row["log_keys"]),
                note_keys=tuple(row.get("note_keys", ())),
            )
            for code, row in table["countries"].items()
        }
        if not countries or not all(_COUNTRY.fullmatch(code) for code in countries):
            raise ValueError("countries (ISO 3166-1 alpha-2 codes)")
        return cls(
            name=table["name"],
            prefix=table["prefix"],
            partitions=int(table["partitions"]),
            countries=countries,
            schemas=str(table.get("schemas", "")),
        )

    def render(self) -> str:
        """Return the text of the agreement file."""
        lines = [
            f'name = "{self.name}"',
            f'prefix = "{self.prefix}"',
            f"partitions = {self.partitions}",
            *([f'schemas = "{self.schemas}"'] if self.schemas else []),
        ]
        for country in self.countries.values():
            lines += [
                "",
                f"[countries.{country.code}]",
                f'zone = "{country.zone}"',
                f"log_keys = [{_quoted(country.log_keys)}]",
                f"note_keys = [{_quoted(country.note_keys)}]",
            ]
        return "\n".join(lines) + "\n"


def _quoted(keys: Iterable[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
