"""What an auditor is answered, against the same questions asked of the raw records."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from statistics import median
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import IsolationLevel

from consumers.rulebook import Rules
from events.access import PersonalDataAccessed
from events.care import GuardianAppointed
from events.case import CaseOpened, StatusChanged
from events.codes import ConsentGiver, DataScope, LadderLevel, NeutralStatus
from events.consent import ConsentGranted, ConsentRefused
from events.data import KeysReleased
from events.errors import BadInput, CaseUnknown, CodeUnknown, NotAllowedNow
from events.referral import ReferralReceived, ReferralSent
from events.routing import CaseDirected, CaseRouted, RoutingAnswered, RoutingLapsed
from events.transfer import (
    HandoverCompleted,
    ResponsibilityMoved,
    TransferAccepted,
    TransferPreviewed,
    TransferProposed,
)
from node.asking.inquiry import Inquiry
from node.asking.questions import LATER, QUESTIONS, ask
from node.reading import Reader
from tests.asked_world import AGREEMENT, KEYS, NOW, World, world_of
from tests.conftest import databases_for_a_while
from tests.data_histories import ALL, PREVIEW, REST, key
from tests.history import FIRST_DAY, History
from tests.plan_histories import planned
from tests.raw_fold import (
    Said,
    bases_after,
    cases_of,
    ended_at,
    glass_of,
    grants_after,
    on_day,
    spans_of,
)
from tests.routing_histories import directed
from tests.ruled import listed, ruled

BY_NAME = {one.name: one for one in QUESTIONS}
TODAY = NOW.date()
#: Cases that are cross-checked in every run; `make soak` asks of many more.
CASES, MANY = 150, 2_000
LAST_DAY = date(2026, 12, 31)
DAYS = (TODAY, *(TODAY - timedelta(days=days) for days in (11, 30)))


class Asked:
    """A world, mirrored by KZ, and what is true in it."""

    def __init__(self, world: World, connection: psycopg.Connection[Any]) -> None:
        self.world = world
        self.cases = cases_of(world.records, KEYS.open)
        self.inquiry = Inquiry(
            found=Reader(connection, world.country, 1, KEYS), agreement=AGREEMENT, now=NOW
        )
        self.took: Counter[str] = Counter()

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        began = time.perf_counter()
        said = ask(BY_NAME[name], self.inquiry, **arguments)
        self.took[name] = max(self.took[name], time.perf_counter() - began)
        return said


def _asked(request, world_size):
    postgres, template = (request.getfixturevalue(name) for name in ("postgres", "template"))
    world = World.of(world_size)
    with databases_for_a_while(postgres, template) as make:
        database = make()
        with psycopg.connect(database.as_role("project"), autocommit=True) as connection:
            world.mirror(connection)
        database.run("ANALYZE")
        with psycopg.connect(database.as_role("audit")) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            yield Asked(world, connection)


@pytest.fixture(scope="module")
def asked(request):
    yield from _asked(request, CASES)


@pytest.fixture(scope="module")
def many(request):
    yield from _asked(request, MANY)


# 1 could-see


def check_could_see(asked: Asked) -> int:
    rows = 0
    for at, (case_id, case) in enumerate(asked.cases.items()):
        # The days of the story; before it nobody could see anything.
        for day in DAYS if at < CASES else DAYS[:1]:
            said = asked("could-see", case_id=case_id, on=day, scope=DataScope.HEALTH)
            assert expected_abroad(case, day) == {
                (one["grant_id"], one["country"], one["state"], one["in_force"])
                for one in said["rows"]
                if one["grant_id"]
            }
            own = [one for one in said["rows"] if one["state"] == "own_record"]
            assert bool(own) is has_own_record(case, day)
            glass = {one["who"] for one in said["rows"] if one["state"] == "broke_glass"}
            assert glass == {
                one["by"]
                for one in glass_of(case).values()
                if one["at"].date() <= day and on_day(one["until"], day)
            }
            rows += len(said["rows"])
    return rows


def expected_abroad(case, day) -> set[tuple]:
    found = set()
    bases = bases_after(case.shared)
    for grant_id, grant in grants_after(case.shared).items():
        event = grant["event"]
        held = event.recorded_at.date() <= day and on_day(grant["destroyed"], day)
        if held and DataScope.HEALTH in event.scopes:
            state = "shared" if on_day(grant["ended"], day) else "held"
            in_time = day <= bases[event.basis_id]["expires_on"]
            valid = in_time and on_day(ended_at(case, event.basis_id, event.scopes), day)
            found.add((grant_id, event.recipient, state, valid))
    return found


def has_own_record(case, day) -> bool:
    return any(
        one.event.recorded_at.date() <= day
        for one in case.all("CaseOpened", "ResponsibilityMoved", "PersonalDataRecorded")
        if one.event.origin == "KZ"
    )


# 2 did-see


def check_did_see(asked: Asked) -> int:
    checked = 0
    for case_id, case in asked.cases.items():
        said = asked("did-see", case_id=case_id)
        expected = [
            expected_access(case, at, one)
            for at, one in enumerate(case.national)
            if one.kind == "PersonalDataAccessed"
        ]
        shown = [
            (one["at"], one["actor_id"], one["door"], one["basis_state"], one["grant_state"],
             one["valid"], frozenset(one["scopes"]))
            for one in said["rows"]
        ]  # fmt: skip
        assert sorted(expected, key=str) == sorted(shown, key=str)
        holders = {grant["event"].recipient for grant in grants_after(case.shared).values()}
        assert holders - {"KZ"} <= set(said["not_answered"])
        checked += len(expected)
    return checked


def expected_access(case, at: int, one: Said) -> tuple:
    event, knew = one.event, one.knew
    who = (event.recorded_at, event.actor.id, event.door)
    basis_state, grant_state, valid = "own_record", None, True
    if event.basis_id is not None:
        shared = bases_after(case.shared[:knew])
        basis = shared.get(event.basis_id) or bases_after(case.national[: at + 1])[event.basis_id]
        basis_state = expected_state(basis, event)
        valid = basis_state == "in_force"
        states = [
            grant["state"]
            for grant in grants_after(case.shared[:knew]).values()
            if grant["event"].recipient == "KZ"
            and grant["event"].basis_id == event.basis_id
            and set(grant["event"].scopes) & set(event.scopes)
        ]
        standing = [state for state in states if state in {"released", "claimed"}]
        grant_state = (standing or states or [None])[-1]
    if event.door == "break_glass":
        basis_state, valid = "emergency", True
    return (*who, basis_state, grant_state, valid, frozenset(event.scopes))


def expected_state(basis, event) -> str:
    if basis["state"] != "granted":
        return basis["state"]
    if event.recorded_at.date() > basis["expires_on"]:
        return "expired"
    return "in_force" if basis["scopes"] >= set(event.scopes) else "beyond"


# 3 released, 4 released-after-withdrawal


def check_released(asked: Asked) -> int:
    checked = 0
    for case_id, case in asked.cases.items():
        grants = grants_after(case.shared)
        for country in ("KZ", "KG", "UZ"):
            expected = {
                (one.event.grant_id, one.leaf, tuple(one.event.commitments),
                 grants[one.event.grant_id]["state"] if one.effective else "void")
                for one in case.all("KeysReleased", effective=False)
                if one.event.recipient == country
            }  # fmt: skip
            said = asked("released", case_id=case_id, to=country)
            assert expected == {
                (one["grant_id"], one["leaf"], tuple(one["commitments"]), one["state"])
                for one in said["rows"]
            }
            checked += len(expected)
    return checked


def check_released_after_withdrawal(asked: Asked) -> int:
    expected = set()
    for case in asked.cases.values():
        for one in case.all("KeysReleased", effective=False):
            before = case.shared[: one.place - 1]
            end = first_end(before, one.event)
            if end is not None:
                lag = round((one.event.recorded_at - end).total_seconds() * 1_000)
                expected.add((one.event.grant_id, lag, one.effective))
    said = asked("released-after-withdrawal")
    assert expected == {
        (one["grant_id"], one["lag_ms"], one["state"] == "effective") for one in said["rows"]
    }
    assert said["facts"]["released_after"] == 0
    assert said["facts"]["crossed_and_void"] == len(expected)
    return len(expected)


def first_end(before: list[Said], release: Any) -> Any:
    """Return when the basis of a release had ended, if it had."""
    granted, ended, refused = None, None, None
    for one in before:
        event = one.event
        named = release.basis_id in {
            getattr(event, "consent_id", 0), getattr(event, "override_id", 0),
        }  # fmt: skip
        if not one.effective:
            continue
        if one.kind == "ConsentGranted" and named:
            granted = event
        if one.kind in {"ConsentWithdrawn", "OverrideEnded", "ConsentRefused"} and named:
            ended = ended or event.recorded_at
        elif one.kind == "ConsentRefused" and granted and event.recipient == granted.recipient:
            met = set(event.scopes) & set(granted.scopes) & set(release.scopes)
            refused = refused or (event.recorded_at if met else None)
    return ended or refused


# 5 overrides, 17 consent-coverage


def merged_bases(case) -> dict:
    return {**bases_after(case.national), **bases_after(case.shared)}


def terms_of(case) -> dict:
    found: dict = {}
    for one in case.all("BasisRecorded"):
        found.setdefault(one.event.basis_id, one.event)
    return found


def check_overrides(asked: Asked) -> int:
    expected = set()
    for case_id, case in asked.cases.items():
        bases, terms = merged_bases(case), terms_of(case)
        approved: dict = {}
        for one in [*case.national, *case.shared]:
            if one.kind == "OverrideApproved" and one.effective:
                approved.setdefault(one.event.override_id, one.event)
        for override_id, event in approved.items():
            basis, said = bases[override_id], terms.get(override_id)
            reviews = [
                one.event
                for one in case.all("OverrideReviewed")
                if one.event.override_id == override_id
            ]
            over = basis["state"] == "granted" and basis["expires_on"] < TODAY
            expected.add((
                case_id, override_id, event.origin, said and said.requested_by, event.actor.id,
                event.recorded_at, "expired" if over else basis["state"],
                reviews[-1].upheld if reviews else None, said and said.override_reason,
            ))  # fmt: skip
    said = asked("overrides")
    assert expected == {
        (one["case_id"], one["override_id"], one["origin"], one["requested_by"],
         one["approved_by"], one["approved_at"], one["state"], one["upheld"], one["reason"])
        for one in said["rows"]
    }  # fmt: skip
    assert said["facts"]["same_person"] == sum(one[3] == one[4] for one in expected)
    assert set(said["not_answered"]) == {one[2] for one in expected} - {"KZ"}
    return len(expected)


def consents_in_force(case) -> list[tuple]:
    """Return (purpose, when it was first given, last day) of each."""
    terms, found = terms_of(case), []
    for basis_id, basis in merged_bases(case).items():
        stands = basis["state"] == "granted" and not basis["override"]
        if stands and basis["expires_on"] >= TODAY:
            first = min(
                one.event.recorded_at
                for one in case.all("ConsentGranted")
                if one.event.consent_id == basis_id
            )
            purpose = str(terms[basis_id].purpose) if basis_id in terms else "not_known_here"
            found.append((purpose, first, basis["expires_on"]))
    return found


def check_consent_coverage(asked: Asked) -> int:
    purposes: dict = defaultdict(lambda: defaultdict(list))
    cared = {key: case for key, case in asked.cases.items() if state_now(case) == ("open", "KZ")}
    active = len(cared)
    for case_id, case in cared.items():
        for purpose, first, last in consents_in_force(case):
            for name in ("any", purpose):
                purposes[name][case_id].append((first, last))
    said = asked("consent-coverage")
    soon = TODAY + timedelta(days=30)
    assert {row["purpose"]: row for row in said["rows"]} == {
        name: {
            "purpose": name,
            "cases": len(cases),
            "percent": round(100 * len(cases) / active, 1),
            "median_age_days": median((NOW - at).days for ones in cases.values() for at, _ in ones),
            "expiring": sum(max(last for _, last in ones) <= soon for ones in cases.values()),
        }
        for name, cases in purposes.items()
    }
    without = active - len(purposes["any"])
    assert said["facts"] == {"active_cases": active, "without_consent": without}
    return len(purposes)


def state_now(case) -> tuple:
    """Return (state, who answers), of the shared topic as soon as there is anything."""
    side = case.shared if any(one.kind == "CaseOpened" for one in case.shared) else case.national
    state, country = None, None
    for one in side:
        if not one.effective:
            continue
        match one.kind:
            case "CaseOpened":
                state, country = "open", one.event.responsible
            case "ResponsibilityMoved":
                country = one.event.origin
            case "CaseClosed":
                state = "closed"
            case "CaseReopened":
                state = "open"
    return state, country


# 6 responsible, 7 transfers


def check_responsible(asked: Asked) -> int:
    checked = 0
    for case_id, case in asked.cases.items():
        spans = list(spans_of(case))
        said = asked("responsible", case_id=case_id, at=NOW)
        assert spans == [(one["topic"], one["country"], one["since_place"]) for one in said["rows"]]
        assert said["facts"]["country"] == state_now(case)[1]
        checked += len(spans)
    said = asked("responsible")
    assert (said["rows"], said["facts"]) == ([], {"spans": checked, "gaps": 0, "overlaps": 0})
    return checked


def check_transfers(asked: Asked) -> int:
    expected = {}
    for case in asked.cases.values():
        been: set[str] = set()
        for one in case.shared:
            event = one.event
            if not one.effective:
                continue
            match one.kind:
                case "CaseOpened":
                    been.add(event.responsible)
                case "TransferProposed" | "TransferRequested":
                    expected[event.handoff_id] = [event.recorded_at, None, None, False]
                case "TransferAccepted" | "TransferRejected":
                    expected[event.handoff_id][1] = event.recorded_at
                case "ResponsibilityMoved":
                    expected[event.handoff_id][2] = event.recorded_at
                    expected[event.handoff_id][3] = event.origin in been
                    been.add(event.origin)
    said = asked("transfers")
    assert {key: tuple(value) for key, value in expected.items()} == {
        one["handoff_id"]: (one["began_at"], one["answered_at"], one["moved_at"], one["ping_pong"])
        for one in said["rows"]
    }
    for one in said["rows"]:
        until = one["answered_at"] or one["ended_at"] or NOW
        assert one["waited_s"] == int((until - one["began_at"]).total_seconds())
        assert (one["ended_at"] is None) is (one["state"] in {
            "requested", "proposed", "previewed", "accepted", "moved",
        })  # fmt: skip
    expired = sum(len(case.all("TransferExpired")) for case in asked.cases.values())
    assert said["facts"]["expired"] == expired
    return len(expected)


# 11 break-glass, 12 bulk-reads


def check_break_glass(asked: Asked) -> int:
    expected = set()
    for case_id, case in asked.cases.items():
        reads = [one.event for one in case.all("PersonalDataAccessed")]
        for glass in glass_of(case).values():
            count = sum(
                read.door == "break_glass"
                and read.actor.id == glass["by"]
                and glass["at"] <= read.recorded_at < glass["until"]
                for read in reads
            )
            late = glass["at"] + timedelta(hours=24) < NOW
            state = "reviewed" if glass["reviewed"] else "overdue" if late else "waiting"
            review = glass["reviewed"] or (None, None, None)
            expected.add((case_id, glass["at"], glass["by"], count, state, *review))
    said = asked("break-glass")
    assert expected == {
        (one["case_id"], one["at"], one["actor_id"], one["reads"], one["state"],
         one["reviewed_at"], one["reviewed_by"], one["upheld"])
        for one in said["rows"]
    }  # fmt: skip
    return len(expected)


def check_bulk_reads(asked: Asked) -> int:
    days = defaultdict(set)
    accesses = defaultdict(set)
    for case_id, case in asked.cases.items():
        for one in case.all("PersonalDataAccessed"):
            event = one.event
            key = (event.recorded_at.date(), event.actor.id)
            days[key].add(case_id)
            accesses[key].add(event.access_id)
    usual = median(len(cases) for cases in days.values())
    said = asked("bulk-reads", every=True, least=3, times=2)
    assert {
        key: (len(cases), len(accesses[key]), len(cases) >= 3 and len(cases) > 2 * usual)
        for key, cases in days.items()
    } == {
        (one["day"], one["actor_id"]): (one["cases"], one["accesses"], one["outlier"])
        for one in said["rows"]
    }
    outliers = asked("bulk-reads", least=3, times=2)["rows"]
    assert outliers == [one for one in said["rows"] if one["outlier"]]
    return len(days)


# 14 corrections, 15 was-recorded, 16 erased


def check_corrections(asked: Asked) -> int:
    expected = set()
    for case in asked.cases.values():
        for side in (case.shared, case.national):
            versions = {(one.event.origin, one.event.version): one for one in side}
            for one in side:
                if one.kind == "RecordCorrected":
                    about = versions.get((one.event.origin, one.event.corrects_version))
                    state = "effective" if one.effective else "void"
                    leaf = about and about.leaf
                    expected.add((one.event.event_id, one.leaf, leaf, one.event.actor.id, state))
    said = asked("corrections")
    assert expected == {
        (one["event_id"], one["leaf"], one["corrects_leaf"], one["actor_id"], one["state"])
        for one in said["rows"]
    }
    return len(expected)


def check_was_recorded(asked: Asked) -> int:
    every = [one for case in asked.cases.values() for one in (*case.shared, *case.national)]
    for one in every[::37]:
        record = one.record
        topic = "asked.ledger" if one.topic == "shared" else f"asked.national.{record.origin}"
        said = asked("was-recorded", case_id=record.case_id, event_id=record.event_id)
        (row,) = said["rows"]
        assert (
            row["log"], row["log_index"], row["leaf"], row["position"], row["effective"],
        ) == (
            f"{topic}/{record.origin}", record.log_index, one.leaf,
            f"{one.topic}/{record.partition}@{record.offset}", one.effective,
        )  # fmt: skip
    return len(every[::37])


def check_erased(asked: Asked) -> int:
    complete = 0
    for case_id, case in asked.cases.items():
        attested: dict = {}
        for one in case.all("ErasureAttested"):
            attested[one.event.origin] = one.event
        grants = grants_after(case.shared).values()
        said = asked("erased", case_id=case_id)
        for row in said["rows"]:
            event = attested.get(row["country"])
            assert row["erasure_id"] == (event and event.erasure_id)
            assert row["attested_at"] == (event and event.recorded_at)
            if row["state"] != "contradicted":
                assert row["state"] == holder_state(row, grants, event)
        recipients = {grant["event"].recipient for grant in grants}
        roles = {one["country"] for one in said["rows"] if one["role"] == "recipient"}
        assert recipients == roles
        left = {row["country"] for row in said["rows"]
                if row["state"] not in {"attested", "destroyed"}}  # fmt: skip
        assert said["facts"]["complete"] is (not left)
        assert set(said["not_answered"]) == left - {"KZ"}
        complete += not left
    return complete


def holder_state(row, grants, event) -> str:
    if row["role"] == "recipient":
        states = {one["state"] for one in grants if one["event"].recipient == row["country"]}
        order = ("stopped", "stopped"), ("released", "holds"), ("claimed", "claimed")
        found = next((word for state, word in order if state in states), None)
        return found or ("attested" if event else "destroyed")
    given = {
        commitment[:16]
        for one in grants
        if one["event"].origin == row["country"]
        for commitment in one["event"].commitments
    }
    return "attested" if event and given <= set(event.keys) else "holds"


# 18 informed, 19 four-eyes, 22 knew-then, integrity


HERS = {"BasisRecorded", "WithdrawalRecorded"}


def check_informed(asked: Asked) -> int:
    expected = set()
    for case_id, case in asked.cases.items():
        told = sorted(
            one.event.recorded_at
            for one in [*case.shared, *case.national]
            if one.kind == "ViewsRecorded"
            or (one.kind == "PersonalDataAccessed" and one.event.door == "receipt")
            or (one.kind in HERS and one.event.given_by == ConsentGiver.CHILD)
        )
        firsts: dict = {}
        happened = case.all("OverrideApproved", "ResponsibilityMoved", "CaseClosed")
        for one in sorted(happened, key=lambda one: one.event.recorded_at):
            event = one.event
            subject = getattr(event, "override_id", getattr(event, "handoff_id", event.event_id))
            firsts.setdefault((one.kind, subject), event.recorded_at)
        for (kind, subject), at in firsts.items():
            after = next((moment for moment in told if moment >= at), None)
            expected.add((case_id, kind, subject, at, after))
    said = asked("informed")
    assert expected == {
        (one["case_id"], one["what"], one["subject"], one["at"], one["told_at"])
        for one in said["rows"]
    }
    return len(expected)


#: Second step -> the field of its subject, and the name under which its first step is kept.
SECOND = {
    "OverrideApproved": "override_id", "OverrideReviewed": "override_id",
    "ErasureApproved": "erasure_id", "AccessReviewed": "access_id",
    "WithdrawalReviewed": "basis_id", "CaseClosed": "case_id",
}  # fmt: skip
FIRST = {"ErasureRequested": "erasure_id", "BreakGlassUsed": "access_id",
         "ClosureRequested": "case_id", "WithdrawalAsked": "basis_id"}  # fmt: skip


def decided_alone(case) -> set[tuple]:
    """Return the second steps of KZ that one took who had taken the first."""
    own = [
        one for one in (*case.national, *case.shared) if one.event.origin == "KZ" and one.effective
    ]
    who = {("override_id", key): event.requested_by for key, event in terms_of(case).items()}
    approved: set = set()
    found = set()
    for one in sorted(own, key=lambda one: one.event.recorded_at):
        event = one.event
        if one.kind in FIRST:
            asks = event.giver if one.kind == "WithdrawalAsked" else event.actor.id
            who[FIRST[one.kind], getattr(event, FIRST[one.kind])] = asks
        if one.kind in SECOND:
            subject = getattr(event, SECOND[one.kind])
            again = one.kind == "OverrideApproved" and subject in approved
            if who.get((SECOND[one.kind], subject)) == event.actor.id and not again:
                found.add((one.kind, subject, event.recorded_at))
            approved |= {subject} if one.kind == "OverrideApproved" else set()
    return found


def check_four_eyes(asked: Asked) -> int:
    alone = set().union(*(decided_alone(case) for case in asked.cases.values()))
    refused = sum(
        one.event.rule == "four_eyes"
        for case in asked.cases.values()
        for one in case.all("RefusalRecorded")
    )
    said = asked("four-eyes")
    assert alone == {
        (one["what"], one["subject"], one["at"])
        for one in said["rows"]
        if one["kind"] == "violation"
    }
    assert (said["facts"]["violations"], said["facts"]["refused"]) == (len(alone), refused)
    assert {kind for kind, _, _ in alone} >= {"OverrideApproved", "AccessReviewed"}
    return len(alone) * refused


def check_knew_then(asked: Asked) -> int:
    decisions = [
        (case, one)
        for case in asked.cases.values()
        for one in (*case.shared, *case.national)
        if one.event.version % 3 == 0
    ][::5]
    for case, one in decisions:
        event = one.event
        said = asked("knew-then", case_id=case.case_id, event_id=event.event_id)
        knew = next((two.place for two in case.shared if two.leaf == event.seen), 0)
        own = event.origin == "KZ"
        before = [two for two in case.national if own and two.event.recorded_at < event.recorded_at]
        assert [row["event_id"] for row in said["rows"]] == [
            two.event.event_id for two in (*case.shared[:knew], *before)
        ]
        assert said["not_answered"] == ([] if own else [event.origin])
        sides = (bases_after(case.shared[:knew]), bases_after(before))
        consents = said["facts"]["file"]["consents"]
        assert [(row["basis_id"], row["state"]) for row in consents] == [
            (basis_id, side[basis_id]["state"]) for side in sides for basis_id in sorted(side)
        ]
        if own:
            assert len(said["facts"]["shown"]) == sum(
                two.kind == "PersonalDataAccessed" and two.event.actor.id == event.actor.id
                for two in before
            )
    return len(decisions)


def check_integrity(asked: Asked) -> int:
    logs = Counter((one.topic, one.origin) for one in asked.world.records)
    said = asked("integrity")
    assert {(one["events"], one["head"] + 1, one["missing"]) for one in said["rows"]} == {
        (count, count, 0) for count in logs.values()
    }
    assert len(said["rows"]) == len(logs)
    assert (said["facts"]["conflicts"], said["facts"]["open_alarms"]) == ([], [])
    return len(logs)


# 9 left-without, 13 which-rules


def check_left_without(asked: Asked) -> int:
    said = asked("left-without", days=7)
    told = {(one["case_id"], one["lacks"]): one["since"] for one in said["rows"]}
    expected = {}
    for case_id, case in asked.cases.items():
        mine = [one for one in case.all("CaseOpened", "ResponsibilityMoved") if is_of(one, "KZ")]
        ends = case.all("CaseClosed", "CaseJoined", "CaseReopened")
        moves = case.all("CaseOpened", "ResponsibilityMoved")
        shared = [one for one in moves if one.topic == "shared"] or moves
        last_end = [one for one in ends if one.topic == shared[-1].topic][-1:]
        if shared[-1].event.origin != "KZ" or (last_end and last_end[0].kind != "CaseReopened"):
            continue
        moved = [one for one in mine if one.kind == "ResponsibilityMoved"]
        since = (moved[-1] if moved else min(mine, key=at_of)).event.recorded_at
        if NOW - since > timedelta(days=7):
            # Nobody appoints, plans or directs in this world.
            expected |= {(case_id, name): since for name in ("guardian", "plan")}
    referred = {key: since for key, since in told.items() if key[1] == "referral"}
    assert expected == {key: since for key, since in told.items() if key not in referred}
    for (case_id, _), since in referred.items():
        sent = asked.cases[case_id].all("ReferralSent")
        assert any(is_of(one, "KZ") for one in sent)
        ends = asked.cases[case_id].all("ReferralRejected", "ReferralExpired")
        assert since in {one.event.recorded_at for one in ends}
    assert 0 == said["facts"]["without"]["follow_up"], "no rules are in force here"
    assert said["facts"]["children"] == len({case_id for case_id, _ in told})
    return len(told)


def is_of(one: Said, country: str) -> bool:
    return one.event.origin == country


def at_of(one: Said):
    return one.event.recorded_at


def check_which_rules(asked: Asked) -> int:
    for case_id, case in asked.cases.items():
        said = asked("which-rules", case_id=case_id)
        assert len(case.all("CaseDirected")) == said["facts"]["decisions"] == len(said["rows"])
        assert "no rules are in force" == said["facts"]["today"]
    return len(asked.cases)


CHECKS = {
    "could-see": check_could_see, "did-see": check_did_see, "released": check_released,
    "released-after-withdrawal": check_released_after_withdrawal, "overrides": check_overrides,
    "responsible": check_responsible, "transfers": check_transfers,
    "break-glass": check_break_glass, "bulk-reads": check_bulk_reads,
    "corrections": check_corrections, "was-recorded": check_was_recorded, "erased": check_erased,
    "consent-coverage": check_consent_coverage, "informed": check_informed,
    "four-eyes": check_four_eyes, "knew-then": check_knew_then, "integrity": check_integrity,
    "left-without": check_left_without, "which-rules": check_which_rules,
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_the_answer_is_what_the_raw_records_say(asked, name):
    assert CHECKS[name](asked) > 0


@pytest.mark.soak
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_answer_about_two_thousand_cases_is_the_same(many, name):
    assert CHECKS[name](many) > 0
    print(f"{name}: {many.took[name]:.3f} s at most")  # noqa: T201 - told by pytest -s


def test_who_approved_what_he_had_asked_for_is_among_them(asked):
    assert asked("overrides")["facts"]["same_person"] > 0


def test_every_question_has_a_number_once_and_is_answered_or_comes_later():
    numbers = [one.number for one in QUESTIONS if one.number is not None]
    assert sorted([*numbers, *LATER]) == list(range(1, 23))
    assert len(BY_NAME) == len(QUESTIONS) == len(CHECKS)


def test_an_answer_names_the_places_that_it_rests_on(asked):
    whole = asked("four-eyes")["rests_on"]
    assert len(whole) == 2 * AGREEMENT.partitions
    case_id = next(iter(asked.cases))
    of_case = asked("did-see", case_id=case_id)["rests_on"]
    assert len(of_case) == 2
    assert set(of_case) < set(whole)


@pytest.mark.parametrize("name", [one.name for one in QUESTIONS if "case_id" in one.arguments])
def test_an_unknown_case_is_no_empty_answer(asked, name):
    more = {"event_id": uuid4()} if "event_id" in BY_NAME[name].arguments else {}
    with pytest.raises(CaseUnknown):
        asked(name, case_id=uuid4(), **more)


def test_an_unknown_event_and_an_unknown_country_are_refused(asked):
    case_id = next(iter(asked.cases))
    for name in ("was-recorded", "knew-then"):
        with pytest.raises(BadInput):
            asked(name, case_id=case_id, event_id=uuid4())
    with pytest.raises(CodeUnknown):
        asked("released", case_id=case_id, to="XX")


NOTED = """
INSERT INTO witness.checkpoint (log, size, root, note, signed_at)
VALUES (%s, %s, sha256('root'), 'a note', %s)
"""
COSIGNED = "INSERT INTO witness.cosignature VALUES (%s, %s, 'asked.witness/KG', %s)"
ALARMED = (
    "INSERT INTO witness.alarm (rule, log, words) VALUES ('fork', %s, 'two roots of one size')"
)


@pytest.fixture
def noted(database):
    """A short world of which checkpoints are known, and a person who asks about it."""
    world = World.of(3)
    with psycopg.connect(database.as_role("project"), autocommit=True) as connection:
        world.mirror(connection)
    with psycopg.connect(database.as_role("audit"), autocommit=True) as connection:
        yield Asked(world, connection), database


def test_the_first_checkpoint_over_an_event_vouches_for_it_from_its_day_on(noted):
    asked, database = noted
    record = next(one for one in asked.world.records if one.topic == "shared")
    log, index = f"asked.ledger/{record.origin}", record.log_index
    database.run("UPDATE mirror.record SET mirrored_at = %s", NOW)

    def state(days: int) -> tuple:
        asks = {"case_id": record.case_id, "event_id": record.event_id}
        (row,) = asked("was-recorded", **asks, on=TODAY + timedelta(days=days))["rows"]
        return row["state"], row["size"], row["cosigned_by"]

    assert [("not_yet", None, []), ("mirrored", None, [])] == [state(-1), state(0)]
    for size, days in ((index, 0), (index + 1, 2), (index + 9, 4)):
        database.run(NOTED, log, size, NOW + timedelta(days=days))
    database.run(COSIGNED, log, index + 1, NOW + timedelta(days=3))
    # A checkpoint of size n holds the indexes below n; a cosignature counts from its own day on.
    assert ("mirrored", None, []) == state(1)
    assert ("signed", index + 1, []) == state(2)
    assert ("cosigned", index + 1, ["asked.witness/KG"]) == state(3)


def test_a_header_that_lies_changes_no_answer(noted):
    asked, database = noted
    cases = list(asked.cases)

    def released() -> list:
        return [asked("released", case_id=case_id)["rows"] for case_id in cases]

    before = released()
    assert any(row["commitments"] for rows in before for row in rows)
    database.run("UPDATE mirror.record SET ce_type = 'CaseOpened'")
    assert before == released()


def test_an_end_counts_where_the_permission_itself_was_shared_in_vain(database):
    """Seed 350: an override whose second saying was void, and which was ended all the same."""
    world = World.of_seeds([350])
    with psycopg.connect(database.as_role("project"), autocommit=True) as connection:
        world.mirror(connection)
        assert check_overrides(Asked(world, connection)) > 0


def test_what_does_not_fit_is_told_log_by_log(noted):
    asked, database = noted
    log = "asked.ledger/KZ"
    database.run(NOTED, log, 2, NOW)
    database.run(COSIGNED, log, 2, NOW)
    database.run(ALARMED, log)
    gone = "DELETE FROM mirror.record WHERE topic = 'shared' AND origin = 'KZ' AND log_index = 1"
    database.run(gone)
    said = asked("integrity")
    (row,) = (one for one in said["rows"] if one["log"] == log)
    assert (1, 2, row["head"] - 1, ["asked.witness/KG"], 1) == (
        row["missing"], row["size"], row["not_covered"], row["cosigned_by"], row["alarms"],
    )  # fmt: skip
    assert [("fork", log)] == [(one["rule"], one["log"]) for one in said["facts"]["open_alarms"]]


def test_a_span_without_a_move_and_a_move_without_a_span_are_found(noted):
    asked, database = noted
    database.run("UPDATE read_1.responsibility_began SET since_place = 99 WHERE topic = 'national'")
    said, cases = asked("responsible"), len(asked.cases)
    assert (cases, cases) == (said["facts"]["gaps"], said["facts"]["overlaps"])


@pytest.fixture
def written(database):
    """Mirror what was written down, and ask about it."""
    with psycopg.connect(database.as_role("project"), autocommit=True) as connection:

        def mirror(world: World) -> Asked:
            world.mirror(connection)
            return Asked(world, connection)

        yield mirror


def handed_over(told: History, name: str, sender: str, receiver: str) -> None:
    """Let a transfer move the child."""
    rests = {"handoff_id": name, "basis_id": f"consent {name}"}
    told.put(sender, ConsentGranted, consent_id=rests["basis_id"], recipient=receiver)
    told.put(sender, StatusChanged, status=NeutralStatus.READY)
    told.put(sender, TransferProposed, recipient=receiver, **rests)
    told.put(receiver, TransferPreviewed, handoff_id=name)
    told.put(receiver, TransferAccepted, **rests)
    told.put(receiver, ResponsibilityMoved, **rests)
    told.put(receiver, HandoverCompleted, handoff_id=name)


def test_a_child_who_comes_back_to_a_country_went_to_and_fro(written):
    told = History("ask", "")
    told.put("KZ", CaseOpened)
    handed_over(told, "there", "KZ", "KG")
    handed_over(told, "on", "KG", "UZ")
    handed_over(told, "back", "UZ", "KZ")
    asked = written(world_of(told))
    assert check_transfers(asked) == 3
    said = asked("transfers")
    assert [False, False, True] == [one["ping_pong"] for one in said["rows"]]
    assert (said["facts"]["ping_pong_cases"], said["facts"]["waiting"]) == (1, 0)


def received() -> History:
    """KG has received a referral, and offered a key for its preview."""
    told = History("ask", "", newest=True)
    told.put("KZ", CaseOpened)
    told.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL, expires_on=LAST_DAY)
    told.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent", scopes=ALL)
    told.put("KG", ReferralReceived, handoff_id="referral", grant_key=key("preview key"))
    return told


def released(told: History, on: date = FIRST_DAY) -> None:
    """KZ releases the preview, with or without a permission."""
    told.put(
        "KZ", KeysReleased, grant_id="first", handoff_id="referral", basis_id="consent",
        recipient="KG", epoch=1, scopes=PREVIEW, commitments=(key("first/preview"),),
        capsule=key("capsule"), on=on,
    )  # fmt: skip


def test_by_which_rules_a_child_went_where_and_when_a_person_chose(written):
    asked = written(world_of(directed()))
    case_id = directed().entries[0].event.case_id
    said = asked("which-rules", case_id=case_id)
    rows = [(one["by_hand"], one["asked"]) for one in said["rows"]]
    services = "kz-almaty-casework", "kz-legal-aid"
    assert rows == [(False, ", ".join(services)), (False, services[0]), (False, "duty desk"),
                    (True, services[0])]  # fmt: skip
    assert (4, 1) == (said["facts"]["decisions"], said["facts"]["by_hand"])


class Desk:
    """A node with rules in force, which opens nothing to anybody."""

    def __init__(self, refusal: Exception) -> None:
        self.refusal, self.asked = refusal, []

    def rules(self):
        return Rules(ruled(), listed())

    def opened(self, by, case_id, event_id):
        self.asked.append((by, case_id, event_id))
        raise self.refusal


def test_her_facts_stay_closed_unless_somebody_is_named_and_let_in(written):
    asked = written(world_of(directed()))
    case_id = directed().entries[0].event.case_id
    desk = Desk(NotAllowedNow("what this event says is gone", rule="record_open"))
    asked.inquiry = replace(asked.inquiry, desk=desk)
    facts = asked("which-rules", case_id=case_id)["facts"]
    assert (ruled().name, []) == (facts["in_force"], desk.asked)
    assert facts["today"].startswith("not asked: her facts stay closed")
    facts = asked("which-rules", case_id=case_id, by="auditor:a-1@ombudsman")["facts"]
    assert "not asked: what this event says is gone" == facts["today"]
    ((_, of, event_id),) = desk.asked
    newest = [one.event for one in directed().entries if isinstance(one.event, CaseDirected)
              and not one.event.by_hand][-1]  # fmt: skip
    assert (case_id, newest.event_id) == (of, event_id)


def test_who_has_nobody_since_a_refusal_is_told_and_who_has_somebody_is_not(written):
    told = History("left", "", shared=False, newest=True)
    told.put("KZ", CaseOpened)
    told.put("KZ", GuardianAppointed, guardian_id="guardian")
    asked_for = {"decision_id": "decision", "service": "s", "organisation": "o", "leads": True,
                 "ladder": LadderLevel.PLACE, "answer_by": None, "contact_by": None}  # fmt: skip
    told.put("KZ", CaseRouted, routing_id="first", **asked_for)
    told.put("KZ", RoutingAnswered, routing_id="first", accepted=False, declined_for="no_capacity")
    told.put("KZ", RoutingLapsed, routing_id="first")
    asked = written(world_of(told, directed(), planned()))
    now = told.entries[0].event.recorded_at + timedelta(days=30)
    asked.inquiry = replace(asked.inquiry, now=now)
    case_id = told.entries[0].event.case_id
    said = asked("left-without", days=1)
    mine = {one["lacks"]: one["since"] for one in said["rows"] if one["case_id"] == case_id}
    assert {"plan", "provider"} == mine.keys()
    assert told.entries[3].event.recorded_at == mine["provider"], "since the first refusal"
    others = {one["lacks"] for one in said["rows"] if one["case_id"] != case_id}
    assert {"guardian", "plan"} == others, "somebody accepted the other one"
    assert [] == asked("left-without", days=31)["rows"]


@pytest.mark.parametrize(("scopes", "rows"), [(PREVIEW, 1), (REST, 0)])
def test_a_release_of_what_was_refused_is_listed_and_of_the_rest_is_not(written, scopes, rows):
    told = received()
    told.put("KG", ConsentRefused, consent_id="no", recipient="KG", scopes=scopes)
    released(told, FIRST_DAY + timedelta(days=1))
    asked = written(world_of(told))
    assert check_released_after_withdrawal(asked) == rows
    said = asked("released-after-withdrawal")["rows"]
    assert ["ConsentRefused"] * rows == [one["ended_by"] for one in said]
    assert all(one["lag_ms"] > 24 * 3_600_000 for one in said)


@pytest.mark.parametrize(("days", "state"), [(0, "in_force"), (1, "expired")])
def test_a_basis_is_valid_until_the_end_of_its_last_day(written, days, state):
    told = received()
    released(told)
    read = History("ask", "", shared=False, newest=True)
    read.put("KG", PersonalDataAccessed, access_id="read", scopes=PREVIEW, basis_id="consent",
             on=LAST_DAY + timedelta(days=days))  # fmt: skip
    asked = written(world_of(told, read, country="KG", knew=told.entries[-1].leaf))
    (row,) = asked("did-see", case_id=told.entries[0].event.case_id)["rows"]
    assert (state, "released", not days) == (
        row["basis_state"], row["grant_state"], row["valid"],
    )  # fmt: skip
