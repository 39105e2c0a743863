"""Cases of which another country holds keys: consented, referred, accepted, released, opened."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID, uuid4

import psycopg

from bench.corridor import Corridor
from bench.play import CASEWORKER, SUPERVISOR
from events.codes import AgeBand, ConsentGiver, DataScope, Purpose
from events.errors import LedgerError
from ledger.case.consent import grant_consent
from ledger.case.identity import open_case
from ledger.case.personal import PersonalData
from ledger.case.referral import accept_referral, receive_referral, send_referral
from ledger.keys.sealing import Opened
from ledger.request import Decision, Request, decision
from ledger.service import Ledger

_SCOPES = (DataScope.PREVIEW, DataScope.IDENTITY, DataScope.HEALTH)
_DATA = PersonalData(
    {
        DataScope.IDENTITY: {"family_name": "Invented", "given_names": ["Aizada"]},
        DataScope.HEALTH: {"allergies": ["penicillin"]},
    }
)
_PREVIEW = PersonalData({DataScope.PREVIEW: {"service": "shelter", "how_soon": "today"}})
#: What is released of a case: the preview, and then the rest.
_GRANTS = 2
_REFERRED: LiteralString = (
    "SELECT count(*) FROM read_1.referrals WHERE topic = 'shared' AND case_id = ANY (%b)"
)
_RECEIVED: LiteralString = "SELECT count(*) FROM ledger.grant_moved WHERE step = 'received'"
_WAIT_S = 120.0


class Granted(NamedTuple):
    """One of them."""

    case_id: UUID
    consent_id: UUID
    handoff_id: UUID


def grant_cases(corridor: Corridor, sender: str, receiver: str, count: int) -> Sequence[Granted]:
    """Let a country share data of so many cases; return when the other one has been shown all."""
    drawn = [(uuid4(), uuid4()) for _ in range(count)]
    with corridor.ledger(sender) as ledger:
        opened = _record(ledger, [_referred(receiver, *ids) for ids in drawn])
    cases = [Granted(case_id, *ids) for case_id, ids in zip(opened, drawn, strict=True)]
    _wait(corridor, receiver, _REFERRED, count, ([one.case_id for one in cases],))
    before = _count(corridor, receiver, _RECEIVED)
    with corridor.ledger(receiver) as ledger:
        _record(ledger, [_accepted(one) for one in cases])
        _wait(corridor, receiver, _RECEIVED, before + _GRANTS * count)
        for one in cases:
            assert is_shown(ledger, one.case_id), f"case {one.case_id} was released and is closed"
    return cases


def is_shown(ledger: Ledger, case_id: UUID) -> bool:
    """Say whether a country's keystore shows what another country released of a case."""
    shown: Mapping[str, Mapping[DataScope, Opened]] = ledger.read(
        case_id, by=CASEWORKER, scopes=_SCOPES[1:], purpose=Purpose.SERVICE
    )
    return any(one.state == "open" for record in shown.values() for one in record.values())


def _referred(receiver: str, consent_id: UUID, handoff_id: UUID) -> Request:
    today = datetime.now(UTC).date()
    consented = decision(
        grant_consent,
        recipient=receiver,
        purpose=Purpose.SERVICE,
        scopes=_SCOPES,
        expires_on=today + timedelta(days=300),
        given_by=ConsentGiver.CHILD,
        age_band=AgeBand.FROM_15_TO_17,
        consent_id=consent_id,
    )
    sent = decision(
        send_referral,
        recipient=receiver,
        basis_id=consent_id,
        scopes=_SCOPES,
        due_on=today + timedelta(days=14),
        data=_PREVIEW,
        handoff_id=handoff_id,
    )
    return _asked(None, decision(open_case, data=_DATA), consented, sent)


def _accepted(one: Granted) -> Request:
    received = decision(receive_referral, handoff_id=one.handoff_id)
    return _asked(one.case_id, received, decision(accept_referral, handoff_id=one.handoff_id))


def _asked(case_id: UUID | None, *decisions: Decision) -> Request:
    return Request(by=SUPERVISOR, decisions=decisions, case_id=case_id)


def _record(ledger: Ledger, requests: Sequence[Request]) -> list[UUID]:
    cases = []
    for answer in ledger.record_many(requests):
        if isinstance(answer, LedgerError):
            raise answer
        cases.append(answer.case_id)
    return cases


def _count(
    corridor: Corridor, country: str, statement: LiteralString, given: Sequence[object] = ()
) -> int:
    with psycopg.connect(corridor.dsn(country, "audit")) as connection:
        row = connection.execute(statement, given).fetchone()
        return int(row[0]) if row else 0


def _wait(
    corridor: Corridor,
    country: str,
    statement: LiteralString,
    count: int,
    given: Sequence[object] = (),
) -> None:
    end = time.monotonic() + _WAIT_S
    while (found := _count(corridor, country, statement, given)) < count:
        assert time.monotonic() < end, f"{country}: {found} of {count}: {statement}"
        time.sleep(0.1)
