"""The part about blocks: nothing about a child goes to some countries and persons.

Any cause is placed the same way, and the cause is sealed, so that another country cannot tell an
asylum or trafficking procedure from an illness (design §7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from events.block import BlockLifted, BlockPlaced
from events.case import StatusChanged
from events.codes import DataScope, NeutralStatus, Role
from events.errors import AccessRefused, BadInput, NotAllowedNow, ProtectiveRefusal
from events.stamp import Event
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Block
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care


def _placed(plane: Plane, event: BlockPlaced) -> Plane:
    block = Block(countries=event.countries, persons=event.persons)
    blocks = {**plane.care.blocks, event.block_id: block}
    return with_care(plane, blocks=blocks)


def _lifted(plane: Plane, event: BlockLifted) -> Plane:
    blocks = {
        block_id: block
        for block_id, block in plane.care.blocks.items()
        if block_id != event.block_id
    }
    return with_care(plane, blocks=blocks)


EFFECTS: Mapping[type[Event], Effect] = {BlockPlaced: _placed, BlockLifted: _lifted}


def place_block(
    matter: Matter,
    /,
    *,
    countries: tuple[str, ...] = (),
    persons: tuple[str, ...] = (),
    data: PersonalData | None = None,
    block_id: UUID | None = None,
) -> Drafts:
    """Let nothing about the child go to these countries and persons; why is sealed.

    An open transfer to one of these countries falls back to not ready, by the one neutral event
    that every other cause makes, too. If none is open, no shared byte changes.
    """
    matter.require_known()
    matter.require_care()
    if not countries and not persons:
        raise BadInput("a block names a country or a person", rule="block_names")
    for country in countries:
        matter.require_abroad(country)
    matter.require_pseudonym("a person who is excluded", *persons)
    if data is not None:
        data.require_only({DataScope.PROTECTION}, "a block")
    fields = {
        "block_id": block_id or matter.new_id(),
        "countries": tuple(dict.fromkeys(countries)),
        "persons": tuple(dict.fromkeys(persons)),
    }
    placed = Draft(BlockPlaced, fields, data=data)
    if not _stops_transfer(matter, countries):
        return (placed,)
    return (placed, Draft(StatusChanged, {"status": NeutralStatus.NOT_READY}))


def lift_block(matter: Matter, /, *, block_id: UUID) -> Drafts:
    """Lift a block. Status and transfers stay as they are: readiness is a deliberate act."""
    matter.require_known()
    matter.require_supervising()
    if block_id not in matter.case.national.care.blocks:
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no block {block_id}", rule="block_known"
        )
    return (Draft(BlockLifted, {"block_id": block_id}),)


def require_unblocked(matter: Matter, country: str) -> None:
    """Refuse what would bring the child, or data about her, to an excluded country."""
    if matter.case.national.care.excludes_country(country):
        raise ProtectiveRefusal(
            f"case {matter.case.case_id}: a block stands against {country}", rule="blocked"
        )


def is_excluded(matter: Matter) -> bool:
    """Say whether a block stands against who decides, or against the house he works in.

    A program goes by its own name only: it has to go on stopping what has to stop.
    """
    care, by = matter.case.national.care, matter.by
    names = (by.id,) if by.role == Role.SYSTEM else (by.id, by.organisation)
    return any(care.excludes_person(name) for name in names)


def require_not_excluded(matter: Matter) -> None:
    """Refuse a person who is excluded from the case as any wrong role is refused.

    He must not learn that a block stands, so why is for the record only.
    """
    if is_excluded(matter):
        raise AccessRefused(
            f"a {matter.by.role} does not decide this", rule="role", recorded_as="excluded"
        )


def require_may_be_ready(matter: Matter) -> None:
    """Refuse to take a transfer off its hold while a block stands against where it goes."""
    for transfer in matter.case.ahead.open_transfers.values():
        require_unblocked(matter, transfer.receiver)


def _stops_transfer(matter: Matter, countries: Iterable[str]) -> bool:
    """Say whether a transfer to one of these countries is open and this country can stop it."""
    case = matter.case
    if case.identity.responsible != case.country:
        return False
    # Not ready already: to say so again would tell that something happened.
    return case.ahead.identity.status is NeutralStatus.READY and any(
        transfer.receiver in set(countries) for transfer in case.ahead.open_transfers.values()
    )
