"""Who may do what on the broker: least privilege, program by program, from the agreement.

One principal per program, so that a stolen password is worth no more than that program. What
stands here is granted and nothing else; `ops/kafka/acls.csv` is this table, written out for two
countries. Kafka itself adds one thing: who may READ, WRITE or ALTER may also DESCRIBE.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from events.agreement import Agreement

#: Makes users, rights and topics; reads and writes no record.
ADMIN: Final = "admin"
#: Reads the shared events and what was signed of them: what is national or a key is not from here.
AUDITOR: Final = "auditor"
#: Kafka's one name of the cluster as a thing that one may have rights on.
CLUSTER: Final = "kafka-cluster"


class Program(StrEnum):
    """A program of a country's node that talks to Kafka."""

    RELAY = "relay"
    WORKER = "worker"
    REACTOR = "reactor"
    SEALER = "sealer"
    WITNESS = "witness"


class Kind(StrEnum):
    """What a right is on; the words are Kafka's."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"
    TRANSACTIONAL_ID = "transactional_id"
    DELEGATION_TOKEN = "delegation_token"  # noqa: S105 - Kafka's word, no secret
    USER = "user"


class Operation(StrEnum):
    """What may be done; the words are Kafka's, and only some of them are ever granted by us."""

    ALL = "all"
    READ = "read"
    WRITE = "write"
    CREATE = "create"
    DELETE = "delete"
    ALTER = "alter"
    DESCRIBE = "describe"
    CLUSTER_ACTION = "cluster_action"
    DESCRIBE_CONFIGS = "describe_configs"
    ALTER_CONFIGS = "alter_configs"
    IDEMPOTENT_WRITE = "idempotent_write"
    CREATE_TOKENS = "create_tokens"
    DESCRIBE_TOKENS = "describe_tokens"


#: With one of these on the cluster somebody can give himself every other right.
_OVER_ALL: Final = frozenset(
    {Operation.ALL, Operation.ALTER, Operation.ALTER_CONFIGS, Operation.CLUSTER_ACTION}
)


class Right(NamedTuple):
    """One right of one user, or a refusal; what we grant holds from every address."""

    user: str
    operation: Operation
    kind: Kind
    name: str
    #: Whether it is a right on everything whose name begins so.
    prefixed: bool = False
    host: str = "*"
    allowed: bool = True

    def __str__(self) -> str:
        """Say it for people."""
        may = "may" if self.allowed else "may not"
        name = f"{self.name}*" if self.prefixed else self.name
        place = "" if self.host == "*" else f" from {self.host}"
        return f"user {self.user} {may} {self.operation} {self.kind} {name}{place}"


def user_of(country: str, program: Program) -> str:
    """Return the user under which a country's program comes to the broker, `KZ-relay`."""
    return f"{country}-{program}"


def transactional_id(prefix: str, country: str) -> str:
    """Return the id of a country's relay: the broker lets one producer at a time have it."""
    return f"{prefix}.relay.{country}"


def group_prefix(prefix: str, country: str, program: Program) -> str:
    """Return how the consumer groups of a country's program begin."""
    return f"{prefix}.{country}.{program}."


def users_of(agreement: Agreement) -> tuple[str, ...]:
    """Return every user that an agreement needs, the admin first."""
    programs = [user_of(code, program) for code in agreement.countries for program in Program]
    return (ADMIN, AUDITOR, *programs)


def rights_of(agreement: Agreement) -> frozenset[Right]:
    """Return every right that an agreement needs, and with that all that there may be."""
    found = {*_of_admin(agreement.prefix), *_of_auditor(agreement)}
    for country in agreement.countries:
        found |= {*_of_relay(agreement, country), *_of_worker(agreement, country)}
        found |= {*_of_reactor(agreement, country), *_of_sealer(agreement, country)}
        found |= {*_of_witness(agreement, country)}
    return frozenset(found)


def _of_relay(agreement: Agreement, country: str) -> Iterator[Right]:
    """It writes both topics, and reads them to know what already stands there."""
    user = user_of(country, Program.RELAY)
    for topic in (agreement.shared_topic, agreement.national_topic(country)):
        yield Right(user, Operation.WRITE, Kind.TOPIC, topic)
        yield from _reading(user, topic)
    name = transactional_id(agreement.prefix, country)
    yield Right(user, Operation.WRITE, Kind.TRANSACTIONAL_ID, name)


def _of_worker(agreement: Agreement, country: str) -> Iterator[Right]:
    """It reads its country's events, and writes nothing; `ledger doctor` looks with its eyes."""
    user = user_of(country, Program.WORKER)
    for topic in (agreement.shared_topic, agreement.national_topic(country)):
        yield from _reading(user, topic)
    # What was signed of them: far behind, it believes roots instead of a million signatures.
    for topic in (agreement.checkpoints_topic, agreement.national_checkpoints_topic(country)):
        yield from _reading(user, topic)
    for operation in (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS):
        yield Right(user, operation, Kind.TOPIC, agreement.grants_topic)
    group = group_prefix(agreement.prefix, country, Program.WORKER)
    yield Right(user, Operation.READ, Kind.GROUP, group, prefixed=True)


def _of_reactor(agreement: Agreement, country: str) -> Iterator[Right]:
    """It hands released keys over and takes those for its country; events it finds at home."""
    user = user_of(country, Program.REACTOR)
    yield Right(user, Operation.WRITE, Kind.TOPIC, agreement.grants_topic)
    yield from _reading(user, agreement.grants_topic)
    group = group_prefix(agreement.prefix, country, Program.REACTOR)
    yield Right(user, Operation.READ, Kind.GROUP, group, prefixed=True)


def _of_sealer(agreement: Agreement, country: str) -> Iterator[Right]:
    """It says how far the logs are, and reads no topic: events it finds at home."""
    user = user_of(country, Program.SEALER)
    for topic in (agreement.checkpoints_topic, agreement.national_checkpoints_topic(country)):
        yield Right(user, Operation.WRITE, Kind.TOPIC, topic)


def _of_witness(agreement: Agreement, country: str) -> Iterator[Right]:
    """It reads what was signed and adds its own name; events it finds at home."""
    user = user_of(country, Program.WITNESS)
    for topic in (agreement.checkpoints_topic, agreement.national_checkpoints_topic(country)):
        yield Right(user, Operation.WRITE, Kind.TOPIC, topic)
        yield from _reading(user, topic)


def _of_auditor(agreement: Agreement) -> Iterator[Right]:
    for topic in (agreement.shared_topic, agreement.checkpoints_topic):
        yield from _reading(AUDITOR, topic)
    group = f"{agreement.prefix}.{AUDITOR}."
    yield Right(AUDITOR, Operation.READ, Kind.GROUP, group, prefixed=True)


def _of_admin(prefix: str) -> Iterator[Right]:
    """It may not change or delete a topic: that is for the broker's own certificate."""
    for operation in (Operation.ALTER, Operation.DESCRIBE):
        yield Right(ADMIN, operation, Kind.CLUSTER, CLUSTER)
    for operation in (Operation.CREATE, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS):
        yield Right(ADMIN, operation, Kind.TOPIC, f"{prefix}.", prefixed=True)


def _reading(user: str, topic: str) -> Iterator[Right]:
    """Every program looks first whether a topic keeps the contract."""
    yield Right(user, Operation.READ, Kind.TOPIC, topic)
    yield Right(user, Operation.DESCRIBE_CONFIGS, Kind.TOPIC, topic)


def concerns(right: Right, prefix: str) -> bool:
    """Say whether a right touches this agreement: its topics, groups and ids, or all at once."""
    if right.kind is Kind.CLUSTER:
        return right.operation in _OVER_ALL
    if right.name == "*":
        return True
    ours = f"{prefix}."
    return right.name.startswith(ours) or (right.prefixed and ours.startswith(right.name))


def table(agreement: Agreement) -> str:
    """Return all rights as CSV, one a line, sorted: for people, and for other tools."""
    lines = ["user,operation,kind,name,pattern"]
    for right in sorted(rights_of(agreement)):
        pattern = "prefixed" if right.prefixed else "literal"
        lines.append(",".join((*right[:4], pattern)))
    return "\n".join(lines) + "\n"
