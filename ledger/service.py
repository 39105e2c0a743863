"""The door for whoever decides: one command reads the case, decides, and records, or refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, Self
from uuid import UUID

from uuid_utils.compat import uuid7

from events.agreement import Agreement
from events.codes import DataScope, Purpose
from events.contract import register_id
from events.errors import Misconfigured
from events.schema_pin import began_with
from events.stamp import Actor
from ledger.bulk import Answer, record_many
from ledger.case.access import access_data
from ledger.case.case import Case
from ledger.case.matter import Drafts, Matter
from ledger.commands import Commands
from ledger.deciding import Decider
from ledger.history import Histories
from ledger.keys.national import NationalKeys
from ledger.keys.seal import ItemKey
from ledger.keys.sealing import Opened, Sealer
from ledger.pairs import Pairs
from ledger.receipt import Receipt
from ledger.request import Request, decision
from ledger.snapshot import CaseReader
from ledger.store import Store
from ledger.writing_with import WrittenWith

P = ParamSpec("P")


#: An access is recorded even if others decide on the case at the same moment.
_ACCESS_ATTEMPTS = 10


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """What a ledger needs to know; `node/` reads it from files and the environment."""

    #: Database of the country, as a login of role `ledger_append`.
    dsn: str
    country: str
    agreement: Agreement
    #: Most connections to PostgreSQL at a time.
    connections: int = 8
    #: Cases whose history is kept in memory.
    histories: int = 1_000
    clock: Callable[[], datetime] = _now
    #: Seal and open what is national.
    national_keys: NationalKeys | None = field(default=None, repr=False)
    #: Seals data about children. Without one, none is recorded.
    sealer: Sealer | None = field(default=None, repr=False)
    #: Whether the login is of a role that adds national events only: `ledger_notices`.
    only_national: bool = False


def open_ledger(settings: LedgerSettings) -> Ledger:
    """Return the ledger of a country. Misconfigured, ServiceUnavailable."""
    if settings.country not in settings.agreement.countries:
        raise Misconfigured(f"{settings.country} is no party to {settings.agreement.name}")
    store = Store(
        settings.dsn,
        connections=settings.connections,
        keys=settings.national_keys,
        only_national=settings.only_national,
    )
    return Ledger(settings, store)


class Ledger:
    """Decides and records for one country. Safe to share between threads."""

    def __init__(self, settings: LedgerSettings, store: Store) -> None:
        countries = frozenset(settings.agreement.countries)
        histories = Histories(settings.country, most=settings.histories)
        reader = CaseReader(store, histories)
        written_with = WrittenWith(
            reader,
            settings.country,
            register_id(settings.agreement.prefix),
            began_with(settings.agreement.schemas),
        )
        register = register_id(settings.agreement.prefix)
        pairs = Pairs(store, reader, settings.country, register)
        partitions = settings.agreement.partitions
        decider = Decider(
            store,
            countries,
            settings.clock,
            settings.sealer,
            partitions=partitions,
            paired=pairs.with_country,
            look=lambda case_id: reader.read(case_id).history.case,
            written_with=written_with,
        )
        self._sealer = settings.sealer
        self._commands = Commands(store, histories, decider, partitions=partitions)

    def close(self) -> None:
        """Close every connection; whoever waits for an outcome stops waiting."""
        self._commands.verdicts.close()
        self._commands.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def on(
        self,
        case_id: UUID | None,
        *,
        by: Actor,
        key: str | None = None,
        expected_number: int | None = None,
        retries: int = 0,
    ) -> Door:
        """Return the door to one decision on a case; see Request for the arguments.

        `retries` says how often to decide again when somebody else decided first.
        """
        asked = Request(
            by=by, decisions=(), case_id=case_id, key=key, expected_number=expected_number
        )
        return Door(self, asked, retries)

    def open(self, *, by: Actor, key: str | None = None) -> Door:
        """Return the door to the first decision on a new case, under a random pseudonym.

        Repeating the request under its key gives the case that was opened the first time.
        """
        return self.on(None, by=by, key=key)

    def record(self, request: Request, *, retries: int = 0) -> Receipt:
        """Decide and record. DecisionRefused, Overtaken, ServiceUnavailable, RecordRejected."""
        return self._commands.record(request, retries=retries)

    def require(self, request: Request) -> None:
        """Raise what keeps these decisions from being taken now, as `record` would."""
        self._commands.plan(request, self._commands.look(request))

    def record_many(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Decide and record many requests, some hundreds per transaction; one answer for each.

        Each is recorded completely or not at all; a refused one is answered by its error and
        leaves the others alone.
        """
        return record_many(self._commands, requests)

    def case(self, case_id: UUID) -> Case:
        """Return the case as this country would decide on it now."""
        return self._commands.reader.read(case_id).history.case

    def read(
        self,
        case_id: UUID,
        *,
        by: Actor,
        scopes: tuple[DataScope, ...],
        purpose: Purpose,
        door: str = "read",
        about: UUID | None = None,
    ) -> Mapping[str, Mapping[DataScope, Opened]]:
        """Return data about a child, by country and scope, after it was recorded who is shown it.

        AccessRefused, which is recorded, too; Misconfigured without a keystore. While it does not
        answer nothing is recorded: nobody is shown anything.
        """
        sealer, access_id = self._answering_sealer(), uuid7()
        asked: dict[str, Any] = {"scopes": scopes, "purpose": purpose, "door": door, "about": about}
        door_to = self.on(case_id, by=by, retries=_ACCESS_ATTEMPTS)
        door_to.decide(access_data, access_id=access_id, **asked)
        return sealer.show(case_id, access_id)

    def event_keys(
        self,
        case_id: UUID,
        *,
        by: Actor,
        about: UUID,
        scopes: tuple[DataScope, ...],
        purpose: Purpose,
    ) -> tuple[UUID, Mapping[DataScope, ItemKey]]:
        """Return the event that recorded an auditor's access, and the keys that it was given for.

        Keys of one own event and of no other; of a scope whose key was destroyed there is none.
        Raises as `read` does.
        """
        sealer, access_id = self._answering_sealer(), uuid7()
        asked: dict[str, Any] = {
            "scopes": scopes,
            "purpose": purpose,
            "door": "export",
            "about": about,
        }
        door_to = self.on(case_id, by=by, retries=_ACCESS_ATTEMPTS)
        receipt = door_to.decide(access_data, access_id=access_id, **asked)
        return receipt.events[0].event_id, sealer.event_keys(case_id, access_id)

    def _answering_sealer(self) -> Sealer:
        """Return the keystore, which answers: nothing is recorded as shown that cannot be."""
        if self._sealer is None:
            raise Misconfigured("data about a child is read with a keystore only")
        self._sealer.seal(())
        return self._sealer

    def outcome(self, receipt: Receipt, timeout_s: float) -> Receipt:
        """Return the receipt as soon as its topics have judged every event of it.

        After `timeout_s` seconds it is returned as it is: what is still pending says so.
        """
        return self._commands.verdicts.outcome(receipt, timeout_s)


@dataclass(frozen=True, slots=True)
class Door:
    """One decision, about to be taken."""

    ledger: Ledger
    asked: Request
    retries: int

    def require(
        self, take: Callable[Concatenate[Matter, P], Drafts], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Refuse what this decision would refuse; nothing is recorded but a refusal."""
        self.ledger.require(replace(self.asked, decisions=(decision(take, *args, **kwargs),)))

    def decide(
        self, take: Callable[Concatenate[Matter, P], Drafts], /, *args: P.args, **kwargs: P.kwargs
    ) -> Receipt:
        """Take this decision with these arguments: `decide(consent.grant_consent, scopes=...)`."""
        taken = decision(take, *args, **kwargs)
        return self.ledger.record(replace(self.asked, decisions=(taken,)), retries=self.retries)
