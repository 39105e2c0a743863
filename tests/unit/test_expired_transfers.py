"""A transfer that nobody took in time is a task of its sender's, until somebody decides anew."""

from __future__ import annotations

import pytest

from events.case import CaseClosed, CaseOpened, StatusChanged
from events.codes import NeutralStatus
from events.consent import ConsentGranted
from events.transfer import TransferExpired, TransferProposed, TransferRequested
from tests.history import History
from tests.unit.test_tasks import LATER, told

PROPOSED = {"basis_id": "consent"}


def expired() -> History:
    history = History("tasks/expired", "", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent")
    history.put("KZ", StatusChanged, status=NeutralStatus.READY)
    history.put("KZ", TransferProposed, handoff_id="transfer", **PROPOSED)
    history.put("KZ", TransferExpired, handoff_id="transfer", on=LATER)
    return history


def test_the_sender_has_a_task_and_nobody_else():
    assert ([("transfer_expired", "open")], []) == (told(expired()), told(expired(), country="KG"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (TransferProposed, {"handoff_id": "again", **PROPOSED}),
        (StatusChanged, {"status": NeutralStatus.NOT_READY}),
        (CaseClosed, {}),
    ],
)
def test_whatever_the_sender_decides_next_makes_it_done(kind, said):
    history = expired()
    history.put("KG", TransferRequested, handoff_id="asked", holder="KZ")
    assert [("transfer_expired", "open")] == told(history), "another country decides nothing here"
    history.put("KZ", kind, on=LATER, **said)
    assert [("transfer_expired", "done")] == told(history)


def test_who_asked_in_vain_has_the_task():
    history = History("tasks/asked", "", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KG", TransferRequested, handoff_id="asked", holder="KZ")
    history.put("KG", TransferExpired, handoff_id="asked", on=LATER)
    assert ([], [("transfer_expired", "open")]) == (told(history), told(history, country="KG"))
