"""One log in memory, as a mirror has it, with checkpoints; and what the rules find in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from events.codec import Stamp
from events.stamp import NOTHING_SEEN, leaf_hash
from ledger.log.findings import Heard
from ledger.log.merkle import CompactRange
from ledger.log.rule_log import Known, Leaf, LogRules, check_signature
from ledger.log.signature import LogSigner

NAME, SIGNER = "t.ledger/KZ", LogSigner("KZ-log", bytes(32))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
#: Rule, code word, place in the log or size.
Told = tuple[str, str, int | None]


@cache
def signed(place: int, leaf: bytes) -> bytes:
    """Return the log's signature; honest logs have the same events."""
    return SIGNER.sign(NAME, place, leaf)


@dataclass
class Log:
    """A log as a mirror has it: events a second apart, checkpoints two seconds after their last."""

    leaves: list[Leaf] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)

    @classmethod
    def honest(cls, events: int, sizes: set[int]) -> Log:
        log, tree = cls(), CompactRange()
        for place in range(events):
            log.add(place, b"%d" % place)
            tree.append(log.leaves[-1].heard.leaf)
            if tree.size in sizes:
                at = NOON + place * SECOND + 2 * SECOND
                log.known.append(Known(tree.size, tree.root, True, True, at, at, at))
        return log

    def add(self, place: int, value: bytes) -> None:
        at = NOON + place * SECOND
        stamp = Stamp(
            event_id=UUID(int=place), case_id=UUID(int=1), origin="KZ", version=place + 1,
            seen=NOTHING_SEEN, occurred_at=at, recorded_at=at,
        )  # fmt: skip
        leaf = leaf_hash(value)
        heard = Heard(stamp, leaf, 0, place, log=NAME, log_index=place)
        self.leaves.append(Leaf(heard, leaf, True, at + 5 * MINUTE))
        self.signatures.append(signed(place, leaf))

    def change(self, at: int, **said: object) -> None:
        """Let an event stand there otherwise."""
        heard = self.leaves[at].heard._replace(**said)
        self.leaves[at] = self.leaves[at]._replace(heard=heard, stated=heard.leaf)

    def at(self, place: int, moment: datetime) -> None:
        """Let an event claim another time."""
        stamp = self.leaves[place].heard.event
        said = {name: getattr(stamp, name) for name in Stamp.__dataclass_fields__}
        self.change(place, event=Stamp(**{**said, "recorded_at": moment}))

    def told(self, *, until: datetime = NOON + 99 * MINUTE) -> list[Told]:
        """Return what the rules find."""
        rules = LogRules(
            log=NAME, topic="shared", origin="KZ", checkpoints=iter(self.known), until=until
        )
        found = [one for leaf in self.leaves for one in rules.hear(leaf)] + rules.end()
        for leaf, signature in zip(self.leaves, self.signatures, strict=True):
            if (leaf.heard.log_index or 0) >= rules.proven:
                found += check_signature(leaf.heard, signature, [SIGNER.verifier])
        self.rules = rules
        assert all(one.log == NAME for one in found)
        return [(one.rule, one.what, one.size or one.log_index) for one in found]
