"""On which permission data was shown, as the country that showed it then knew the case.

Two topics have no common order. What a decider had to know of the shared topic is the place that
its `seen` names; of its own national topic, what stands before it.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from events.codec import read_stamp
from ledger import mirror
from ledger.case.case import Topic
from ledger.case.plane import Basis, Plane
from ledger.mirror import Placed
from node.asking.inquiry import Inquiry, Row
from projections.as_of import AtPlaces, Prefix, case_then

#: In these states a recipient may read what it was given (ledger/case/receiving.py).
READABLE = frozenset({"released", "claimed"})


class Standing(NamedTuple):
    """What a basis was worth at an instant, and what the grant of the data was."""

    basis_state: str
    grant_state: str | None
    valid: bool


class BasisThen:
    """The permissions of one case, as they were known when something was decided."""

    def __init__(self, inquiry: Inquiry, case_id: UUID) -> None:
        """Read the case from the mirror, once."""
        self._inquiry, self._case_id = inquiry, case_id
        connection = inquiry.found.connection
        self._shared = mirror.records_of(connection, Topic.SHARED.value, [case_id])
        leaves = {record.leaf: at for at, record in enumerate(self._shared, start=1)}
        self._national: dict[UUID, tuple[Placed, int]] = {}
        self._planes: dict[Prefix, Plane] = {}
        knew = 0
        for record in mirror.records_of(connection, Topic.NATIONAL.value, [case_id]):
            stamp = read_stamp(record.value)
            # Nobody unlearns: a later event has seen at least what an earlier one had.
            knew = max(knew, leaves.get(stamp.seen, 0))
            self._national[stamp.event_id] = (record, knew)

    def of(self, access: Row) -> Standing:
        """Return what an access, a row of the access ledger, rested on when it was recorded."""
        basis_id = access["basis_id"]
        if basis_id is None:
            return Standing("own_record", None, valid=True)
        record, knew = self._national[access["entry_id"]]
        shared = self._plane(self._until(knew))
        basis = shared.consents.get(basis_id)
        if basis is None:
            basis = self._plane(Prefix.until(record)).consents.get(basis_id)
        state = _state(basis, access)
        return Standing(state, _grant_state(shared, access, self._inquiry.country), state == _GOOD)

    def _until(self, places: int) -> Prefix:
        return Prefix.until(self._shared[places - 1]) if places else Prefix.before(Topic.SHARED, 0)

    def _plane(self, prefix: Prefix) -> Plane:
        if prefix not in self._planes:
            found = self._inquiry.found
            then = case_then(
                found.connection,
                self._case_id,
                AtPlaces((prefix,)),
                country=found.country,
                keys=found.keys,
            )
            self._planes[prefix] = then.plane(Topic(prefix.topic))
        return self._planes[prefix]


_GOOD = "in_force"


def _state(basis: Basis | None, access: Row) -> str:
    """Return what a permission was worth for these scopes on the day of an access."""
    if basis is None:
        return "unknown"
    if basis.state != "granted":
        return basis.state
    if basis.expires_on is None or access["at"].date() > basis.expires_on:
        return "expired"
    return _GOOD if {str(one) for one in basis.scopes} >= {*access["scopes"]} else "beyond"


def _grant_state(shared: Plane, access: Row, country: str) -> str | None:
    """Return the state of the newest grant of these scopes on this basis; a readable one first."""
    states = [
        grant.state
        for grant in shared.releases.values()
        if grant.recipient == country
        and grant.basis_id == access["basis_id"]
        and not {str(one) for one in grant.scopes}.isdisjoint(access["scopes"])
    ]
    readable = [state for state in states if state in READABLE]
    found = readable or states
    return found[-1] if found else None
