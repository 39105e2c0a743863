"""The key-free rule R5: every access to another country's data lies inside a grant, in its purpose.

A second input beside the shared topic: the national events of one country, out of their envelopes.
Two topics have no common order, so an access is judged at the place of the shared topic that its
`seen` names: what its decider had to know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from events.access import PersonalDataAccessed
from events.codes import Purpose
from events.consent import BasisRecorded, ConsentGranted, OverrideApproved
from ledger.log.findings import Finding, Heard, found
from ledger.log.grants import Grant
from ledger.log.hearing import HeardCase

#: What data may be used for that was given for a purpose: of a referral, the service; of a
#: transfer, the transfer; of both, the care for the child (design §11). Any other is itself alone.
_FOR: Mapping[Purpose, frozenset[Purpose]] = {
    Purpose.SERVICE: frozenset({Purpose.SERVICE, Purpose.CASE_MANAGEMENT}),
    Purpose.CASE_MANAGEMENT: frozenset({Purpose.SERVICE, Purpose.CASE_MANAGEMENT}),
    Purpose.TRANSFER: frozenset({Purpose.TRANSFER, Purpose.CASE_MANAGEMENT}),
}
#: Ways in on which nobody looks at a value: the purpose does not bind there.
_BLIND = frozenset({"receipt", "audit"})


@dataclass(slots=True)
class Accesses:
    """What one country did with the data of one case."""

    #: How much of the shared topic the country had seen: that never goes back.
    _knew: int = -1
    #: Consents and overrides that stand on the national topic: for data of the country's own.
    _domestic: set[UUID] = field(default_factory=set)
    #: What the country's own events say that a basis is for.
    _purposes: dict[UUID, Purpose] = field(default_factory=dict)

    def look(self, heard: Heard, case: HeardCase, grants: Iterable[Grant]) -> list[Finding]:
        """Take in the next national event of the case; return what it breaks."""
        event: Any = heard.event
        self._knew = max(self._knew, case.place_of(event.seen))
        match event:
            case ConsentGranted():
                self._domestic.add(event.consent_id)
            case OverrideApproved():
                self._domestic.add(event.override_id)
            case BasisRecorded():
                self._domestic.add(event.basis_id)
                self._purposes[event.basis_id] = event.purpose
            case PersonalDataAccessed() if self._is_foreign(event, case):
                mine = [grant for grant in grants if grant.recipient == event.origin]
                named = [grant for grant in mine if _names(event, grant)]
                return self._judged(heard, case, named)
        return []

    def _is_foreign(self, event: PersonalDataAccessed, case: HeardCase) -> bool:
        """Say whether an access rests on what another country gave.

        One that rests on nothing, or on what this country gave away itself, is to its own data.
        """
        if event.basis_id is None:
            return event.about is not None and case.is_anothers(event.about, event.origin)
        basis = case.permissions.get(event.basis_id)
        if basis is None:
            return event.basis_id not in self._domestic
        return basis.recipient in {"", event.origin}

    def _judged(self, heard: Heard, case: HeardCase, grants: Collection[Grant]) -> list[Finding]:
        event: Any = heard.event
        on = event.recorded_at.date()
        begun = [grant for grant in grants if grant.began <= self._knew]
        open_now = [grant for grant in begun if grant.may_be_read(self._knew, on)]
        permitted = {scope for grant in open_now for scope in grant.scopes}
        if not begun:
            what = "no_grant"
        elif not open_now:
            what = "after_stop"
        elif not permitted.issuperset(event.scopes):
            what = "beyond_grant"
        elif not any(self._is_for(event, case, grant) for grant in open_now):
            what = "other_purpose"
        else:
            return []
        return [found("R5", what, heard, event.access_id)]

    def _is_for(self, event: PersonalDataAccessed, case: HeardCase, grant: Grant) -> bool:
        """Say whether a grant was given for what the access says.

        What a basis is for is national. Where this country's own events name it, that counts;
        else the kind of the handoff, which stands on the topic.
        """
        if event.door in _BLIND:
            return True
        usual = Purpose.TRANSFER if case.handoffs[grant.handoff_id].transfer else Purpose.SERVICE
        purpose = self._purposes.get(grant.basis_id, usual)
        return event.purpose in _FOR.get(purpose, frozenset({purpose}))


def _names(event: PersonalDataAccessed, grant: Grant) -> bool:
    """Say whether an access rests on a grant: by its id, by its basis, or by what was shown."""
    return event.basis_id in {grant.grant_id, grant.basis_id} or event.about == grant.grant_id
