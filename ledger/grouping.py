"""Group commit: callers that arrive while another's write is under way share the next one.

A write costs a round trip and a flush of the disk, whatever it carries. The caller who finds
nobody writing leads: it takes what waits, writes it in one statement, and hands the lead to the
first who has come since. Nobody waits for company, so a lone caller loses nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Member(Protocol):
    """One caller's part of a group."""

    #: What at most one member of a group may claim: its key, its decision numbers.
    claims: frozenset[Hashable]
    #: How much it adds to the group's weight.
    weight: int
    #: Why the group failed as a whole, for each member to raise.
    failure: BaseException | None


M = TypeVar("M", bound=Member)


class _Seat(Generic[M]):
    """A member that waits, and the lock by which it is woken."""

    __slots__ = ("done", "leads", "member", "wake")

    def __init__(self, member: M) -> None:
        self.member = member
        self.done = False
        self.leads = False
        self.wake = Lock()
        self.wake.acquire()


class GroupCommit(Generic[M]):
    """Combines concurrent members into groups and writes one group at a time."""

    def __init__(self, write: Callable[[list[M]], None], *, most: int) -> None:
        """Write groups by `write`, up to a weight of `most` (a heavier member goes alone)."""
        self._write = write
        self._most = most
        self._mutex = Lock()
        self._waiting: deque[_Seat[M]] = deque()
        self._led = False

    @property
    def waiting(self) -> int:
        """How many members wait for the next group."""
        return len(self._waiting)

    def run(self, member: M) -> None:
        """Return when the member was written; raises what made its group fail."""
        seat = _Seat(member)
        with self._mutex:
            self._waiting.append(seat)
            leads = seat.leads = not self._led
            self._led = True
        if not leads:  # `seat.leads` may have been set since: whoever is woken has to have waited
            self._wait(seat)
        if not seat.done:
            self._lead(seat)
        if member.failure is not None:
            raise member.failure

    def _wait(self, seat: _Seat[M]) -> None:
        try:
            seat.wake.acquire()
        except BaseException:  # Ctrl-C: the lead must not stay with somebody who left
            with self._mutex:
                if seat in self._waiting:
                    self._waiting.remove(seat)
            if seat.leads:
                self._leave([])
            raise

    def _lead(self, own: _Seat[M]) -> None:
        with self._mutex:
            group = self._take()
        assert group[0] is own, "the lead goes to whoever waits longest"
        try:
            self._write([seat.member for seat in group])
        except BaseException as error:
            for seat in group:
                seat.member.failure = error
            raise
        finally:
            self._leave(group)

    def _leave(self, group: Iterable[_Seat[M]]) -> None:
        for seat in group:
            seat.done = True
        with self._mutex:
            self._led = bool(self._waiting)
            # The successor first: its round trip goes on while the others wake up.
            if self._led:
                self._waiting[0].leads = True
                self._waiting[0].wake.release()
        for seat in group:
            seat.wake.release()

    def _take(self) -> list[_Seat[M]]:
        """Remove and return the next group: the longest waiting and whoever fits beside it.

        Of two members with a common claim the later one stays for the next group, where the
        store judges it against what the earlier one has become.
        """
        group: list[_Seat[M]] = []
        stay: deque[_Seat[M]] = deque()
        claims: set[Hashable] = set()
        weight = 0
        while self._waiting:
            seat = self._waiting.popleft()
            member = seat.member
            fits = not group or weight + member.weight <= self._most
            if fits and claims.isdisjoint(member.claims):
                group.append(seat)
                weight += member.weight
            else:
                stay.append(seat)
            claims |= member.claims  # also of one that stays: nobody overtakes it
        self._waiting = stay
        return group
