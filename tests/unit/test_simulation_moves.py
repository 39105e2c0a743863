"""Every move: when it is possible, what the ledger makes of it there, and what it refuses."""

from collections import Counter
from uuid import uuid4

import pytest

from events.errors import DecisionRefused
from ledger.case import routing
from ledger.case.routing import Routed
from node.simulation.kinds import DOMESTIC
from node.simulation.moves import forbidden, moves
from node.simulation.plan import planned
from tests.given import NOON, SUPERVISOR, Story, opened
from tests.reacting import SYSTEM
from tests.simulated import is_forbidden, played, seen, taken
from tests.unit.test_plan_decisions import SAID, assessed, generates

#: What the rules of a country begin is not there in a case that is played without its programs.
RULED = {
    "accept_routing", "decline_routing", "submit_plan", "add_item", "approve_plan", "reject_plan",
    "finish_item", "review_plan", "complete_plan",
}  # fmt: skip
OF_KEYS = {"destroy_keys", "claim_retention"}
FORBIDDEN_BY = {
    "close_own_request": {"four_eyes"},
    "approve_own_override": {"four_eyes"},
    "ready_elsewhere": {"wrong_country"},
    "accept_own_transfer": {"wrong_country"},
    "move_from_here": {"wrong_country"},
    "revoke_after_move": {"wrong_state"},
    "propose_by_caseworker": {"wrong_role"},
    "grant_at_the_border": {"wrong_role"},
    "views_by_auditor": {"wrong_role"},
    "views_by_excluded": {"role"},
    "grant_again_by_another": {"taken_back"},
    "send_more_than_permitted": {"basis_in_force"},
    "send_where_excluded": {"blocked"},
    "close_while_handed_over": {"handoff_open", "four_eyes"},
}


@pytest.fixture(scope="module")
def tour():
    """Play many cases in memory; the moves that were taken, and the rules that refused others."""
    taken_ones: Counter[str] = Counter()
    refused: dict[str, Counter[str]] = {}
    let_in: Counter[str] = Counter()
    for seed in range(6):
        for move, turn, rule in played(120, seed):
            if rule is not None:
                refused.setdefault(move.name, Counter())[rule] += 1
            elif is_forbidden(turn):
                let_in[move.name] += 1
            else:
                taken_ones[move.name] += 1
    return taken_ones, refused, let_in


@pytest.mark.parametrize("name", sorted(moves().keys() - RULED - OF_KEYS))
def test_a_move_is_possible_somewhere_and_the_ledger_takes_it(tour, name):
    taken_ones, _, _ = tour
    assert taken_ones[name] > 0


@pytest.mark.parametrize("name", sorted(forbidden().keys() - {"approve_own_plan"}))
def test_a_forbidden_move_is_tried_and_refused_by_its_rule(tour, name):
    _, refused, let_in = tour
    assert let_in[name] == 0
    found = set(refused[name]) - {"role"} if name != "views_by_excluded" else set(refused[name])
    assert found & FORBIDDEN_BY[name]


def view(story: Story, name: str, progress: int = 0):
    """What KZ sees of a domestic case."""
    plan = next(
        one
        for one in planned(200, 1, ("KZ", "KG"))
        if one.kind == DOMESTIC and one.parts[0].country == "KZ"
    )
    found = seen(story, plan, plan.parts[0], progress)
    return found, moves()[name] if name in moves() else forbidden()[name]


def directed() -> Story:
    story = opened()
    when = {"answer_by": NOON, "contact_by": NOON}
    asked = Routed(uuid4(), "kz-casework", "kz-care", leads=True, ladder="place", **when)
    story.did(
        "KZ", routing.direct_case, by=SYSTEM, decision_id=uuid4(), cause=None, rules="KZ/1/ab",
        directory=bytes(32), routes=(asked,), ends=(), data=SAID,
    )  # fmt: skip
    return story


@pytest.mark.parametrize("name", ["accept_routing", "decline_routing"])
def test_a_service_that_is_asked_answers(name):
    found, move = view(opened(), name)
    assert not move.when(found)
    story = directed()
    found, move = view(story, name)
    assert move.when(found)
    taken(story, found, move)
    assert not move.when(view(story, name)[0])


def test_a_plan_is_followed_to_its_end_by_two_people():
    story = assessed()
    generates(story)
    for name in ("add_item", "submit_plan", "reject_plan", "submit_plan", "approve_plan"):
        found, move = view(story, name)
        assert move.when(found), name
        taken(story, found, move)
    found, move = view(story, "review_plan")
    taken(story, found, move)
    complete = moves()["complete_plan"]
    for _ in range(3):
        found, move = view(story, "finish_item")
        assert move.when(found)
        assert not complete.when(found)
        taken(story, found, move)
    found, _ = view(story, "complete_plan")
    assert complete.when(found)
    taken(story, found, complete)


def test_who_submitted_a_plan_does_not_approve_it():
    story = assessed()
    plan_id = generates(story)
    found, forbidden_move = view(story, "approve_own_plan")
    assert not forbidden_move.when(found)
    submit = moves()["submit_plan"]
    arguments = {**submit.arguments(found), "by": found.cast["supervisor"]}
    story.did("KZ", submit.take, **arguments)
    assert story["KZ"].case.national.care.plans[plan_id].submitted_by != SUPERVISOR.id
    found, forbidden_move = view(story, "approve_own_plan")
    assert forbidden_move.when(found)
    with pytest.raises(DecisionRefused) as refusal:
        taken(story, found, forbidden_move)
    assert refusal.value.rule == "four_eyes"
