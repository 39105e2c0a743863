"""Golden histories of the register: what was done to the ledger itself, and by which country."""

from __future__ import annotations

from events.care import RiskAssessed
from events.case import CaseOpened, ChildMissing
from events.codes import KeyKind, Resolution
from events.governance import (
    AlarmResolved,
    KeyRotated,
    ParkingRetried,
    RebuildBegun,
    RebuildFinished,
    SchemasReleased,
    SigningKeyReplaced,
)
from tests.history import History
from tests.vectors import invented

FIRST, SECOND, THIRD = (invented(f"schema {at}", 32) for at in range(3))


def schemas_released() -> History:
    history = History(
        "schemas_released", "Each country says for itself with what it writes.", register=True
    )
    history.put("KZ", SchemasReleased, shared=True, schemas=(FIRST, SECOND))
    history.put("KG", SchemasReleased, shared=True, schemas=(SECOND,))
    history.put("KZ", SchemasReleased, shared=True, schemas=(SECOND, THIRD))
    history.put("KZ", CaseOpened, void="wrong_case")
    history.put("KG", ChildMissing, void="wrong_case")
    history.put("KZ", RebuildBegun, rebuild_id="rebuild", void="wrong_topic")
    return history


def schemas_in_a_case() -> History:
    history = History("schemas_in_a_case", "No child's history says anything about the ledger.")
    history.put("KZ", CaseOpened)
    history.put("KZ", SchemasReleased, shared=True, schemas=(FIRST,), void="wrong_case")
    return history


def signing_key_replaced() -> History:
    history = History(
        "signing_key_replaced", "A country says which key follows which.", register=True
    )
    history.put("KG", SigningKeyReplaced, note="referral/key/v1: which follows which, by both")
    history.put("KG", RebuildBegun, rebuild_id="rebuild", void="wrong_topic")
    return history


def national_register() -> History:
    history = History(
        "national_register", "What was done in one country's node.", shared=False, register=True
    )
    history.put("KZ", SchemasReleased, shared=False, schemas=(FIRST,))
    history.put(
        "KZ", KeyRotated, kind=KeyKind.KEY_ENCRYPTION, retired=("0f" * 8,), current="1f" * 8
    )
    history.put("KZ", ParkingRetried, parked_case_id="case", waiting=1)
    history.put("KZ", ParkingRetried, parked_case_id=None, waiting=7)
    history.put("KZ", RebuildBegun, rebuild_id="rebuild")
    history.put(
        "KZ", RebuildFinished, rebuild_id="rebuild", before=1, generation=2, folded=70_000,
        equal=True, shared_offsets=(3, 0), national_offsets=(5, 1), state=invented("state", 32),
    )  # fmt: skip
    history.put("KZ", RiskAssessed, assessment_id="risk", void="wrong_case")
    return history


def alarm_resolved() -> History:
    history = History(
        "alarm_resolved", "Somebody answers for it that decisions go on.", shared=False,
        register=True,
    )  # fmt: skip
    fault = {"alarm_id": "alarm", "rule": "order_differs", "log": "t.order/KG", "partition": 3}
    history.put("KZ", AlarmResolved, **fault, resolution=Resolution.REPAIRED_THERE)
    fault |= {"alarm_id": "another", "rule": "fork", "log": "t.ledger/KG", "partition": None}
    history.put("KZ", AlarmResolved, **fault, resolution=Resolution.AGREED)
    return history


TOLD = (
    schemas_released, schemas_in_a_case, national_register, alarm_resolved, signing_key_replaced,
)  # fmt: skip
