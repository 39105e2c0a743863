"""A program that ends is started again, as soon as its exit code allows; stopping stops all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from events.errors import ServiceUnavailable
from node.supervisor import NEEDS_A_PERSON, TEMPORARY, Supervisor, pause_before_restart


@dataclass
class Scripted:
    """A program whose lives end with the given codes; the last one goes on."""

    codes: list[int]
    refuses: int = 0
    refusal: Exception = field(default_factory=lambda: ServiceUnavailable("no port is free"))
    pid: int = 1
    starts: int = 0
    stops: int = 0
    running: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.starts += 1
        if self.starts <= self.refuses:
            raise self.refusal
        if not self.codes:
            self.running.set()

    def poll(self) -> int | None:
        return self.codes.pop(0) if self.codes else None

    def stop(self) -> None:
        self.stops += 1


def supervised(
    program: Scripted, changed: Callable[[], None] = lambda: None
) -> tuple[list[str], Scripted]:
    said: list[str] = []
    supervisor = Supervisor(said.append, changed)
    supervisor.keep("KZ relay", program)
    assert program.running.wait(20)
    supervisor.stop()
    return said, program


def test_a_program_that_asks_for_another_try_is_started_at_once_with_jitter():
    """Programs that fell together must not rise together."""
    pauses = {pause_before_restart(TEMPORARY, 99, jitter / 10) for jitter in range(10)}
    assert len(pauses) == 10
    assert max(pauses) <= 0.5


def test_a_program_that_needs_a_person_is_tried_slowly():
    assert pause_before_restart(NEEDS_A_PERSON, 1, 0.0) == 30.0


def test_a_crash_loop_slows_down_and_never_stops_trying():
    pauses = [pause_before_restart(1, failures, 1.0) for failures in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5
    assert pauses[-1] == 30.0


def test_a_program_that_ends_is_started_again():
    said, program = supervised(Scripted([TEMPORARY, -9]))
    assert program.starts == 2
    assert "code 75" in said[0]
    assert "killed by signal 9" in said[1]


def test_a_program_that_cannot_be_started_is_tried_again():
    said, program = supervised(Scripted([TEMPORARY], refuses=1))
    assert program.starts == 2
    assert "cannot be started: no port is free" in said[1]


def test_whatever_a_start_runs_into_it_is_tried_again():
    """A keeper that fell with its program would leave it dead for ever, and say nothing."""
    program = Scripted([TEMPORARY], refuses=1, refusal=OSError("no space left"))
    said, program = supervised(program)
    assert program.starts == 2
    assert "cannot be started: no space left" in said[1]


def test_a_program_is_kept_although_its_start_cannot_be_told():
    """Several start again at once, and what is told names all of them."""
    told: list[int] = []

    def changed() -> None:
        told.append(1)
        raise AssertionError("KG sealer was not started")

    said, program = supervised(Scripted([TEMPORARY, -9]), changed)
    assert program.starts == len(told) == 2
    assert "KZ relay runs again, which cannot be told" in said[1]


def test_servers_stop_after_the_programs_that_use_them():
    order: list[str] = []
    supervisor = Supervisor(lambda _: None, changed=lambda: None)
    server, program = Scripted([]), Scripted([])
    server.stop = lambda: order.append("server")  # type: ignore[method-assign]
    program.stop = lambda: order.append("program")  # type: ignore[method-assign]
    supervisor.keep("Kafka", server, is_server=True)
    supervisor.keep("KZ relay", program)
    supervisor.stop()
    assert order == ["program", "server"]
