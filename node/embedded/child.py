"""One server process: started on a leash, watched until it is ready, stopped by its pid."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, Signals

from . import leash
from .errors import EmbeddedServerFailed
from .folder import send

_LAST_LINES = 25


@dataclass(frozen=True)
class Account:
    """How a program is run: as ourselves, behind a prefix, or with another account's uid."""

    prefix: tuple[str, ...] = ()
    uid: int = 0

    def on_leash(self, command: Sequence[str], dies_with: Signals) -> list[str]:
        """Put prefix and leash in front of a command."""
        held = [sys.executable, "-I", "-S", leash.__file__]
        return [
            *self.prefix,
            *held,
            str(os.getpid()),
            str(dies_with.value),
            str(self.uid),
            *command,
        ]


@dataclass
class Child:
    """A running server and its log; nothing here knows which server it is.

    There is none before its process is: others may ask for the pid at any time.
    """

    what: str
    log: Path
    stop_signal: Signals
    _process: subprocess.Popen[bytes]
    #: Lets the thread that started it end.
    _released: threading.Event

    @classmethod
    def start(
        cls,
        what: str,
        command: Sequence[str],
        *,
        log: Path,
        stop_signal: Signals,
        environment: Mapping[str, str] | None = None,
        account: Account = Account(),
    ) -> Child:
        """Start the command from a thread that lives as long as the server.

        Linux pulls the leash when the *thread* that started a child ends, so a caller's
        short-lived thread must not be the one.
        """
        ready, released = threading.Event(), threading.Event()
        made: list[subprocess.Popen[bytes]] = []
        failure: list[OSError] = []

        def keep() -> None:
            try:
                leashed = account.on_leash(command, stop_signal)
                made.append(_spawn(leashed, log, environment))
            except OSError as error:
                failure.append(error)
                return
            finally:
                ready.set()
            released.wait()

        threading.Thread(target=keep, name=f"keeps {what}", daemon=True).start()
        ready.wait()
        if failure:
            raise EmbeddedServerFailed(f"{what} cannot be run: {failure[0]}") from failure[0]
        return cls(what, log, stop_signal, made[0], released)

    @property
    def pid(self) -> int:
        """The server's own process id: leash and prefix become the server by exec."""
        return self._process.pid

    def poll(self) -> int | None:
        """Give None while the server runs, else its exit code."""
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when the server is ready; explain it, with its last words, if it never is."""
        end = time.monotonic() + seconds
        while not ready():
            code = self.poll()
            if code is not None:
                raise self.failed(f"ended with code {code} instead of starting")
            if time.monotonic() > end:
                self.stop(grace=0)
                raise self.failed(f"was not ready after {seconds:.0f} s")
            time.sleep(0.01)

    def wait(self, seconds: float) -> int:
        """Give the exit code of a program that ends by itself."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop(grace=0)
            raise self.failed(f"was not done after {seconds:.0f} s") from None
        finally:
            self._released.set()

    def stop(self, grace: float) -> None:
        """Ask the server to stop; kill it if it has not within the grace."""
        if self._process.poll() is None:
            send(self.pid, self.stop_signal)
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                send(self.pid, SIGKILL)
                self._process.wait()
        self._released.set()

    def failed(self, how: str) -> EmbeddedServerFailed:
        """Make the one error that tells what happened, where the log is and how it ends."""
        self._released.set()
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        words = "\n".join(f"  {line}" for line in text.splitlines()[-_LAST_LINES:])
        return EmbeddedServerFailed(f"{self.what} {how}; its log {self.log} ends:\n{words}")


def _spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    with log.open("ab") as opened:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            # Ctrl-C in a terminal is for us; the servers stop when we have said goodbye.
            start_new_session=True,
        )
