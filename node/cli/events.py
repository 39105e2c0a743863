"""`ledger events`: the types of events, and what their bytes say."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from events.errors import BadInput
from node.cli import output
from node.cli.app import noun
from node.cli.options import Json

app = noun("events")

#: A longer word is no file name on any system.
_LONGEST_NAME = 256


@app.command("list")
def _list(*, as_json: Json = False) -> None:
    """List every released type: who may see it, and its step of the step table."""
    from events.registry import SCHEMAS

    if as_json:
        output.document(
            [
                {
                    "name": schema.name,
                    "version": schema.version,
                    "visibility": schema.visibility,
                    "fingerprint": schema.fingerprint,
                    "sha256": schema.sha256,
                    "step": schema.step,
                }
                for schema in SCHEMAS
            ]
        )
        return
    output.table(
        ("event", "v", "visible", "from", "to", "by", "fingerprint"),
        [
            (
                schema.name,
                schema.version,
                schema.visibility,
                ", ".join(schema.step["from"]),
                schema.step["to"],
                schema.step["by"],
                schema.fingerprint,
            )
            for schema in SCHEMAS
        ],
    )


@app.command("decode")
def _decode(
    what: Annotated[
        str, typer.Argument(metavar="HEX|FILE|-", help="Hex, base64, a file of bytes, or stdin.")
    ],
    *,
    national_key: Annotated[
        Path | None,
        typer.Option(
            "--national-key", metavar="FILE", help="Key file that opens a national envelope."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what the bytes of one event say, and which leaf hash they have."""
    from events.codec import decode
    from events.stamp import leaf_hash
    from ledger.keys.national import NationalKeys, opened

    value = _bytes_of(what)
    event = decode(value)
    if national_key is not None:
        event = opened(event, NationalKeys.load(national_key))
    said: Mapping[str, Any] = {
        "type": type(event).__name__,
        "leaf": leaf_hash(value),
        "event": {one.name: getattr(event, one.name) for one in fields(event)},
    }
    if as_json:
        output.document(said)
        return
    output.line(f"{said['type']}  leaf {leaf_hash(value).hex()}")
    output.table(("field", "value"), said["event"].items())


def _bytes_of(what: str) -> bytes:
    if what == "-":
        return _read(sys.stdin.buffer.read())
    try:
        return bytes.fromhex(what)
    except ValueError:
        is_file = len(what) < _LONGEST_NAME and Path(what).is_file()
        return _read(Path(what).read_bytes() if is_file else what.encode())


def _read(found: bytes) -> bytes:
    """Bytes of an event start with C3 01; anything else has to be their hex or base64."""
    if found.startswith(b"\xc3\x01"):
        return found
    text = b"".join(found.split())
    try:
        return bytes.fromhex(text.decode())
    except ValueError:
        return _base64(text)


def _base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadInput("these are no bytes of an event, nor their hex or base64") from None
