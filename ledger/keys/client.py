"""The keystore as other programs see it: a few questions over its socket."""

from __future__ import annotations

import queue
import select
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from events.codes import DataScope
from events.errors import ServiceUnavailable
from ledger.keys import wire
from ledger.keys.asking import Destroyed
from ledger.keys.majority import Age
from ledger.keys.seal import ItemKey
from ledger.keys.sealing import Field, Opened

_TIMEOUT_S = 20.0


class KeystoreClient:
    """Asks a keystore. Safe to share between threads; connections are kept and made anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.SimpleQueue[_Connection] = queue.SimpleQueue()

    def close(self) -> None:
        """Close the connections that are not in use."""
        while (connection := self._idle_one()) is not None:
            connection.close()

    def seal(self, fields: Sequence[Field]) -> Sequence[bytes]:
        """Return a box for each text."""
        answer = self._ask("seal", fields=[wire.field_out(one) for one in fields])
        return [wire.bytes_of(box) for box in answer]

    def one_time(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> bytes:
        """Return this country's public key for one step of a release."""
        asked = {"handoff_id": str(handoff_id), "preview": preview}
        return wire.bytes_of(self._ask("one_time", case_id, **asked))

    def prepare(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> Mapping[str, Any]:
        """Return the arguments of `release_keys` for a release that is due."""
        asked = {"handoff_id": str(handoff_id), "preview": preview}
        return wire.prepared_in(self._ask("prepare", case_id, **asked))

    def carry(self, case_id: UUID, grant_id: UUID, *, again: bool = False) -> bytes:
        """Return what goes on the grants topic for an effective grant, or went there before."""
        return wire.bytes_of(self._ask("carry", case_id, grant_id=str(grant_id), again=again))

    def receive(self, case_id: UUID, grant_id: UUID, value: bytes) -> None:
        """Have the keys of a grant kept."""
        self._ask("receive", case_id, grant_id=str(grant_id), value=wire.text_of(value))

    def age(self, case_id: UUID) -> Age:
        """Return what follows from the child's age today."""
        said = self._ask("age", case_id)
        return Age(ended=tuple(map(UUID, said["ended"])), seek=bool(said["seek"]))

    def show(self, case_id: UUID, access_id: UUID) -> Mapping[str, Mapping[DataScope, Opened]]:
        """Return the data that an access was recorded for."""
        return wire.shown_in(self._ask("show", case_id, access_id=str(access_id)))

    def event_keys(self, case_id: UUID, access_id: UUID) -> Mapping[DataScope, ItemKey]:
        """Return the keys of one event that an auditor's access was recorded for."""
        return wire.item_keys_in(self._ask("event_keys", case_id, access_id=str(access_id)))

    def destroy(self, case_id: UUID, grant_id: UUID) -> Destroyed:
        """Destroy the keys of a grant."""
        return _destroyed(self._ask("destroy", case_id, grant_id=str(grant_id)))

    def erase(self, case_id: UUID, erasure_id: UUID) -> Destroyed:
        """Destroy every key of a case whose erasure is approved."""
        return _destroyed(self._ask("erase", case_id, erasure_id=str(erasure_id)))

    def replicas(self) -> int:
        """Return how many slot files the keystore can read."""
        found: int = self._ask("ping")
        return found

    def _ask(self, what: str, case_id: UUID | None = None, **more: Any) -> Any:
        asked = {"ask": what, **more} | ({} if case_id is None else {"case_id": str(case_id)})
        answer = wire.message(self._answer(wire.line(asked)))
        if "error" in answer:
            raise wire.error_in(answer)
        return answer["answer"]

    def _answer(self, line: bytes) -> bytes:
        """Return the answer to a line. A connection that broke is closed, and everybody's with it.

        Nothing is asked twice by itself: whoever asked may ask again, and gets the same.
        """
        try:
            connection = self._still_open() or _Connection(self._path)
            try:
                text = connection.ask(line)
            except BaseException:
                connection.close()
                self.close()
                raise
            self._idle.put(connection)
        except OSError as error:
            raise ServiceUnavailable(
                f"the keystore at {self._path.name} does not answer: {type(error).__name__}",
                rule="keystore",
            ) from None
        return text

    def _still_open(self) -> _Connection | None:
        """Return an idle connection; one that its other side has left is closed instead."""
        while (connection := self._idle_one()) is not None:
            if not connection.is_left():
                return connection
            connection.close()
        return None

    def _idle_one(self) -> _Connection | None:
        """Take a connection that nobody uses."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return None


class _Connection:
    """One connection to a keystore: a line goes there, a line comes back."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")
        self._said = select.poll()
        self._said.register(self._socket, select.POLLIN)

    def ask(self, line: bytes) -> bytes:
        """Return the answer to a line; OSError if there is none, or half of one."""
        self._socket.sendall(line)
        text = self._lines.readline(wire.LONGEST_LINE)
        if not text.endswith(b"\n"):
            raise OSError("the answer was cut")
        return text

    def is_left(self) -> bool:
        """Say whether the other side has gone, while nothing is asked.

        A keystore says nothing unasked: what can be read from an idle connection is its end.
        """
        return bool(self._said.poll(0))

    def close(self) -> None:
        """Close it."""
        self._lines.close()
        self._socket.close()


def _destroyed(said: Mapping[str, Any]) -> Destroyed:
    return Destroyed(
        said["slots"],
        said["replicas"],
        said["method"],
        tuple(map(wire.bytes_of, said["keys"])),
    )
