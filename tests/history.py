"""A golden history: what each event was at its place in the topic, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from hashlib import sha256
from typing import Any

from events import contract
from events.codec import encode, read_stamp
from events.codes import BasisKind, DataScope, NeutralStatus, Outcome, Purpose
from events.compiled import shape
from events.registry import BY_NAME, NEWEST
from events.stamp import NOTHING_SEEN, Actor, Event, leaf_hash
from ledger.case.encoding import state_hash
from ledger.case.plane import Plane, VoidReason, empty
from ledger.case.reading import read_on
from ledger.log.signature import LogSigner
from tests.vectors import invented_uuid, readable

FIRST_DAY = date(2026, 3, 2)
#: What an event says where a history does not care.
USUAL: dict[str, Any] = {
    "opened_on": FIRST_DAY, "responsible": "KZ", "status": NeutralStatus.NOT_READY,
    "history_commitment": None,
    "recipient": "KG", "holder": "KZ", "scopes": (DataScope.IDENTITY, DataScope.HEALTH),
    "expires_on": date(2026, 12, 31), "due_on": date(2026, 4, 1), "request_id": None,
    "outcome": Outcome.FULFILLED, "with_country": "KG", "salt": bytes(range(32)),
    "assignee": "cw-4f2a", "closing": 1, "decision": "approve_override", "rule": "four_eyes",
    "kind": BasisKind.CONSENT, "purpose": Purpose.TRANSFER, "requested_by": "cw-4f2a",
    "upheld": True, "paused_until": date(2026, 4, 1),
}  # fmt: skip


def signer(country: str) -> LogSigner:
    """Return the log key of a country in the vectors; its seed is public."""
    return LogSigner(f"vectors.{country}", sha256(f"vector log key {country}".encode()).digest())


@dataclass
class Entry:
    """One record of the topic, and what its place makes of it."""

    origin: str
    value: bytes
    leaf: bytes
    event: Event
    ce_type: str
    void: str | None


@dataclass
class History:
    """A case on one topic, written down in topic order."""

    name: str
    about: str
    shared: bool = True
    #: Whether it is written with the newest schemas; the oldest histories are of version 1.
    newest: bool = False
    #: Whether it is the register: about the ledger itself, and no case.
    register: bool = False
    entries: list[Entry] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)

    def put(
        self,
        origin: str,
        kind: type[Event],
        /,
        *,
        seen: int | None = None,
        on: date = FIRST_DAY,
        void: str | None = None,
        named: str | None = None,
        broken: bool = False,
        schema_version: int | None = None,
        **values: Any,
    ) -> None:
        """Add a record: `seen` counts records its decider had read (default: all before it).

        A text for an id field names the thing; `broken` spoils the bytes after the stamp.
        """
        newest = NEWEST[kind.__name__].version if self.newest else 1
        written = schema_version or newest
        event = self._event(origin, kind, written, seen, on, values)
        value = encode(event)
        if broken:  # the union branch of `caused_by`, right behind the stamp's actor
            at = value.index(event.actor.organisation.encode()) + len(event.actor.organisation)
            value = value[:at] + b"\x08" + value[at + 1 :]
        usual = contract.ce_type(event, shared=self.shared)
        leaf = leaf_hash(value)
        self.entries.append(Entry(origin, value, leaf, event, named or usual, void))

    def _event(
        self,
        origin: str,
        kind: type[Event],
        written: int,
        seen: int | None,
        on: date,
        values: dict[str, Any],
    ) -> Event:
        at = len(self.entries)
        seen = at if seen is None else seen
        version = self._versions[origin] = self._versions.get(origin, 0) + 1
        recorded_at = datetime.combine(on, time(9, at, 30, 250_000 + at), tzinfo=UTC)
        stamp = {
            "event_id": invented_uuid(f"{self.name}/event/{at}", 7),
            "case_id": invented_uuid(f"{self.name}/case", 8 if self.register else 4),
            "origin": origin,
            "version": version,
            "seen": self.entries[seen - 1].leaf if seen else NOTHING_SEEN,
            "occurred_at": datetime.combine(on, time(), tzinfo=UTC) if self.shared else recorded_at,
            "recorded_at": recorded_at,
            "actor": Actor(id=f"sup-{origin}", role="supervisor", organisation=f"fp-{origin}"),
        }
        named: dict[str, Any] = {}
        for own in BY_NAME[kind.__name__, written].document["fields"]:
            name = own["name"]
            what, inner = shape(own["type"], named)
            what = shape(inner, named)[0] if what == "union" else what
            left_out = name in {"rules", "sealed"} or (name == "caused_by" and name not in values)
            if name not in stamp and not left_out:
                given = values.pop(name, self._usual(name, what))
                is_id = isinstance(given, str) and what == "uuid"
                stamp[name] = invented_uuid(f"{self.name}/{given}") if is_id else given
        assert not values, f"{kind.__name__} has no {values}"
        return kind(**stamp, schema_version=written)

    def _usual(self, name: str, what: str) -> Any:
        from tests.data_histories import USUAL as OF_DATA  # tells its histories with this class

        if what == "timestamp-micros":
            return OF_DATA["glass_until"]
        return USUAL.get(name, OF_DATA.get(name, name))

    def _topic(self, origin: str) -> str:
        if self.shared:
            return contract.shared_topic("referral")
        return contract.national_topic("referral", origin)

    def folded(self) -> list[tuple[str, Plane]]:
        """Return (verdict, plane) after each record, as the product reads it."""
        plane = empty(self.entries[0].event.case_id, shared=self.shared)
        found = []
        for entry in self.entries:
            plane, verdict, _ = read_on(
                plane, entry.value, entry.leaf,
                origin=entry.origin, version=entry.event.version,
            )  # fmt: skip
            found.append((verdict.void or "effective", plane))
        return found

    def vector(self) -> dict[str, Any]:
        """Return the history as it is frozen; AssertionError if a verdict is not the expected."""
        index: dict[str, int] = {}
        records = []
        for entry, (verdict, plane) in zip(self.entries, self.folded(), strict=True):
            unreadable = verdict == VoidReason.UNREADABLE
            said = read_stamp(entry.value) if unreadable else entry.event
            expected = entry.void or "effective"
            kind = type(entry.event).__name__
            assert verdict == expected, f"{self.name}: {kind} is {verdict}, not {expected}"
            place = index[entry.origin] = index.get(entry.origin, -1) + 1
            log = contract.log_name(self._topic(entry.origin), entry.origin)
            signature = signer(entry.origin).sign(log, place, entry.leaf)
            records.append({
                "ce_type": entry.ce_type,
                "log": contract.log_header(place, signature).hex(),
                "hex": entry.value.hex(),
                "leaf": entry.leaf.hex(),
                "event": {"type": kind, **readable(said)},
                "verdict": verdict,
                "state": state_hash(plane).hex(),
            })  # fmt: skip
        return {
            "about": self.about,
            "plane": "shared" if self.shared else "national",
            "log_keys": {origin: signer(origin).verifier.render() for origin in sorted(index)},
            "records": records,
        }
