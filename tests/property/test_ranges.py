"""Catching up by cosigned roots is catching up by signatures, record by record, on any topic."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from random import Random
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from consumers.cosigned import Trust, cosigned
from consumers.examination import Claim, Ground, examine
from consumers.proving import Asked, note
from events.case import ChildMissing
from events.contract import LOG, log_header, split_log_header
from events.stamp import NOTHING_SEEN, leaf_hash
from ledger.case.case import Topic
from ledger.log.heads import Head
from ledger.log.proven import Extent, Places, Proven
from tests import noted
from tests.given import CASEWORKER, NOON
from tests.wire import Pens, Written, checked

CASES = tuple(uuid5(UUID(int=9), str(number)) for number in range(6))
ORIGINS = ("KZ", "KG", "UZ")
PARTITIONS = 2
#: Records are lost before others are put there: what is left of a copy alone is another test.
LOSSES = ("lose",)
MISCHIEF = ("swap", "repeat", "copy", "forge", "babble", "lie", "renumber", "fork", "misplace")
#: What those may do who have nobody's key.
NOISE = ("swap", "repeat", "copy", "forge", "babble", "misplace")

Partitions = list[list[Written]]


class Story:
    """What three countries wrote, what became of it on the topic, and the true heads."""

    def __init__(self, luck: Random, events: int) -> None:
        self.pens = noted.with_notes(Pens(partitions=PARTITIONS))
        self.luck = luck
        self.records: list[Written] = []
        self.leaves: defaultdict[str, list[bytes]] = defaultdict(list)
        versions: defaultdict[tuple[UUID, str], int] = defaultdict(int)
        for number in range(events):
            case_id, origin = luck.choice(CASES), luck.choice(ORIGINS)
            versions[case_id, origin] += 1
            event = self.event(case_id, origin, versions[case_id, origin], str(number))
            self.records.append(self.pens.write(event))
            self.leaves[origin].append(leaf_hash(self.records[-1].value or b""))

    def event(self, case_id: UUID, origin: str, version: int, name: str) -> ChildMissing:
        return ChildMissing(
            event_id=uuid5(case_id, f"{origin}{version}{name}"),
            case_id=case_id,
            origin=origin,
            version=version,
            seen=NOTHING_SEEN,
            occurred_at=NOON,
            recorded_at=NOON,
            actor=CASEWORKER,
        )

    def happens(self, mischief: str) -> None:
        """Let something happen to the topic."""
        luck, records = self.luck, self.records
        at, to = luck.randrange(len(records)), luck.randrange(len(records))
        record = records[at]
        match mischief:
            case "swap":
                records[at], records[to] = records[to], record
            case "lose" if len(records) > 1:
                del records[at]
            case "repeat":
                records.insert(to, record)
            case "copy":  # under a signature that is none
                records.insert(to, self.signed(record, luck.randbytes(64)))
            case "forge":
                records.insert(to, record._replace(headers=luck.choice(records).headers))
            case "babble":
                records.insert(to, record._replace(value=luck.randbytes(luck.randint(0, 99))))
            case "lie" | "fork":  # signed, at a place of its own or at one that is taken
                case_id, origin = luck.choice(CASES), luck.choice(ORIGINS)
                lie = self.event(case_id, origin, luck.randint(1, 4), f"lie{len(records)}")
                index = luck.randrange(9) if mischief == "fork" else None
                records.insert(to, self.pens.write(lie, index=index))
            case "renumber":  # its origin signs the same bytes for another place
                records.insert(to, self.rewritten(record, luck.randrange(9)))
            case "misplace":
                records.insert(to, record._replace(partition=1 - record.partition))

    def signed(self, record: Written, signature: bytes) -> Written:
        headers = dict(record.headers)
        index, _ = split_log_header(headers[LOG])
        return record._replace(headers=[*{**headers, LOG: log_header(index, signature)}.items()])

    def rewritten(self, record: Written, index: int) -> Written:
        found = examine(record, self.ground(record.partition))
        if not isinstance(found, Claim) or found.event is None:
            return record
        return self.pens.write(found.event, index=index)

    def ground(self, partition: int) -> Ground:
        return Ground.of(self.pens.agreement, Topic.SHARED, partition, country="KZ")

    def topic(self) -> Partitions:
        """Return the records partition by partition, each with an offset."""
        return [
            [
                record._replace(offset=3 * at)
                for at, record in enumerate(self.records)
                if record.partition == partition
            ]
            for partition in range(PARTITIONS)
        ]

    def heads(self) -> dict[str, list[Head]]:
        """Return true heads of each log, at some sizes and at its whole size."""
        found = {}
        for origin, leaves in self.leaves.items():
            sizes = {len(leaves), self.luck.randint(1, len(leaves))}
            found[origin] = [noted.head_of(leaves[:size]) for size in sorted(sizes)]
        return found


@st.composite
def stories(draw: st.DrawFn) -> Story:
    story = Story(Random(draw(st.integers(0, 2**32))), draw(st.integers(1, 24)))
    for mischief in draw(st.lists(st.sampled_from(LOSSES), max_size=1)):
        story.happens(mischief)
    for mischief in draw(st.lists(st.sampled_from(MISCHIEF), max_size=6)):
        story.happens(mischief)
    return story


@contextmanager
def proven(
    story: Story, topic: Partitions, heads: Mapping[str, list[Head]]
) -> Iterator[tuple[dict[str, Proven], dict[str, Extent]]]:
    """Hash a topic as the proving process does, and give what is proven of each country's log."""
    agreement = story.pens.agreement
    with ExitStack() as stack:
        logs = {}
        for origin, known in heads.items():
            file = stack.enter_context(tempfile.TemporaryFile())
            asked = Asked(
                origin,
                Trust.of(agreement, Topic.SHARED, origin),
                story.ground(0).logs[origin][1],
                file.fileno(),
            )
            logs[origin] = (asked, Places(file.fileno(), known[-1].size))
        for partition, records in enumerate(topic):
            note(records, partition, logs)
        extents = {origin: places.prove(heads[origin]) for origin, (_, places) in logs.items()}
        yield (
            {
                origin: Proven(logs[origin][0].file, extent.size)
                for origin, extent in extents.items()
                if extent.size
            },
            extents,
        )


def by_roots(
    story: Story, topic: Partitions, tables: Mapping[str, Proven]
) -> tuple[list[object], int]:
    """Return what every record proves to be, and for how many no signature was checked."""
    found: list[object] = []
    spared = 0
    for partition, records in enumerate(topic):
        ground = story.ground(partition)
        for record in records:
            claim = examine(record, ground)
            table = tables.get(claim.origin or "")
            if isinstance(claim, Claim) and table is not None:
                place = (claim.log_index, claim.leaf, partition, claim.offset)
                if table.holds(*place):
                    spared += 1
                    found.append(claim)
                    continue
            found.append(checked(record, ground))
    return found, spared


def by_signatures(story: Story, topic: Partitions) -> list[object]:
    """Return what every record proves to be, each by its signature."""
    return [
        checked(record, story.ground(partition))
        for partition, records in enumerate(topic)
        for record in records
    ]


@given(stories())
def test_what_is_admitted_does_not_depend_on_how_it_was_proven(story):
    topic = story.topic()
    with proven(story, topic, story.heads()) as (tables, _):
        found, _ = by_roots(story, topic, tables)
    assert by_signatures(story, topic) == found


@given(st.integers(0, 2**32), st.integers(1, 24))
def test_of_an_honest_topic_no_signature_is_checked(seed, events):
    story = Story(Random(seed), events)
    topic = story.topic()
    with proven(story, topic, story.heads()) as (tables, extents):
        found, spared = by_roots(story, topic, tables)
    assert {extent.reason for extent in extents.values()} == {""}
    assert len(found) == spared == events


@given(st.integers(0, 2**32), st.lists(st.sampled_from(NOISE), max_size=8))
def test_what_strangers_write_keeps_nothing_from_being_proven(seed, mischief):
    story = Story(Random(seed), 16)
    for one in mischief:
        story.happens(one)
    with proven(story, story.topic(), story.heads()) as (_, extents):
        assert {extent.reason for extent in extents.values()} == {""}


@given(stories(), st.data())
def test_what_is_read_after_it_was_hashed_is_not_believed(story, data):
    """A broker that shows other bytes the second time, or the same at another offset."""
    topic = story.topic()
    later = [list(records) for records in topic]
    records = data.draw(st.sampled_from([one for one in later if one]))
    at = data.draw(st.integers(0, len(records) - 1))
    other = data.draw(st.sampled_from(records))
    how = data.draw(st.sampled_from(["other bytes", "another offset"]))
    if how == "other bytes":
        records[at] = records[at]._replace(value=other.value, headers=other.headers)
    else:
        copy = story.signed(records[at], bytes(64)) if records[at].headers else records[at]
        records.append(copy._replace(offset=10_000))
    with proven(story, topic, story.heads()) as (tables, _):
        found, _ = by_roots(story, later, tables)
    assert by_signatures(story, later) == found


@given(stories(), st.data())
def test_a_root_that_is_not_theirs_proves_nothing_beyond_the_last_good_one(story, data):
    heads = story.heads()
    origin = data.draw(st.sampled_from(sorted(heads)))
    last = heads[origin][-1]
    heads[origin][-1] = Head(last.size, leaf_hash(last.root))
    topic = story.topic()
    with proven(story, topic, heads) as (tables, extents):
        found, _ = by_roots(story, topic, tables)
    assert extents[origin].size < last.size
    assert extents[origin].reason in {"root_differs", "missing"}
    assert by_signatures(story, topic) == found


def test_an_event_whose_header_was_spoiled_is_what_everybody_heard():
    """The one difference: its bytes and place are proven, and only they were ever signed for."""
    story = Story(Random(1), 12)
    story.records[5] = story.signed(story.records[5], bytes(64))
    topic = story.topic()
    with proven(story, topic, story.heads()) as (tables, _):
        found, spared = by_roots(story, topic, tables)
    assert all(isinstance(one, Claim) for one in found)
    assert spared == 12


class TestWhoseWordCounts:
    """Which notes prove a range."""

    def setup_method(self) -> None:
        self.agreement = noted.with_notes(Pens()).agreement
        self.trust = Trust.of(self.agreement, Topic.SHARED, "KZ")
        self.head = noted.head_of([bytes(32)])

    def heads(self, *notes: bytes) -> Sequence[Head]:
        return cosigned(notes, [self.trust])[self.trust.log]

    def witness(self, country: str):
        return noted.witness(self.agreement, country)

    def test_its_sealer_and_a_witness_of_another_country(self):
        found = noted.note(self.agreement, "KZ", self.head, by=[self.witness("KG")])
        assert self.heads(found.render()) == [self.head]

    def test_its_sealer_alone_is_one_country_s_word(self):
        assert self.heads(noted.note(self.agreement, "KZ", self.head).render()) == []

    def test_its_own_witness_is_no_other_country(self):
        found = noted.note(self.agreement, "KZ", self.head, by=[self.witness("KZ")])
        assert self.heads(found.render()) == []

    def test_a_witness_alone_is_not_its_word(self):
        both = noted.note(self.agreement, "KZ", self.head, by=[self.witness("KG")])
        alone = both.render().decode().splitlines(keepends=True)
        del alone[4]  # the sealer's line
        assert self.heads("".join(alone).encode()) == []

    def test_both_may_have_signed_apart(self):
        both = noted.note(self.agreement, "KZ", self.head, by=[self.witness("KG")])
        lines = both.render().decode().splitlines(keepends=True)
        one, other = "".join(lines[:-1]).encode(), "".join([*lines[:4], lines[-1]]).encode()
        assert self.heads(one, other) == [self.head]

    def test_a_false_cosignature_spoils_its_note_and_no_other(self):
        good = noted.note(self.agreement, "KZ", self.head, by=[self.witness("KG")])
        later = Head(2, bytes(32))
        liar = noted.note(self.agreement, "KZ", later, by=[self.witness("KG")])
        text = liar.render().decode().splitlines(keepends=True)
        stolen = good.render().decode().splitlines(keepends=True)[-1]
        false = "".join([*text[:-1], stolen]).encode()
        assert self.heads(false, b"babble", good.render()) == [self.head]

    def test_of_a_national_log_the_domestic_witness_counts(self):
        trust = Trust.of(self.agreement, Topic.NATIONAL, "KZ")
        for by, expected in (
            (noted.domestic_witness(self.agreement, "KZ"), [self.head]),
            (self.witness("KG"), []),
        ):
            found = noted.note(self.agreement, "KZ", self.head, topic=Topic.NATIONAL, by=[by])
            assert cosigned([found.render()], [trust])[trust.log] == expected

    def test_the_newest_heads_are_enough(self):
        heads = [noted.head_of([bytes(32)] * size) for size in range(1, 8)]
        notes = [
            noted.note(self.agreement, "KZ", head, by=[self.witness("KG")]).render()
            for head in reversed(heads)
        ]
        assert cosigned(notes, [self.trust], most=3)[self.trust.log] == heads[-3:]
