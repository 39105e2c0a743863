"""Whatever is killed, started twice or away: no step is left out, and nothing is recorded twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.rules.duty import Given, waiting
from tests.given import NOON
from tests.noticing import CALENDAR, HOUR, KIND, LADDER, Killed, Played, Program, duty

#: What happens next. Two programs, A and B, may run at once; either is killed after it has told a
#: desk and before it has recorded that, or right after it has recorded it.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.sampled_from("AB")),
        st.tuples(st.just("dies"), st.sampled_from(["told", "recorded"])),
        st.tuples(st.just("meanwhile"), st.sampled_from("AB")),
        st.tuples(st.just("restart"), st.sampled_from("AB")),
        st.tuples(st.just("passes"), st.integers(1, 90)),
        st.tuples(st.just("down"), st.sampled_from(["first", "second", "ministry"])),
        st.tuples(st.just("up"), st.none()),
    ),
    max_size=60,
)


class Run:
    """Plays what happens; remembers how often somebody was killed in the midst of it."""

    def __init__(self, world: Played) -> None:
        self.world, self.deaths, self.double = world, 0, 0
        self.programs = {name: Program(world) for name in "AB"}

    def do(self, what: str, which) -> None:
        world = self.world
        match what:
            case "look":
                self.programs[which].look()
            case "dies":
                self.dies(which)
            case "meanwhile":
                self.meanwhile(which)
            case "restart":
                self.programs[which] = Program(world)
            case "passes":
                world.now += which * HOUR / 30
            case "down":
                world.down.add(which)
            case _:
                world.down.clear()

    def dies(self, at_step: str) -> None:
        def at(step: str) -> None:
            if step == at_step:
                raise Killed

        try:
            Program(self.world, at).look()
        except Killed:
            self.deaths += 1
        self.programs = {name: Program(self.world) for name in "AB"}

    def meanwhile(self, other: str) -> None:
        """Let the other program do the same between telling and recording."""

        def at(step: str) -> None:
            if step == "told":
                self.double += 1
                self.programs[other].look()

        Program(self.world, at).look()


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(0, 60))
def test_no_step_is_left_out_none_is_recorded_twice_and_an_acknowledgement_stops_it(steps, ack):
    world = Played()
    run = Run(world)
    silent: int | None = None
    for at, (what, which) in enumerate(steps):
        if at == ack and world.recorded:
            world.acknowledge()
            silent = len(world.told)
        run.do(what, which)
    numbers = [step for _, step, _ in world.recorded]
    # In order, from the first on, and none left out.
    assert sorted(numbers) == numbers
    assert set(range(1, max(numbers, default=0) + 1)) == set(numbers)
    # Once each; and each desk that a step tells.
    assert len(set(world.recorded)) == len(world.recorded)
    pairs = [(step, desk) for _, step, desk in world.recorded]
    assert len(set(pairs)) == len(pairs)
    for step in range(1, max(numbers, default=0)):
        wanted = {("first", "second")[step - 1]} if step <= 2 else {"second", "ministry"}
        assert wanted == {desk for number, desk in pairs if number == step}
    # Told once for each time that it was recorded, and once more for each death in between.
    sent = sum(what == "send" for what, _, _ in world.recorded)
    assert sent <= len(world.told) <= sent + run.deaths + run.double
    # After somebody has said that it is seen nobody is told of it.
    assert silent is None or silent == len(world.told)


@settings(deadline=None)
@given(STEPS)
def test_whoever_is_started_again_tells_everybody_in_the_end(steps):
    """Nothing that happened before can make the ladder stand still."""
    world = Played()
    run = Run(world)
    for what, which in steps:
        run.do(what, which)
    world.down.clear()
    before = max((step for _, step, _ in world.recorded), default=0)
    program = Program(world)
    for _ in range(6):
        program.look()
        world.now += 2 * HOUR
    assert max(step for _, step, _ in world.recorded) >= before + 3
    assert program.has_run_out


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5),
    st.integers(0, 12),
    st.booleans(),
)
def test_the_ladder_is_climbed_desk_by_desk_and_its_last_step_repeats(desks, rounds, reached):
    ladder, told = duty(*desks, deciding="d"), []
    now = NOON
    for _ in range(rounds):
        standing = waiting(ladder, KIND, None, CALENDAR, told, now)
        told += [Given(one.step, one.desk, now, reached) for one in standing.wanted]
        now += HOUR
    climbed: dict[int, list[str]] = {}
    for one in told:
        climbed.setdefault(one.step, []).append(one.desk)
    for step, there in climbed.items():
        assert there == ([desks[step - 1]] if step <= len(desks) else [desks[-1], "d"])
    assert list(climbed) == list(range(1, rounds + 1))


def test_nobody_is_told_before_the_desk_had_its_time():
    told = [Given(1, "first", NOON)]
    for minutes, steps in ((0, []), (59, []), (60, [2])):
        now = NOON + minutes * HOUR / 60
        standing = waiting(LADDER, KIND, "high", CALENDAR, told, now)
        assert steps == [one.step for one in standing.wanted]
        assert standing.wanted or standing.until == NOON + HOUR
