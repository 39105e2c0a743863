"""How the keystore is asked: one JSON object a line, over a socket of this machine.

Only these few words are understood. Nothing is unpickled and nothing evaluated: whoever may connect
can ask for what is below, and no more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from events import errors
from events.codes import DataScope
from events.errors import LedgerError, Misconfigured, RecordRejected
from events.stamp import SealedEntry
from ledger.keys.capsules import Prepared
from ledger.keys.seal import ItemKey
from ledger.keys.sealing import Field, Opened

#: The longest line: a batch of some hundred texts.
LONGEST_LINE = 16 * 1024 * 1024
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def line(message: Mapping[str, Any]) -> bytes:
    """Return a message as one line."""
    return _ENCODER.encode(message).encode() + b"\n"


def message(text: bytes) -> dict[str, Any]:
    """Return the message of a line; RecordRejected if it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RecordRejected("a keystore is asked in JSON objects, one a line", rule="keystore")
    return found


def text_of(data: bytes) -> str:
    """Return bytes as they stand in a message."""
    return base64.b64encode(data).decode()


def bytes_of(text: str) -> bytes:
    """Return the bytes that a message holds."""
    return base64.b64decode(text, validate=True)


def field_out(one: Field) -> list[Any]:
    """Return a text that is to be sealed as it stands in a message."""
    ids = [str(one.event_id), str(one.case_id), one.origin, str(one.scope)]
    return [*ids, text_of(one.schema_sha256), one.size, text_of(one.text)]


def field_in(said: Sequence[Any]) -> Field:
    """Return the text that a message holds."""
    event_id, case_id, origin, scope, schema, size, text = said
    return Field(
        event_id=UUID(event_id),
        case_id=UUID(case_id),
        origin=str(origin),
        scope=DataScope(scope),
        schema_sha256=bytes_of(schema),
        size=int(size),
        text=bytes_of(text),
    )


def prepared_out(one: Prepared) -> dict[str, Any]:
    """Return a prepared release as it stands in a message. Its capsule stays behind."""
    return {
        "grant_id": str(one.grant_id),
        "basis_id": str(one.basis_id),
        "scopes": [str(scope) for scope in one.scopes],
        "epoch": one.epoch,
        "commitments": [text_of(each) for each in one.commitments],
        "capsule": text_of(one.capsule_hash),
        "sealed": [[str(entry.scope), text_of(entry.box)] for entry in one.sealed],
    }


def prepared_in(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `release_keys` that a message holds."""
    return {
        "grant_id": UUID(said["grant_id"]),
        "basis_id": UUID(said["basis_id"]),
        "scopes": tuple(map(DataScope, said["scopes"])),
        "epoch": said["epoch"],
        "commitments": tuple(map(bytes_of, said["commitments"])),
        "capsule": bytes_of(said["capsule"]),
        "sealed": tuple(
            SealedEntry(scope=DataScope(scope), box=bytes_of(box)) for scope, box in said["sealed"]
        ),
    }


def shown_out(shown: Mapping[str, Mapping[DataScope, Opened]]) -> dict[str, Any]:
    """Return what is shown as it stands in a message."""
    return {
        country: {str(scope): [one.state, text_of(one.text)] for scope, one in record.items()}
        for country, record in shown.items()
    }


def shown_in(said: Mapping[str, Any]) -> dict[str, dict[DataScope, Opened]]:
    """Return what a message shows."""
    return {
        country: {
            DataScope(scope): Opened(state, bytes_of(text))
            for scope, (state, text) in record.items()
        }
        for country, record in said.items()
    }


def item_keys_out(keys: Mapping[DataScope, ItemKey]) -> dict[str, Any]:
    """Return keys of one event as they stand in a message."""
    return {
        str(scope): [one.epoch, text_of(one.schema_sha256), text_of(one.key)]
        for scope, one in keys.items()
    }


def item_keys_in(said: Mapping[str, Any]) -> dict[DataScope, ItemKey]:
    """Return the keys that a message holds."""
    return {
        DataScope(scope): ItemKey(int(epoch), bytes_of(schema), bytes_of(key))
        for scope, (epoch, schema, key) in said.items()
    }


def error_out(error: LedgerError) -> dict[str, Any]:
    """Return an error as it stands in an answer."""
    return {"error": type(error).__name__, "rule": error.rule, "message": str(error)}


def error_in(said: Mapping[str, Any]) -> LedgerError:
    """Return the error that an answer holds, as the class it was."""
    found = getattr(errors, str(said["error"]), None)
    if not (isinstance(found, type) and issubclass(found, LedgerError)):
        found = Misconfigured
    made: LedgerError = found(str(said["message"]), rule=str(said["rule"]))
    return made
