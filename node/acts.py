"""What is done to a node by hand, and recorded in the register before it takes effect.

The register is in the same logs as the cases, so an auditor sees who rebuilt, retried and rotated,
and another run of the same verb is another event. Where nothing can be recorded, nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from events.codes import KeyKind
from events.errors import BadInput, LedgerError
from events.registry import SCHEMAS
from events.schema_pin import began_with
from ledger.case import governance
from ledger.case.case import Topic
from ledger.log.succession import Succession, turns
from ledger.receipt import Receipt
from node.place import Place
from node.register import Recording, recording
from projections.filling import Progress
from projections.rebuild import Ready, Rebuilt

if TYPE_CHECKING:
    from ledger.keys.rotating import Rotated
    from node.settings import KeystoreSettings
    from projections.folding import Stop


def _quietly(_progress: Progress) -> None:
    pass


def rebuild(
    where: Place,
    by: str | None,
    *,
    processes: int | None = None,
    expect_difference: str | None = None,
    tell: Callable[[Progress], None] = _quietly,
) -> Rebuilt:
    """Build all read models anew and use them; see projections/rebuild.py.

    A rebuild that the register only knows the beginning of was given up, or was refused.
    """
    from projections import rebuild as building

    rebuild_id = uuid7()
    with recording(where, by) as record:
        record(governance.begin_rebuild, rebuild_id=rebuild_id)
        return building.rebuild(
            where.dsn("project"),
            country=where.country,
            keys=where.keys,
            processes=processes,
            expect_difference=expect_difference,
            tell=tell,
            announce=lambda ready: _finished(record, rebuild_id, ready),
        )


def _finished(record: Recording, rebuild_id: UUID, ready: Ready) -> None:
    offsets = {
        topic: tuple(
            position.next_offset
            for (found, _), position in sorted(ready.positions.items())
            if found == topic
        )
        for topic in Topic
    }
    record(
        governance.finish_rebuild,
        rebuild_id=rebuild_id,
        before=ready.rebuilt.before,
        generation=ready.rebuilt.number,
        folded=ready.rebuilt.events,
        equal=ready.rebuilt.equal,
        shared_offsets=offsets[Topic.SHARED],
        national_offsets=offsets[Topic.NATIONAL],
        state=ready.state,
    )


def retry_parked(where: Place, by: str | None, case_id: UUID | None) -> tuple[int, list[Stop]]:
    """Fold parked cases on, or one of them; return how many were tried and where some stop again.

    With nothing parked nothing is recorded. What a worker folds on by itself when it starts follows
    from the schemas that were installed, and is no act of a person.
    """
    from node.reading import reader
    from projections import quarantine

    with reader(where, role="project") as reading:
        sides = quarantine.parked(reading.connection, reading.generation, case_id)
        if sides:
            with recording(where, by) as record:
                record(governance.retry_parking, waiting=len(sides), parked_case_id=case_id)
        stops = quarantine.retry(
            reading.connection,
            reading.generation,
            sides,
            country=reading.country,
            keys=reading.keys,
        )
    return len(sides), stops


def rotate_kek(where: Place, by: str | None, settings: KeystoreSettings) -> Rotated:
    """Wrap every key set under the present key-encryption key; see node/keeping.py."""
    from node import keeping

    def announce(retired: Collection[bytes], current: bytes) -> None:
        with recording(where, by) as record:
            record(
                governance.rotate_key,
                kind=KeyKind.KEY_ENCRYPTION,
                retired=tuple(name.hex() for name in retired),
                current=current.hex(),
            )

    return keeping.rotate(settings, announce)


def release_schemas(where: Place, by: str | None) -> Receipt:
    """Begin to write with every schema of this release of the software that is not released yet.

    NotAllowedNow if there is none. Whoever does it knows that every country can read them.
    """
    began = began_with(where.agreement.schemas)
    fresh = {bytes.fromhex(one.sha256): one.visibility for one in SCHEMAS}
    national = tuple(sha for sha in fresh if sha not in began)
    shared = tuple(sha for sha in national if fresh[sha] == "shared")
    with recording(where, by) as record:
        return record(governance.release_schemas, shared=shared, national=national)


def replace_key(where: Place, by: str | None, note: str) -> Succession:
    """Let a key of the country's log give way to the next, as both have signed.

    BadInput if the note is none, or says what the agreement or the log before does not permit.
    """
    from node.reading import reader

    try:
        said = Succession.parse(note)
    except LedgerError as error:
        raise BadInput(f"{error}: make one with `ledger prepare succession`") from None
    party, prefix = where.agreement.countries[where.country], where.agreement.prefix
    pinned = (*party.log_keys, *party.note_keys)
    if said.current not in pinned:
        raise BadInput("the agreement does not pin the new key: add it in every country before")
    with reader(where) as found:
        known = turns(found.connection, pinned, prefix=prefix, origin=where.country)
    if known.newest(said) != said.retired or not known.is_new(said.current):
        raise BadInput("the old key is not the one that signs now, or the new one had its turn")
    with recording(where, by) as record:
        record(governance.replace_signing_key, note=note)
    return said
