"""Admission is a function of the prefix: no batching, loss, repetition or forgery changes that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from consumers.admission import admit
from consumers.examination import Claim, Ground, Outcome
from events.case import ChildMissing
from events.codec import encode
from events.stamp import NOTHING_SEEN, Event, leaf_hash
from ledger.case.case import Topic
from ledger.mirror import Standing
from tests.given import CASEWORKER, NOON
from tests.wire import Pens, Written, checked

CASES = tuple(uuid5(UUID(int=7), str(number)) for number in range(2))
MISCHIEF = ("swap", "lose", "repeat", "lie", "forge", "babble")
ORIGINS = ("KZ", "KG", "UZ")
PENS = Pens()
GROUND = Ground.of(PENS.agreement, Topic.SHARED, 0, country="KZ")


class Told(NamedTuple):
    """Everything that admission says of some records, in the order in which it says it."""

    placed: list[tuple[int, int, int]]
    held: set[int]
    strays: list[tuple[str, int]]


def _event(case_id: UUID, origin: str, version: int, seen: bytes, name: str) -> Event:
    return ChildMissing(
        event_id=uuid5(case_id, f"{origin}{version}{name}"),
        case_id=case_id,
        origin=origin,
        version=version,
        seen=seen,
        occurred_at=NOON,
        recorded_at=NOON,
        actor=CASEWORKER,
    )


def _said(luck: Random, count: int) -> list[Event]:
    """Return events as honest origins record them: each has seen some earlier one, or none."""
    said: list[Event] = []
    versions: defaultdict[tuple[UUID, str], int] = defaultdict(int)
    leaves: defaultdict[UUID, list[bytes]] = defaultdict(lambda: [NOTHING_SEEN])
    for _ in range(count):
        case_id, origin = luck.choice(CASES), luck.choice(ORIGINS)
        versions[case_id, origin] += 1
        event = _event(case_id, origin, versions[case_id, origin], luck.choice(leaves[case_id]), "")
        leaves[case_id].append(leaf_hash(encode(event)))
        said.append(event)
    return said


@st.composite
def topics(draw: st.DrawFn) -> list[Written]:
    """A partition after a broker, a few liars and a few strangers have been at it."""
    luck = Random(draw(st.integers(0, 2**32)))
    records = [PENS.write(event) for event in _said(luck, draw(st.integers(1, 14)))]
    for mischief in draw(st.lists(st.sampled_from(MISCHIEF))):
        at, other = luck.randrange(len(records)), luck.randrange(len(records))
        record = records[at]
        match mischief:
            case "swap":
                records[at], records[other] = records[other], record
            case "lose" if len(records) > 1:
                del records[at]
            case "repeat":
                records.insert(other, record)
            case "lie":
                case_id, origin = luck.choice(CASES), luck.choice(ORIGINS)
                lie = _event(case_id, origin, luck.randint(1, 5), NOTHING_SEEN, f"lie{at}")
                records.insert(other, PENS.write(lie))
            case "forge":
                records.insert(other, record._replace(headers=records[0].headers))
            case "babble":
                records.insert(other, record._replace(value=luck.randbytes(luck.randint(0, 90))))
    return [record._replace(offset=3 * offset) for offset, record in enumerate(records)]


def tell(records: Sequence[Written], sizes: Sequence[int]) -> Told:
    """Admit a partition in batches of these sizes, over and over, and tell what was said."""
    known: dict[UUID, Standing] = {}
    told = Told([], set(), [])
    begin = turn = 0
    while begin < len(records):
        batch = records[begin : begin + sizes[turn % len(sizes)]]
        begin, turn = begin + len(batch), turn + 1
        found = [checked(record, GROUND) for record in batch]
        cases = {one.case_id for one in found if isinstance(one, Claim)}
        asked = {case_id: known[case_id] for case_id in cases & known.keys()}
        admission = admit(found, asked, topic=Topic.SHARED)
        known.update(admission.standings)
        placed = [(one.event.offset, *one[2:]) for one in admission.placed]
        told.placed.extend(placed)
        told.held.difference_update(offset for offset, _, _ in placed)
        told.held.update(claim.offset for claim in admission.held)
        told.strays.extend((stray.outcome, stray.offset) for stray in admission.strays)
    return told


def events_at(records: Sequence[Written]) -> dict[int, Claim]:
    """Return every record that claims to be an event, by offset."""
    found = [checked(record, GROUND) for record in records]
    return {one.offset: one for one in found if isinstance(one, Claim)}


batchings = st.lists(st.integers(1, 5), min_size=1, max_size=5)


@given(topics(), batchings)
def test_batches_make_no_difference(records, sizes):
    assert tell(records, [1]) == tell(records, sizes) == tell(records, [len(records)])


@given(topics())
def test_every_record_becomes_exactly_one_thing(records):
    """Nothing is skipped silently, and nothing counts twice."""
    told = tell(records, [len(records)])
    became = [offset for offset, _, _ in told.placed]
    became += [*told.held, *(offset for _, offset in told.strays)]
    assert [record.offset for record in records] == sorted(became)


@given(topics())
def test_each_origin_is_heard_in_its_own_order_and_after_what_it_had_seen(records):
    told = tell(records, [len(records)])
    claims = events_at(records)
    heard: defaultdict[tuple[UUID, str], int] = defaultdict(int)
    leaves: defaultdict[UUID, set[bytes]] = defaultdict(lambda: {NOTHING_SEEN})
    for offset, _, _ in told.placed:
        claim = claims[offset]
        heard[claim.case_id, claim.origin] += 1
        assert heard[claim.case_id, claim.origin] == claim.version
        assert claim.seen in leaves[claim.case_id]
        leaves[claim.case_id].add(claim.leaf)
    for offset in told.held:
        claim = claims[offset]
        early = heard[claim.case_id, claim.origin] + 1 < claim.version
        assert early or claim.seen not in leaves[claim.case_id]


@given(topics())
def test_effect_comes_with_a_record_and_never_before_it(records):
    """A prefix places what the whole places by then: later records change nothing earlier."""
    told = tell(records, [len(records)])
    places = [(effect, rank) for _, effect, rank in told.placed]
    assert sorted(places) == places
    assert len(set(places)) == len(places)
    for end in range(len(records)):
        prefix = tell(records[:end], [max(1, end)])
        by_then = [one for one in told.placed if one[1] < records[end].offset]
        assert by_then == prefix.placed
        assert prefix.strays == told.strays[: len(prefix.strays)]


@given(topics())
def test_of_contradicting_events_the_first_on_the_topic_counts(records):
    told = tell(records, [len(records)])
    claims = events_at(records)
    kept = {offset for offset, _, _ in told.placed} | told.held
    for outcome, offset in told.strays:
        if outcome == Outcome.EQUIVOCATION:
            second = claims[offset]
            assert any(
                claims[first].version == second.version or claims[first].event_id == second.event_id
                for first in kept
                if first < offset and claims[first].case_id == second.case_id
                and claims[first].origin == second.origin
            )  # fmt: skip
