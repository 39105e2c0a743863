"""What is simulated follows from a seed: kinds, people, wishes, pauses and mischief."""

from collections import Counter

import pytest

from events.codes import Role
from node.simulation.kinds import CROSSING, KINDS
from node.simulation.moves import WAIT, forbidden, moves
from node.simulation.plan import MANNERS, Manner, planned

COUNTRIES = ("KZ", "KG")


def plans(cases: int = 20, seed: int = 7, countries: tuple[str, ...] = COUNTRIES):
    return list(planned(cases, seed, countries))


def test_the_same_seed_plans_the_same():
    assert plans() == plans()
    assert plans(countries=("KG", "KZ")) == plans()


def test_another_seed_plans_something_else():
    assert plans(seed=8) != plans()


def test_a_longer_run_begins_as_a_shorter_one():
    assert plans(40)[:20] == plans(20)


def test_of_each_kind_there_are_as_many_as_its_share():
    found = Counter(plan.kind for plan in plans(60))
    assert found == {kind.name: 3 * kind.share for kind in KINDS}
    assert sum(kind.share for kind in KINDS) == 20


def test_only_what_crosses_a_border_has_two_parts():
    for plan in plans():
        countries = [part.country for part in plan.parts]
        assert len(countries) == (2 if plan.kind == CROSSING else 1)
        assert {part.other for part in plan.parts} | set(countries) == set(COUNTRIES)


def test_a_turn_wishes_for_every_move_of_its_kind_once():
    for plan in plans():
        for turn in plan.parts[0].turns:
            table = forbidden() if turn.manner is Manner.FORBIDDEN else moves()
            fitting = {name for name, move in table.items() if plan.kind in move.kinds}
            assert {*turn.wishes} == fitting | {WAIT}
            assert len(turn.wishes) == len(fitting) + 1


def test_what_weighs_more_is_wished_for_sooner():
    places = Counter()
    for plan in plans(60):
        for turn in plan.parts[0].turns:
            if plan.kind == CROSSING and turn.manner is not Manner.FORBIDDEN:
                places["heavy"] += turn.wishes.index("assess_risk")
                places["light"] += turn.wishes.index("place_block")
    assert places["heavy"] < places["light"] / 3


def test_every_kind_of_mischief_is_planned():
    found = Counter(turn.manner for plan in plans(60) for part in plan.parts for turn in part.turns)
    assert set(found) == set(Manner)
    assert found[Manner.PLAIN] > sum(found[manner] for manner in MANNERS)


def test_supervisors_are_two_people_in_every_case_that_needs_two():
    people = [part.cast for plan in plans(60) for part in plan.parts]
    assert all(cast["supervisor"].id != cast["second"].id for cast in people)
    assert {cast["auditor"].role for cast in people} == {Role.AUDITOR}


@pytest.mark.parametrize(
    "move", [*moves().values(), *forbidden().values()], ids=lambda one: one.name
)
def test_a_move_names_only_what_there_is(move):
    assert move.against is None or move.against in moves()
    assert move.weight > 0
    assert move.kinds <= {kind.name for kind in KINDS}
