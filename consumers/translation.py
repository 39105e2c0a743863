"""Library errors, translated where they enter: what to do, not what the library felt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError

from events.errors import Misconfigured, StartAgain


@contextmanager
def translated() -> Iterator[None]:
    """Raise Misconfigured or StartAgain for errors of Kafka and PostgreSQL; no data is quoted."""
    try:
        yield
    except (AuthorizationError, SaslAuthenticationFailedError) as error:
        raise Misconfigured(f"Kafka refuses this worker: {type(error).__name__}") from None
    except KafkaError as error:
        raise StartAgain(f"Kafka: {type(error).__name__}") from None
    except psycopg.errors.InsufficientPrivilege as error:
        said = error.diag.message_primary
        raise Misconfigured(f"PostgreSQL refuses this worker: {said}") from None
    except psycopg.Error as error:
        raise StartAgain(f"PostgreSQL: {type(error).__name__}") from None
