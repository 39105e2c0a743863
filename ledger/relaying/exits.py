"""How a crash-only program ends: whether another start may help, or a person is needed."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import psycopg
from kafka import errors as kafka_errors

from events.errors import LedgerError, ServiceUnavailable


class ExitCode(IntEnum):
    """Exit codes of relay and worker; the supervisor reads them (sysexits.h)."""

    #: Asked to stop.
    DONE = 0
    #: Start again soon: a server, the network or another relay was in the way.
    AGAIN = 75
    #: Starting again changes nothing: rights, sizes, settings, or a topic that contradicts us.
    BROKEN = 78


#: What Kafka will refuse the next time as well.
_LASTING = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.InvalidRecordError,
    kafka_errors.UnsupportedVersionError,
    kafka_errors.UnsupportedForMessageFormatError,
    kafka_errors.OffsetOutOfRangeError,
    kafka_errors.LogTruncationError,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidPassword,
)
_FENCED = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError)


def exit_code(error: BaseException) -> ExitCode:
    """Return how to end after an error."""
    for one in _causes(error):
        if isinstance(one, ServiceUnavailable):
            return ExitCode.AGAIN
        if isinstance(one, (LedgerError, *_LASTING)):
            return ExitCode.BROKEN
    return ExitCode.AGAIN


def is_fenced(error: BaseException) -> bool:
    """Say whether another relay of this country has taken over."""
    return any(isinstance(one, _FENCED) for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it wraps: kafka-python puts the cause of a fatal state into `args`."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = [arg for arg in one.args if isinstance(arg, BaseException)]
            waiting += [*inner, one.__cause__]
