"""Order notes: in which order a country heard each partition of the shared topic (design §12).

Logs prove what each country has said; order notes in which order all of them heard it. A note has
one line for each partition: its number, how many events were admitted there, and the RFC 6962 root
over their leaf hashes, of all origins, in the topic's order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from events.errors import RecordRejected
from ledger.log.heads import Head
from ledger.log.lines import decimal, encoded, read_hash
from ledger.log.merkle import CompactRange
from ledger.log.note import Note, checked_text
from ledger.log.signature import LogSigner

#: Leaves back from the newest at whose sizes a root is known without reading the mirror again.
RECENT: Final = 4_096


@dataclass(frozen=True, slots=True)
class OrderNote:
    """What a country says of all partitions at one moment."""

    #: Name of the key that signs it: `referral.order/KG`.
    name: str
    #: By partition.
    heads: tuple[Head, ...]

    @classmethod
    def parse(cls, text: str, partitions: int) -> OrderNote:
        """Read a note's text; RecordRejected, rule `order_note`, `note` or `line`, if it is none.

        Every partition of the agreement stands in it, in order, and nothing else.
        """
        checked_text(text)
        name, *lines = text[:-1].split("\n")
        if len(lines) != partitions:
            raise _malformed(f"it does not have a line for each of {partitions} partitions")
        heads = []
        for partition, line in enumerate(lines):
            number, size, root = [*line.split(" "), "", ""][:3]
            if line.count(" ") != 2 or decimal(number, "the partition") != partition:
                raise _malformed(f"line {partition} is not that partition, a size and a root")
            heads.append(Head(decimal(size, "the size"), read_hash(root, "the root")))
        return cls(name, tuple(heads))

    @property
    def body(self) -> str:
        """The note's text."""
        lines = [f"{at} {size} {encoded(root)}\n" for at, (size, root) in enumerate(self.heads)]
        return f"{self.name}\n{''.join(lines)}"

    def signed_by(self, signer: LogSigner) -> Note:
        """Return the signed note. Whoever calls it answers for what it says."""
        return Note.of(self.body, signer.sign_text(self.body))


class Difference(NamedTuple):
    """A size at which somebody's order is not the one that was heard here."""

    by: str
    size: int
    #: The largest size below at which both were known to be the same.
    agreed: int


@dataclass(slots=True)
class HeardOrder:
    """One partition: the order in which it was heard here, and where others say something else.

    Memory is the peaks, some thousand leaf hashes, and what others say of sizes not reached here.
    """

    #: All that was heard.
    tree: CompactRange = field(default_factory=CompactRange)
    #: The same without the newest leaves, and those.
    _begun: CompactRange = field(default_factory=CompactRange)
    _recent: deque[bytes] = field(default_factory=deque)
    #: What each says of sizes that are still to come: by who says it, by size.
    _said: dict[str, dict[int, bytes]] = field(default_factory=dict)
    _agreed: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many events were admitted."""
        return self.tree.size

    @property
    def head(self) -> Head:
        """Size and root."""
        return Head(self.tree.size, self.tree.root)

    def append(self, leaf: bytes) -> list[Difference]:
        """Take in the next event by its leaf hash; return who says something else of this size."""
        self.tree.append(leaf)
        self._recent.append(leaf)
        if len(self._recent) > RECENT:
            self._begun.append(self._recent.popleft())
        said = {by: heads.pop(self.size) for by, heads in self._said.items() if self.size in heads}
        if not said:
            return []
        root = self.tree.root
        found = [self.compared(by, Head(self.size, theirs), root) for by, theirs in said.items()]
        return [one for one in found if one is not None]

    def roots_at(self, sizes: Iterable[int]) -> Mapping[int, bytes]:
        """Return the roots of sizes, without those that are too long ago or still to come."""
        wanted = sorted(size for size in {*sizes} if self._begun.size <= size <= self.size)
        tree, leaves, found = self._begun.copy(), iter(self._recent), {}
        for size in wanted:
            for leaf in islice(leaves, size - tree.size):
                tree.append(leaf)
            found[size] = tree.root
        return found

    def waits_for(self, by: str, head: Head) -> None:
        """Compare what somebody says of a size that is still to come when it is there.

        Of too many sizes his own smallest is forgotten: nobody makes another one's be.
        """
        said = self._said.setdefault(by, {})
        said[head.size] = head.root
        if len(said) > RECENT:  # the largest says the same of all before it
            del said[min(said)]

    def compared(self, by: str, theirs: Head, root: bytes) -> Difference | None:
        """Say whether somebody's root of a size is the one of here."""
        if theirs.root != root:
            return Difference(by, theirs.size, min(self._agreed.get(by, 0), theirs.size))
        self._agreed[by] = max(self._agreed.get(by, 0), theirs.size)
        return None


def _malformed(words: str) -> RecordRejected:
    return RecordRejected(f"not an order note: {words}", rule="order_note")
