"""A bundle with keys of single events: recorded, given, waited for, written.

The record of an access has to be in the bundle with its proof, so the bundle is written when the
domestic witness has cosigned a checkpoint that holds it. Until then no key is in any file.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from events.codes import DataScope, Purpose
from events.errors import BadInput, ServiceUnavailable
from events.stamp import Actor
from ledger.service import open_ledger
from node.arguments import parse
from node.evidence.exporting import Exported, export_case
from node.evidence.granted import GrantedKey, granted
from node.place import Place
from node.reading import reader

#: A checkpoint is made and cosigned within seconds; so long a bundle waits for one.
PATIENCE_S = 120.0
_AGAIN_S = 1.0

Wanted = Mapping[UUID, tuple[DataScope, ...]]


class Asked(NamedTuple):
    """What an auditor asks to be opened, and what for."""

    wanted: Wanted
    purpose: Purpose
    by: Actor


def wanted_in(texts: Sequence[str]) -> Wanted:
    """Return which scopes of which events are meant by `EVENT:SCOPE,...`; BadInput, CodeUnknown."""
    found: dict[UUID, tuple[DataScope, ...]] = {}
    for text in texts:
        event, colon, scopes = text.partition(":")
        event_id = parse(event, UUID, name="--open")
        if not colon or event_id in found:
            raise BadInput("--open names an event once, as EVENT:SCOPE,SCOPE", rule="open")
        found[event_id] = parse(scopes, tuple[DataScope, ...], name="--open")
    return found


def export_opened(
    where: Place,
    case_id: UUID,
    to: Path,
    asked: Asked,
    *,
    language: str,
    tlog: Path | None = None,
    patience_s: float = PATIENCE_S,
) -> Exported:
    """Write the bundle of a case with keys of some of its events, for an auditor.

    Each access is recorded before its keys are given. AccessRefused; ServiceUnavailable if no
    cosigned checkpoint holds them within `patience_s` seconds; else as export_case.
    """
    with open_ledger(where.ledger_settings()) as ledger:
        keys = granted(ledger, case_id, asked.wanted, by=asked.by, purpose=asked.purpose)
    until = time.monotonic() + patience_s
    while True:
        try:
            return _written(where, case_id, to, keys, language, tlog)
        except ServiceUnavailable as error:
            if error.rule != "checkpoint" or time.monotonic() > until:
                raise
        time.sleep(_AGAIN_S)


def _written(
    where: Place,
    case_id: UUID,
    to: Path,
    keys: Sequence[GrantedKey],
    language: str,
    tlog: Path | None,
) -> Exported:
    with reader(where) as found:
        return export_case(
            found,
            where.agreement,
            case_id,
            to,
            national=True,
            language=language,
            granted=keys,
            tlog=tlog,
        )


def without_key(wanted: Wanted, done: Exported) -> list[str]:
    """Return what was asked for and has no key: destroyed, or the event says nothing of it."""
    there = set(done.report["keys"])
    asked = [(event_id, scope) for event_id, scopes in wanted.items() for scope in scopes]
    return [
        f"{event_id}:{scope}"
        for event_id, scope in asked
        if f"keys/{event_id}.{scope}.key" not in there
    ]
