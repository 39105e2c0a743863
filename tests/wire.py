"""Records as they stand on a topic: encoded, signed, keyed, with their headers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from consumers.checking import proven, signed_in
from consumers.examination import Arrived, Claim, Ground, Stray, examine
from events.agreement import Agreement, Country
from events.codec import encode
from events.contract import CE_TYPE, LOG, ce_type, log_header, log_name, partition_of
from events.stamp import Event, leaf_hash
from ledger.case.case import Topic
from ledger.log.checking import check
from ledger.log.signature import LogSigner


class Written(NamedTuple):
    """A record as a Kafka client gives it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int = 0
    timestamp: int = 0
    leader_epoch: int = 0


@dataclass
class Pens:
    """The countries of an agreement, and what each needs to write on its topics."""

    prefix: str = "referral"
    partitions: int = 1
    countries: Sequence[str] = ("KZ", "KG", "UZ")
    signers: dict[str, LogSigner] = field(init=False)
    agreement: Agreement = field(init=False)
    #: Next index of each log.
    ranks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give every country a key."""
        self.signers = {
            code: LogSigner(f"{self.prefix}/{code}", sha256(code.encode()).digest())
            for code in self.countries
        }
        self.agreement = Agreement(
            name="test",
            prefix=self.prefix,
            partitions=self.partitions,
            countries={
                code: Country(code=code, zone="UTC", log_keys=(signer.verifier.render(),))
                for code, signer in self.signers.items()
            },
        )

    def name_of(self, topic: Topic, origin: str) -> str:
        """Return Kafka's name of the topic on which this origin writes."""
        if topic is Topic.SHARED:
            return self.agreement.shared_topic
        return self.agreement.national_topic(origin)

    def write(
        self,
        event: Event,
        *,
        topic: Topic = Topic.SHARED,
        offset: int = 0,
        index: int | None = None,
        value: bytes | None = None,
        named: str | None = None,
    ) -> Written:
        """Return the record of an event as its origin's relay would write it."""
        value = encode(event) if value is None else value
        log = log_name(self.name_of(topic, event.origin), event.origin)
        if index is None:
            index = self.ranks.get(log, 0)
            self.ranks[log] = index + 1
        signature = self.signers[event.origin].sign(log, index, leaf_hash(value))
        named = ce_type(event, shared=topic is Topic.SHARED) if named is None else named
        headers = [(CE_TYPE, named.encode()), (LOG, log_header(index, signature))]
        at = partition_of(event.case_id, self.partitions)
        return Written(offset, event.case_id.bytes, value, headers, at)

    def write_all(self, events: Iterable[Event], *, topic: Topic = Topic.SHARED) -> list[Written]:
        """Return the records of events in this order, at offsets 0, 1, 2 ..."""
        return [
            self.write(event, topic=topic, offset=offset) for offset, event in enumerate(events)
        ]


def checked(record: Arrived, ground: Ground) -> Claim | Stray:
    """What a record proves to be: what a worker does with it, in one process."""
    found = [examine(record, ground)]
    (one,) = proven(found, check(signed_in(found, ground)))
    return one
