"""The key-free rules R1 and R10 over one log: nothing withheld, changed, doubled or backdated.

A log is one country's events on one topic, in the order of their places (RFC 6962 tree, leaf =
SHA-256(0x00, bytes)). Its country signed the root at some sizes (checkpoints), and others cosigned
some of them, each with the time by its own clock.

* R1: places are 0, 1, 2 … each once; bytes hash to what is said; signed roots are the roots.
* R10: an event of place i is not later than the first cosignature of a size above i, and not
  earlier than the last cosignature of a size up to i (both by less than a tolerance). Nor was it
  mirrored before it was recorded.

A root is compared up to the first fault; `proven` says how far it held, and what follows has to be
judged by the signature of each event (`check_signature`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ledger.log.findings import Finding, Heard, found, found_without_event
from ledger.log.merkle import CompactRange
from ledger.log.signature import LogVerifier

#: How far clocks of two countries may be apart; and what is younger may still be on its way.
TOLERANCE = timedelta(seconds=120)


class Leaf(NamedTuple):
    """An event at its place of a log; `heard.leaf` is what its bytes hash to, here and now."""

    heard: Heard
    #: What the mirror says that they hash to.
    stated: bytes
    #: Whether case, country, version, id and partition stand there as the bytes say.
    row_fits: bool
    mirrored_at: datetime


class Known(NamedTuple):
    """A checkpoint as a node keeps it."""

    size: int
    root: bytes
    #: Whether it is what its country signed, and its cosignatures are what the witnesses made.
    fits: bool
    cosigned_fits: bool
    heard_at: datetime
    #: First cosignature of this size or a larger one, last one of this size or a smaller one.
    not_after: datetime | None
    not_before: datetime | None
    #: When this country itself first said, signed, that it has so many events or more: its witness
    #: cosigns what has arrived here, its sealer signs what stands here.
    here_by: datetime | None = None


@dataclass(slots=True, kw_only=True)
class LogRules:
    """The rules over one log: `hear` its events by their places, then `end`.

    Memory is one hash per bit of its size.
    """

    log: str
    topic: str
    origin: str
    #: Ordered by size.
    checkpoints: Iterator[Known]
    #: The moment at which everything that is here was read.
    until: datetime
    tolerance: timedelta = TOLERANCE
    tree: CompactRange = field(default_factory=CompactRange)
    #: So many events are under a root that was signed; so many roots were compared.
    proven: int = 0
    compared: int = 0
    #: Whether something is on its way: a hole, or a checkpoint of what has not arrived.
    waiting: bool = False
    _whole: bool = True
    _place: int = -1
    _last: Heard | None = None
    _known: Known | None = None
    _not_before: datetime | None = None
    #: Whether a checkpoint counted what the next place lacks, long ago.
    _is_counted: bool = False
    #: The event behind a hole that may still fill.
    _behind: Heard | None = None

    def __post_init__(self) -> None:
        self._known = next(self.checkpoints, None)

    def hear(self, leaf: Leaf) -> list[Finding]:
        """Take in the next event; return what it breaks."""
        heard = leaf.heard
        findings = [*self._passed(heard.log_index or 0), *self._placed(leaf)]
        if heard.leaf != leaf.stated:
            findings.append(found("R1", "leaf_differs", heard))
        if not leaf.row_fits:
            findings.append(found("R1", "row_differs", heard))
        self.tree.append(heard.leaf)
        self._last = heard
        return [*findings, *self._timed(heard, leaf.mirrored_at)]

    def end(self) -> list[Finding]:
        """Return what is wrong with the checkpoints of all that is here, and of more."""
        findings = self._passed(self._place + 1)
        missing = None
        while self._known is not None:
            if self._behind is not None:
                findings += self._counted(self._known)
            if self._is_old(self._known):
                missing = self._known
            else:
                self.waiting = True
            self._known = next(self.checkpoints, None)
        if missing is not None:
            findings.append(self._about_root("withheld", missing.size))
        return findings

    def _placed(self, leaf: Leaf) -> list[Finding]:
        place = leaf.heard.log_index or 0
        wanted, self._place = self._place + 1, max(place, self._place)
        is_counted, self._is_counted = self._is_counted, False
        if place == wanted:
            return []
        self._whole = False
        if place < wanted:
            return [found("R1", "index_twice", leaf.heard)]
        # Partitions are mirrored one beside the other: a young hole may fill. How young it is says
        # the row behind it, which this node wrote; or a checkpoint that has counted it long ago.
        if is_counted or leaf.mirrored_at + self.tolerance < self.until:
            return [found("R1", "missing", leaf.heard)]
        self.waiting, self._behind = True, leaf.heard
        return []

    def _passed(self, size: int) -> list[Finding]:
        """Compare the checkpoints up to a size that is here now."""
        findings = []
        while self._known is not None and self._known.size <= size:
            known = self._known
            if not known.cosigned_fits:
                findings.append(self._about_root("cosignature_differs", known.size))
            if not known.fits:
                findings.append(self._about_root("note_differs", known.size))
            elif self._whole and known.size == self.tree.size:
                self.compared += 1
                if known.root == self.tree.root:
                    self.proven = known.size
                else:
                    self._whole = False
                    findings.append(self._about_root("root_differs", known.size))
            if known.size > self._place + 1 or self._behind is not None:
                findings += self._counted(known)
            self._not_before = known.not_before or self._not_before
            self._known = next(self.checkpoints, None)
        return findings

    def _counted(self, known: Known) -> list[Finding]:
        """Note that a checkpoint counts, long ago, what is not here."""
        if not known.fits or not self._is_old(known):
            return []
        self._is_counted, behind = True, self._behind
        self._behind = None
        return [] if behind is None else [found("R1", "missing", behind)]

    def _is_old(self, known: Known) -> bool:
        """Say whether what a checkpoint counts had to be here long ago.

        By when it was heard, which is a row of this database; or by what this country has signed.
        What others cosigned may all come at once, after a standstill of this node.
        """
        heard = min(known.heard_at, known.here_by or known.heard_at)
        return heard + self.tolerance < self.until

    def _timed(self, heard: Heard, mirrored_at: datetime) -> list[Finding]:
        at, findings = heard.event.recorded_at, []
        not_after = None if self._known is None else self._known.not_after
        if not_after is not None and at > not_after + self.tolerance:
            findings.append(found("R10", "too_late", heard))
        if self._not_before is not None and at < self._not_before - self.tolerance:
            findings.append(found("R10", "backdated", heard))
        if mirrored_at < at - self.tolerance:
            findings.append(found("R10", "mirrored_too_early", heard))
        return findings

    def _about_root(self, what: str, size: int) -> Finding:
        said: dict[str, Any] = {"size": size}
        if self._last is not None:
            return found("R1", what, self._last, **said)
        return found_without_event("R1", what, self.origin, self.log, topic=self.topic, **said)


def check_signature(
    heard: Heard, signature: bytes, keys: Sequence[LogVerifier]
) -> Iterator[Finding]:
    """Yield a finding if none of a country's public keys signed an event for its place (R1)."""
    place = heard.log_index or 0
    if not any(key.is_signed(heard.log, place, heard.leaf, signature) for key in keys):
        yield found("R1", "signature", heard)
