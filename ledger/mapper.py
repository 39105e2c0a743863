"""What is stored of an event: the very bytes that go on the topic."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import Mapper, StoredEvent

from events.codec import decode, encode
from events.contract import NATIONAL_EVENT
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.recording import Recorded
from ledger.keys.national import NationalKeys, opened


def topic_name(topic: Topic, event: Event) -> str:
    """Return what the store calls an event: `shared/<type>`, or `national/NationalEvent`."""
    return f"{topic}/{type(event).__name__ if topic is Topic.SHARED else NATIONAL_EVENT}"


class AvroMapper(Mapper[UUID]):
    """Maps an event with its two places to its row and back; a national one in its envelope.

    A Mapper and not a Transcoder, because only a mapper sees topic, case and number. The
    library's transcoder, compressor and cipher are not used: they would change the bytes.
    """

    #: Seal and open what is national. Without them it stands as it is: where nothing is personal.
    keys: NationalKeys | None = None

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Encode, check that the bytes read back, and address the row."""
        recorded = cast("Recorded", domain_event)
        return StoredEvent(
            originator_id=recorded.event.case_id,
            originator_version=recorded.number,
            topic=topic_name(recorded.topic, recorded.event),
            state=encode(self._carried(recorded)),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """Read a row back; RecordRejected if it is not what was written."""
        number, state = stored_event.originator_version, bytes(stored_event.state)
        return self.read(number, stored_event.topic, state)

    def read(self, number: int, topic: str, state: bytes) -> Recorded:
        """Return the event of a row of the store."""
        event = opened(decode(state), self.keys)
        return Recorded(Topic(topic.partition("/")[0]), number, event)

    def _carried(self, recorded: Recorded) -> Event:
        if recorded.topic is Topic.SHARED or self.keys is None:
            return recorded.event
        return self.keys.envelope(recorded.event)
