"""Many cases as one country's node has mirrored them: played by the real rules, read by auditors.

The stories are those of tests/sharing_play.py, with what auditors ask about and its countries
rarely do: reading, emergencies, reviews, corrections, closing, erasing. Some of it is forged, as a
node would record it whose guards somebody has taken out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from psycopg import Connection

from events.access import AccessReviewed
from events.agreement import Agreement, Country
from events.codec import encode, read_stamp
from events.codes import ConsentGiver, DataScope, Outcome, Purpose
from events.consent import BasisRecorded, OverrideApproved
from events.contract import ce_type, partition_of
from events.errors import LedgerError
from events.stamp import Actor, leaf_hash
from ledger import mirror
from ledger.case import (
    access,
    care,
    closing,
    consent,
    data,
    erasure,
    identity,
    referral,
    withdrawal,
)
from ledger.case.case import Topic
from ledger.case.gone import names_of
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.keys.national import NationalKeys
from ledger.mirror import Placed, Record
from projections import generation, positions
from projections.folding import fold_in
from projections.positions import Position
from tests import sharing_play as playing
from tests.given import CLOSING
from tests.history import History
from tests.sharing_play import CASEWORKER, OFFICER, REACTOR, SCOPES, SUPERVISOR, Play

COUNTRIES = ("KZ", "KG", "UZ")
AGREEMENT = Agreement(
    name="asked", prefix="asked", partitions=4,
    countries={
        code: Country(code=code, zone="Asia/Almaty", log_keys=()) for code in COUNTRIES
    },
)  # fmt: skip
KEYS = NationalKeys.drawn()
WHY = PersonalData({DataScope.NARRATIVE: {"why": "invented"}})
#: A moment after all that is played, in which some permissions are still in force.
NOW = playing.NOON + timedelta(days=12)
READER = Actor(id="cw-curious", role="caseworker", organisation="cps-1")
OTHER = Actor(id="sup-2", role="supervisor", organisation="cps-1")


def told(seed: int) -> Play:
    """Return a whole story of a case, with what auditors ask about."""
    play = Play(seed, ("KZ", "KG") if seed % 3 else COUNTRIES)
    play.decide("KZ", identity.open_case, by=CASEWORKER)
    if seed % 7:
        playing.begin(play)
    for _ in range(40):
        country = play.chance.choice(list(play.nodes))
        play.act(country)
        if play.chance.random() < 0.5:
            _more(play, country)
        play.pass_time()
        if play.chance.random() < 0.02:
            play.wait(play.chance.choice((1, 3)))
    play.settle()
    if seed % 5 == 0:
        _ended(play)
    return play


def _more(play: Play, country: str) -> None:
    options = list(_moves(play, country))
    if options:
        weights = [weight for weight, _, _ in options]
        _, decision, words = play.chance.choices(options, weights)[0]
        with suppress(LedgerError):
            play.decide(country, decision, **words)


def _moves(play: Play, country: str) -> Iterator[playing.Move]:
    case = play.case(country)
    if not case.is_known:
        return
    purpose = play.chance.choice((Purpose.CASE_MANAGEMENT, Purpose.SERVICE, Purpose.TRANSFER))
    words = {"scopes": SCOPES[1:], "purpose": purpose}
    for by, often in ((CASEWORKER, 2), (SUPERVISOR, 1), (READER, 6)):
        door = play.chance.choice(("read", "read", "export", "search"))
        yield often, access.access_data, {**words, "by": by, "door": door}
    yield 1, access.access_data, {**words, "by": SUPERVISOR, "door": "receipt"}
    yield 1, access.deny_access, {**words, "by": READER, "rule": "role"}
    yield 2, access.break_glass, {"scopes": SCOPES[1:], "data": WHY, "by": READER}
    yield 1, care.record_views, {"by": CASEWORKER}
    yield 1, care.record_refusal, {"decision": "approve_override", "rule": "four_eyes"}
    yield 2, identity.correct_record, {"corrects_version": play.chance.randrange(1, 4)}
    asked = {"recipient": play.chance.choice([one for one in COUNTRIES if one != country])}
    last = play.at.date() + timedelta(days=play.chance.choice((1, 20, 60)))
    terms = {**asked, "scopes": SCOPES, "expires_on": last, "purpose": Purpose.TRANSFER}
    yield 1, consent.approve_override, {**terms, **playing.ASKED}
    yield 1, _forged_override, {**asked, "scopes": SCOPES, "expires_on": last}
    yield from _reviews(play, country)


def _reviews(play: Play, country: str) -> Iterator[playing.Move]:
    case, upheld = play.case(country), play.chance.random() < 0.6
    for access_id, glass in case.national.care.broken_glass.items():
        if not glass.reviewed:
            yield 2, access.review_access, {"access_id": access_id, "upheld": upheld}
            yield 1, _forged_review, {"access_id": access_id, "by": READER}
            words = {"scopes": SCOPES[1:], "purpose": Purpose.CASE_MANAGEMENT}
            yield 3, access.access_data, {**words, "by": READER, "door": "break_glass"}
    for basis_id, basis in {**case.national.consents, **case.ahead.consents}.items():
        if basis.override and basis.origin == country:
            words = {"override_id": basis_id, "upheld": upheld}
            yield 2, consent.review_override, {**words, "by": OTHER}
        given = {"given_by": ConsentGiver.GUARDIAN, "giver": SUPERVISOR.id}
        yield 1, withdrawal.withdraw_consent, {"consent_id": basis_id, **given}
    for basis_id in case.national.care.withdrawals_asked:
        yield 3, withdrawal.review_withdrawal, {"consent_id": basis_id, "upheld": upheld}
        words = {"consent_id": basis_id, "upheld": upheld, "by": OTHER}
        yield 3, withdrawal.review_withdrawal, words


def _forged_review(_matter: Matter, /, *, access_id: Any) -> Drafts:
    """What the guard of four eyes refuses."""
    return (Draft(AccessReviewed, {"access_id": access_id, "upheld": True}),)


def _forged_override(
    matter: Matter, /, *, recipient: str, scopes: tuple[DataScope, ...], expires_on: Any
) -> Drafts:
    """An override that its own requester approved."""
    override_id = matter.new_id()
    honest = consent.approve_override(
        matter, recipient=recipient, purpose=Purpose.SERVICE, scopes=scopes,
        expires_on=expires_on, override_id=override_id, **playing.ASKED,
    )  # fmt: skip
    approved, terms = honest
    assert (approved.kind, terms.kind) == (OverrideApproved, BasisRecorded)
    return (approved, Draft(BasisRecorded, {**terms.fields, "requested_by": matter.by.id}))


def _ended(play: Play) -> None:
    """Let every country close what it may, and erase what it held."""
    for country in play.nodes:
        _all_over(play, country)
        for decision, said in (
            (closing.request_closure, {"by": CASEWORKER, **CLOSING}),
            (closing.close_case, {"by": SUPERVISOR}),
        ):
            with suppress(LedgerError):
                play.decide(country, decision, **said)
        play.settle()
    for country in play.nodes:
        with suppress(LedgerError):
            _erase(play, country)
        play.settle()


def _all_over(play: Play, country: str) -> None:
    for handoff_id, handoff in play.case(country).ahead.referrals.items():
        if handoff.open:
            for decision, words in (
                (referral.revoke_referral, {}),
                (referral.complete_referral, {"outcome": Outcome.FULFILLED}),
            ):
                with suppress(LedgerError):
                    play.decide(country, decision, handoff_id=handoff_id, **words)
    play.settle()


def _erase(play: Play, country: str) -> None:
    erasure_id = play.new_id()
    play.decide(country, erasure.request_erasure, by=OFFICER, erasure_id=erasure_id)
    play.decide(country, erasure.approve_erasure, erasure_id=erasure_id)
    done = {"slots": 2, "replicas": 2, "method": erasure.OVERWRITTEN}
    play.decide(country, erasure.record_erased, by=REACTOR, erasure_id=erasure_id, **done)
    play.decide(country, _attest, by=REACTOR, erasure_id=erasure_id)


def _attest(matter: Matter, /, *, erasure_id: Any) -> Drafts:
    given = matter.case.settled.releases.values()
    names = {name for one in given if one.origin == matter.case.country for name in names_of(one)}
    last = matter.today + timedelta(days=30)
    return data.attest_erasure(
        matter, erasure_id=erasure_id, keys=tuple(sorted(names)), backups_expire_on=last
    )


@dataclass
class World:
    """The records of one country's topics, in the order of the topics."""

    country: str = "KZ"
    records: list[Record] = field(default_factory=list)
    _offsets: Counter[tuple[str, int]] = field(default_factory=Counter)
    _ranks: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, cases: int, seal: Callable[..., Any] = KEYS.envelope) -> World:
        """Play so many cases."""
        return cls.of_seeds(range(cases), seal)

    @classmethod
    def of_seeds(cls, seeds: Iterable[int], seal: Callable[..., Any] = KEYS.envelope) -> World:
        """Play the cases of some seeds."""
        world = cls()
        for seed in seeds:
            play = told(seed)
            for heard in play.topic:
                world.add(Topic.SHARED, heard.event)
            for heard in play.nodes[world.country].said:
                world.add(Topic.NATIONAL, seal(heard.event))
        return world

    def add(self, topic: Topic, event: Any) -> None:
        """Put an event, as it is encoded, at the end of its partition."""
        value = encode(event)
        partition = partition_of(event.case_id, AGREEMENT.partitions)
        offset = self._offsets[topic.value, partition]
        rank = self._ranks[topic.value, event.origin]
        self._offsets[topic.value, partition] += 1
        self._ranks[topic.value, event.origin] += 1
        self.records.append(
            Record(
                topic.value, partition, offset, offset, 0, event.case_id, event.origin,
                event.version, event.event_id, leaf_hash(value), rank, bytes(64),
                ce_type(event, shared=topic is Topic.SHARED), value,
            )
        )  # fmt: skip

    def mirror(self, connection: Connection[Any]) -> None:
        """Store everything as this country's worker does, and fold it into its read models."""
        generation.ensure(connection)
        mirror.append(connection, self.records)
        for first in range(0, len(self.records), 4_000):
            batch = self.records[first : first + 4_000]
            placed = [Placed(*one[:8], one.leaf, one.ce_type, one.value) for one in batch]
            folded = fold_in(connection, "read_1", placed, country=self.country, keys=KEYS)
            assert folded.stops == []
        positions.begin(
            connection,
            "read_1",
            [
                Position(topic, partition, read_stamp(self.records[0].value).event_id, offset, 0)
                for (topic, partition), offset in self._offsets.items()
            ],
        )


def world_of(*histories: History, country: str = "KZ", knew: bytes | None = None) -> World:
    """Return a world of written histories; `knew` is the last shared event its country had seen."""
    world = World(country)
    for history in histories:
        for entry in history.entries:
            if history.shared:
                world.add(Topic.SHARED, entry.event)
            else:
                event = replace(entry.event, seen=knew or entry.event.seen)
                world.add(Topic.NATIONAL, KEYS.envelope(event))
    return world
