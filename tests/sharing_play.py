"""Many cases of two or three countries, decided by the ledger's own rules, with keys and reactors.

Whatever a country decides here is refused or allowed by the real decisions; the reactors release
and stop what the real functions say is due; boxes are sealed by the real seal. Only the topic, the
clock and the keystore are played: reading late or early is the freedom that a real broker leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

from events.codec import encode
from events.codes import (
    AgeBand,
    ConsentGiver,
    DataScope,
    NeutralStatus,
    Outcome,
    Purpose,
    RetentionGround,
)
from events.errors import DecisionRefused
from events.registry import NEWEST
from events.stamp import Actor, Event, SealedEntry, leaf_hash
from ledger.case import (
    access,
    block,
    closing,
    consent,
    data,
    erasure,
    identity,
    referral,
    searching,
    transfer,
    withdrawal,
)
from ledger.case.case import Case, Topic
from ledger.case.fold import fold
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.plane import Plane, empty
from ledger.case.recording import Recorded, record
from ledger.case.sharing import Due, releases_due, spent_epoch, stops
from ledger.keys.seal import commitment, seal
from ledger.keys.sealing import place_in, place_of
from ledger.log.findings import Heard

#: Long ago: whoever asks now what had to come by now sees all of it.
NOON = datetime(2024, 11, 24, 12, tzinfo=UTC)
SUPERVISOR = Actor(id="sup-1", role="supervisor", organisation="cps-1")
CASEWORKER = Actor(id="cw-1", role="caseworker", organisation="cps-1")
REACTOR = Actor(id="reactor", role="system", organisation="reactor")
OFFICER = Actor(id="dpo-1", role="data_protection_officer", organisation="dpo-1")
SCOPES = (DataScope.PREVIEW, DataScope.IDENTITY, DataScope.HEALTH)
#: How long a message may lie, in seconds: with the steps between, a stop comes within a minute.
LIES = 15
#: Padded size of every box: one is as good as another for whoever has no key.
SIZE = 64

#: Something that a country may try, and how often it does so compared with the others.
Move = tuple[int, Callable[..., Drafts], dict[str, Any]]
#: Who asked for an override, and why: without a reason it opens no data.
ASKED = {"requested_by": "cw-9", "reason": "court_order"}
#: Nobody's data travels on a consent of which it is unknown who gave it.
HERS = {"given_by": ConsentGiver.CHILD, "age_band": AgeBand.FROM_15_TO_17}


@dataclass
class Node:
    """One country: how far it has read, and what it has decided."""

    country: str
    national: Plane
    seen: int = 0
    number: int = 0
    #: The last epoch of which keys were made for a release; a number is never used again.
    made: int = 0
    waiting: list[tuple[Event, bytes]] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    #: Its own national events, in order.
    said: list[Heard] = field(default_factory=list)
    waits_since: datetime | None = None
    unread_since: datetime | None = None


class Play:
    """One case from its opening on; `topic` grows in the order of the shared topic."""

    def __init__(self, seed: int, countries: tuple[str, ...] = ("KZ", "KG", "UZ")) -> None:
        """Begin with an unknown case; the same seed tells the same story."""
        self.chance = Random(seed)
        self.case_id = self.new_id()
        self.at = NOON
        self.topic: list[Heard] = []
        #: The shared plane after each prefix of the topic: the same for every country.
        self.planes = [empty(self.case_id, shared=True)]
        self.nodes = {code: Node(code, empty(self.case_id, shared=False)) for code in countries}

    def new_id(self) -> UUID:
        """Return an id."""
        return UUID(int=self.chance.getrandbits(128), version=4)

    def case(self, country: str) -> Case:
        """Return the case as a country would decide on it now."""
        node = self.nodes[country]
        settled = ahead = self.planes[node.seen]
        for event, leaf in node.waiting:
            ahead, _ = fold(ahead, event, leaf)
        return Case(
            case_id=self.case_id,
            country=country,
            settled=settled,
            ahead=ahead,
            national=node.national,
            number=node.number,
            national_leaves=tuple(node.leaves),
        )

    def matter(self, country: str, by: Actor = SUPERVISOR) -> Matter:
        """Return what lies before a person of a country."""
        return Matter(
            case=self.case(country),
            by=by,
            at=self.at,
            countries=frozenset(self.nodes),
            new_id=self.new_id,
            one_time=partial(self._one_time, country),
        )

    def _one_time(self, country: str, handoff_id: UUID, preview: bool) -> bytes:
        return sha256(f"{country} {handoff_id} {preview}".encode()).digest()

    def decide(
        self, country: str, decision: Callable[..., Drafts], /, by: Actor = SUPERVISOR, **words: Any
    ) -> None:
        """Let a country decide; DecisionRefused if that may not be."""
        matter = self.matter(country, by)
        for entry in record(matter, decision(matter, **words), salt=bytes(32)):
            self._keep(self.nodes[country], entry)

    def _keep(self, node: Node, entry: Recorded) -> None:
        event, node.number = entry.event, entry.number
        if entry.topic is Topic.SHARED:
            epoch = self.epoch(node.country) if entry.data else 0
            entries = tuple(self.entry(event, scope, epoch) for scope in entry.data)
            event = replace(event, sealed=(*event.sealed, *entries))
        leaf = leaf_hash(encode(event))
        if entry.topic is Topic.SHARED:
            node.waiting.append((event, leaf))
            node.waits_since = node.waits_since or self.at
            return
        node.leaves.append(leaf)
        node.said.append(Heard(event, leaf))
        node.national, verdict = fold(node.national, event, leaf)
        assert verdict.effective, verdict

    # What the keystore would do.

    def key(self, country: str, scope: DataScope, epoch: int) -> bytes:
        """Return a data key of a country for this case."""
        return sha256(f"{self.case_id} {country} {scope} {epoch}".encode()).digest()

    def epoch(self, country: str) -> int:
        """Return the epoch of the keys that a country seals with now; a release has the next."""
        return max(spent_epoch(self.case(country)), self.nodes[country].made) + 1

    def entry(self, event: Event, scope: DataScope, epoch: int) -> SealedEntry:
        """Return an entry for an event, under the keys of an epoch."""
        key = self.key(event.origin, scope, epoch)
        return SealedEntry(
            scope=scope, box=seal(key, place_in(event, scope, epoch), b"", size=SIZE)
        )

    def release_of(self, country: str, due: Due) -> dict[str, Any]:
        """Return the words of a release as the keystore prepares it."""
        grant_id = self.new_id()
        epoch = self.nodes[country].made = self.epoch(country) + 1
        keys = [self.key(country, scope, epoch) for scope in due.scopes]
        schema = NEWEST["KeysReleased"].canonical_sha256
        places = [
            place_of(grant_id, self.case_id, country, scope, schema, epoch) for scope in due.scopes
        ]
        return {
            "grant_id": grant_id,
            "handoff_id": due.handoff_id,
            "basis_id": due.basis_id,
            "scopes": due.scopes,
            "epoch": epoch,
            "commitments": tuple(map(commitment, keys)),
            "capsule": sha256(grant_id.bytes).digest(),
            "sealed": tuple(
                SealedEntry(scope=scope, box=seal(key, place, b"", size=SIZE))
                for scope, key, place in zip(due.scopes, keys, places, strict=True)
            ),
        }

    def react(self, country: str) -> None:
        """Stop what has to stop, and release what is due, as the reactor does."""
        case, on = self.case(country), self.at.date()
        for handoff_id in stops(case, on):
            self.decide(country, data.stop_release, handoff_id=handoff_id)
        for due in list(releases_due(self.case(country), on)):
            self.decide(country, data.release_keys, **self.release_of(country, due))

    # What relays and workers would do.

    def publish(self, country: str) -> None:
        """Put what a country has decided on the topic."""
        node = self.nodes[country]
        for event, leaf in node.waiting[self._published(node) :]:
            plane, verdict = fold(self.planes[-1], event, leaf)
            self.planes.append(plane)
            offset = len(self.topic)
            self.topic.append(Heard(event, leaf, 0, offset, void=verdict.void is not None))
            for other in self.nodes.values():
                other.unread_since = other.unread_since or self.at
        node.waits_since = None

    def _published(self, node: Node) -> int:
        unread = {heard.leaf for heard in self.topic[node.seen :]}
        return sum(leaf in unread for _, leaf in node.waiting)

    def deliver(self, country: str) -> None:
        """Let a country read the topic to its end, and its reactor act."""
        node = self.nodes[country]
        read = {heard.leaf for heard in self.topic[node.seen :]}
        node.waiting = [(event, leaf) for event, leaf in node.waiting if leaf not in read]
        node.seen, node.unread_since = len(self.topic), None
        self.react(country)

    def settle(self) -> None:
        """Let everybody read and react until nothing is left to say."""
        while True:
            for country in self.nodes:
                self.publish(country)
                self.deliver(country)
            if not any(node.waiting or node.unread_since for node in self.nodes.values()):
                return

    def pass_time(self) -> None:
        """Let some seconds go by, in which events travel, sooner or later."""
        self.at += timedelta(seconds=self.chance.randrange(8))
        for country, node in self.nodes.items():
            if self._is_time(node.waits_since):
                self.publish(country)
            if self._is_time(node.unread_since):
                self.deliver(country)

    def _is_time(self, since: datetime | None) -> bool:
        old = since is not None and self.at - since > timedelta(seconds=LIES)
        return since is not None and (old or self.chance.random() < 0.3)

    def wait(self, days: int) -> None:
        """Let days go by, through which everybody's node runs."""
        self.settle()
        self.at += timedelta(days=days)
        self.settle()

    def act(self, country: str) -> None:
        """Let a country try something that it may be about to do."""
        options = list(moves(self, country))
        if options:
            weights = [weight for weight, _, _ in options]
            _, decision, words = self.chance.choices(options, weights)[0]
            with suppress(DecisionRefused):
                self.decide(country, decision, **words)


def told(seed: int, *, steps: int = 45) -> Play:
    """Return a whole story of a case."""
    play = Play(seed, ("KZ", "KG") if seed % 3 else ("KZ", "KG", "UZ"))
    play.decide("KZ", identity.open_case, by=CASEWORKER)
    begin(play)
    for _ in range(steps):
        play.act(play.chance.choice(list(play.nodes)))
        play.pass_time()
        if play.chance.random() < 0.04:
            play.wait(play.chance.choice((1, 3, 40)))
    play.settle()
    return play


def begin(play: Play) -> None:
    """Let KZ permit and begin a first handoff, so that something is there to go well or wrong."""
    purpose = play.chance.choice((Purpose.SERVICE, Purpose.TRANSFER))
    basis_id, day = play.new_id(), play.at.date()
    terms = {"recipient": "KG", "purpose": purpose, "scopes": SCOPES}
    last = day + timedelta(days=play.chance.choice((2, 30)))
    if play.chance.random() < 0.2:
        words = {**terms, "expires_on": last, **ASKED}
        play.decide("KZ", consent.approve_override, override_id=basis_id, **words)
    else:
        words = {**terms, **HERS, "expires_on": last}
        play.decide("KZ", consent.grant_consent, consent_id=basis_id, **words)
    words = {"recipient": "KG", "basis_id": basis_id, "scopes": SCOPES, "due_on": last}
    if purpose is Purpose.SERVICE:
        play.decide("KZ", referral.send_referral, **words)
        return
    play.decide("KZ", identity.change_status, status=NeutralStatus.READY)
    play.decide("KZ", transfer.propose_transfer, **words)


def moves(play: Play, country: str) -> Iterator[Move]:
    """Yield what a country might try, as it sees the case; the decisions refuse what may not be."""
    case = play.case(country)
    if not case.is_known:
        return
    others = [code for code in play.nodes if code != country]
    other = play.chance.choice(others)
    if case.identity.state == "open":
        yield from _permissions(play, case, other)
        yield from _handoffs(play, case)
    else:
        yield from _afterwards(case)
    yield from _prohibitions(play, case, other)
    yield from _holding(play, case)


def _permissions(play: Play, case: Case, other: str) -> Iterator[Move]:
    scopes = play.chance.choice((SCOPES, SCOPES, SCOPES[:2], SCOPES[1:], SCOPES[:1]))
    last = play.at.date() + timedelta(days=play.chance.choice((0, 2, 30, 30)))
    terms = {"recipient": other, "scopes": scopes, "expires_on": last}
    often = 1 if len(case.ahead.consents) > 3 else 6
    for purpose in (Purpose.SERVICE, Purpose.TRANSFER):
        yield often, consent.grant_consent, {**terms, **HERS, "purpose": purpose}
        yield 1, consent.approve_override, {**terms, **ASKED, "purpose": purpose}
    if case.is_shared and case.identity.responsible == case.country:
        yield 4, identity.change_status, {"status": NeutralStatus.READY}
    for basis_id, kept in case.national.care.terms.items():
        basis = case.ahead.consents.get(basis_id) or case.national.consents.get(basis_id)
        if basis is not None and basis.state == "granted" and basis.recipient != case.country:
            words = {
                "recipient": basis.recipient,
                "basis_id": basis_id,
                "scopes": basis.scopes[: play.chance.choice((1, 3, 3, 3))],
                "due_on": play.at.date() + timedelta(days=play.chance.choice((0, 5))),
            }
            for_service = kept.purpose is Purpose.SERVICE
            yield 4, referral.send_referral if for_service else transfer.propose_transfer, words


_ANSWERS = {
    "sent": referral.receive_referral,
    "received": referral.accept_referral,
    "proposed": transfer.preview_transfer,
    "previewed": transfer.accept_transfer,
}


def _handoffs(_play: Play, case: Case) -> Iterator[Move]:
    for handoff_id, handoff in case.ahead.referrals.items():
        words = {"handoff_id": handoff_id}
        if handoff.receiver == case.country:
            if handoff.state in {"sent", "received"}:
                yield 20, _ANSWERS[handoff.state], words
            yield 1, referral.reject_referral, words
            yield 2, referral.start_referral, words
            yield 1, referral.complete_referral, {**words, "outcome": Outcome.FULFILLED}
        else:
            yield 1, referral.revoke_referral, words
            yield 2, referral.expire_referral, words
            yield 1, withdrawal.forgo_data, words
    for handoff_id, handoff in case.ahead.transfers.items():
        words = {"handoff_id": handoff_id}
        if handoff.receiver == case.country:
            if handoff.state in {"proposed", "previewed"}:
                yield 20, _ANSWERS[handoff.state], words
            yield 1, transfer.reject_transfer, words
            yield 5, transfer.move_responsibility, words
            yield 2, transfer.complete_handover, words
        else:
            yield 1, transfer.revoke_transfer, words
            yield 2, transfer.expire_transfer, words


def _prohibitions(play: Play, case: Case, other: str) -> Iterator[Move]:
    for basis_id, basis in case.ahead.consents.items():
        if basis.state == "granted":
            child = {"given_by": ConsentGiver.CHILD}
            yield 1, withdrawal.withdraw_consent, {"consent_id": basis_id, **child}
            if basis.override:
                yield 1, consent.end_override, {"override_id": basis_id}
    to = play.chance.choice((other, case.country))
    scopes = play.chance.choice((SCOPES, SCOPES[2:]))
    yield 1, withdrawal.refuse_consent, {"recipient": to, "scopes": scopes}
    yield 1, identity.change_status, {"status": NeutralStatus.NOT_READY}
    yield 1, searching.report_missing, {}
    yield 1, searching.report_found, {}
    yield (
        1,
        closing.request_closure,
        {"by": CASEWORKER, "reason": "case_opened_in_error", "informed": True},
    )
    yield 2, closing.close_case, {}
    if play.chance.random() < 0.1:
        yield 1, block.place_block, {"countries": (other,)}


def _holding(play: Play, case: Case) -> Iterator[Move]:
    """What a recipient does with what it was given: reads it; once stopped, destroys or keeps."""
    for grant_id, grant in case.settled.releases.items():
        if grant.recipient != case.country:
            continue
        if grant.state in {"released", "claimed"}:
            words = {"scopes": grant.scopes[:1], "purpose": Purpose.CASE_MANAGEMENT}
            yield 3, access.access_data, {**words, "about": grant_id}
        if grant.state == "stopped":
            last = play.at.date() + timedelta(days=300)
            words = {"grant_id": grant_id, "ground": RetentionGround.MANDATE, "until": last}
            yield 3, data.claim_retention, words
        if grant.state in {"stopped", "claimed"}:
            yield 3, data.destroy_keys, {"grant_id": grant_id}


def _afterwards(case: Case) -> Iterator[Move]:
    """What may be done with a case that has ended."""
    yield 3, erasure.request_erasure, {"by": OFFICER}
    for erasure_id, one in case.national.care.erasures.items():
        words = {"erasure_id": erasure_id}
        if one.state == "requested":
            yield 5, erasure.approve_erasure, words
        if one.state == "approved":
            done = {"slots": 2, "replicas": 2, "method": erasure.OVERWRITTEN}
            yield 9, erasure.record_erased, {**words, "by": REACTOR, **done}
        if one.state == "erased":
            yield 9, attest_all, {**words, "by": REACTOR}
    yield 1, closing.reopen_case, {"reason": "other"}


def attest_all(matter: Matter, /, *, erasure_id: UUID) -> tuple[Draft, ...]:
    """Attest an erasure, with backups that are gone in a month."""
    last = matter.today + timedelta(days=30)
    return data.attest_erasure(matter, erasure_id=erasure_id, keys=(), backups_expire_on=last)
