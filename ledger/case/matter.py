"""What lies before a person who decides, and the drafts that a decision gives back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import NEUTRAL_ROLES, DataScope, Role
from events.errors import (
    BadInput,
    CaseUnknown,
    CodeUnknown,
    DecisionRefused,
    NotAllowedNow,
    WrongCountry,
    WrongRole,
)
from events.stamp import Actor, Event, SealedEntry
from ledger.case.case import Case
from ledger.case.personal import PersonalData

#: Roles that may approve what another person asked for.
SUPERVISING = frozenset({Role.SUPERVISOR, Role.FOCAL_POINT})
#: Who works with the case, and answers for it. A guardian or a provider may be a party to it.
WORKING = frozenset({Role.CASEWORKER, *SUPERVISING})
#: Who answers for the case or for its data.
ANSWERING = SUPERVISING | {Role.DATA_PROTECTION_OFFICER}
#: Roles that only look. An auditor who decides would have to audit himself.
_LOOKING = frozenset({Role.AUDITOR})
#: A pseudonym or a code; no spaces and no other alphabet, so that it is hard to type a name.
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: No permission and no due date reaches further than this.
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event without its stamp: what a decision wants to be recorded."""

    kind: type[Event]
    fields: Mapping[str, Any] = field(default_factory=dict)
    caused_by: UUID | None = None
    #: Only for facts that any node would name alike (an expiry); otherwise a new id is drawn.
    event_id: UUID | None = None
    #: Data about the child that goes with it, to be sealed.
    data: PersonalData | None = None
    #: Rule pack that was applied (id, version, hash).
    rules: str | None = None
    #: Entries that the keystore sealed for this very event.
    sealed: tuple[SealedEntry, ...] = ()


#: What a decision returns: one or several events, recorded in one transaction or not at all.
Drafts = tuple[Draft, ...]


class Paired(NamedTuple):
    """What two countries have agreed on: what a handoff may be for, and what a preview may say."""

    purposes: frozenset[str]
    preview: frozenset[str]


def _nothing_agreed(_country: str) -> None:
    return None


def _no_other(case_id: UUID) -> Case:
    raise CaseUnknown(f"case {case_id} is not known here")


def _no_salt() -> bytes:
    raise BadInput("nothing is drawn here")


def _no_key(_handoff_id: UUID, _preview: bool) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """The case, who decides, and when. Decisions are functions of a matter and their arguments."""

    case: Case
    by: Actor
    at: datetime
    #: Countries of this agreement.
    countries: frozenset[str]
    new_id: Callable[[], UUID]
    #: Gives this country's one-time public key for a handoff and one of the two steps of a release;
    #: None where there is no keystore: then no data is asked for.
    one_time: Callable[[UUID, bool], bytes | None] = _no_key
    #: Reads another case as this country knows it now.
    look: Callable[[UUID], Case] = _no_other
    #: Draws 32 random bytes.
    new_salt: Callable[[], bytes] = _no_salt
    #: What is agreed with a country today, if a pair pack is in force.
    agreed: Callable[[str], Paired | None] = _nothing_agreed

    def other(self, case_id: UUID) -> Case:
        """Return another case that this node knows, or refuse."""
        found = self.look(case_id)
        if not found.is_known:
            raise CaseUnknown(f"case {case_id} is not known here")
        return found

    def one_time_key(self, handoff_id: UUID, *, preview: bool) -> bytes | None:
        """Return the key to offer for the preview of a handoff, or for the rest of its data."""
        return self.one_time(handoff_id, preview)

    def require_actor(self, *, decides: bool = True) -> None:
        """Refuse an actor whose role is unknown or whose codes could be a name."""
        if self.by.role not in set(Role):
            raise CodeUnknown("this role is not on the list", rule="role_known")
        self.require_pseudonym("the actor", self.by.id, self.by.organisation)
        if decides and self.by.role in _LOOKING:
            raise WrongRole(f"a {self.by.role} reads and decides nothing")

    def require_pseudonym(self, who: str, *texts: str) -> None:
        """Refuse what could be a name where a pseudonym belongs."""
        if not all(_CODE.fullmatch(text) for text in texts):
            raise CodeUnknown(
                f"{who} has to be a pseudonym: letters a-z, digits, dot, dash, underscore",
                rule="pseudonym",
            )

    @property
    def today(self) -> date:
        """The day of the decision (UTC)."""
        return self.at.date()

    def require_known(self) -> None:
        """Refuse unless this node knows the case."""
        if not self.case.is_known:
            raise CaseUnknown(f"case {self.case.case_id} is not known here")

    def require_country(self, country: str) -> None:
        """Refuse a country that is not part of the agreement."""
        if country not in self.countries:
            raise CodeUnknown.country(country, self.countries)

    def require_abroad(self, country: str) -> None:
        """Refuse anything but another country of the agreement."""
        self.require_country(country)
        if country == self.case.country:
            raise DecisionRefused(
                f"{country} is this country; a handoff to another country is needed here",
                rule="abroad",
            )

    def require_scopes(self, scopes: tuple[DataScope, ...]) -> None:
        """Refuse an empty or unknown list of data scopes."""
        if not scopes or DataScope.UNKNOWN in scopes or len(set(scopes)) != len(scopes):
            raise CodeUnknown("name each data scope once, and at least one", rule="scopes")

    def require_day_ahead(self, day: date, what: str) -> None:
        """Refuse a day in the past or more than a year ahead."""
        if not self.today <= day <= self.today + LONGEST:
            raise BadInput(
                f"{what} {day} has to be between today and a year from now", rule="day_ahead"
            )

    def require_going_on(self) -> None:
        """Refuse new work on a case that has ended."""
        state = self.case.identity.state
        if state in {"closed", "joined"}:
            raise NotAllowedNow(f"case {self.case.case_id} is {state}; reopen it first")

    def require_responsible(self) -> None:
        """Refuse unless this country answers for the case."""
        responsible = self.case.identity.responsible
        if responsible not in {None, self.case.country}:
            raise WrongCountry(f"case {self.case.case_id}: {responsible} answers for it")

    def require_care(self) -> None:
        """Refuse whoever does not work for the child: a border officer asks for no consent."""
        if self.by.role not in NEUTRAL_ROLES:
            raise WrongRole(f"a {self.by.role} does not decide this")

    def require_working(self) -> None:
        """Refuse whoever is not in charge of the case, before anything of it is told."""
        if self.by.role not in WORKING:
            raise WrongRole(f"a {self.by.role} does not decide this")

    def require_answering(self) -> None:
        """Refuse unless a supervisor, a focal point or the data-protection officer decides."""
        if self.by.role not in ANSWERING:
            self.require_supervising()

    def require_program(self) -> None:
        """Refuse people: this follows from rules, and a person has a decision of his own for it."""
        if self.by.role != Role.SYSTEM:
            raise WrongRole(f"a program records this by the rules, not a {self.by.role}")

    def require_supervising(self) -> None:
        """Refuse unless a supervisor or focal point decides."""
        if self.by.role not in SUPERVISING:
            raise WrongRole(f"a supervisor or focal point decides this, not a {self.by.role}")
