"""A JVM that starts in a third of the time: classes loaded and linked ahead, once per machine.

A broker is started and stopped in a folder of its own, at the lowest priority, while the real one
works; the JVM writes what it loaded into a cache file (JEP 514). Measured on 2 cores: 2.2 s until
the broker serves without it, 0.8 s with it. Nobody waits for it, and nothing depends on it.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from .broker import START_SECONDS, Broker, Jvm
from .child import Account
from .errors import EmbeddedServerFailed
from .folder import ServerFolder

_KEPT = 2  # a file is 65 MB; two environments on one machine may take turns


def cache_file(jvm: Jvm, cache: Path) -> Path:
    """Name the cache by all that the JVM compares: its own build and every jar's place and time."""
    modules = jvm.java.parent.parent / "lib" / "modules"
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in jvm.jars]
    facts = (str(modules), modules.stat().st_size, modules.stat().st_mtime_ns, *stats)
    return cache / f"kafka-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}.aot"


def flags(file: Path) -> tuple[str, ...]:
    """Give the JVM options that use the cache, if there is one."""
    if not file.exists():
        return ()
    with suppress(OSError):
        os.utime(file)  # the oldest are thrown away
    return (f"-XX:AOTCache={file}",)


class Training:
    """The making of one cache file, beside the real work."""

    def __init__(self, jvm: Jvm, file: Path) -> None:
        self._jvm = jvm
        self._file = file
        self._broker: Broker | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trains Kafka's JVM", daemon=True)

    def begin(self) -> None:
        """Start, and return at once."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop at once, leave nothing behind; a finished training is not touched."""
        self._cancelled.set()
        while self._thread.is_alive():
            self._kill()
            self._thread.join(0.02)

    def _run(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with (self._file.parent / "training.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another run is at it
            for left in self._file.parent.glob("training-*"):  # by a run that was killed
                shutil.rmtree(left, ignore_errors=True)
            # Without the cache everything works, only slower: no reason to disturb anybody.
            with suppress(EmbeddedServerFailed, OSError):
                self._train()

    def _train(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="training-", dir=self._file.parent))
        part = place / "part.aot"
        nice = shutil.which("nice")
        account = Account((nice, "-n", "19")) if nice else Account()
        try:
            self._broker = Broker(ServerFolder(place), self._jvm, {})
            if not self._cancelled.is_set():
                self._broker.start((f"-XX:AOTCacheOutput={part}",), account)
                self._broker.stop(START_SECONDS)  # the JVM writes the file on its way out
            if not self._cancelled.is_set() and part.exists():
                part.replace(self._file)
                self._throw_old_ones_away()
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _kill(self) -> None:
        child = self._broker.child if self._broker is not None else None
        if child is not None and child.poll() is None:
            # Its own session: the JVM that writes the file is a child of the one that ran.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def _throw_old_ones_away(self) -> None:
        files = sorted(self._file.parent.glob("kafka-*.aot"), key=lambda file: file.stat().st_mtime)
        for file in files[:-_KEPT]:
            file.unlink(missing_ok=True)
