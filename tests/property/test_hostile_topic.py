"""A topic that repeats, reorders, loses, forges and babbles; three countries that still agree.

The same three deciding countries as in `test_agreement.py`, but everything between them goes
through signed records and admission, in batches of any size, and one of them may for a while lack
a schema that the others have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.admission import admit
from consumers.examination import Claim, Ground
from events.codec import decode, encode
from events.contract import CE_TYPE
from events.stamp import Event, leaf_hash
from ledger.case.case import Topic
from ledger.case.encoding import state_hash
from ledger.case.plane import Plane, Verdict, empty
from ledger.case.reading import read_on
from ledger.case.steps import Kind, step_of
from ledger.mirror import Standing
from ledger.mirror.standing import LEAF_BYTES
from tests.given import Node, changed
from tests.property.test_agreement import COUNTRIES, begun, decide_something
from tests.wire import Pens, Written, checked

#: What a broker, a relay or a stranger may do to the topic.
MISCHIEF = (
    *("repeat", "swap", "lose", "forge", "babble", "equivocate", "replay_elsewhere"),
    *("copy_first_renamed", "copy_first_misplaced"),
)

acts = st.one_of(
    st.tuples(st.just("decide"), st.sampled_from(COUNTRIES), st.integers(0, 2**32)),
    st.tuples(st.just("decide"), st.sampled_from(COUNTRIES), st.integers(0, 2**32)),
    st.tuples(st.just("publish"), st.sampled_from(COUNTRIES), st.integers(1, 3)),
    st.tuples(st.just("read"), st.sampled_from(COUNTRIES), st.integers(1, 5)),
    st.tuples(st.just("mischief"), st.sampled_from(MISCHIEF), st.integers(0, 2**32)),
)
plays = st.tuples(
    st.lists(acts, min_size=20, max_size=50),
    st.sampled_from(["", "ChildMissing", "ConsentWithdrawn", "TransferAccepted"]),
)


#: What happens, and a schema that one country lacks until the end.
Play = tuple[list[tuple[Any, ...]], str]


@dataclass
class Reader:
    """One country's way from the topic to its plane."""

    node: Node
    #: A schema that is not installed here yet; empty = all are.
    lacks: str = ""
    read: int = 0
    standing: Standing = field(default_factory=Standing)
    #: Placed records in order of effect, and how many of them are folded.
    placed: list[Any] = field(default_factory=list)
    folded: int = 0
    verdicts: list[tuple[Event | None, bytes, Verdict, Plane]] = field(default_factory=list)

    def take(self, records: list[Written], ground: Ground) -> None:
        """Admit one batch and fold as far as it can be read here."""
        self.read += len(records)
        claims = [checked(record, ground) for record in records]
        case_id = self.node.case_id
        admission = admit(claims, {case_id: self.standing}, topic=Topic.SHARED)
        self.standing = admission.standings.get(case_id, self.standing)
        self.placed += [placement.event for placement in admission.placed]
        self.fold()

    def fold(self) -> None:
        """Fold what has been placed, up to the first event of a schema that is not here."""
        for claim in self.placed[self.folded :]:
            value = _BYTES[claim.leaf]
            if self.lacks and type(decode(value)).__name__ == self.lacks:
                return
            self.node.settled, verdict, event = read_on(
                self.node.settled, value, claim.leaf,
                origin=claim.origin, version=claim.version,
            )  # fmt: skip
            self.node.waiting = [own for own in self.node.waiting if own[1] != claim.leaf]
            self.folded += 1
            self.verdicts.append((event, claim.leaf, verdict, self.node.settled))

    @property
    def blind(self) -> bool:
        """Whether an event of the case is out of sight here: no permission is given then."""
        return bool(self.standing.held) or self.folded < len(self.placed)


#: Bytes of every record that was ever signed, as a mirror would keep them.
_BYTES: dict[bytes, bytes] = {}


class Topic3:
    """Three readers and writers of one partition, and whatever happens to it."""

    def __init__(self, lacks: str) -> None:
        """Begin in the middle of a shared case."""
        self.story = begun()
        self.pens = Pens(countries=COUNTRIES)
        self.ground = Ground.of(self.pens.agreement, Topic.SHARED, 0, country="KZ")
        self.records: list[Written] = []
        for event, _ in self.story.topic:
            self.write(event)
        self.written = {leaf for _, leaf in self.story.topic}
        self.readers = {code: Reader(self.story[code]) for code in COUNTRIES}
        self.readers["UZ"].lacks = lacks
        for reader in self.readers.values():
            reader.node.settled = empty(self.story.case_id, shared=True)
            reader.take(list(self.records), self.ground)

    def write(self, event: Event) -> Written:
        """Sign an event and put it at the end."""
        record = self.pens.write(event, offset=len(self.records))
        assert record.value is not None
        _BYTES[leaf_hash(record.value)] = record.value
        self.records.append(record)
        return record

    def publish(self, country: str, count: int) -> None:
        """Let a relay put some waiting events on the topic."""
        fresh = [own for own in self.story[country].waiting if own[1] not in self.written]
        for event, leaf in fresh[:count]:
            self.write(event)
            self.written.add(leaf)

    def read(self, country: str, count: int) -> None:
        """Let a country read on."""
        reader = self.readers[country]
        reader.take(self.records[reader.read : reader.read + count], self.ground)

    def decide(self, country: str, luck: int) -> None:
        """Let a country decide on what it sees; blind, it takes no permission (design §10)."""
        node = self.story[country]
        before = list(node.waiting)
        kept = (node.national, list(node.leaves), node.number)
        decide_something(self.story, country, luck)
        fresh = [event for event, _ in node.waiting[len(before) :]]
        gives = any(step_of(one).kind_of(one) is Kind.PERMISSIVE for one in fresh)
        if gives and self.readers[country].blind:
            node.waiting = before
            node.national, node.leaves, node.number = kept

    def mischief(self, what: str, luck: int) -> None:
        """Do something to the part of the topic that nobody has read yet, or add to it."""
        chance = Random(luck)
        unread = max(reader.read for reader in self.readers.values())
        old = chance.choice(self.records)
        assert old.value is not None
        end = len(self.records)
        if what == "repeat":
            self.records.append(old._replace(offset=end))
        elif what == "swap" and end - unread >= 2:
            a, b = self.records[-2:]
            self.records[-2:] = [b._replace(offset=end - 2), a._replace(offset=end - 1)]
        elif what == "lose" and end > unread:
            self.records.pop()
        elif what == "forge":
            spoilt = bytearray(old.value)
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
            self.records.append(old._replace(offset=end, value=bytes(spoilt)))
        elif what == "babble":
            self.records.append(Written(end, chance.randbytes(16), chance.randbytes(40)))
        elif what == "equivocate":
            said = chance.choice(self.story.topic)[0]
            self.write(changed(said, rules="another-pack"))
        elif what == "replay_elsewhere":
            self.records.append(old._replace(offset=end, key=chance.randbytes(16)))
        elif what.startswith("copy_first") and end > unread:
            last = self.records.pop()
            renamed = [(CE_TYPE, b"ChildFound"), *last.headers[1:]]
            unlike = {"headers": renamed} if what.endswith("renamed") else {"key": bytes(16)}
            copy = last._replace(offset=end - 1, **unlike)
            self.records += [copy, last._replace(offset=end)]


def _play(play: Play) -> Topic3:
    actions, lacks = play
    topic = Topic3(lacks)
    for act, *arguments in actions:
        getattr(topic, act)(*arguments)
    for country in COUNTRIES:
        topic.publish(country, 1_000)
    for country in COUNTRIES:
        topic.readers[country].lacks = ""
        topic.readers[country].fold()
        topic.read(country, len(topic.records))
    return topic


def readers_agree_whatever_happens_to_the_topic(topic: Topic3) -> None:
    """In whatever batches, and with whatever schema late: same records, same state."""
    assert len({state_hash(reader.node.settled) for reader in topic.readers.values()}) == 1
    assert len({str(reader.standing) for reader in topic.readers.values()}) == 1


def one_country_answers_for_the_child_whatever_happens(topic: Topic3) -> None:
    """No forgery, repeat or disorder makes responsibility double or nobody's."""
    for _, _, _, plane in topic.readers["KG"].verdicts:
        assert plane.identity.responsible in {None, *COUNTRIES}
        assert (plane.identity.responsible is None) == (plane.identity.state == "none")


def no_permission_in_ignorance_whatever_happens(topic: Topic3) -> None:
    """Restated over the order of effect: nothing protective between `seen` and the permission."""
    placed = topic.readers["KZ"].verdicts
    leaves = [leaf for _, leaf, _, _ in placed]
    for at, (event, _, verdict, _) in enumerate(placed):
        if event is None or not verdict.effective:
            continue
        if step_of(event).kind_of(event) is not Kind.PERMISSIVE:
            continue
        had_seen = leaves.index(event.seen) + 1 if event.seen in leaves else 0
        for other, _, judged, _ in placed[had_seen:at]:
            assert other is not None
            protects = judged.effective and step_of(other).kind_of(other) is Kind.PROTECTIVE
            assert not protects or other.origin == event.origin


def what_takes_effect_was_said_by_its_origin_once_and_in_order(topic: Topic3) -> None:
    """Nothing forged, doubled or out of order is ever folded; own verdicts come back."""
    for country, reader in topic.readers.items():
        own = [event for event, _, _, _ in reader.verdicts if event and event.origin == country]
        assert [event.version for event in own] == list(range(1, len(own) + 1))
        assert len({encode(event) for event, _, _, _ in reader.verdicts if event}) == len(
            [event for event, _, _, _ in reader.verdicts if event]
        )


def the_first_signed_record_of_a_version_is_known_whatever_copies_there_are(
    topic: Topic3,
) -> None:
    """It counts or waits; a copy that is no event takes nothing away from it."""
    first: dict[tuple[str, int], bytes] = {}
    for record in topic.records:
        claim = checked(record, topic.ground)
        if isinstance(claim, Claim):
            first.setdefault((claim.origin, claim.version), claim.leaf)
    for reader in topic.readers.values():
        known = {(one.origin, one.version): one.leaf for one in reader.standing.held}
        for origin, said in reader.standing.said.items():
            for version in range(1, len(said.leaves) // LEAF_BYTES + 1):
                end = version * LEAF_BYTES
                known[origin, version] = said.leaves[end - LEAF_BYTES : end]
        assert known == first


RULES = (
    readers_agree_whatever_happens_to_the_topic,
    one_country_answers_for_the_child_whatever_happens,
    no_permission_in_ignorance_whatever_happens,
    what_takes_effect_was_said_by_its_origin_once_and_in_order,
    the_first_signed_record_of_a_version_is_known_whatever_copies_there_are,
)


@pytest.mark.parametrize("holds", RULES, ids=lambda rule: rule.__name__)
@settings(max_examples=50, deadline=None)
@given(plays)
def test_on_a_hostile_topic(holds: Callable[[Topic3], None], play: Play) -> None:
    """Each rule, on topics of its own."""
    holds(_play(play))


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(plays)
def test_on_thousands_of_hostile_topics(play: Play) -> None:
    """All rules, on the same topics, for some minutes."""
    topic = _play(play)
    for holds in RULES:
        holds(topic)
