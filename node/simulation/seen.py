"""A case as one country sees it when it is its turn: what moves ask, and make arguments from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TypeVar
from uuid import UUID, uuid5

from events.codes import DataScope, Purpose
from ledger.case.bases import bases_of
from ledger.case.case import Case
from ledger.case.national import Care, Plan, Routing
from ledger.case.personal import PersonalData
from ledger.case.plane import Basis, Handoff, Release
from node.simulation.cast import Cast

T = TypeVar("T")
Found = tuple[UUID, Handoff]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What lies before a person, and what the seed says for this turn."""

    case: Case
    #: The other country of this case.
    other: str
    kind: str
    cast: Cast
    #: How much of what is planned for this country has been taken: 0 to 1.
    progress: float
    #: Name of the turn: ids follow from it and from the pseudonym of the case.
    turn: str
    draw: Random
    #: The day (UTC).
    today: date
    #: Another case of this country.
    neighbour: UUID | None = None
    _ids: list[UUID] = field(default_factory=list)

    @property
    def country(self) -> str:
        """Who looks."""
        return self.case.country

    @property
    def care(self) -> Care:
        """The national work with the child."""
        return self.case.national.care

    @property
    def is_open(self) -> bool:
        """Whether the case goes on."""
        return self.case.identity.state == "open"

    @property
    def answers(self) -> bool:
        """Whether this country answers for an open case."""
        return self.is_open and self.case.identity.responsible == self.country

    @property
    def ends(self) -> bool:
        """Whether little is left to do."""
        return self.progress > 0.65

    def after(self, days: int) -> date:
        """Return a day that is to come."""
        return self.today + timedelta(days=days)

    def id(self) -> UUID:
        """Return the next id: the same for this turn of this case, whoever asks again."""
        self._ids.append(uuid5(self.case.case_id, f"{self.turn}/{len(self._ids)}"))
        return self._ids[-1]

    def one(self, several: Sequence[T]) -> T:
        """Choose one as the seed says."""
        return self.draw.choice(several)

    def chance(self, share: float) -> bool:
        """Say yes so often."""
        return self.draw.random() < share

    def handoffs(
        self, what: str, *states: str, sent: bool = False, got: bool = False
    ) -> list[Found]:
        """Return referrals, transfers in one of these states; those sent or got by this country."""
        planes = (self.case.ahead, self.case.national)
        return [
            (handoff_id, one)
            for plane in planes
            for handoff_id, one in getattr(plane, what).items()
            if (one.state in states or (not states and one.open))
            and (not sent or one.sender == self.country)
            and (not got or one.receiver == self.country)
        ]

    def bases(
        self, *purposes: Purpose, recipient: str | None = None, override: bool = False
    ) -> list[UUID]:
        """Return permissions in force of which this country recorded such a purpose."""
        return [
            basis_id
            for basis_id, basis in self._all_bases().items()
            if self._in_force(basis)
            and basis.override is override
            and recipient in {None, basis.recipient}
            and basis_id in self.care.terms
            and (not purposes or self.care.terms[basis_id].purpose in purposes)
        ]

    def permitted(self, recipient: str, *purposes: Purpose) -> list[UUID]:
        """Return what permits data to go to a country: consents, and overrides."""
        said = self.bases(*purposes, recipient=recipient)
        return said + self.bases(*purposes, recipient=recipient, override=True)

    def basis(self, basis_id: UUID) -> Basis:
        """Return a permission."""
        return self._all_bases()[basis_id]

    def ended(self, recipient: str) -> list[Basis]:
        """Return consents to a country that were refused or taken back."""
        return [
            basis
            for basis in self._all_bases().values()
            if basis.state in {"refused", "withdrawn"}
            and basis.recipient == recipient
            and not basis.override
        ]

    def lost(self, found: Found) -> bool:
        """Say whether a handoff has lost what it rested on."""
        case, (_, handoff) = self.case, found
        plane = case.ahead if case.ahead.handoff(found[0]) else case.national
        rests = bases_of(plane, handoff)
        return not any(plane.in_force(one, handoff, self.today) for one in rests)

    def grants(self, state: str) -> list[tuple[UUID, Release]]:
        """Return what this country was given and holds."""
        releases = self.case.ahead.releases.items()
        mine = [one for one in releases if one[1].recipient == self.country]
        return [one for one in mine if one[1].state == state]

    def routings(self, state: str) -> list[tuple[UUID, Routing]]:
        """Return the services that were asked, in a state."""
        return [one for one in self.care.routings.items() if one[1].state == state]

    def plans(self, state: str) -> list[tuple[UUID, Plan]]:
        """Return versions of her plan, in a state."""
        return [one for one in self.care.plans.items() if one[1].state == state]

    def _all_bases(self) -> Mapping[UUID, Basis]:
        # What the topic says of a permission goes before what only this country knew.
        return {**self.case.national.consents, **self.case.ahead.consents}

    def _in_force(self, basis: Basis) -> bool:
        until = basis.expires_on
        return basis.state == "granted" and until is not None and self.today <= until


def said(scope: DataScope, **values: object) -> PersonalData:
    """Return invented data of one scope."""
    return PersonalData({scope: values})
