"""Coverage: which countries hold keys of a case, and what each of them says has become of them.

A pure function of the shared events, so every country shows the same board and an auditor can make
it again. What a country says is a statement and no proof: a board is complete when nobody is left
who would have to say something, never when there is no copy anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from events.registry import CLASSES
from ledger.case.gone import names_of
from ledger.case.plane import NONE, Plane, Release
from projections.change import Change, Opinions
from projections.table import Row, Table, plain

TABLE = Table(
    name="coverage",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "country": "text NOT NULL",
        "role": "text NOT NULL",  # origin: of keys of its own; recipient: of keys it was given
        "state": "text NOT NULL",
        "grants": "int4 NOT NULL",  # given by an origin, or to a recipient
        "outstanding": "int4 NOT NULL",  # stopped, and neither destroyed nor claimed
        "ground": "text",
        "until": "date",
        "erasure_id": "uuid",
        "backups_expire_on": "date",
        "contradicted_by": "uuid",  # event under a key that the country says is gone
    },
    key=("case_id", "topic", "country", "role"),
)

ORIGIN, RECIPIENT = "origin", "recipient"
#: States in which a country says that it holds nothing any more.
GONE = frozenset({"destroyed", "attested"})


class Holding(NamedTuple):
    """One country in one role, and where it stands.

    holds; stopped (owes that it destroys or claims: an outstanding holder); claimed (keeps data on
    a ground of its own until a day); destroyed; attested (has erased the case); contradicted (said
    that keys are gone, and used one since).
    """

    country: str
    role: str
    state: str
    grants: int = 0
    outstanding: int = 0
    ground: str | None = None
    until: date | None = None
    erasure_id: UUID | None = None
    backups_expire_on: date | None = None
    contradicted_by: UUID | None = None


def board(plane: Plane) -> tuple[Holding, ...]:
    """Return who holds or held keys of a shared case; nobody if it is not shared."""
    if not plane.shared or plane.identity.state == NONE:
        return ()
    recipients = dict.fromkeys(release.recipient for release in plane.releases.values())
    return (
        *(_origin(plane, country) for country in _origins(plane)),
        *(_recipient(plane, country) for country in recipients),
    )


def is_complete(holdings: Iterable[Holding]) -> bool:
    """Say whether nobody holds keys any more, as far as everybody has said so."""
    states = {holding.state for holding in holdings}
    return bool(states) and states <= GONE


def _origins(plane: Plane) -> Sequence[str]:
    """Countries with keys of their own: that opened the case, took it over, released or erased."""
    taken_over = (
        transfer.receiver
        for transfer in plane.transfers.values()
        # A mere request has no basis; its receiver is the country that was asked.
        if transfer.state in {"moved", "completed"} and transfer.basis_id is not None
    )
    released = (release.origin for release in plane.releases.values())
    recipients = {release.recipient for release in plane.releases.values()}
    attested = (country for country in plane.attested if country not in recipients)
    first = (plane.identity.opener, plane.identity.responsible)
    named = (*first, *taken_over, *released, *attested)
    return list(dict.fromkeys(country for country in named if country is not None))


def _origin(plane: Plane, country: str) -> Holding:
    given = [release for release in plane.releases.values() if release.origin == country]
    said = plane.attested.get(country)
    # An attestation that leaves out keys which the country has given away does not cover them.
    gone = frozenset[bytes]() if said is None else frozenset(said.keys)
    covered = said is not None and all(names_of(one) <= gone for one in given)
    state = "attested" if covered else "holds"
    return _said(plane, Holding(country, ORIGIN, state, grants=len(given)))


def _recipient(plane: Plane, country: str) -> Holding:
    given = [release for release in plane.releases.values() if release.recipient == country]
    claimed = [one for one in given if one.state == "claimed"]
    kept = max(claimed, key=lambda one: one.until or date.min, default=None)
    holding = Holding(
        country,
        RECIPIENT,
        _state(plane, country, given),
        grants=len(given),
        outstanding=sum(one.state == "stopped" for one in given),
        ground=None if kept is None else str(kept.ground),
        until=None if kept is None else kept.until,
    )
    return _said(plane, holding)


def _state(plane: Plane, country: str, given: Sequence[Release]) -> str:
    """Return the state of the grant that asks most of the country."""
    states = {one.state for one in given}
    for state, word in (("stopped", "stopped"), ("released", "holds"), ("claimed", "claimed")):
        if state in states:
            return word
    return "attested" if country in plane.attested else "destroyed"


def _said(plane: Plane, holding: Holding) -> Holding:
    """Add what the country says about its erasure, and whether it has contradicted itself."""
    said = plane.attested.get(holding.country)
    if said is not None:
        holding = holding._replace(
            erasure_id=said.erasure_id, backups_expire_on=said.backups_expire_on
        )
    used = plane.contradicted.get(holding.country)
    return holding if used is None else holding._replace(state="contradicted", contradicted_by=used)


def rows(change: Change) -> Iterable[Row]:
    """Return a row for each country that stands otherwise after an event, effective or void."""
    return [_row(change, holding) for holding in _differing(change.before, change.after)]


def _differing(before: Plane, after: Plane) -> Iterator[Holding]:
    # Whoever takes a case over is responsible from that event on.
    if (
        before.releases is after.releases
        and before.attested is after.attested
        and before.contradicted is after.contradicted
        and before.identity.responsible == after.identity.responsible
    ):
        return
    stood = set(board(before))
    yield from (holding for holding in board(after) if holding not in stood)


def _row(change: Change, holding: Holding) -> Row:
    record = change.record
    return (record.case_id, record.topic, plain(holding.country), *holding[1:])


#: Whatever an event is: it may stand under a key that its origin says is gone.
OPINIONS: Opinions = dict.fromkeys(CLASSES.values(), rows)
