"""What one topic says about one case: the state that a fold builds, and nothing else.

The shared plane is folded from the shared topic and is the same in every country at the same
prefix. The national plane is folded from this country's own national events. They never read
each other: two topics have no common order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from events.codes import DataScope, NeutralStatus, RetentionGround
from events.stamp import NOTHING_SEEN
from ledger.case.changing import changed
from ledger.case.joint import Measure, Suspicion
from ledger.case.national import Care

NONE = "none"
_HEX = {"ser_json_bytes": "hex", "val_json_bytes": "hex"}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who answers for the case, and whether it may be handed over."""

    state: str = NONE
    opened_on: date | None = None
    opener: str | None = None
    responsible: str | None = None
    status: NeutralStatus = NeutralStatus.NOT_READY
    missing: bool = False
    #: Opener and every country named as receiver by an effective handoff; only grows.
    parties: tuple[str, ...] = ()
    into_case: UUID | None = None
    #: How often the case has been closed; a request for closure is for one of them.
    closures: int = 0


@dataclass(frozen=True, kw_only=True)
class Basis:
    """A consent or an override: which data scopes may go to which country, until when."""

    state: str
    origin: str
    override: bool = False
    recipient: str | None = None
    scopes: tuple[DataScope, ...] = ()
    expires_on: date | None = None
    #: Event that began the handoff it was given for, if that one had lost its basis.
    given_for: UUID | None = None

    def covers(self, recipient: str, scopes: tuple[DataScope, ...], on: date) -> bool:
        """Say whether it permits these scopes to go to this country on this day (UTC)."""
        return (
            self.state == "granted"
            and self.recipient == recipient
            and self.expires_on is not None
            and on <= self.expires_on
            and set(scopes) <= set(self.scopes)
        )


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """A referral or a transfer on its way."""

    __pydantic_config__: ClassVar = _HEX

    state: str
    #: Country that sent or asked; only it may revoke or let it expire.
    sender: str
    #: Country that has to answer.
    receiver: str
    #: Event that began it: what an answer is caused by.
    began_with: UUID
    due_on: date
    basis_id: UUID | None = None
    scopes: tuple[DataScope, ...] = ()
    #: The receiver's one-time keys: for the preview, and for the rest.
    preview_key: bytes | None = None
    key: bytes | None = None
    #: Commitments to the documents that go with it.
    documents: tuple[bytes, ...] = ()
    #: Its sender said that the case is not ready before it knew that responsibility had moved:
    #: nothing more goes out until a basis is given for it anew.
    held: bool = False

    @property
    def open(self) -> bool:
        """Whether an answer or further steps are still expected."""
        return self.state not in FINAL


#: States after which a handoff never moves again.
FINAL = frozenset({"rejected", "revoked", "expired", "completed"})


@dataclass(frozen=True, kw_only=True)
class Release:
    """Keys of some scopes that one country gave another: a grant."""

    __pydantic_config__: ClassVar = _HEX

    #: released, stopped, claimed (kept on a ground of the recipient's own), destroyed.
    state: str
    origin: str
    recipient: str
    handoff_id: UUID
    basis_id: UUID
    scopes: tuple[DataScope, ...]
    epoch: int
    commitments: tuple[bytes, ...]
    capsule: bytes
    ground: RetentionGround = RetentionGround.UNKNOWN
    until: date | None = None

    @property
    def is_preview(self) -> bool:
        """Whether it is the first of the two steps."""
        return self.scopes == (DataScope.PREVIEW,)

    def is_kept(self, on: date) -> bool:
        """Say whether its recipient may keep it on a day (UTC), on a ground of its own."""
        claimed = self.ground is not RetentionGround.UNKNOWN
        return claimed and self.until is not None and on <= self.until


@dataclass(frozen=True, kw_only=True)
class Attested:
    """What a country says about its erasure."""

    __pydantic_config__: ClassVar = _HEX

    erasure_id: UUID
    keys: tuple[bytes, ...]
    backups_expire_on: date


@dataclass(frozen=True, kw_only=True)
class Caution:
    """Which protective events a permission must have known about.

    `tail` holds the leaf hashes from the first protective event on, in topic order; `last` tells
    for each origin where in it its latest protective event stands.
    """

    __pydantic_config__: ClassVar = _HEX

    tail: tuple[bytes, ...] = ()
    last: Mapping[str, int] = field(default_factory=dict)

    def ignored_by(self, origin: str, seen: bytes) -> bool:
        """Say whether a decider who had seen this prefix missed another origin's protection."""
        newest = max((at for other, at in self.last.items() if other != origin), default=-1)
        return newest >= 0 and seen not in self.tail[newest:]


@dataclass(frozen=True, kw_only=True)
class Activated:
    """A rule file that a country decides by: which version, by the hash of its text, since when."""

    __pydantic_config__: ClassVar = _HEX

    number: int
    text: bytes
    effective_from: date


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One case on one topic."""

    __pydantic_config__: ClassVar = _HEX

    shared: bool
    case_id: UUID
    #: Events admitted so far, effective or void.
    count: int = 0
    #: Leaf hash of the last of them: names this prefix.
    head: bytes = NOTHING_SEEN
    #: Highest version of each origin; a void event uses its version up.
    versions: Mapping[str, int] = field(default_factory=dict)
    identity: Identity = Identity()
    consents: Mapping[UUID, Basis] = field(default_factory=dict)
    referrals: Mapping[UUID, Handoff] = field(default_factory=dict)
    transfers: Mapping[UUID, Handoff] = field(default_factory=dict)
    care: Care = Care()
    caution: Caution = Caution()
    releases: Mapping[UUID, Release] = field(default_factory=dict)
    #: Last epoch of keys that each origin stopped sharing.
    stopped_epochs: Mapping[str, int] = field(default_factory=dict)
    #: Newest attestation of erasure by each country.
    attested: Mapping[str, Attested] = field(default_factory=dict)
    #: Event by which a country showed that a key which it says is gone is not (ledger.case.gone).
    contradicted: Mapping[str, UUID] = field(default_factory=dict)
    #: Rule files that this country decided by and decides by, oldest first, by kind and name
    #: (`pack/KZ`); only a register has any.
    rules: Mapping[str, tuple[Activated, ...]] = field(default_factory=dict)
    #: SHA-256 of the schemas that each country released on this topic; only a register has any.
    schemas: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    #: Suspicions that this case is another one's child's.
    suspicions: Mapping[UUID, Suspicion] = field(default_factory=dict)
    measures: Mapping[UUID, Measure] = field(default_factory=dict)

    def rules_on(self, kind: str, name: str, day: date) -> Activated | None:
        """Return the rule file that was in force on a day, as far as it was activated here."""
        begun = [one for one in self.rules.get(f"{kind}/{name}", ()) if one.effective_from <= day]
        return begun[-1] if begun else None

    def handoff(self, handoff_id: UUID) -> Handoff | None:
        """Return the referral or transfer with this id."""
        return self.referrals.get(handoff_id) or self.transfers.get(handoff_id)

    @property
    def open_transfers(self) -> Mapping[UUID, Handoff]:
        """Transfers that may still move responsibility; a mere request does not count."""
        return {
            handoff_id: transfer
            for handoff_id, transfer in self.transfers.items()
            if transfer.state in {"proposed", "previewed", "accepted"}
        }

    def in_force(self, basis_id: UUID | None, handoff: Handoff, on: date) -> bool:
        """Say whether a basis permits this handoff's data to reach its receiver on this day."""
        basis = self.consents.get(basis_id) if basis_id is not None else None
        return basis is not None and basis.covers(handoff.receiver, handoff.scopes, on)


def with_care(plane: Plane, **changes: Any) -> Plane:
    """Return the plane with some of the national work with the child changed."""
    return changed(plane, care=changed(plane.care, **changes))


#: Made once: to fill in what is not there takes as long as to fold three events.
_BLANK = {shared: Plane(shared=shared, case_id=UUID(int=0)) for shared in (False, True)}


def empty(case_id: UUID, *, shared: bool) -> Plane:
    """Return a case of which this topic has said nothing yet."""
    return changed(_BLANK[shared], case_id=case_id)


class VoidReason(StrEnum):
    """Why an event has no effect at its place; a code, so that the trail needs no words."""

    NOT_PARTY = "not_party"
    WRONG_COUNTRY = "wrong_country"
    WRONG_STATE = "wrong_state"
    CASE_NOT_OPEN = "case_not_open"
    NOT_READY = "not_ready"
    NO_BASIS = "no_basis"
    UNSEEN_PROTECTION = "unseen_protection"
    HANDOFF_OPEN = "handoff_open"
    NOT_MISSING = "not_missing"
    UNKNOWN_VERSION = "unknown_version"
    #: The receiver offered no key for what was released.
    NO_KEY_OFFERED = "no_key_offered"
    #: Keys of an epoch that had ended.
    STALE_EPOCH = "stale_epoch"
    #: Signed and in order, but its bytes are no event of the schema that they name.
    UNREADABLE = "unreadable"
    #: Its schema may not stand on this topic.
    WRONG_TOPIC = "wrong_topic"
    #: About the ledger itself in a child's case, or about a child in the register.
    WRONG_CASE = "wrong_case"
    #: Joined without both sides having confirmed that it is the same child's.
    NOT_CONFIRMED = "not_confirmed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the topic's order made of an event: effective, or void and why."""

    void: VoidReason | None = None

    @property
    def effective(self) -> bool:
        """Whether the event took effect."""
        return self.void is None


EFFECTIVE = Verdict()
