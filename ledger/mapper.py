"""What is stored of an event: the very bytes that go on the topic."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import Mapper, StoredEvent

from events.codec import decode, encode
from ledger.case.case import Topic
from ledger.case.recording import Recorded


def topic_name(recorded: Recorded) -> str:
    """Return what the store calls this event: `<shared|national>/<type>`."""
    return f"{recorded.topic}/{type(recorded.event).__name__}"


class AvroMapper(Mapper[UUID]):
    """Maps an event with its two places to its row and back.

    A Mapper and not a Transcoder, because only a mapper sees topic, case and number. The
    library's transcoder, compressor and cipher are not used: they would change the bytes.
    """

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Encode, check that the bytes read back, and address the row."""
        recorded = cast("Recorded", domain_event)
        return StoredEvent(
            originator_id=recorded.event.case_id,
            originator_version=recorded.number,
            topic=topic_name(recorded),
            state=encode(recorded.event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """Read a row back; RecordRejected if it is not what was written."""
        number, state = stored_event.originator_version, bytes(stored_event.state)
        return self.read(number, stored_event.topic, state)

    @staticmethod
    def read(number: int, topic: str, state: bytes) -> Recorded:
        """Return the event of a row of the store."""
        return Recorded(Topic(topic.partition("/")[0]), number, decode(state))
