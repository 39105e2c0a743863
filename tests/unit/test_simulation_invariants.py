"""What must hold of every case can fail: each invariant is fed a history that breaks it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from events.block import BlockPlaced
from events.care import ClosureRequested, ViewsRecorded
from events.case import CaseClosed, CaseOpened, StatusChanged
from events.codes import BasisKind, ConsentGiver, DataScope, NeutralStatus, Purpose
from events.consent import (
    BasisRecorded,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OverrideApproved,
    OverrideReviewed,
    WithdrawalAsked,
    WithdrawalRecorded,
    WithdrawalReviewed,
)
from events.data import KeysReleased, ReleaseStopped
from events.plan import PlanApproved, PlanSubmitted
from events.referral import ReferralSent
from events.routing import RoutingLapsed
from events.stamp import Actor
from events.transfer import (
    ResponsibilityMoved,
    TransferAccepted,
    TransferExpired,
    TransferProposed,
)
from node.simulation.invariants import INVARIANTS, breaches
from node.simulation.invented import MARK
from tests.given import NOON, SOON, SUPERVISOR
from tests.simulated import HEALTH, SECOND, WORKER, Written, told

BASIS, OTHER, HANDOFF, GRANT = (UUID(int=at, version=4) for at in (11, 12, 13, 14))
TO_KG = {"recipient": "KG", "scopes": HEALTH, "expires_on": SOON}
BORDER = Actor(id="officer-1", role="border_officer", organisation="border")


def broken(story) -> set[str]:
    """Names of the invariants that a case breaks."""
    return {one.invariant for one in breaches(story)}


class Play:
    """A case between two countries, written line by line."""

    def __init__(self) -> None:
        self.write = Written()
        self.shared, self.kz, self.kg = [], [], []
        opening = {"opened_on": NOON.date(), "responsible": "KZ", "history_commitment": bytes(32)}
        self.on(CaseOpened, status=NeutralStatus.NOT_READY, **opening)

    def on(self, what, /, **more):
        self.shared.append(self.write(what, **more))
        return self.shared[-1]

    def home(self, what, /, **more):
        self.kz.append(self.write.home(what, **more))
        return self.kz[-1]

    @property
    def story(self):
        return told(self.shared, self.kz, self.kg)

    @property
    def broken(self) -> set[str]:
        return broken(self.story)

    def permits(self, basis_id=BASIS, purpose=Purpose.TRANSFER, by=SUPERVISOR, giver=None, **to):
        at = NOON + timedelta(minutes=len(self.shared) + len(self.kz) + 20)
        adult = ConsentGiver.CAREGIVER if giver else ConsentGiver.CHILD
        said = {"given_by": adult, "giver": giver, "requested_by": by.id, "purpose": purpose}
        self.home(BasisRecorded, basis_id=basis_id, kind=BasisKind.CONSENT, at=at, by=by, **said)
        return self.on(ConsentGranted, consent_id=basis_id, at=at, by=by, **{**TO_KG, **to})

    def proposes(self, handoff_id=HANDOFF, **more):
        said = {"basis_id": BASIS, "due_on": SOON, "recipient": "KG", "scopes": HEALTH}
        return self.on(TransferProposed, handoff_id=handoff_id, **{**said, **more})

    def accepts(self, *, origin="KG", grant_key=bytes(32), **more):
        said = {"handoff_id": HANDOFF, "basis_id": BASIS, "grant_key": grant_key}
        return self.on(TransferAccepted, origin=origin, **said, **more)

    def moves(self, origin="KG", **more):
        said = {"handoff_id": HANDOFF, "basis_id": BASIS}
        return self.on(ResponsibilityMoved, origin=origin, **said, **more)

    def releases(self, **more):
        said = {
            "grant_id": GRANT, "handoff_id": HANDOFF, "basis_id": BASIS, "recipient": "KG",
            "scopes": HEALTH, "epoch": 1, "commitments": (bytes(32),), "capsule": bytes(32),
        }  # fmt: skip
        return self.on(KeysReleased, **{**said, **more})


@pytest.fixture
def play() -> Play:
    return Play()


@pytest.fixture
def moved(play) -> Play:
    play.permits()
    play.proposes()
    play.accepts()
    play.releases()
    play.moves()
    return play


def test_a_whole_handover_breaks_nothing(moved):
    assert moved.broken == set()


def test_every_invariant_of_the_domain_is_asked():
    assert {f"C{at}" for at in range(1, 6)} | {f"T{at}" for at in range(1, 8)} <= set(INVARIANTS)
    assert {"four_eyes", "one_responsible"} <= set(INVARIANTS)


@pytest.mark.parametrize(
    "more",
    [
        {"basis_id": OTHER},
        {"scopes": (DataScope.PHOTO,)},
        {"recipient": "UZ"},
        {"at": NOON + timedelta(days=40)},
    ],
)
def test_a_release_on_nothing_breaks_c1(play, more):
    play.permits()
    play.releases(**more)
    assert "C1" in play.broken


def test_a_release_of_a_refused_scope_breaks_c1(play):
    play.permits(scopes=(*HEALTH, DataScope.PHOTO))
    play.on(ConsentRefused, consent_id=OTHER, recipient="KG", scopes=HEALTH)
    play.releases()
    assert "C1" in play.broken


def test_an_override_permits_what_consent_does_not(play):
    play.home(
        BasisRecorded, basis_id=BASIS, kind=BasisKind.OVERRIDE, purpose=Purpose.TRANSFER,
        requested_by="cw-1", by=SUPERVISOR,
    )  # fmt: skip
    play.on(OverrideApproved, override_id=BASIS, **TO_KG)
    play.on(ConsentRefused, consent_id=OTHER, recipient="KG", scopes=HEALTH)
    play.releases()
    assert play.broken == set()


def test_a_release_after_a_withdrawal_breaks_c2(play):
    play.permits()
    play.on(ConsentWithdrawn, consent_id=BASIS)
    play.releases()
    play.on(ReleaseStopped, handoff_id=HANDOFF, epoch=1)
    assert play.broken == {"C1", "C2"}


def test_sharing_that_goes_on_after_a_withdrawal_breaks_c2(play):
    play.permits()
    play.releases()
    play.on(ConsentWithdrawn, consent_id=BASIS)
    assert play.broken == {"C2"}
    play.on(ReleaseStopped, handoff_id=HANDOFF, epoch=1)
    assert play.broken == set()


def test_a_void_withdrawal_ends_nothing(play):
    play.permits()
    play.releases()
    play.on(ConsentWithdrawn, consent_id=BASIS, origin="UZ", void="not_party")
    assert play.broken == set()


def test_lines_that_one_country_has_not_break_c2(moved):
    story = moved.story
    del story.told["KG"].shared[1]
    assert "C2" in broken(story)
    assert "nothing_lost" in broken(story)


def test_another_adult_who_gives_again_breaks_c3(play):
    play.permits(giver="mother-1")
    play.on(ConsentWithdrawn, consent_id=BASIS)
    play.home(WithdrawalRecorded, basis_id=BASIS, given_by=ConsentGiver.CAREGIVER, giver="mother-1")
    play.permits(OTHER, by=WORKER, giver="uncle-1")
    assert play.broken == {"C3"}


@pytest.mark.parametrize(
    "again", [{"giver": "mother-1", "by": WORKER}, {"by": WORKER}, {"giver": "uncle-1"}]
)
def test_who_may_give_again_breaks_nothing(play, again):
    """The one who took it back, the child, and anybody after a supervisor's review."""
    play.permits(giver="mother-1")
    play.on(ConsentWithdrawn, consent_id=BASIS)
    play.home(WithdrawalRecorded, basis_id=BASIS, given_by=ConsentGiver.CAREGIVER, giver="mother-1")
    play.permits(OTHER, **again)
    assert play.broken == set()


def test_what_another_country_took_back_is_asked_of_a_supervisor(play):
    play.permits(giver="mother-1")
    play.on(ConsentWithdrawn, consent_id=BASIS, origin="KG")
    play.permits(OTHER, by=WORKER, giver="mother-1")
    assert play.broken == {"C3"}


def test_an_invented_word_in_clear_breaks_c4(play):
    play.kz.append(replace(play.write.home(ViewsRecorded, views_id=uuid4()), value=MARK.encode()))
    assert play.broken == {"C4"}


def test_an_invented_word_in_a_field_breaks_c4(play):
    named = Actor(id=MARK, role="caseworker", organisation="cps")
    play.home(ViewsRecorded, views_id=uuid4(), by=named)
    assert play.broken == {"C4"}


@pytest.mark.parametrize(
    "more", [{"recipient": "UZ"}, {"basis_id": OTHER}, {"scopes": (DataScope.PHOTO,)}]
)
def test_a_handoff_to_whom_nobody_permitted_it_breaks_c5(play, more):
    play.permits()
    play.proposes(**more)
    assert play.broken == {"C5"}


def test_a_permission_for_something_else_breaks_c5(play):
    play.permits(purpose=Purpose.TRANSFER)
    said = {"handoff_id": HANDOFF, "basis_id": BASIS, "due_on": SOON}
    play.on(ReferralSent, recipient="KG", scopes=HEALTH, **said)
    assert play.broken == {"C5"}


def test_a_gap_and_an_overlap_break_t1(moved):
    gap = moved.story
    gap.told["KG"].spans[0]["until_place"] = 3
    assert broken(gap) == {"T1"}
    nobody = moved.story
    nobody.told["KZ"].file = {"responsible": None, "is_shared": True}
    assert broken(nobody) == {"T1", "one_responsible"}


def test_an_interval_too_many_breaks_t1_and_t5(moved):
    story = moved.story
    story.told["KZ"].spans.append(
        {"topic": "shared", "country": "KZ", "since_place": 6, "until_place": None}
    )
    assert broken(story) == {"T1", "T5"}


def test_a_move_that_nobody_accepted_breaks_t2(play):
    play.permits()
    play.proposes()
    play.moves()
    assert play.broken == {"T2", "T7"}


def test_a_move_by_who_was_not_asked_breaks_t2(play):
    play.permits()
    play.proposes()
    play.accepts()
    play.moves(origin="UZ")
    assert play.broken == {"T2"}


def test_a_move_after_the_case_fell_back_breaks_t2(play):
    """What was only proposed is revoked with the readiness of the case, and accepted by nobody."""
    play.permits()
    play.proposes()
    play.on(StatusChanged, status=NeutralStatus.NOT_READY)
    play.moves()
    assert "T2" in play.broken


def test_an_answer_after_its_time_breaks_t3(play):
    play.permits()
    play.proposes(due_on=NOON.date())
    play.accepts(at=NOON + timedelta(days=2))
    assert play.broken == {"T3"}


def test_an_expiry_before_its_time_or_by_another_breaks_t3(play):
    play.permits()
    play.proposes(due_on=NOON.date())
    play.on(TransferExpired, handoff_id=HANDOFF)
    assert play.broken == {"T3"}
    play.shared[-1] = play.write(
        TransferExpired, handoff_id=HANDOFF, origin="KG", at=NOON + timedelta(days=3)
    )
    assert "T3" in play.broken


def test_a_closing_during_a_transfer_breaks_t4(play):
    play.permits()
    play.proposes()
    play.home(ClosureRequested, closing=1, by=WORKER)
    play.on(CaseClosed)
    assert play.broken == {"T4"}


def test_a_handoff_that_begins_twice_breaks_t6(play):
    play.permits()
    play.proposes()
    play.on(TransferExpired, handoff_id=HANDOFF, at=NOON + timedelta(days=60))
    play.proposes(recipient="KG")
    assert "T6" in play.broken


def test_a_new_sharing_refused_for_one_that_is_over_breaks_t6(play):
    play.permits()
    play.proposes()
    play.on(StatusChanged, status=NeutralStatus.NOT_READY)
    play.proposes(OTHER, void="handoff_open")
    assert play.broken == {"T6"}


def test_who_took_over_a_pseudonym_only_breaks_t7(play):
    play.permits()
    play.proposes()
    play.accepts(grant_key=None)
    play.moves()
    assert play.broken == {"T7"}


def test_two_countries_that_name_two_break_one_responsible(moved):
    story = moved.story
    story.told["KZ"].file = {"responsible": "KZ", "is_shared": True}
    assert broken(story) == {"one_responsible"}


def _own_closing(play):
    play.home(ClosureRequested, closing=1)
    play.home(CaseClosed)


def _closing_unasked(play):
    play.home(CaseClosed)


def _own_plan(play):
    play.home(PlanSubmitted, plan_id=OTHER, child="agrees", caregiver="agrees")
    play.home(PlanApproved, plan_id=OTHER)


def _own_override(play):
    said = {"kind": BasisKind.OVERRIDE, "purpose": Purpose.TRANSFER}
    play.home(BasisRecorded, basis_id=BASIS, requested_by=SUPERVISOR.id, **said)
    play.home(OverrideApproved, override_id=BASIS, **TO_KG)


def _own_review(play):
    said = {"kind": BasisKind.OVERRIDE, "purpose": Purpose.TRANSFER}
    play.home(BasisRecorded, basis_id=BASIS, requested_by=SECOND.id, **said)
    play.home(OverrideApproved, override_id=BASIS, **TO_KG)
    play.home(OverrideReviewed, override_id=BASIS, upheld=True, by=SECOND)


def _own_withdrawal(play):
    said = {"given_by": ConsentGiver.GUARDIAN, "giver": SUPERVISOR.id, "why": "override_in_force"}
    play.home(WithdrawalAsked, basis_id=BASIS, **said)
    play.home(WithdrawalReviewed, basis_id=BASIS, upheld=True)


@pytest.mark.parametrize(
    "alone",
    [_own_closing, _closing_unasked, _own_plan, _own_override, _own_review, _own_withdrawal],
)
def test_one_person_where_two_are_asked_breaks_four_eyes(play, alone):
    alone(play)
    assert play.broken == {"four_eyes"}


def test_two_people_break_nothing(play):
    play.home(ClosureRequested, closing=1, by=WORKER)
    play.home(PlanSubmitted, plan_id=OTHER, child="agrees", caregiver="agrees", by=WORKER)
    play.home(PlanApproved, plan_id=OTHER)
    play.home(CaseClosed)
    assert play.broken == set()


def test_a_role_that_decides_nothing_breaks_no_strangers(play):
    play.home(ViewsRecorded, views_id=uuid4(), by=BORDER)
    assert play.broken == {"no_strangers"}


def test_a_person_who_is_excluded_breaks_no_strangers(play):
    play.home(ViewsRecorded, views_id=uuid4(), by=WORKER)
    play.home(BlockPlaced, block_id=OTHER, countries=(), persons=(WORKER.id,))
    assert play.broken == set()
    play.home(ViewsRecorded, views_id=uuid4(), by=WORKER)
    assert play.broken == {"no_strangers"}


@pytest.mark.parametrize("harm", [lambda lines: lines.pop(0), lambda lines: lines.append(lines[0])])
def test_a_lost_and_a_doubled_line_break_nothing_lost(play, harm):
    play.home(ViewsRecorded, views_id=uuid4())
    play.home(ViewsRecorded, views_id=uuid4())
    assert play.broken == set()
    harm(play.kz)
    assert play.broken == {"nothing_lost"}


def test_a_lapse_that_is_recorded_twice_breaks_deadlines_once(play):
    play.home(RoutingLapsed, routing_id=OTHER)
    assert play.broken == set()
    play.home(RoutingLapsed, routing_id=OTHER)
    assert play.broken == {"deadlines_once"}
