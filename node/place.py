"""Which node a verb works on, and who decides there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.agreement import Agreement
from events.codes import Role
from events.errors import BadInput, CodeUnknown, Misconfigured, ServiceUnavailable
from events.stamp import Actor
from node.home import Home, default_dir
from node.settings import KafkaSettings, VerbSettings
from node.told import TOLD, told

if TYPE_CHECKING:
    from ledger.keys.client import KeystoreClient
    from ledger.keys.national import NationalKeys
    from ledger.service import LedgerSettings

_ACTOR = re.compile(r"(?P<role>[a-z_]+):(?P<id>[^@\s]+)@(?P<organisation>\S+)")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One country's node: its agreement and how to reach its servers."""

    country: str
    agreement: Agreement
    kafka: str | None
    #: Arguments about security for Kafka clients.
    client: Mapping[str, Any]
    national_kafka: str | None = None
    #: Folder of the node, if `ledger up` made it.
    home: Home | None = None
    #: Socket of the keystore, and file of the national keys, where there are any.
    keystore: Path | None = None
    national_key: Path | None = None
    _dsn: str | None = None
    _append_dsn: str | None = None

    def dsn(self, role: str) -> str:
        """Return the connection URL for a role of node/home.py in the country's database."""
        if self.home is None and role == "append" and self._append_dsn is not None:
            return self._append_dsn
        if self.home is None:
            assert self._dsn is not None
            return self._dsn
        path = self.home.country(self.country).dsn_file(role)
        try:
            return path.read_text()
        except OSError as error:
            raise Misconfigured(f"{path}: {error.strerror}") from None

    @property
    def keys(self) -> NationalKeys | None:
        """The country's own keys: they open what is national."""
        from ledger.keys.national import NationalKeys

        return None if self.national_key is None else NationalKeys.load(self.national_key)

    def require_keystore(self) -> KeystoreClient:
        """Return a client of the keystore."""
        from ledger.keys.client import KeystoreClient

        if self.keystore is None:
            raise Misconfigured("data is kept with a keystore only: set LEDGER_KEYSTORE")
        return KeystoreClient(self.keystore)

    def ledger_settings(self, *, connections: int = 2) -> LedgerSettings:
        """Return what the country's ledger needs to decide here."""
        from ledger.keys.client import KeystoreClient
        from ledger.service import LedgerSettings

        return LedgerSettings(
            dsn=self.dsn("append"),
            country=self.country,
            agreement=self.agreement,
            connections=connections,
            national_keys=self.keys,
            sealer=None if self.keystore is None else KeystoreClient(self.keystore),
        )

    def require_kafka(self) -> str:
        """Return Kafka's bootstrap servers."""
        if self.kafka is None:
            raise Misconfigured("this verb reads the topic: set LEDGER_KAFKA")
        return self.kafka


def find(directory: Path | None, country: str | None) -> Place:
    """Return the node that the options and settings name.

    A folder named by `--dir` or LEDGER_DIR goes first, then LEDGER_AGREEMENT with LEDGER_PG,
    then the default folder.
    """
    settings = VerbSettings.read()
    folder = directory or settings.dir
    wanted = country or settings.country
    if folder is None and settings.agreement is not None:
        return _of_settings(settings, settings.agreement, wanted)
    return _of_folder(Home(folder or default_dir()), wanted, settings.client)


def find_broker(directory: Path | None) -> tuple[Agreement, str, Mapping[str, Any]]:
    """Return agreement, Kafka and security arguments for work on the broker alone."""
    settings = VerbSettings.read()
    folder = directory or settings.dir
    if folder is not None:
        agreement = Home(folder).agreement()
        if agreement is None:
            raise Misconfigured(f"{folder} holds no agreement.toml")
    elif settings.agreement is not None:
        agreement = Agreement.load(settings.agreement)
    else:
        raise Misconfigured("which agreement? set LEDGER_AGREEMENT")
    if settings.kafka is None:
        raise Misconfigured("which Kafka? set LEDGER_KAFKA")
    return agreement, settings.kafka, settings.client


def _of_settings(settings: VerbSettings, file: Path, country: str | None) -> Place:
    if settings.pg is None:
        raise Misconfigured("LEDGER_AGREEMENT is set, so LEDGER_PG has to be set too")
    agreement = Agreement.load(file)
    return Place(
        country=_chosen(country, agreement),
        agreement=agreement,
        kafka=settings.kafka,
        client=settings.client,
        keystore=settings.keystore,
        national_key=settings.national_key,
        _dsn=settings.pg.get_secret_value(),
        _append_dsn=None if settings.pg_append is None else settings.pg_append.get_secret_value(),
    )


def _of_folder(home: Home, country: str | None, client: Mapping[str, Any]) -> Place:
    agreement = home.agreement()
    if agreement is None:
        raise ServiceUnavailable(
            f"no nodes in {home.path}: start them with `ledger up --dir {home.path}`"
        )
    chosen = _chosen(country, agreement)
    folder = home.country(chosen)
    said = folder.read()
    return Place(
        country=chosen,
        agreement=agreement,
        kafka=str(said["kafka"]),
        client=client,
        home=home,
        keystore=Path(said["keystore"]) if "keystore" in said else None,
        national_key=folder.national_key if folder.national_key.exists() else None,
    )


def _chosen(country: str | None, agreement: Agreement) -> str:
    if country is None:
        if len(agreement.countries) > 1:
            known = ", ".join(agreement.countries)
            raise BadInput(f"which country? --country or LEDGER_COUNTRY: {known}")
        return next(iter(agreement.countries))
    if country.upper() not in agreement.countries:
        raise CodeUnknown.country(country, agreement.countries)
    return country.upper()


def actor(text: str | None, *, where: Place, role: Role) -> Actor:
    """Return who decides: `text`, or LEDGER_ACTOR.

    In a folder of `ledger up` there is one more: a pseudonym of the command line itself.
    """
    settings = VerbSettings.read()
    said = text or settings.actor
    if said is None:
        if where.home is None and not settings.insecure_dev:
            raise Misconfigured("who decides? --by or LEDGER_ACTOR: ROLE:PSEUDONYM@ORGANISATION")
        # Two roles are two people here, or nobody could try a decision that needs four eyes.
        return Actor(id=f"cli-{role}", role=role, organisation=f"cli-{where.country}")
    found = _ACTOR.fullmatch(said)
    if found is None:
        raise BadInput("who decides is written ROLE:PSEUDONYM@ORGANISATION")
    if found["role"] not in set(Role):
        raise CodeUnknown("this role is not on the list", rule="role_known")
    return Actor(id=found["id"], role=found["role"], organisation=found["organisation"])


def settings_of(program: str, directory: Path | None, country: str | None) -> Mapping[str, Any]:
    """Return the settings of a program that a folder of nodes gives; none without `--dir`."""
    if directory is None:
        return {} if country is None else {"country": country}
    where = find(directory, country)
    assert where.home is not None
    found = told(where.home.country(where.country), program)
    common: dict[str, Any] = {"agreement": where.home.agreement_file}
    if issubclass(TOLD[program].settings, KafkaSettings):  # others have no business on the topics
        common["kafka"] = where.kafka
    return {**common, **found}
