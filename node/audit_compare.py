"""Two countries' nodes side by side: the same shared topic, in the same order, with one meaning.

For whoever may read two databases on one machine: an auditor of both, or the folder of `ledger up`.
Where one node has read further than the other, the common beginning is compared; behind it what
the node cannot have read, or nobody signed, is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from events.agreement import Agreement
from events.contract import partition_of
from events.errors import BadInput, Misconfigured, ServiceUnavailable
from node.compared_days import compare_days
from node.compared_ends import Beyond, check_ends
from node.compared_lines import Partition, compare_partition, ends
from node.compared_notes import NoteDifference, compare_notes
from node.reading import Reader
from projections import generation
from projections.hashing import shared_hashes

#: So many differences are listed; all are counted.
_LISTED = 100


@dataclass(slots=True, kw_only=True)
class Compared:
    """Two nodes, compared."""

    country: str
    other: str
    partitions: list[Partition] = field(default_factory=list)
    #: Checkpoints, cosignatures, order notes and days of which the two do not know the same.
    notes: list[NoteDifference] = field(default_factory=list)
    #: Rows of either mirror past the common beginning that cannot be honest.
    beyond: list[Beyond] = field(default_factory=list)
    #: Shared cases whose states were compared; of the others one node had read more.
    cases: int = 0
    ahead: int = 0
    #: How many states differ, and which cases they are of.
    differing: int = 0
    states: list[UUID] = field(default_factory=list)
    #: Read model -> whether its shared part says the same; None where one has read further.
    read_models: dict[str, bool] | None = None

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        models = self.read_models or {}
        return (
            all(one.equal for one in self.partitions)
            and not self.notes
            and not self.beyond
            and not self.differing
            and all(models.values())
        )

    def words(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "country": self.country,
            "other": self.other,
            "equal": self.equal,
            "partitions": [
                {name: getattr(one, name) for name in Partition.__dataclass_fields__}
                | {"equal": one.equal}
                for one in self.partitions
            ],
            "notes": [one._asdict() for one in self.notes[:_LISTED]],
            "notes_differing": len(self.notes),
            "beyond": [one._asdict() for one in self.beyond[:_LISTED]],
            "beyond_found": len(self.beyond),
            "cases": self.cases,
            "ahead": self.ahead,
            "states_differing": self.differing,
            "states": self.states,
            "read_models": self.read_models,
        }


@contextmanager
def other_reader(path: Path) -> Iterator[Reader]:
    """Give the read models of another node: of its country's folder, or of a file with a DSN.

    BadInput if it is neither, ServiceUnavailable if its database does not answer.
    """
    file = (path / "audit.dsn" if path.is_dir() else path).absolute()
    name = file.parent.name if file.name == "audit.dsn" else file.stem
    with _connected(file) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield Reader(connection, name, _generation(file, connection))


def _connected(file: Path) -> Connection[Any]:
    try:
        return psycopg.connect(file.read_text().strip(), connect_timeout=5)
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            f"{file} cannot be read: name a country's folder (DIR/KG), or a file with the URL of"
            " its database"
        ) from None
    except psycopg.OperationalError:
        raise ServiceUnavailable(f"the database of {file} does not answer: is it up?") from None
    except psycopg.ProgrammingError:
        raise BadInput(f"{file} holds no connection URL") from None


def _generation(file: Path, connection: Connection[Any]) -> int:
    try:
        number = generation.current(connection)
    except psycopg.ProgrammingError:
        words = f"{file}: no database of a node, or its login may not read"
        raise Misconfigured(words) from None
    if number is None:
        raise ServiceUnavailable(f"{file}: no worker has run yet: there are no read models")
    return number


def compare(one: Reader, other: Reader, agreement: Agreement) -> Compared:
    """Compare mirrors, notes, states and read models, as far as both nodes have read."""
    compared = Compared(country=one.country, other=other.country)
    mine, theirs, partitions = ends(one), ends(other), agreement.partitions
    for partition in range(partitions):
        both = (mine.get(partition, 0), theirs.get(partition, 0))
        compared.partitions.append(compare_partition(one, other, agreement, partition, both))
    for node, read in ((one, mine), (other, theirs)):
        alone = {at.partition: (at.end, read.get(at.partition, 0)) for at in compared.partitions}
        compared.beyond += check_ends(node, agreement, alone)
    compared.notes = compare_notes(one, other, agreement)
    compared.notes += compare_days(one, other, agreement)
    level = {found.partition for found in compared.partitions if found.level}
    _compare_states(compared, one, other, level, partitions)
    if len(level) == partitions:
        here, there = (shared_hashes(node.connection, node.schema) for node in (one, other))
        compared.read_models = {name: here[name] == there.get(name) for name in here}
    return compared


def _compare_states(
    compared: Compared, one: Reader, other: Reader, level: set[int], partitions: int
) -> None:
    """Compare the states of shared cases; where one has read further, those of equal length."""
    for case_id, mine, theirs in _by_case(_states(one), _states(other)):
        is_level = partition_of(case_id, partitions) in level
        if not is_level and (mine is None or theirs is None or mine[0] != theirs[0]):
            compared.ahead += 1
            continue
        compared.cases += 1
        if mine != theirs:
            compared.differing += 1
            if len(compared.states) < _LISTED:
                compared.states.append(case_id)


_State = tuple[int, bytes]


def _by_case(
    ours: Iterator[tuple[UUID, _State]], theirs: Iterator[tuple[UUID, _State]]
) -> Iterator[tuple[UUID, _State | None, _State | None]]:
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        first = min(found[0] for found in (one, other) if found is not None)
        mine = one[1] if one is not None and one[0] == first else None
        yours = other[1] if other is not None and other[0] == first else None
        yield first, mine, yours
        one = one if mine is None else next(ours, None)
        other = other if yours is None else next(theirs, None)


def _states(node: Reader) -> Iterator[tuple[UUID, _State]]:
    with node.connection.cursor(name="states", binary=True) as cursor:
        cursor.itersize = 1_000
        cursor.execute(_STATES.format(schema=node.schema))
        for case_id, count, state in cursor:
            yield case_id, (count, sha256(state).digest())


_STATES = """
SELECT case_id, count, coalesce(state, '') FROM {schema}.case_state
WHERE topic = 'shared' AND case_id IS NOT NULL ORDER BY case_id
"""
