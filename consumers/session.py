"""A worker's connection to PostgreSQL: whoever vanishes holds its locks for seconds, not hours.

The locks of a batch are let go of by the server when the worker's session ends, and the server
learns of a lost host only after hours if nobody tells it to ask. So the session says how long it
may be silent in a transaction, how long it waits for somebody else's lock, and both ends of the
wire ask each other whether they are still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

#: After so long a silence each end asks the other, and after so long in all gives it up.
_ASK_S, _GIVE_UP_S = 10, 30
_ASK_TIMES = 2
#: Our end of the wire; what the DSN says about it counts more.
_OURS: Mapping[str, Any] = {
    "application_name": "worker",
    "connect_timeout": 10,
    "keepalives_idle": _ASK_S,
    "keepalives_interval": _ASK_S,
    "keepalives_count": _ASK_TIMES,
    "tcp_user_timeout": _GIVE_UP_S * 1_000,
}


def connect(dsn: str, *, idle_s: float, lock_s: float) -> Connection[Any]:
    """Connect; the server ends a transaction that is silent for `idle_s`, a wait after `lock_s`."""
    connection = psycopg.connect(**{**_OURS, **conninfo_to_dict(dsn)}, autocommit=True)
    theirs = {
        "idle_in_transaction_session_timeout": f"{idle_s * 1_000:.0f}",
        "lock_timeout": f"{lock_s * 1_000:.0f}",
        "tcp_keepalives_idle": f"{_ASK_S}",
        "tcp_keepalives_interval": f"{_ASK_S}",
        "tcp_keepalives_count": f"{_ASK_TIMES}",
        "tcp_user_timeout": f"{_GIVE_UP_S * 1_000}",
        # Everything written here can be read again from the topic, and a decision that rests
        # on it is committed after it in the same log: waiting for the disk gains nothing.
        "synchronous_commit": "off",
    }
    for name, value in theirs.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    return connection
