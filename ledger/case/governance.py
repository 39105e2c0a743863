"""The part about the ledger itself: no case, no child, and no state that a case depends on.

Its events stand in the register (events/contract.py) and nowhere else. One of another kind needs a
schema, a class, an effect and a decision, as everywhere; `register` below is the whole of most.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from events.codes import KeyKind, Resolution, Role, RuleKind
from events.contract import is_register
from events.errors import BadInput, CodeUnknown, NotAllowedNow
from events.governance import (
    AlarmResolved,
    GuidelineAcknowledged,
    KeyRotated,
    ParkingRetried,
    RebuildBegun,
    RebuildFinished,
    RulesActivated,
    SchemasReleased,
    ServiceCapacityChanged,
    SigningKeyReplaced,
)
from events.stamp import Event
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.plane import Activated, Plane

#: Part of the step rows of these events.
PART: Final = "governance"


def _released(plane: Plane, event: SchemasReleased) -> Plane:
    before = plane.schemas.get(event.origin, ())
    fresh = tuple(one for one in event.schemas if one not in before)
    return changed(plane, schemas={**plane.schemas, event.origin: (*before, *fresh)})


def _activated(plane: Plane, event: RulesActivated) -> Plane:
    made = Activated(number=event.number, text=event.text, effective_from=event.effective_from)
    name = f"{event.kind}/{event.name}"
    return changed(plane, rules={**plane.rules, name: (*plane.rules.get(name, ()), made)})


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
    RulesActivated: _activated,
    GuidelineAcknowledged: _shown_in_trail,
    ServiceCapacityChanged: _shown_in_trail,
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


def activate_rules(
    matter: Matter, /, *, kind: RuleKind, name: str, number: int, text: bytes, effective_from: date
) -> Drafts:
    """Begin to decide by a rule file, named by the SHA-256 of its text. Four eyes read it before.

    Whoever answers for cases; a version that is not above the one in force is refused.
    """
    matter.require_supervising()
    for before in matter.case.national.rules.get(f"{kind}/{name}", ()):
        if number <= before.number or effective_from < before.effective_from:
            raise NotAllowedNow(
                f"{kind} {name}: version {before.number} is there, from {before.effective_from}"
                " on; give this one a higher number, and no earlier day",
                rule="rules_version",
            )
    matter.require_day_ahead(effective_from, "the first day")
    fields = {"number": number, "text": text, "effective_from": effective_from}
    return (_register(matter, RulesActivated, kind=kind, name=name, **fields),)


def acknowledge_guideline(
    matter: Matter, /, *, organisation: str, guideline: str, number: int
) -> Drafts:
    """Say that a provider has read a guideline and will follow it; without that it gets no child.

    The provider itself, or whoever answers for cases.
    """
    matter.require_pseudonym("the organisation", organisation, guideline)
    _require_own(matter, organisation)
    fields = {"organisation": organisation, "guideline": guideline, "number": number}
    return (_register(matter, GuidelineAcknowledged, **fields),)


def change_capacity(
    matter: Matter,
    /,
    *,
    service: str,
    organisation: str,
    places: int,
    paused_until: date | None = None,
) -> Drafts:
    """Say how many children a service can take, and until when it takes none.

    Its organisation, or whoever answers for cases.
    """
    matter.require_pseudonym("the service", service, organisation)
    _require_own(matter, organisation)
    if places < 0:
        raise BadInput("a service has no fewer than 0 places", rule="places")
    if paused_until is not None:
        matter.require_day_ahead(paused_until, "the last day of the pause")
    fields = {"service": service, "places": places, "paused_until": paused_until}
    return (_register(matter, ServiceCapacityChanged, **fields),)


def _require_own(matter: Matter, organisation: str) -> None:
    """Refuse a provider who speaks for another one, and whoever is neither."""
    if matter.by.role == Role.PROVIDER and matter.by.organisation == organisation:
        return
    matter.require_supervising()
