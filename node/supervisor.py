"""A small supervisor: keeps programs running, and stops all of them when told to.

A program that ends is started again; its exit code says how soon. 75 (EX_TEMPFAIL) asks to be
started at once, with jitter, so that programs which fell together do not rise together. 78
(EX_CONFIG) says that a person has to repair something: it is said aloud, and tried again slowly.
Anything else waits longer each time, until the program has run for a while.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

TEMPORARY = 75
NEEDS_A_PERSON = 78

_QUICK_SECONDS = 0.1
_SLOW_SECONDS = 30.0
_FIRST_SECONDS = 0.25
#: A program that ran this long has recovered: the next crash counts as the first.
_STEADY_SECONDS = 20.0
_LOOK_SECONDS = 0.05


class Program(Protocol):
    """What can be kept running: an embedded server or one of our own processes."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def start(self) -> None:
        """Start it; an error says why it cannot be."""

    def poll(self) -> int | None:
        """Give None while it runs, else its exit code."""

    def stop(self) -> None:
        """Stop it; safe to call at any time."""


def pause_before_restart(code: int, failures: int, jitter: float) -> float:
    """Return the seconds to wait before the next start.

    `failures` counts ends in a row, this one included; `jitter` is a random number in [0, 1).
    """
    if code == TEMPORARY:
        return _QUICK_SECONDS * (1 + 4 * jitter)
    if code == NEEDS_A_PERSON:
        return _SLOW_SECONDS
    longest = min(_SLOW_SECONDS, _FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
    return longest * (0.5 + jitter / 2)


@dataclass
class Kept:
    """A program under supervision."""

    name: str
    program: Program
    #: Servers stop after the programs that use them.
    is_server: bool
    restarts: int = 0
    _failures: int = field(default=0, init=False)
    _since: float = field(default_factory=time.monotonic, init=False)

    def ended(self, code: int) -> float:
        """Note that it ended, and return how long to wait."""
        if time.monotonic() - self._since > _STEADY_SECONDS:
            self._failures = 0
        self._failures += 1
        return pause_before_restart(code, self._failures, random.random())  # noqa: S311 - jitter

    def started(self) -> None:
        """Note that it runs again."""
        self._since = time.monotonic()
        self.restarts += 1


class Supervisor:
    """Keeps started programs running, each in a thread of its own, until `stop`."""

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._say = say
        self._changed = changed
        self._stopping = threading.Event()
        self._kept: list[tuple[Kept, threading.Thread]] = []

    def keep(self, name: str, program: Program, *, is_server: bool = False) -> None:
        """Watch a program that has been started."""
        kept = Kept(name, program, is_server)
        thread = threading.Thread(target=self._watch, args=(kept,), name=f"keeps {name}")
        self._kept.append((kept, thread))
        thread.start()

    def stop(self) -> None:
        """Stop the programs, then the servers; return when nothing runs any more."""
        self._stopping.set()
        for _, thread in self._kept:
            thread.join()
        for servers in (False, True):
            programs = [kept.program for kept, _ in self._kept if kept.is_server is servers]
            with ThreadPoolExecutor(max(1, len(programs))) as pool:
                list(pool.map(lambda program: program.stop(), programs))

    def _watch(self, kept: Kept) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            code = kept.program.poll()
            while code is not None and not self._stopping.is_set():
                code = self._restart(kept, code)

    def _restart(self, kept: Kept, code: int) -> int | None:
        """Start a program again; return None if it runs, else a code as if it had ended."""
        kept.program.stop()
        pause = kept.ended(code)
        self._say(_words(kept.name, code, pause))
        if self._stopping.wait(pause):
            return None
        try:
            kept.program.start()
        except Exception as error:  # noqa: BLE001 - a keeper that falls keeps nothing any more
            self._say(f"{kept.name} cannot be started: {str(error) or type(error).__name__}")
            return 1
        kept.started()
        try:
            self._changed()
        except Exception as error:  # noqa: BLE001 - as above
            self._say(f"{kept.name} runs again, which cannot be told: {error!r}")
        return None


def _words(name: str, code: int, pause: float) -> str:
    if code == NEEDS_A_PERSON:
        return f"{name} needs a person: see its log; it is tried again in {pause:.0f} s"
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"{name} {how}; it is started again in {pause:.1f} s"
