"""Who could see what on which day, who did, and who holds keys: asked of real read models."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import IsolationLevel

from events.access import (
    AccessDenied,
    AccessReviewed,
    BreakGlassUsed,
    PersonalDataAccessed,
    PersonalDataRecorded,
)
from events.block import BlockLifted, BlockPlaced
from events.case import CaseOpened
from events.codes import ConsentGiver, DataScope
from events.consent import (
    BasisRecorded,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    DataForgone,
    WithdrawalRecorded,
)
from events.data import ErasureAttested, KeysDestroyed, KeysReleased, ReleaseStopped
from events.errors import CaseUnknown
from events.referral import ReferralAccepted, ReferralReceived, ReferralSent
from ledger.case.access import READING
from node import access, cases, tasks
from node.reading import Reader
from projections import generation
from projections.folding import fold_in
from tests.data_histories import ALL, PREVIEW, REST, key
from tests.history import FIRST_DAY, History
from tests.read_models import placed

EXPIRES = FIRST_DAY + timedelta(days=60)
RELEASED, WITHDRAWN, DESTROYED = (FIRST_DAY + timedelta(days=days) for days in (1, 10, 20))


def shared(*, keys: tuple[bytes, ...] = ()) -> History:
    """A case over weeks: released on one day, withdrawn on another, destroyed, erased."""
    told = History("answers", "", newest=True)
    told.put("KZ", CaseOpened)
    told.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL, expires_on=EXPIRES)
    sent = {"handoff_id": "referral", "basis_id": "consent"}
    told.put("KZ", ReferralSent, scopes=ALL, **sent)
    told.put("KG", ReferralReceived, handoff_id="referral", grant_key=key("preview key"))
    told.put("KG", ReferralAccepted, grant_key=key("key"), **sent)
    for grant, scopes in (("first", PREVIEW), ("second", REST)):
        told.put(
            "KZ", KeysReleased, grant_id=grant, recipient="KG", epoch=1, scopes=scopes,
            commitments=tuple(key(f"{grant}/{scope}") for scope in scopes),
            capsule=key("capsule"), on=RELEASED, **sent,
        )  # fmt: skip
    told.put("KG", ConsentWithdrawn, consent_id="consent", on=WITHDRAWN)
    told.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1, on=WITHDRAWN)
    told.put("KG", KeysDestroyed, grant_id="second", on=DESTROYED)
    if keys:
        told.put("KG", ErasureAttested, erasure_id="of KG", on=DESTROYED)
        told.put("KZ", ErasureAttested, erasure_id="of KZ", keys=keys, on=DESTROYED)
    return told


def national() -> History:
    """What KZ alone knows of it."""
    told = History("answers", "", shared=False, newest=True)
    told.put("KZ", PersonalDataRecorded)
    told.put("KZ", BasisRecorded, basis_id="consent", withheld_from=("uncle-2",))
    told.put("KZ", PersonalDataAccessed, access_id="one", scopes=REST, on=RELEASED)
    told.put("KZ", AccessDenied, scopes=REST, on=RELEASED)
    told.put("KZ", BreakGlassUsed, access_id="glass", scopes=REST, on=FIRST_DAY)
    told.put("KZ", AccessReviewed, access_id="glass", on=RELEASED)
    told.put("KZ", BlockPlaced, block_id="block", on=RELEASED)
    told.put("KZ", BlockLifted, block_id="block", on=WITHDRAWN)
    told.put("KZ", WithdrawalRecorded, basis_id="consent", given_by=ConsentGiver.CHILD,
             on=WITHDRAWN)  # fmt: skip
    told.put("KZ", DataForgone, handoff_id="referral", on=DESTROYED)
    return told


@pytest.fixture
def reads(dsn):
    """Fold histories into the read models of a country, and give them to ask."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        generation.ensure(connection)

        def read(*histories: History, country: str = "KZ") -> Reader:
            for history in histories:
                for record in placed(history):
                    assert [] == fold_in(connection, "read_1", [record], country=country).stops
            return Reader(connection, country, 1)

        yield read


CASE = shared().entries[0].event.case_id


def could(found: Reader, on: date, scope: DataScope | None = DataScope.HEALTH) -> list[tuple]:
    said = access.who_could(found, CASE, scope, on)
    return [(one["country"], one["state"], one["basis"]["in_force"]) for one in said["countries"]]


def test_who_could_see_follows_release_stop_and_destruction_day_by_day(reads):
    found = reads(shared(), national())
    day = timedelta(days=1)
    assert [] == could(found, FIRST_DAY)
    assert [("KG", "shared", True)] == could(found, RELEASED)
    assert [("KG", "shared", True)] == could(found, WITHDRAWN)
    # What was given is not taken back by a stop: KG could see it until it destroyed the keys.
    assert [("KG", "held", False)] == could(found, WITHDRAWN + day)
    assert [("KG", "held", False)] == could(found, DESTROYED)
    assert [] == could(found, DESTROYED + day)
    assert [("KG", "held", False)] == could(found, DESTROYED + day, DataScope.PREVIEW)
    assert [] == could(found, RELEASED, DataScope.PHOTO)
    assert 2 == len(could(found, RELEASED, None))


def test_it_is_said_under_which_consent(reads):
    found = reads(shared(), national())
    (one,) = access.who_could(found, CASE, DataScope.HEALTH, RELEASED)["countries"]
    basis = one["basis"]
    assert ("consent", "transfer", "caregiver", "child", EXPIRES) == (
        basis["kind"], basis["purpose"], basis["given_by"], basis["ended_by"],
        basis["expires_on"],
    )  # fmt: skip
    assert WITHDRAWN == basis["ended_at"].date()


def test_a_basis_ends_with_its_last_day_and_with_a_refusal_of_what_it_permits(reads):
    told = shared()
    told.entries = told.entries[:7]
    told._versions = {"KZ": 5, "KG": 2}
    found = reads(told)
    assert [("KG", "shared", True)] == could(found, EXPIRES)
    assert [("KG", "shared", False)] == could(found, EXPIRES + timedelta(days=1))
    told.put("KZ", ConsentRefused, consent_id="elsewhere", recipient="UZ", scopes=REST,
             on=WITHDRAWN)  # fmt: skip
    told.put("KZ", ConsentRefused, consent_id="no", recipient="KG", scopes=REST[1:], on=WITHDRAWN)
    fresh = History("answers", "", newest=True)
    fresh.entries = told.entries
    later = WITHDRAWN + timedelta(days=1)
    for record in placed(fresh)[7:]:
        fold_in(found.connection, "read_1", [record], country="KZ")
    assert [("KG", "shared", False)] == could(found, later)
    assert [("KG", "shared", True)] == could(found, later, DataScope.PREVIEW)


def test_who_could_see_in_the_own_country_is_said_by_role(reads):
    found = reads(shared(), national())
    own, later, first = (
        access.who_could(found, CASE, DataScope.HEALTH, day)["own"]
        for day in (RELEASED, WITHDRAWN + timedelta(days=1), FIRST_DAY)
    )
    assert sorted(READING) == own["roles"]
    assert (["uncle-1"], ["uncle-2"]) == (own["excluded"], own["withheld_from"])
    assert [] == later["excluded"]
    # Broken glass opens for hours, so it counts for the day on which they were.
    assert (["sup-KZ"], []) == tuple(
        [one["actor_id"] for one in day["broke_glass"]] for day in (first, own)
    )


def test_a_recipient_reads_what_it_was_given_and_nothing_else(reads):
    found = reads(shared(), country="KG")
    before = access.who_could(found, CASE, DataScope.HEALTH, FIRST_DAY)["own"]
    after = access.who_could(found, CASE, DataScope.HEALTH, RELEASED)["own"]
    photo = access.who_could(found, CASE, DataScope.PHOTO, RELEASED)["own"]
    assert ([], sorted(READING), []) == (before["roles"], after["roles"], photo["roles"])
    assert (False, 1) == (after["own_record"], len(after["grants"]))


def test_who_did_see_it_is_answered_and_who_has_not_answered_is_named_always(reads):
    found = reads(shared(), national())
    asked = access.who_could(found, CASE, DataScope.HEALTH, RELEASED)
    assert [("accessed", "sup-KZ", "transfer")] == [
        (one["kind"], one["actor_id"], one["purpose"]) for one in asked["did_see"]
    ]
    assert [] == access.who_could(found, CASE, DataScope.HEALTH, FIRST_DAY)["did_see"]
    assert [] == access.who_could(found, CASE, DataScope.PHOTO, RELEASED)["did_see"]
    did = access.who_did(found, CASE)
    assert {"accessed", "denied", "broke_glass"} == {one["kind"] for one in did["accesses"]}
    (glass,) = (one for one in did["accesses"] if one["kind"] == "broke_glass")
    assert (RELEASED, True) == (glass["reviewed_at"].date(), glass["upheld"])
    for answer in (asked, did, access.who_could(found, CASE, None, date(2020, 1, 1))):
        assert ["KG"] == answer["not_answered"]


def test_the_country_that_gave_the_data_has_not_answered_either(reads):
    found = reads(shared(), country="KG")
    assert ["KZ"] == access.who_did(found, CASE)["not_answered"]


def test_the_board_is_complete_only_when_everybody_has_said_so(reads):
    names = ("first/preview", "second/identity", "second/health")
    story = shared(keys=tuple(key(name)[:16] for name in names))
    found = reads()
    seen = []
    for record in placed(story):
        fold_in(found.connection, "read_1", [record], country="KZ")
        board = access.coverage_of(found, CASE, FIRST_DAY)
        seen.append((board["complete"], board["outstanding"]))
    assert [(False, [])] * 8 == seen[:8]
    # KG owes an answer for both grants, then for one, until it erases; KZ erases last.
    assert [(False, ["KG"]), (False, ["KG"]), (False, []), (True, [])] == seen[8:]


def test_a_case_file_shows_grants_blocks_coverage_and_one_task_of_both_topics(reads):
    file = cases.file_of(reads(shared(), national()), CASE)
    assert ["preview"] == file["grants"][0]["scopes"]
    assert [("KZ", "holds"), ("KG", "stopped")] == [
        (one["country"], one["state"]) for one in file["coverage"]
    ]
    assert [WITHDRAWN] == [one["lifted_at"].date() for one in file["blocks"]]
    lost, glass = sorted(file["tasks"], key=lambda task: task["kind"], reverse=True)
    assert ("sharing_lost", "done", DESTROYED) == (
        lost["kind"], lost["state"], lost["closed_at"].date()
    )  # fmt: skip
    assert ("access_review", "done") == (glass["kind"], glass["state"])


def test_open_tasks_of_every_case_are_told_and_what_either_topic_closed_is_not(reads):
    """One that the shared topic opened and a national decision closed is no task any more."""
    found = reads(shared())
    (task,) = tasks.open_tasks(found)
    assert (task["kind"], task["case_id"]) == ("sharing_lost", CASE)
    assert tasks.open_tasks(found, "access_review") == []
    assert tasks.open_tasks(reads(national())) == []


@pytest.mark.parametrize("ask", [access.who_did, access.grants_of])
def test_an_unknown_case_is_no_empty_answer(reads, ask):
    with pytest.raises(CaseUnknown):
        ask(reads(), uuid4())


def test_an_auditor_may_ask_all_of_it(reads, database):
    reads(shared(), national())
    with psycopg.connect(database.as_role("audit")) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        found = Reader(connection, "KZ", 1)
        assert access.who_could(found, CASE, None, RELEASED)["countries"]
        assert access.who_did(found, CASE)["accesses"]
        assert access.coverage_of(found, CASE, RELEASED)["board"]
