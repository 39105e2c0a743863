"""A server's folder: held by one run at a time; it remembers ports and the running process."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from .errors import EmbeddedServerFailed, FolderInUse

# Below every system's ephemeral range: a client that knocks at the port of a stopped server may
# otherwise be given that very port as its own, connect to itself, and keep the server out.
_PORTS = range(20_000, 32_000)
_ORPHAN_GRACE_SECONDS = 10.0


class ServerFolder:
    """What one server keeps beside its data, and the lock that makes it ours."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self._settled: dict[str, int] = {}

    def hold(self) -> None:
        """Take the folder for this run, or say which process holds it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode() or "unknown"
            os.close(lock)
            raise FolderInUse(f"{self.path} is in use by process {holder}") from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def release(self) -> None:
        """Let another run have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def port(self, name: str) -> int:
        """Give the port remembered under this name, or a free one if it is new or taken.

        A settled one stays, taken or not: clients that were told of it look nowhere else.
        """
        if name in self._settled:
            return self._settled[name]
        remembered = self._read("ports.json")
        port = int(remembered.get(name, 0))
        if not port or not is_free(port):
            port = _choose(taken=set(remembered.values()))
            self._write("ports.json", {**remembered, name: port})
        return port

    def settle_ports(self) -> None:
        """The server serves: where it was started it is started again, as long as we live."""
        self._settled = {name: int(port) for name, port in self._read("ports.json").items()}

    def remember_process(self, pid: int) -> None:
        """Write down what runs, so that a run after a kill -9 of this one can stop it."""
        self._write("process.json", {"pid": pid, "started": started(pid) or ""})

    def forget_process(self) -> None:
        """Nothing of ours runs any more."""
        (self.path / "process.json").unlink(missing_ok=True)

    def stop_orphan(self, gently: signal.Signals) -> None:
        """Stop the server that a killed run left behind, if it is still the same process."""
        record = self._read("process.json")
        if not record:
            return
        pid, mark = int(record["pid"]), record["started"]
        for number, seconds in ((gently, _ORPHAN_GRACE_SECONDS), (signal.SIGKILL, 5.0)):
            if started(pid) == mark:
                send(pid, number)
            end = time.monotonic() + seconds
            while started(pid) == mark and time.monotonic() < end:
                time.sleep(0.01)
        if started(pid) == mark:
            raise EmbeddedServerFailed(f"{self.path}: process {pid} of an earlier run stays")
        self.forget_process()

    def rotate_log(self, name: str) -> Path:
        """Give a fresh log file; the log of the run before is kept beside it."""
        log = self.path / name
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        return log

    def _read(self, name: str) -> dict[str, str | int]:
        try:
            record = json.loads((self.path / name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # torn by a power cut: as if absent
            return {}
        return record if isinstance(record, dict) else {}

    def _write(self, name: str, record: dict[str, str | int]) -> None:
        part = self.path / f"{name}.part"
        part.write_text(json.dumps(record))
        part.replace(self.path / name)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: connections of the run before, still in TIME_WAIT, do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def started(pid: int) -> str | None:
    """Name the moment a process started, or None if none is alive: pids are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self").exists() else _started_by_ps(pid)
    # The name in parentheses may hold spaces; after it come the state and, 20th, the start.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _started_by_ps(pid: int) -> str | None:
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


def _choose(taken: set[str | int]) -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        if port not in taken and is_free(port):
            return port
    raise EmbeddedServerFailed("no free port on 127.0.0.1")
