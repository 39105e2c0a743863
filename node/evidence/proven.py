"""A log as it can be proven here: its events in the mirror, under checkpoints that count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from events.agreement import Agreement
from events.errors import HistoryGap, RecordRejected, ServiceUnavailable
from ledger.log.cosignature import cosigned_at
from ledger.log.lines import encoded
from ledger.log.note import Note
from ledger.log.policy import Policy, checked
from ledger.log.proof import Proof
from ledger.log.tree import Tree
from node.evidence.trust import origin_of, policy_of

#: The nearest checkpoints first; one that does not count is passed over.
_DOWN: LiteralString = """
SELECT note FROM witness.checkpoint WHERE log = %s AND size <= %s AND size > 0
ORDER BY size DESC
"""
_UP: LiteralString = """
SELECT note FROM witness.checkpoint WHERE log = %s AND size > %s ORDER BY size
"""
_LEAVES: LiteralString = """
SELECT log_index, leaf FROM mirror.record WHERE topic = %s AND origin = %s AND log_index < %s
ORDER BY log_index
"""
_ANY: LiteralString = "SELECT FROM mirror.record WHERE topic = %s AND origin = %s LIMIT 1"
_LAST = 2**62
_CHUNK = 10_000
_FEW = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """A checkpoint that its policy accepts."""

    size: int
    root: bytes
    note: bytes
    #: Witness key -> when it cosigned.
    cosigned: dict[str, datetime]


@dataclass(slots=True)
class ProvenLog:
    """A log up to the newest checkpoint that counts."""

    name: str
    topic: str
    origin: str
    policy: Policy
    newest: Counted
    tree: Tree
    #: Every checkpoint that goes into the bundle, by size.
    used: dict[int, Counted] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection[Any], agreement: Agreement, log: str) -> ProvenLog:
        """Read a log. ServiceUnavailable if no checkpoint counts yet.

        HistoryGap or RecordRejected if the mirror does not hold what the checkpoint is about.
        """
        topic, origin = origin_of(agreement, log)
        policy = policy_of(agreement, log)
        newest = _first(connection, policy, _DOWN, (log, _LAST))
        if newest is None:
            raise ServiceUnavailable(
                f"log {log}: no cosigned checkpoint is here yet: wait for its witnesses, then try"
                " again",
                rule="checkpoint",
            )
        tree = Tree(_leaves(connection, topic, origin, newest.size))
        if (tree.size, tree.root()) != (newest.size, newest.root):
            raise _other_root(log, newest.size)
        return cls(log, topic, origin, policy, newest, tree, {newest.size: newest})

    def around(self, connection: Connection[Any], index: int) -> tuple[Counted | None, Counted]:
        """Return the last checkpoint without an event and the first with it; use them both."""
        before = _first(connection, self.policy, _DOWN, (self.name, index))
        after = _first(connection, self.policy, _UP, (self.name, index)) or self.newest
        self.used |= {one.size: one for one in (before, after) if one is not None}
        return before, after

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the checkpoints in use, and the proofs that each begins the next."""
        before = 0
        for size, one in sorted(self.used.items()):
            yield f"checkpoints/{self.name}/{size}.note", one.note
            if before:
                lines = [f"old {before}", *map(encoded, self.tree.consistency(before, size)), ""]
                yield f"consistency/{self.name}/{before}-{size}.txt", "\n".join(lines).encode()
            before = size


class Checkpointed(NamedTuple):
    """A signed checkpoint, whoever has cosigned it."""

    size: int
    root: bytes
    note: Note


def inclusion(
    connection: Connection[Any], topic: str, origin: str, index: int, under: Checkpointed
) -> bytes:
    """Return the tlog-proof of an entry under a checkpoint.

    HistoryGap or RecordRejected if the mirror does not hold what the checkpoint is about.
    """
    tree = Tree(_leaves(connection, topic, origin, under.size))
    if (tree.size, tree.root()) != (under.size, under.root):
        raise _other_root(f"of {origin} ({topic})", under.size)
    return proven_in(tree, index, under.note)


def proven_in(tree: Tree, index: int, note: Note) -> bytes:
    """Return the tlog-proof of an entry of a whole tree, under its checkpoint."""
    return Proof(index, tuple(tree.inclusion(index, tree.size)), note).render()


def _other_root(log: str, size: int) -> RecordRejected:
    return RecordRejected(
        f"log {log}: the mirror does not give the root of its checkpoint {size}: nothing can be"
        " proven; look into docs/runbooks/tampering.md",
        rule="root_differs",
    )


def has_entries(connection: Connection[Any], agreement: Agreement, log: str) -> bool:
    """Say whether the mirror holds anything of a log."""
    row = connection.execute(_ANY, origin_of(agreement, log)).fetchone()
    return row is not None


def _first(
    connection: Connection[Any], policy: Policy, asked: LiteralString, given: tuple[str, int]
) -> Counted | None:
    with connection.cursor(name="checkpoints", row_factory=tuple_row) as cursor:
        cursor.itersize = _FEW
        cursor.execute(asked, given)
        for (text,) in cursor:
            found = _counted(Note.parse(text.encode()), policy)
            if found is not None:
                return found
    return None


def _counted(note: Note, policy: Policy) -> Counted | None:
    try:
        checkpoint = checked(note, policy)
    except RecordRejected:
        return None
    verifiers = {(one.verifier.name, one.verifier.key_id) for one in policy.witnesses}
    return Counted(
        checkpoint.size,
        checkpoint.root,
        note.render(),
        {
            line.name: datetime.fromtimestamp(cosigned_at(line), UTC)
            for line in note.signatures
            if (line.name, line.key_id) in verifiers
        },
    )


def _leaves(connection: Connection[Any], topic: str, origin: str, size: int) -> Iterable[bytes]:
    with connection.cursor(name="leaves", binary=True, row_factory=tuple_row) as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(_LEAVES, (topic, origin, size))
        for wanted, (index, leaf) in enumerate(cursor):
            if index != wanted:
                raise HistoryGap(f"the mirror has no event {wanted} of {origin} ({topic})")
            yield leaf
