"""Tasks: what opens one, by when somebody looks, and what makes it done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from events.access import AccessReviewed, BreakGlassUsed
from events.case import CaseOpened, StatusChanged
from events.codec import encode
from events.codes import BasisKind, NeutralStatus
from events.consent import (
    BasisRecorded,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    DataForgone,
    OverrideApproved,
    OverrideEnded,
    OverrideReviewed,
    WithdrawalAsked,
    WithdrawalReviewed,
)
from events.data import (
    ErasureAttested,
    KeysDestroyed,
    KeysReleased,
    ReleaseStopped,
    RetentionClaimed,
)
from events.referral import (
    ReferralAccepted,
    ReferralCompleted,
    ReferralReceived,
    ReferralRevoked,
    ReferralSent,
)
from events.stamp import leaf_hash
from events.transfer import (
    ResponsibilityMoved,
    TransferAccepted,
    TransferPreviewed,
    TransferProposed,
    TransferRevoked,
)
from projections import tasks
from projections.joined_tasks import joined
from tests.data_histories import ALL, key
from tests.history import FIRST_DAY, History
from tests.read_models import rows_told

LATER = FIRST_DAY + timedelta(days=40)
EXPIRES = FIRST_DAY + timedelta(days=30)


def accepted(name: str = "referral") -> History:
    """KG has accepted a referral of KZ's, and holds the preview."""
    history = History(f"tasks/{name}", "", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL, expires_on=EXPIRES)
    sent = {"handoff_id": "referral", "basis_id": "consent"}
    history.put("KZ", ReferralSent, scopes=ALL, **sent)
    history.put("KG", ReferralReceived, handoff_id="referral")
    history.put("KG", ReferralAccepted, grant_key=key("key"), **sent)
    history.put(
        "KZ", KeysReleased, grant_id="grant", recipient="KG", epoch=1, scopes=ALL[1:],
        commitments=(key("a"), key("b")), capsule=key("capsule"), **sent,
    )  # fmt: skip
    return history


def on_hold() -> History:
    """KG has accepted a transfer of KZ's, and responsibility has not moved."""
    history = History("tasks/transfer", "", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL, expires_on=EXPIRES)
    history.put("KZ", StatusChanged, status=NeutralStatus.READY)
    proposed = {"handoff_id": "transfer", "basis_id": "consent"}
    history.put("KZ", TransferProposed, scopes=ALL, **proposed)
    history.put("KG", TransferPreviewed, handoff_id="transfer")
    history.put("KG", TransferAccepted, **proposed)
    return history


def national(name: str) -> History:
    history = History(f"tasks/{name}", "", shared=False, newest=True)
    history.put("KZ", CaseOpened)
    return history


def told(*histories: History, country: str = "KZ") -> list[tuple[str, str]]:
    """Return (kind, state) of every task, as it is shown."""
    rows = [row for one in histories for row in rows_told(one, "tasks", country)]
    return [(task["kind"], task["state"]) for task in joined(_with_places(rows, histories))]


def _with_places(rows, histories):
    places = {e.leaf: at for one in histories for at, e in enumerate(one.entries, 1) if one.shared}
    return [{**row, "seen_place": places.get(row["closed_seen"])} for row in rows]


def test_a_withdrawal_gives_the_sender_a_day_to_look():
    history = accepted()
    assert [] == told(history)
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    (row,) = rows_told(history, "tasks")
    withdrawn = history.entries[-1].event
    assert ("sharing_lost", "open", history.entries[2].event.handoff_id) == (
        row["kind"], row["state"], row["subject"]
    )  # fmt: skip
    assert (withdrawn.recorded_at, timedelta(hours=24)) == (
        row["opened_at"], row["due_at"] - row["opened_at"]
    )  # fmt: skip
    assert ("ConsentWithdrawn", withdrawn.event_id) == (row["event_type"], row["event_id"])
    assert [] == told(history, country="KG")


@pytest.mark.parametrize(
    ("origin", "kind", "values"),
    [
        ("KZ", ReferralRevoked, {"handoff_id": "referral"}),
        ("KG", ReferralCompleted, {"handoff_id": "referral"}),
        ("KZ", ConsentRefused, {"consent_id": "other", "recipient": "UZ"}),
    ],
)
def test_a_handoff_that_has_ended_needs_no_basis(origin, kind, values):
    history = accepted()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put(origin, kind, **values)
    ended = kind is not ConsentRefused
    assert [("sharing_lost", "done" if ended else "open")] == told(history)


@pytest.mark.parametrize("kind", [ConsentGranted, OverrideApproved])
def test_a_new_basis_for_the_handoff_makes_it_done_and_losing_that_opens_it_again(kind):
    history = accepted()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    first = rows_told(history, "tasks")[0]
    name = "consent_id" if kind is ConsentGranted else "override_id"
    history.put("KZ", kind, scopes=ALL, **{name: "elsewhere"})
    assert ("sharing_lost", "open") == told(history)[0]
    put_for(history, kind, {name: "anew"})
    (row,) = (row for row in rows_told(history, "tasks") if row["kind"] == "sharing_lost")
    assert ("done", first["opened_at"], first["event_id"]) == (
        row["state"], row["opened_at"], row["event_id"]
    )  # fmt: skip
    ended = (ConsentWithdrawn, "consent_id") if kind is ConsentGranted else (OverrideEnded, name)
    history.put("KZ", ended[0], **{ended[1]: "anew"})
    (row,) = (row for row in rows_told(history, "tasks") if row["kind"] == "sharing_lost")
    assert ("open", history.entries[-1].event.event_id, None) == (
        row["state"], row["event_id"], row["closed_at"]
    )  # fmt: skip


def put_for(history: History, kind: type, values: dict) -> None:
    """Record a basis for the handoff that waits for one: caused by what began it."""
    history.put("KZ", kind, scopes=ALL, **values)
    say(history, caused_by=history.entries[2].event.event_id)


def say(history: History, **fields) -> None:
    """Let the last record of a history say something else in its stamp."""
    entry = history.entries[-1]
    event = replace(entry.event, **fields)
    value = encode(event)
    history.entries[-1] = replace(entry, event=event, value=value, leaf=leaf_hash(value))


def test_a_refusal_that_takes_one_scope_is_a_loss_too():
    history = accepted()
    history.put("KZ", ConsentRefused, consent_id="no", recipient="KG", scopes=ALL[1:2])
    assert [("sharing_lost", "open")] == told(history)


def test_nothing_is_lost_before_the_referral_is_accepted():
    history = History("tasks/sent", "", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL)
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent", scopes=ALL)
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    assert [] == told(history)


def test_a_transfer_on_hold_waits_for_its_sender():
    history = on_hold()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    assert [("sharing_lost", "open")] == told(history)
    history.put("KZ", TransferRevoked, handoff_id="transfer")
    assert [("sharing_lost", "done")] == told(history)


def test_a_move_that_crossed_a_word_of_the_sender_waits_for_it_too():
    history = on_hold()
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    history.put("KZ", StatusChanged, seen=6, status=NeutralStatus.NOT_READY)
    assert [("sharing_lost", "open")] == told(history)
    began = history.entries[3].event.event_id
    again = {"consent_id": "anew", "scopes": ALL, "expires_on": EXPIRES, "caused_by": began}
    history.put("KZ", ConsentGranted, **again)
    assert [("sharing_lost", "done")] == told(history)


def test_a_move_because_the_child_is_there_ends_the_hold():
    history = on_hold()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    assert [("sharing_lost", "done")] == told(history)


def test_a_basis_that_runs_out_is_heard_of_when_sharing_stops():
    """No event says that a day is over; the stop is the first that does."""
    history = accepted()
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1, on=LATER)
    assert [("sharing_lost", "open")] == told(history)
    assert [("keys_owed", "open")] == told(history, country="KG")


def test_a_stop_after_a_withdrawal_does_not_give_another_day():
    history = accepted()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    (before,) = rows_told(history, "tasks")
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1)
    assert [before] == rows_told(history, "tasks")


def test_going_on_without_data_is_national_and_makes_the_shared_task_done():
    shared, own = accepted("forgone"), national("forgone")
    shared.put("KG", ConsentWithdrawn, consent_id="consent")
    own.put("KZ", DataForgone, handoff_id="referral", on=LATER)
    assert [("sharing_lost", "done")] == told(shared, own)
    assert [] == told(own)


def test_a_decision_that_had_seen_the_loss_makes_it_done_whatever_the_clocks_say():
    """KG's clock is ahead: its withdrawal seems later than KZ's answer to it."""
    shared, own = accepted("clocks"), national("clocks")
    shared.put("KG", ConsentWithdrawn, consent_id="consent", on=LATER)
    own.put("KZ", DataForgone, handoff_id="referral")
    assert [("sharing_lost", "open")] == told(shared, own)
    say(own, seen=shared.entries[-1].leaf)
    assert [("sharing_lost", "done")] == told(shared, own)


def test_an_earlier_answer_does_not_close_a_later_loss():
    shared, own = accepted("again"), national("again")
    own.put("KZ", DataForgone, handoff_id="referral")
    shared.put("KG", ConsentWithdrawn, consent_id="consent", on=LATER)
    assert [("sharing_lost", "open")] == told(shared, own)


@pytest.mark.parametrize("is_shared", [True, False])
def test_an_own_override_is_looked_at_again(is_shared):
    """Shared or not, the review is national."""
    name = f"override/{is_shared}"
    own = national(name)
    on = own
    if is_shared:
        on = accepted(name)
    on.put("KZ", OverrideApproved, override_id="override")
    assert [("override_review", "open")] == told(*{id(on): on, id(own): own}.values())
    own.put("KZ", BasisRecorded, basis_id="override", kind=BasisKind.OVERRIDE)
    own.put("KZ", OverrideReviewed, override_id="override", on=LATER)
    assert [("override_review", "done")] == told(*{id(on): on, id(own): own}.values())


def test_another_countrys_override_is_its_own_to_review():
    history = accepted()
    history.put("KZ", OverrideApproved, override_id="override")
    assert [] == told(history, country="KG")


def test_a_withdrawal_that_waits_is_reviewed():
    own = national("asked")
    own.put("KZ", WithdrawalReviewed, basis_id="consent")
    assert [] == told(own)
    own.put("KZ", WithdrawalAsked, basis_id="consent")
    assert [("withdrawal_review", "open")] == told(own)
    own.put("KZ", WithdrawalReviewed, basis_id="consent", upheld=False)
    assert [("withdrawal_review", "done")] == told(own)


def test_an_emergency_access_is_reviewed():
    own = national("glass")
    own.put("KZ", BreakGlassUsed, access_id="one")
    own.put("KZ", AccessReviewed, access_id="other")
    assert [("access_review", "open")] == told(own)
    own.put("KZ", AccessReviewed, access_id="one")
    assert [("access_review", "done")] == told(own)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (KeysDestroyed, {"grant_id": "grant"}),
        (RetentionClaimed, {"grant_id": "grant"}),
        (ErasureAttested, {"erasure_id": "erasure"}),
    ],
)
def test_a_recipient_owes_an_answer_to_a_stop(kind, values):
    history = accepted()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1)
    (row,) = rows_told(history, "tasks", "KG")
    assert ("keys_owed", "open", timedelta(hours=24)) == (
        row["kind"], row["state"], row["due_at"] - row["opened_at"]
    )  # fmt: skip
    history.put("KG", kind, **values)
    assert [("keys_owed", "done")] == told(history, country="KG")
    assert [("sharing_lost", "open")] == told(history, country="KZ")


def test_what_was_claimed_before_the_stop_is_not_owed():
    history = accepted()
    history.put("KG", RetentionClaimed, grant_id="grant")
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1)
    assert [] == told(history, country="KG")


def test_an_own_event_found_void_is_for_whoever_decided_it():
    history = accepted()
    history.put(
        "KG", ReferralAccepted, handoff_id="referral", basis_id="consent", void="wrong_state"
    )
    (row,) = rows_told(history, "tasks", "KG")
    void = history.entries[-1].event
    assert (tasks.FOUND_VOID, void.event_id, void.event_id, "wrong_state", None) == (
        row["kind"], row["subject"], row["event_id"], row["void_reason"], row["due_at"]
    )  # fmt: skip
    assert (len(history.entries), void.recorded_at) == (row["place"], row["opened_at"])
    assert [] == told(history)
