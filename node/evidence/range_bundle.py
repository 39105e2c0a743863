"""The files of a bundle about a stretch of one log: all its entries, whoever's case they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from events.agreement import Agreement
from events.codec import schema_of
from events.errors import BadInput, HistoryGap
from ledger.log.lines import encoded
from ledger.log.tiles import WIDTH
from ledger.log.tree import Tree
from node.evidence.packing import Content
from node.evidence.papers import schema_file, trust_files
from node.evidence.proven import ProvenLog
from node.evidence.verifier.checks import tile_path

_VALUES: LiteralString = """
SELECT value FROM mirror.record
WHERE topic = %s AND origin = %s AND log_index >= %s AND log_index < %s ORDER BY log_index
"""
_HEADS: LiteralString = """
SELECT DISTINCT substring(value FOR 10) FROM mirror.record
WHERE topic = %s AND origin = %s AND log_index >= %s AND log_index < %s
"""
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class RangeBundle:
    """Entries `begin` to `end` (without) of a log, widened to whole bundles of 256."""

    log: ProvenLog
    begin: int
    end: int
    #: First ten bytes of its entries, each once.
    headers: Sequence[bytes]
    #: The file that completes it to the tree.
    text: bytes

    @classmethod
    def read(
        cls, connection: Connection[Any], agreement: Agreement, log: str, begin: int, end: int
    ) -> RangeBundle:
        """Read a range; BadInput if it is empty or not covered; else as ProvenLog.read."""
        proven = ProvenLog.read(connection, agreement, log)
        if not 0 <= begin < end <= proven.newest.size:
            raise BadInput(
                f"log {log}: {proven.newest.size} entries are cosigned; a range is A-B with"
                " 0 <= A < B, and B is the first that is left out",
                rule="range",
            )
        first = begin - begin % WIDTH
        last = min(end + -end % WIDTH, proven.newest.size)
        for index in {first, last - 1}:
            proven.around(connection, index)
        with connection.cursor(row_factory=tuple_row) as cursor:
            place = (proven.topic, proven.origin, first, last)
            heads = [bytes(row[0]) for row in cursor.execute(_HEADS, place)]
        text = range_text(proven.tree, first, last)
        return cls(proven, first, last, sorted(heads), text)

    def files(self, values: Iterable[bytes]) -> dict[str, Content]:
        """Return everything that the verifier checks; `values` are taken one bundle at a time."""
        found: dict[str, Content] = dict(trust_files([self.log]))
        found |= dict(schema_file(schema_of(head)) for head in self.headers)
        name = self.log.name
        found[f"ranges/{name}.range"] = self.text
        return found | tile_files(name, self.begin, self.end, iter(values))

    def values(self, connection: Connection[Any]) -> Iterator[bytes]:
        """Stream the entries."""
        return entries(connection, self.log, self.begin, self.end)


def entries(connection: Connection[Any], log: ProvenLog, begin: int, end: int) -> Iterator[bytes]:
    """Stream some entries of a log in order; its tree was read and its root is right."""
    with connection.cursor(name="entries", binary=True, row_factory=tuple_row) as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(_VALUES, (log.topic, log.origin, begin, end))
        for (value,) in cursor:
            yield value


def tile_files(log: str, begin: int, end: int, values: Iterator[bytes]) -> dict[str, Content]:
    """Return the entry bundles of a range; each takes its entries when its turn comes."""
    found: dict[str, Content] = {}
    for at in range(begin, end, WIDTH):
        many = min(WIDTH, end - at)
        path = tile_path(at // WIDTH, many)
        found[f"logs/{log}/tile/entries/{path}"] = _bundle(values, many)
    return found


def _bundle(values: Iterator[bytes], many: int) -> Callable[[], bytes]:
    def taken() -> bytes:
        these = list(islice(values, many))
        if len(these) != many:
            raise HistoryGap("the mirror ends before the range does")
        return b"".join(part for one in these for part in (len(one).to_bytes(2, "big"), one))

    return taken


def range_text(tree: Tree, begin: int, end: int) -> bytes:
    """Return what completes a range to the tree: the largest subtrees left and right of it."""
    left = [tree.subtree(*span) for span in _subtrees(0, begin)]
    right = [tree.subtree(*span) for span in _subtrees(end, tree.size)]
    lines = [f"from {begin}", f"to {end}", *map(encoded, left), "", *map(encoded, right), ""]
    return "\n".join(lines).encode()


def _subtrees(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of the largest perfect subtrees that fill a stretch, in order."""
    while begin < end:
        room = 1 << ((end - begin).bit_length() - 1)
        step = min(room, begin & -begin) if begin else room
        yield begin, begin + step
        begin += step
