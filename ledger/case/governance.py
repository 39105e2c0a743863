"""The part about the ledger itself: no case, no child, and no state that a case depends on.

Its events stand in the register (events/contract.py) and nowhere else. One of another kind needs a
schema, a class, an effect and a decision, as everywhere; `register` below is the whole of most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from events.codes import KeyKind, Resolution
from events.contract import is_register
from events.errors import BadInput, CodeUnknown, NotAllowedNow
from events.governance import (
    AlarmResolved,
    KeyRotated,
    ParkingRetried,
    RebuildBegun,
    RebuildFinished,
    SchemasReleased,
    SigningKeyReplaced,
)
from events.stamp import Event
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.plane import Plane

#: Part of the step rows of these events.
PART: Final = "governance"


def _released(plane: Plane, event: SchemasReleased) -> Plane:
    before = plane.schemas.get(event.origin, ())
    fresh = tuple(one for one in event.schemas if one not in before)
    return changed(plane, schemas={**plane.schemas, event.origin: (*before, *fresh)})


def _shown_in_trail(plane: Plane, _event: Event) -> Plane:
    return plane


EFFECTS: Mapping[type[Event], Effect] = {
    SchemasReleased: _released,
    KeyRotated: _shown_in_trail,
    SigningKeyReplaced: _shown_in_trail,
    ParkingRetried: _shown_in_trail,
    AlarmResolved: _shown_in_trail,
    RebuildBegun: _shown_in_trail,
    RebuildFinished: _shown_in_trail,
}


def _register(matter: Matter, made: type[Event], /, **fields: Any) -> Draft:
    """Return the draft of an event about the ledger itself; BadInput in a child's case."""
    if not is_register(matter.case.case_id):
        raise BadInput("what is about the ledger stands in the register", rule="register")
    return Draft(made, fields)


def release_schemas(
    matter: Matter, /, *, shared: tuple[bytes, ...], national: tuple[bytes, ...]
) -> Drafts:
    """Begin to write with schemas, by SHA-256, on the shared topic and on the country's own.

    Those that this country released before are left out; refused if none is left.
    """
    case = matter.case
    drafts = []
    for is_shared, plane, wanted in ((True, case.ahead, shared), (False, case.national, national)):
        before = plane.schemas.get(case.country, ())
        fresh = tuple(one for one in wanted if one not in before)
        if fresh:
            drafts.append(_register(matter, SchemasReleased, shared=is_shared, schemas=fresh))
    if not drafts:
        raise NotAllowedNow("every schema here is released already", rule="schemas_released")
    return tuple(drafts)


def rotate_key(
    matter: Matter, /, *, kind: KeyKind, retired: tuple[str, ...], current: str
) -> Drafts:
    """Say that a key of the node is replaced, by public names."""
    return (_register(matter, KeyRotated, kind=kind, retired=retired, current=current),)


def replace_signing_key(matter: Matter, /, *, note: str) -> Drafts:
    """Say that a key of the country's log gives way to the next; both have signed the note.

    Who records it has compared it with what the agreement pins. What is no such note has no effect
    anywhere (ledger/log/succession.py).
    """
    return (_register(matter, SigningKeyReplaced, note=note),)


def retry_parking(matter: Matter, /, *, waiting: int, parked_case_id: UUID | None = None) -> Drafts:
    """Say that cases which could not be folded on are tried again."""
    fields = {"parked_case_id": parked_case_id, "waiting": waiting}
    return (_register(matter, ParkingRetried, **fields),)


def resolve_alarm(
    matter: Matter,
    /,
    *,
    alarm_id: UUID,
    rule: str,
    log: str,
    partition: int | None = None,
    resolution: Resolution,
) -> Drafts:
    """Say that a fault of a log is resolved. Whoever answers for cases or their data, no program.

    Decisions that waited for it go on: who says so answers for it with a name.
    """
    matter.require_answering()
    if resolution is Resolution.UNKNOWN:
        known = ", ".join(one for one in Resolution if one is not Resolution.UNKNOWN)
        raise CodeUnknown(f"what was done about it is one of {known}", rule="resolution")
    fields = {"alarm_id": alarm_id, "rule": rule, "log": log, "partition": partition}
    return (_register(matter, AlarmResolved, resolution=resolution, **fields),)


def begin_rebuild(matter: Matter, /, *, rebuild_id: UUID) -> Drafts:
    """Say that the read models are built anew."""
    return (_register(matter, RebuildBegun, rebuild_id=rebuild_id),)


def finish_rebuild(
    matter: Matter,
    /,
    *,
    rebuild_id: UUID,
    before: int,
    generation: int,
    folded: int,
    equal: bool,
    shared_offsets: tuple[int, ...],
    national_offsets: tuple[int, ...],
    state: bytes,
) -> Drafts:
    """Say which generation of read models replaces which, how far it is, and what it says."""
    made = _register(
        matter,
        RebuildFinished,
        rebuild_id=rebuild_id,
        before=before,
        generation=generation,
        folded=folded,
        equal=equal,
        shared_offsets=shared_offsets,
        national_offsets=national_offsets,
        state=state,
    )
    return (made,)
