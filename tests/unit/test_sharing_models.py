"""What the read models say about data: who holds it, who may not have it, and who was shown it."""

from __future__ import annotations

from datetime import date
from time import process_time
from uuid import UUID

import pytest

from events.access import AccessReviewed, BreakGlassUsed
from events.codes import ConsentGiver
from events.consent import ConsentWithdrawn, WithdrawalRecorded
from events.data import (
    ErasureAttested,
    KeysDestroyed,
    KeysReleased,
    ReleaseStopped,
    RetentionClaimed,
)
from ledger.case.changing import changed
from ledger.case.plane import Attested, Release
from projections.coverage import Holding, board, is_complete
from tests.data_histories import PREVIEW, TOLD, key
from tests.history import History
from tests.read_models import changes, rows_after, rows_told

TELLERS = {tell.__name__: tell for tell in TOLD}
KZ_KEYS = tuple(key(name)[:16] for name in ("first/preview", "second/identity", "second/health"))


def until(history: History, kind: type, count: int = 1) -> History:
    """Return a history up to the n-th event of a kind, that one included."""
    at = [n for n, entry in enumerate(history.entries) if type(entry.event) is kind][count - 1]
    told = History(history.name, history.about, newest=True)
    told.entries = list(history.entries[: at + 1])
    told._versions = {}
    for entry in told.entries:
        told._versions[entry.origin] = entry.event.version
    return told


def released() -> History:
    """Return a story in which KG holds the preview and the rest."""
    return until(TELLERS["erasure_attested"](), KeysReleased, 2)


def plane_of(history: History):
    return history.folded()[-1][1]


def states(history: History) -> dict[tuple[str, str], str]:
    """Return where each country stands, by the pure function and by the rows: they agree."""
    holdings = board(plane_of(history))
    rows = rows_told(history, "coverage")
    said = {(row["country"], row["role"]): row["state"] for row in rows}
    assert {(one.country, one.role): one.state for one in holdings} == said
    return said


def test_a_grant_has_a_row_from_its_release_to_its_end():
    rows = {row["grant_id"]: row for row in rows_told(TELLERS["sharing_stopped"](), "releases")}
    first, second, third = rows.values()
    assert ["preview"] == first["scopes"]
    assert ("destroyed", "claimed", "released") == tuple(
        row["state"] for row in (first, second, third)
    )
    assert ("mandate", date(2026, 12, 31)) == (second["ground"], second["until"])
    assert (None, None) == (third["ended_at"], third["destroyed_at"])
    assert first["released_at"] < first["ended_at"] < first["destroyed_at"]
    assert first["ended_at"] == second["ended_at"]
    assert second["destroyed_at"] is None


def test_who_holds_keys_is_on_the_board_from_the_first_shared_event():
    history = released()
    opened = rows_after([next(changes(history))], "coverage")
    assert [("KZ", "origin", "holds")] == [
        (row["country"], row["role"], row["state"]) for row in opened
    ]
    assert {("KZ", "origin"): "holds", ("KG", "recipient"): "holds"} == states(history)


def test_a_stop_makes_an_outstanding_holder_until_it_answers():
    history = released()
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1)
    assert "stopped" == states(history)["KG", "recipient"]
    (kg,) = (one for one in board(plane_of(history)) if one.country == "KG")
    assert (2, 2) == (kg.grants, kg.outstanding)
    history.put("KG", RetentionClaimed, grant_id="second")
    history.put("KG", KeysDestroyed, grant_id="first")
    (kg,) = (one for one in board(plane_of(history)) if one.country == "KG")
    assert ("claimed", 0, "mandate") == (kg.state, kg.outstanding, kg.ground)
    assert not is_complete(board(plane_of(history)))


def test_the_board_is_right_after_attested_missing_and_false_attestation():
    history = released()
    history.put("KG", ErasureAttested, erasure_id="of KG")
    assert {("KZ", "origin"): "holds", ("KG", "recipient"): "attested"} == states(history)
    assert not is_complete(board(plane_of(history)))  # KZ is missing
    history.put("KZ", ErasureAttested, erasure_id="of KZ", keys=KZ_KEYS)
    assert {"attested"} == set(states(history).values())
    assert is_complete(board(plane_of(history)))
    history.put(
        "KZ", KeysReleased, grant_id="after", handoff_id="referral", basis_id="consent",
        recipient="KG", scopes=PREVIEW, epoch=1, commitments=(key("first/preview"),),
        capsule=key("capsule"),
    )  # fmt: skip
    assert {("KZ", "origin"): "contradicted", ("KG", "recipient"): "holds"} == states(history)
    assert not is_complete(board(plane_of(history)))
    (kz,) = (row for row in rows_told(history, "coverage") if row["country"] == "KZ")
    assert history.entries[-1].event.event_id == kz["contradicted_by"]


def test_a_void_event_contradicts_on_the_board_too():
    history = until(TELLERS["keys_said_gone"](), KeysReleased, 3)
    assert history.entries[-1].void
    assert "contradicted" == states(history)["KG", "recipient"]


def test_an_attestation_that_leaves_keys_out_does_not_cover_them():
    history = released()
    history.put("KZ", ErasureAttested, erasure_id="of KZ", keys=KZ_KEYS[:1])
    assert "holds" == states(history)["KZ", "origin"]


def test_a_board_of_thousands_of_grants_costs_milliseconds():
    """Each country may send thousands: an attestation is compared once, not once for each."""
    given = {
        UUID(int=number): Release(
            state="released", origin="KZ", recipient="KG", handoff_id=UUID(int=1), epoch=1,
            basis_id=UUID(int=2), scopes=PREVIEW, capsule=b"",
            commitments=(number.to_bytes(16) + bytes(16),),
        )
        for number in range(2_000)
    }  # fmt: skip
    names = tuple(number.to_bytes(16) for number in range(20_000))
    said = Attested(erasure_id=UUID(int=3), keys=names, backups_expire_on=date.max)
    plane = plane_of(released())
    plane = changed(plane, releases=given, attested={"KZ": said})
    began = process_time()
    assert "attested" in {one.state for one in board(plane)}
    assert process_time() - began < 0.3


def test_nobody_holds_keys_of_a_case_that_is_not_shared():
    assert () == board(plane_of(TELLERS["national_access"]()))
    assert not is_complete(())


@pytest.mark.parametrize("state", ["holds", "stopped", "claimed", "contradicted"])
def test_one_holder_is_enough_to_leave_a_board_incomplete(state):
    gone = (Holding("KZ", "origin", "attested"), Holding("UZ", "recipient", "destroyed"))
    assert is_complete(gone)
    assert not is_complete((*gone, Holding("KG", "recipient", state)))


def test_every_country_shows_the_same_board_and_the_same_grants():
    for tell in TOLD:
        for name in ("releases", "coverage"):
            assert rows_told(tell(), name, "KZ") == rows_told(tell(), name, "KG")


def test_a_block_has_a_row_that_says_since_when_and_until_when():
    (row,) = rows_told(TELLERS["national_block_and_erasure"](), "blocks")
    assert (["KG"], ["uncle-1"]) == (row["countries"], row["persons"])
    assert row["placed_at"] < row["lifted_at"]
    assert ("sup-KZ", "sup-KZ") == (row["placed_by"], row["lifted_by"])


def test_who_was_shown_what_and_what_was_refused_is_kept():
    rows = rows_told(TELLERS["national_access"](), "access_ledger")
    assert ["accessed", "denied", "broke_glass"] == [row["kind"] for row in rows]
    accessed, denied, glass = rows
    assert ("transfer", "read", "supervisor") == (
        accessed["purpose"], accessed["door"], accessed["actor_role"]
    )  # fmt: skip
    assert "four_eyes" == denied["rule"]
    assert glass["at"] < glass["reviewed_at"]
    assert (True, "sup-KZ") == (glass["upheld"], glass["actor_id"])
    assert accessed["reviewed_at"] is None


def test_a_review_of_no_emergency_access_makes_no_row():
    history = History("no_glass", "", shared=False, newest=True)
    history.put("KZ", AccessReviewed, access_id="one")
    assert [] == rows_told(history, "access_ledger")
    history.put("KZ", BreakGlassUsed, access_id="one")
    history.put("KZ", AccessReviewed, access_id="one", upheld=False)
    (row,) = rows_told(history, "access_ledger")
    assert row["upheld"] is False


def test_terms_say_who_gave_a_permission_and_who_ended_it():
    rows = rows_told(TELLERS["national_consent"](), "consent_terms")
    consent, override = rows
    assert ("caregiver", "aunt-1", "child") == (
        consent["given_by"], consent["giver"], consent["ended_by"]
    )  # fmt: skip
    assert ["uncle-1", "org-2"] == consent["withheld_from"]
    assert (None, "imminent_risk_of_harm", None) == (
        override["given_by"], override["override_reason"], override["ended_by"]
    )  # fmt: skip


def test_who_ended_another_countrys_consent_is_known_without_its_terms():
    history = History("ended_here", "", shared=False, newest=True)
    history.put("KZ", WithdrawalRecorded, basis_id="theirs", given_by=ConsentGiver.CHILD)
    (row,) = rows_told(history, "consent_terms")
    assert (None, None, "child") == (row["kind"], row["given_by"], row["ended_by"])
