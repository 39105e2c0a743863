"""Records as somebody may write them who has a producer of his own, and bad intentions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.record import default_records

#: What a batch takes up before it is compressed, at most, with this producer.
_BATCH_BYTES = 64 * 1024 * 1024


class NoText(str):
    """A header's name whose bytes are no text."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        """Return what is not UTF-8."""
        return b"\xff\xfe"


class Sent(NamedTuple):
    """A record of a batch."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@contextmanager
def compressing() -> Iterator[Any]:
    """Give a way to have batches compressed by one's own function, while the block lasts."""
    usual = default_records.gzip_encode
    try:
        yield lambda pack: setattr(default_records, "gzip_encode", pack)
    finally:
        default_records.gzip_encode = usual


def put_batch(bootstrap: str, topic: str, partition: int, *records: Sent) -> None:
    """Put records on a topic as one batch that is compressed here and not by the broker."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type="gzip",
        batch_size=_BATCH_BYTES,
        max_request_size=_BATCH_BYTES,
        linger_ms=60_000,  # nothing leaves before it is flushed
    )
    sent = [
        producer.send(
            topic,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            partition=partition,
        )
        for record in records
    ]
    producer.flush()
    offsets = [future.get(timeout=10).offset for future in sent]
    producer.close()
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
