"""Group commit: who shares a write, who does not, and what becomes of those who wait."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.grouping import GroupCommit


@dataclass(eq=False)
class Part:
    claims: frozenset = frozenset()
    weight: int = 1
    failure: BaseException | None = None
    written: int = 0


class Writer:
    """Records the groups; holds the first until everybody else waits."""

    def __init__(self, *, fails: bool = False) -> None:
        self.groups: list[list[Part]] = []
        self.fails = fails
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def write(self, group: list[Part]) -> None:
        self.begun.set()
        assert self.go_on.wait(20)
        self.groups.append(group)
        for part in group:
            part.written += 1
        if self.fails:
            raise RuntimeError("the disk is full")


class Held:
    """A mutex behind which one thread is held up for a moment after it has let go of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: threading.Thread | None = None
        self.go_on = threading.Event()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        if threading.current_thread() is self.held:
            self.held = None
            assert self.go_on.wait(20)


def test_who_is_handed_the_lead_before_it_has_begun_to_wait_leaves_nobody_waiting():
    """The leader may finish between a member's taking its seat and its waiting there."""
    writer = Writer()
    commit: GroupCommit[Part] = GroupCommit(writer.write, most=100)
    commit._mutex = mutex = Held()  # type: ignore[assignment]
    told: dict[int, BaseException | None] = {}

    def one(number: int) -> None:
        try:
            commit.run(Part())
        except BaseException as error:  # noqa: BLE001 - whatever it is
            told[number] = error
        else:
            told[number] = None

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(3)]
    mutex.held = threads[1]
    for waiting, thread in zip((0, 1, 2), threads, strict=True):
        thread.start()
        assert writer.begun.wait(20)
        while commit.waiting < waiting:
            pass
    writer.go_on.set()
    threads[0].join(20)
    mutex.go_on.set()
    for thread in threads:
        thread.join(20)
    assert told == {0: None, 1: None, 2: None}


def run(parts: list[Part], writer: Writer, *, most: int = 100) -> list[BaseException | None]:
    """Let the first part lead and the others come while it writes; return what each was told."""
    commit: GroupCommit[Part] = GroupCommit(writer.write, most=most)

    def one(part: Part) -> BaseException | None:
        try:
            commit.run(part)
        except RuntimeError as error:
            return error
        return None

    with ThreadPoolExecutor(max(len(parts), 1)) as pool:
        told = [pool.submit(one, parts[0])]
        assert writer.begun.wait(20)
        for part in parts[1:]:
            waiting = commit.waiting
            told.append(pool.submit(one, part))
            while commit.waiting == waiting:
                pass
        writer.go_on.set()
        return [future.result(20) for future in told]


def test_those_who_come_while_one_writes_share_the_next_write():
    """The reason for it all: one flush for all of them."""
    writer = Writer()
    run([Part() for _ in range(9)], writer)
    assert [1, 8] == [len(group) for group in writer.groups]


def test_a_heavy_part_goes_alone_and_in_its_turn():
    """The lock is held no longer for many than for one."""
    writer = Writer()
    parts = [Part(), Part(weight=3), Part(weight=9), Part(weight=1)]
    run(parts, writer, most=5)
    assert [[1], [3, 1], [9]] == [[part.weight for part in group] for group in writer.groups]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcd"), max_size=3), min_size=1, max_size=8))
def test_a_group_never_holds_two_with_one_claim_and_everybody_is_written_once(claims):
    """Of two who want one number the later one is judged by what the earlier one became."""
    writer = Writer()
    parts = [Part(claims=wanted) for wanted in claims]
    run(parts, writer)
    assert [1] * len(parts) == [part.written for part in parts]
    for group in writer.groups:
        claimed = [claim for part in group for claim in part.claims]
        assert len(claimed) == len(set(claimed))
    for claim in "abcd":
        order = [part for group in writer.groups for part in group if claim in part.claims]
        assert [part for part in parts if claim in part.claims] == order


def test_what_fails_for_the_group_fails_for_each_of_it():
    """And the next group is written by somebody else."""
    writer = Writer(fails=True)
    told = run([Part() for _ in range(4)], writer)
    assert all(isinstance(error, RuntimeError) for error in told)
    assert [1, 3] == [len(group) for group in writer.groups]


def test_the_lead_does_not_stay_with_somebody_who_was_interrupted(monkeypatch):
    """Ctrl-C in a caller must not stop all others for ever."""
    writer = Writer()
    commit: GroupCommit[Part] = GroupCommit(writer.write, most=100)
    leader = threading.Thread(target=commit.run, args=(Part(),))
    leader.start()
    assert writer.begun.wait(20)

    gone = Part()
    monkeypatch.setattr("ledger.grouping.Lock", _Opened)
    with pytest.raises(KeyboardInterrupt):
        commit.run(gone)
    monkeypatch.undo()
    assert 0 == commit.waiting
    writer.go_on.set()
    leader.join(20)
    late = Part()
    commit.run(late)
    assert (0, 1) == (gone.written, late.written)


class _Opened:
    """A lock whose second acquire, the wait, is interrupted."""

    def __init__(self) -> None:
        self.taken = False

    def acquire(self) -> None:
        if self.taken:
            raise KeyboardInterrupt
        self.taken = True

    def release(self) -> None:
        """Nobody waits."""
