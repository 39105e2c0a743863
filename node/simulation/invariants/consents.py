"""C1 to C5: consent opens data, and its end stops it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from events.codes import ConsentGiver, Purpose, Role
from node.simulation.history import Line, Story, in_order
from node.simulation.invariants.permissions import Permissions, endings, walked
from node.simulation.invented import MARK

_SUPERVISING = {Role.SUPERVISOR, Role.FOCAL_POINT}
_SERVICE = {Purpose.SERVICE, Purpose.CASE_MANAGEMENT}
_FOR = {"ReferralSent": _SERVICE, "TransferProposed": {Purpose.TRANSFER}}


def every_release_has_its_basis(story: Story) -> Iterator[str]:
    """C1: every release cites a consent active for that scope at that instant, or an override."""
    for line, known in walked(story.effective):
        if line.kind != "KeysReleased":
            continue
        event: Any = line.event
        basis = known.get(event.basis_id)
        day = event.recorded_at.date()
        if basis is None or not basis.covers(event.recipient, event.scopes, day):
            yield f"{event.event_id} was released on nothing that was in force"


def withdrawal_bites_and_deletes_nothing(story: Story) -> Iterator[str]:
    """C2: withdrawal deletes no past events; it makes future releases impossible, and stops those.

    The grant that stood goes with it: its sender says that sharing has stopped, or its recipient
    that its keys are destroyed.
    """
    lines = story.effective
    ended = endings(lines)
    for at, line in enumerate(lines):
        event: Any = line.event
        if line.kind != "KeysReleased" or event.basis_id not in ended:
            continue
        if at > ended[event.basis_id]:
            yield f"{event.event_id} was released after its basis had ended"
        elif not any(_ends(one, event) for one in lines[at:]):
            yield f"{event.event_id} goes on after its basis had ended"
    said = [line.value for line in story.shared]
    for country, told in story.told.items():
        if told.shared and [line.value for line in told.shared] != said:
            yield f"{country} has other lines than the others"


def _ends(line: Line, release: Any) -> bool:
    event: Any = line.event
    if line.kind == "ReleaseStopped":
        return bool(event.origin == release.origin and event.handoff_id == release.handoff_id)
    if line.kind == "KeysDestroyed":
        return bool(event.origin == release.recipient and event.grant_id == release.grant_id)
    return line.kind == "ErasureAttested" and event.origin == release.recipient


def nobody_else_grants_again(story: Story) -> Iterator[str]:
    """C3: a refused or withdrawn scope is not granted again by a different giver without review.

    The child may always; whoever took it back may; anybody else's word a supervisor records.
    """
    for country in story.told:
        yield from _again(story, country)


def _again(story: Story, country: str) -> Iterator[str]:
    """Look at each new grant of a country, after what it had decided and what it had heard."""
    own = in_order(story.told[country].own, country)
    terms: dict[UUID, Any] = {}
    who: dict[UUID, tuple[Any, Any]] = {}
    for line in own:
        said: Any = line.event
        if line.kind == "BasisRecorded":
            terms.setdefault(said.basis_id, said)
        elif line.kind == "WithdrawalRecorded":
            who.setdefault(said.basis_id, (said.given_by, said.giver))
            if said.given_by is ConsentGiver.CHILD:  # her word stays, whatever an adult adds
                who[said.basis_id] = (said.given_by, said.giver)
    for event, met in _again_of(own, story.effective, country):
        given = terms.get(event.consent_id)
        # What only this country knew is published with the first step that rests on it.
        if given is None or given.recorded_at != event.recorded_at:
            continue
        by = {who.get(one) for one in met}
        alone = given.given_by is ConsentGiver.CHILD or by <= {(given.given_by, given.giver)}
        if not alone and event.actor.role not in _SUPERVISING:
            yield f"{event.event_id} gives again what another had taken back"


def _again_of(
    own: list[Line], shared: list[Line], country: str
) -> Iterator[tuple[Any, frozenset[UUID]]]:
    """Yield each new permission, with what had been taken back of it, here or on the topic."""
    met: dict[UUID, frozenset[UUID]] = {}
    grants: dict[UUID, Any] = {}
    for lines in (own, shared):
        for line, known in walked(lines):
            event: Any = line.event
            if line.kind == "ConsentGranted" and event.origin == country:
                grants[event.event_id] = event
                before = met.get(event.event_id, frozenset())
                met[event.event_id] = before | _met(known, event)
    for event_id, event in grants.items():
        yield event, met[event_id]


def _met(known: Permissions, event: Any) -> frozenset[UUID]:
    """Return what was refused or taken back of this."""
    return frozenset(
        basis_id
        for basis_id, one in known.items()
        if one.ended
        and not one.override
        and one.recipient == event.recipient
        and not one.scopes.isdisjoint(event.scopes)
    )


def nothing_personal_stands_in_clear(story: Story) -> Iterator[str]:
    """C4: what is reported without consent identifies nobody: no invented word stands in clear.

    Statistics that leave out small cells are a part that is not built; what is asked here is that
    whatever left a country, or stands on a topic, holds nothing of what was said about the child.
    """
    mark = MARK.encode()
    for told in story.told.values():
        for line in (*told.shared, *told.national):
            if mark in line.value or MARK in repr(line.event):
                yield f"{line.event.event_id} says in clear what belongs sealed"


def consent_reaches_no_further(story: Story) -> Iterator[str]:
    """C5: consent to share with one never implies another: same recipient, scopes and purpose.

    What a permission was for its own country recorded; a service does not move responsibility.
    """
    purposes = {
        one.event.basis_id: one.event.purpose  # type: ignore[attr-defined]
        for country in story.told
        for one in story.national(country)
        if one.kind == "BasisRecorded"
    }
    for line, known in walked(story.effective):
        event: Any = line.event
        wanted = _FOR.get(line.kind)
        if wanted is None:
            continue
        basis = known.get(event.basis_id)
        day = event.recorded_at.date()
        if basis is None or not basis.covers(event.recipient, event.scopes, day):
            yield f"{event.event_id} goes to whom nobody permitted it"
        elif purposes.get(event.basis_id) not in wanted:
            yield f"{event.event_id} rests on a permission for something else"
