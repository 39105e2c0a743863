"""Settings of every program: typed, from `LEDGER_*`, nothing guessed, nothing unknown.

The only place that reads the environment. A secret `X` may instead be named by `X_FILE`, the file
that holds it; no secret has a default, and none is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from events.errors import Misconfigured

PREFIX = "LEDGER_"
#: Settings whose value may stand in a file named by `<NAME>_FILE`.
SECRETS = frozenset({"pg", "pg_append", "kafka_password", "kek"})

#: Addresses that no wire leaves: `127.0.0.1:9092`, `localhost:9092,[::1]:9093`.
_LOOPBACK = r"(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?"
_ON_THIS_MACHINE = re.compile(rf"{_LOOPBACK}(?:,{_LOOPBACK})*")

INSECURE = "Development only: 1 permits PLAINTEXT elsewhere, decisions without a person."
Security = Literal["PLAINTEXT", "SSL", "SASL_SSL"]
NationalKey = Annotated[Path | None, Field(
    validation_alias="LEDGER_NATIONAL_KEY_FILE",
    description="File with the country's own keys, mode 0400: they seal the national topic.",
)]  # fmt: skip


class Settings(BaseSettings):
    """What every program has in common: how it is read, and how it refuses."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True
    )

    @classmethod
    def read(cls, **given: Any) -> Self:
        """Return the settings; Misconfigured names every setting that is missing or wrong."""
        require_known_names(os.environ)
        try:
            return cls(**_from_files(cls, os.environ), **given)
        except ValidationError as error:
            raise Misconfigured(_explain(error)) from None


class KafkaSettings(Settings):
    """How to talk to Kafka, wherever it is."""

    kafka: str | None = Field(None, description="Kafka's bootstrap servers, `host:port,host:port`.")
    kafka_security: Security = Field(
        "PLAINTEXT", description="How clients talk to Kafka: PLAINTEXT, SSL or SASL_SSL."
    )
    kafka_ca: Path | None = Field(None, description="CA certificates that signed Kafka's (PEM).")
    kafka_user: str | None = Field(None, description="SCRAM-SHA-512 user, with SASL_SSL.")
    kafka_certificate: Path | None = Field(
        None, description="Private key and certificate of this client (PEM, one file), with SSL."
    )
    kafka_password: SecretStr | None = Field(None, description="Its password.")
    insecure_dev: bool = Field(False, description=INSECURE)

    @model_validator(mode="after")
    def _require_encryption(self) -> Self:
        away = not _ON_THIS_MACHINE.fullmatch(self.kafka or "")
        if self.kafka and away and self.kafka_security == "PLAINTEXT" and not self.insecure_dev:
            raise ValueError(
                "LEDGER_KAFKA is not on this machine: use LEDGER_KAFKA_SECURITY=SASL_SSL, or"
                " LEDGER_INSECURE_DEV=1 for development"
            )
        if self.kafka_security == "SASL_SSL" and not (self.kafka_user and self.kafka_password):
            raise ValueError("SASL_SSL needs LEDGER_KAFKA_USER and LEDGER_KAFKA_PASSWORD")
        return self

    @property
    def client(self) -> Mapping[str, Any]:
        """Arguments about security for every Kafka client."""
        found: dict[str, Any] = {"security_protocol": self.kafka_security}
        if self.kafka_ca is not None:
            found["ssl_cafile"] = str(self.kafka_ca)
        if self.kafka_certificate is not None and self.kafka_security == "SSL":
            found["ssl_certfile"] = str(self.kafka_certificate)
        if self.kafka_security == "SASL_SSL" and self.kafka_password is not None:
            found["sasl_mechanism"] = "SCRAM-SHA-512"
            found["sasl_plain_username"] = self.kafka_user
            found["sasl_plain_password"] = self.kafka_password.get_secret_value()
        return found


class ServedSettings(Settings):
    """What every long-running program has in common."""

    country: str = Field(pattern="^[A-Z]{2}$", description="Country whose node this is.")
    agreement: Path = Field(description="The agreement file (TOML): countries, topics, log keys.")
    pg: SecretStr = Field(description="PostgreSQL: connection URL of the country's database.")
    national_key: NationalKey = None
    commit: str = Field(
        "unknown",
        pattern="^[a-z0-9-]{1,40}$",
        description="Commit that the release was made from, for ledger_build_info.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address of /metrics and /health.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of /metrics and /health; 0 = a free one.")  # fmt: skip


class ProgramSettings(ServedSettings, KafkaSettings):
    """What the programs on the topics have in common."""

    kafka: str = Field(description="Kafka's bootstrap servers, `host:port,host:port`.")
    national_kafka: str | None = Field(
        None, description="Bootstrap servers of the country's own cluster; default: the shared one."
    )


class RelaySettings(ProgramSettings):
    """Settings of `ledger relay run`."""

    log_key: Path = Field(
        validation_alias="LEDGER_LOG_KEY_FILE",
        description="File with the country's log key, mode 0400.",
    )
    other_log_key: Path | None = Field(
        validation_alias="LEDGER_OTHER_LOG_KEY_FILE", default=None,
        description="The one that follows or precedes it, while both have something to sign.",
    )  # fmt: skip


class WorkerSettings(ProgramSettings):
    """Settings of `ledger worker run`."""


class ReactorSettings(ProgramSettings):
    """Settings of `ledger reactor run`."""

    keystore: Path = Field(description="Socket of the country's keystore.")


class KeystoreSettings(ServedSettings):
    """Settings of `ledger keystore run`. One of the three KEK settings is needed."""

    keystore: Path = Field(description="Socket of the country's keystore.")
    slots: str = Field(
        description="Slot files of the keystore, two or more on different disks, separated by"
        " commas; no backup may hold them."
    )
    kek: SecretStr | None = Field(
        None, description="Key-encryption key: 32 bytes in base64 or hex. A file is better."
    )
    kek_command: str | None = Field(
        None, description="Program that prints the key-encryption key: how a KMS or HSM is asked."
    )
    kek_before: Path | None = Field(
        None, validation_alias="LEDGER_KEK_BEFORE_FILE",
        description="File with the key-encryption key before this one, until keys are rewrapped.",
    )  # fmt: skip


class NoticesSettings(ServedSettings):
    """Settings of `ledger notices run`."""

    notices: Path | None = Field(
        None, description="File with the duty desks' addresses (TOML), mode 0400; none: silence."
    )
    insecure_dev: bool = Field(False, description=INSECURE)


class NoteSettings(ProgramSettings):
    """What the programs that sign notes have in common."""

    note_keys: str = Field(description="Key files that sign its notes, by commas, mode 0400.")
    heads: Path = Field(
        description="File of what this program has signed last; no backup may bring it back."
    )

    @property
    def note_key_files(self) -> list[Path]:
        """The key files."""
        return [Path(path.strip()) for path in self.note_keys.split(",")]


class SealerSettings(NoteSettings):
    """Settings of `ledger sealer run`."""


class WitnessSettings(NoteSettings):
    """Settings of `ledger witness run`."""

    witness_host: str = Field("127.0.0.1", description="Address of POST /add-checkpoint.")
    witness_port: int | None = Field(
        None, ge=0, le=65535,
        description="Port of POST /add-checkpoint, for logs that ask for cosignatures; or none.",
    )  # fmt: skip
    third_parties: str = Field(
        "", description="Witnesses beyond the agreement that cosign the country's shared log:"
        " `URL KEY` each, separated by commas.",
    )  # fmt: skip


class UpSettings(KafkaSettings):
    """Settings of `ledger up` and `ledger demo`."""

    dir: Path | None = Field(None, description="Folder of the nodes.")
    kafka: str | None = Field(None, description="Use this Kafka instead of starting one.")
    pg: SecretStr | None = Field(
        None, description="Use this PostgreSQL: URL of a role that may create databases and roles."
    )


class VerbSettings(KafkaSettings):
    """Settings of every other verb: which node, and who decides."""

    dir: Path | None = Field(None, description="Folder of the nodes that `ledger up` runs.")
    country: str | None = Field(None, description="Country to act as.")
    actor: str | None = Field(None, description="Who decides: ROLE:PSEUDONYM@ORGANISATION.")
    agreement: Path | None = Field(None, description="Agreement file of a node without a folder.")
    keystore: Path | None = Field(None, description="Socket of the country's keystore.")
    national_key: NationalKey = None
    pg: SecretStr | None = Field(
        None, description="PostgreSQL: connection URL of the country's database."
    )
    pg_append: SecretStr | None = Field(
        None,
        description="The same as a login of role `append`, for verbs that act as another role and"
        " record that they do: rebuild, retry, rotate, resolve.",
    )


#: Every program and what it reads.
PROGRAMS: tuple[type[Settings], ...] = (
    RelaySettings,
    WorkerSettings,
    ReactorSettings,
    KeystoreSettings,
    SealerSettings,
    WitnessSettings,
    NoticesSettings,
    UpSettings,
    VerbSettings,
)


def known_names() -> frozenset[str]:
    """Return every environment variable that some program reads."""
    return frozenset(name for program in PROGRAMS for name in names_of(program))


def variable_of(program: type[Settings], name: str) -> str:
    """Return the environment variable of a program's setting."""
    return str(program.model_fields[name].validation_alias or PREFIX + name.upper())


def names_of(program: type[Settings]) -> Mapping[str, str]:
    """Return each environment variable that a program reads, and what it means."""
    found: dict[str, str] = {}
    for name, field in program.model_fields.items():
        variable = variable_of(program, name)
        found[variable] = field.description or ""
        if name in SECRETS:
            found[f"{variable}_FILE"] = f"File that holds {variable}."
    return found


def require_known_names(environ: Mapping[str, str]) -> None:
    """Refuse a `LEDGER_*` variable that nothing reads: a typing mistake must not pass silently."""
    known = known_names()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Misconfigured(f"unknown setting {name}{hint}", rule="setting_known")


def _from_files(program: type[Settings], environ: Mapping[str, str]) -> Mapping[str, str]:
    found = {}
    for name in SECRETS & set(program.model_fields):
        variable = f"{PREFIX}{name.upper()}_FILE"
        if variable in environ:
            try:
                found[name] = Path(environ[variable]).read_text().strip()
            except OSError as error:
                raise Misconfigured(f"{variable}: {error.strerror}") from None
    return found


def _explain(error: ValidationError) -> str:
    """Say what is wrong without quoting values: one of them may be a secret."""
    wrong = []
    for detail in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in detail["loc"])
        said = detail["msg"].removeprefix("Value error, ")
        variable = name if name.startswith(PREFIX) else PREFIX + name.upper()
        wrong.append(f"{variable}: {said}" if name else said)
    return "; ".join(wrong)
