"""One of our own programs, run as a process that its supervisor can start, watch and stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.embedded.child import Child
from node.embedded.folder import ServerFolder

# A relay or a worker ends at the next batch; what it has not committed is done again.
_STOP_SECONDS = 10.0


@dataclass
class PythonProgram:
    """`ledger relay run` or `ledger worker run` of one country, in a folder of its own.

    The folder remembers the process, so that a run after a kill -9 of this one finds and stops
    what was left behind.
    """

    what: str
    path: Path
    module: str
    environment: Mapping[str, str]
    arguments: Sequence[str] = ()
    _child: Child | None = field(default=None, init=False)
    _port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._folder = ServerFolder(self.path)

    @property
    def pid(self) -> int:
        """Its process id; it must have been started."""
        assert self._child is not None, f"{self.what} was not started"
        return self._child.pid

    @property
    def address(self) -> str:
        """Where it tells how it is: the URL before /metrics and /health."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """Its log; the log of the run before lies beside it."""
        return self.path / "program.log"

    def start(self) -> None:
        """Start the process; return as soon as it runs, ready or not."""
        self._folder.hold()
        self._folder.stop_orphan(signal.SIGTERM)
        self._port = self._folder.port("metrics")
        log = self._folder.rotate_log(self.log.name)
        self._child = Child.start(
            self.what,
            [sys.executable, "-m", self.module, *self.arguments],
            log=log,
            stop_signal=signal.SIGTERM,
            environment=self._environment(),
        )
        self._folder.remember_process(self._child.pid)

    def poll(self) -> int | None:
        """Give None while it runs, else its exit code."""
        return None if self._child is None else self._child.poll()

    def stop(self) -> None:
        """Ask it to stop, kill it if it does not, and let go of the folder."""
        if self._child is not None:
            self._child.stop(_STOP_SECONDS)
            self._folder.forget_process()
        self._folder.release()

    def _environment(self) -> dict[str, str]:
        """Only what it needs: our own settings would be read as the program's."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ours = {"LEDGER_METRICS_PORT": str(self._port), "PYTHONUNBUFFERED": "1"}
        return {**kept, **self.environment, **ours}
