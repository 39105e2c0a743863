"""The key-free rule R7: of an erased case every country that held keys says what became of them.

A country that attests an erasure has destroyed its own keys of the case; whoever it had given some
destroys them, attests an erasure, too, or claims them on a ground of its own until a day. Who has
not is named as outstanding; past the term that is a breach. Nobody says what became of keys that
were never released. What is said is a statement and no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from events.data import ErasureAttested, KeysDestroyed, KeysReleased, RetentionClaimed
from ledger.log.findings import Finding, Heard, found
from ledger.log.grants import Epochs, Grant

#: Within what time a recipient answers after an erasure, or after the last day of its claim. The
#: design names no term for it; GDPR Art. 12(3) gives whoever has to act on an erasure a month, and
#: Art. 19 has him tell every recipient. Thirty days are the strict reading of a month.
ANSWERED_WITHIN = timedelta(days=30)


class _Erased(NamedTuple):
    """A country's attestation, and its place in the case."""

    heard: Heard
    place: int


@dataclass(slots=True)
class ErasureRules:
    """The rule over one case."""

    term: timedelta = ANSWERED_WITHIN
    #: Every grant that was ever said to be released, and to whom.
    _given: dict[UUID, set[str]] = field(default_factory=dict)
    #: Every attestation of each country, in order.
    _erased: dict[str, list[_Erased]] = field(default_factory=dict)

    def hear(
        self, heard: Heard, place: int, epochs: Epochs | None, *, party: bool
    ) -> list[Finding]:
        """Take in the next event; return what it breaks.

        `epochs` are those of its country, `party` says whether it is one of the case.
        """
        event = heard.event
        match event:
            case KeysReleased():
                self._given.setdefault(event.grant_id, set()).add(event.recipient)
            case KeysDestroyed() | RetentionClaimed():
                if event.origin not in self._given.get(event.grant_id, ()):
                    return [found("R7", "answer_for_nothing", heard, event.grant_id)]
            case ErasureAttested():
                if party:
                    self._erased.setdefault(event.origin, []).append(_Erased(heard, place))
                released = set[bytes]() if epochs is None else epochs.keys
                if not released.issuperset(event.keys):
                    return [found("R7", "attested_unknown", heard, event.erasure_id)]
        return []

    def end(self, grants: Iterable[Grant], until: datetime) -> Iterator[Finding]:
        """Yield which grants of erased keys nobody has answered for by an instant."""
        for grant in grants:
            erased = self._after(grant, grant.origin)
            gone = grant.destroyed is not None or self._after(grant, grant.recipient) is not None
            if erased is None or gone:
                continue
            since = max(erased.heard.event.recorded_at, _claimed_until(grant))
            if since <= until:
                yield found(
                    "R7",
                    "outstanding",
                    erased.heard,
                    grant.grant_id,
                    origin=grant.recipient,
                    within_term=until <= since + self.term,
                )

    def _after(self, grant: Grant, country: str) -> _Erased | None:
        """Return the first erasure by a country after a grant was given."""
        attested = self._erased.get(country, ())
        return next((one for one in attested if one.place > grant.began), None)


def _claimed_until(grant: Grant) -> datetime:
    """Return the first moment at which a grant is claimed no longer; the last claim counts."""
    if not grant.claims:
        return datetime.min.replace(tzinfo=UTC)
    _, until = grant.claims[-1]
    return datetime.combine(until, time(), tzinfo=UTC) + timedelta(days=1)
