"""Which records are events, and where they take effect: one rule per test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from consumers.admission import Admission, admit
from consumers.examination import Claim, Ground, Outcome, Reason
from events.codec import encode
from events.contract import CE_TYPE, LOG, log_header
from events.stamp import Event, leaf_hash
from ledger.case import searching, transfer, withdrawal
from ledger.case.case import Topic
from ledger.mirror import Standing
from tests.given import Story, changed, consented, opened, proposed, ready
from tests.wire import Pens, Written, checked

PENS = Pens()
SHARED = Ground.of(PENS.agreement, Topic.SHARED, 0, country="KZ")
NATIONAL = Ground.of(PENS.agreement, Topic.NATIONAL, 0, country="KZ")


def history() -> list[Event]:
    """Return three shared events of KZ (opened, consented, proposed) and one of KG."""
    story = opened("KZ", "KG")
    handoff_id = _proposed(story)
    story.did("KG", transfer.preview_transfer, handoff_id=handoff_id)
    return [event for event, _ in story.topic]


def _proposed(story: Story) -> UUID:
    basis_id = consented(story)
    ready(story)
    return proposed(story, basis_id)


def taken(
    records: list[Written], *, ground: Ground = SHARED, known: dict[UUID, Standing] | None = None
) -> Admission:
    """Admit records as one batch."""
    found = [checked(one, ground) for one in records]
    return admit(found, known or {}, topic=ground.topic)


def places(admission: Admission) -> list[tuple[int, int, int]]:
    """Return (own offset, effect offset, rank) in order of effect."""
    return [(one.event.offset, one.effect_offset, one.effect_rank) for one in admission.placed]


def noise(record: Written, *, ground: Ground = SHARED) -> Reason:
    """Return why a record is noise; it has to be."""
    admission = taken([record], ground=ground)
    assert () == admission.placed
    assert () == admission.held
    (stray,) = admission.strays
    assert stray.outcome is Outcome.NOISE
    return stray.reason


def test_events_take_effect_where_they_stand():
    """Nothing missing, nothing wrong: the order of the topic is the order of effect."""
    admission = taken(PENS.write_all(history()))
    assert [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 3, 0)] == places(admission)
    assert () == admission.strays == admission.held


def test_a_record_without_value_or_above_the_size_is_noise():
    record = PENS.write(history()[0])
    assert Reason.SIZE is noise(record._replace(value=None))
    assert Reason.SIZE is noise(record._replace(value=bytes(65_536)))


@pytest.mark.parametrize("value", [b"", b"\xc3\x01", b"not Avro at all", bytes(300)])
def test_what_has_no_stamp_is_noise(value):
    record = PENS.write(history()[0])
    assert Reason.STAMP is noise(record._replace(value=value))


def test_a_record_under_another_cases_key_is_noise():
    """Its order among the events of its own case would not be the partition's."""
    record = PENS.write(history()[0])
    assert Reason.KEY is noise(record._replace(key=uuid4().bytes))
    assert Reason.KEY is noise(record._replace(key=str(history()[0].case_id).encode()))
    assert Reason.KEY is noise(record._replace(key=None))


def test_a_record_in_another_partition_than_its_case_is_noise():
    pens = Pens(partitions=7)
    record = pens.write(history()[0])
    for partition in range(7):
        ground = Ground.of(pens.agreement, Topic.SHARED, partition, country="KZ")
        admission = taken([record], ground=ground)
        assert (partition == record.partition) is bool(admission.placed)


def test_an_origin_without_a_pinned_key_is_noise():
    stranger = Pens(countries=("KZ", "XX"))
    assert Reason.ORIGIN is noise(stranger.write(changed(history()[0], origin="XX")))


def test_on_a_national_topic_only_its_owner_is_heard():
    event = history()[0]
    own = PENS.write(event, topic=Topic.NATIONAL)
    assert places(taken([own], ground=NATIONAL))
    assert Reason.ORIGIN is noise(PENS.write(changed(event, origin="KG")), ground=NATIONAL)


@pytest.mark.parametrize("version", [0, -1, 2**31 - 1])
def test_versions_count_from_one(version):
    record = PENS.write(changed(history()[0], version=version))
    if version < 1:
        assert Reason.VERSION is noise(record)
    else:
        assert taken([record]).held


@pytest.mark.parametrize("year", [1899, 2200])
def test_a_moment_outside_of_three_centuries_is_noise(year):
    """It would be a fault of a clock or an attack on a database's calendar, never a decision."""
    moment = datetime(year, 6, 1, tzinfo=UTC)
    for field in ("occurred_at", "recorded_at"):
        assert Reason.TIME is noise(PENS.write(changed(history()[0], **{field: moment})))


def test_only_one_log_header_of_the_right_length_is_read():
    """Two of them would let two readers choose differently."""
    record = PENS.write(history()[0])
    name, log = record.headers
    for headers in (
        [name],
        [name, log, log],
        [name, (LOG, log[1][:-1])],
        [name, (LOG, b"\xff" * 72)],
    ):
        assert Reason.LOG_HEADER is noise(record._replace(headers=headers))


def test_a_forged_signature_is_noise():
    """Nobody speaks for another country: not with its own key, not with a bit changed."""
    event = history()[0]
    value = encode(event)
    other = PENS.signers["KG"].sign("referral.ledger/KZ", 0, leaf_hash(value))
    good = PENS.write(event)
    (_, log) = good.headers[1]
    for forged in (log_header(0, other), log[:-1] + bytes([log[-1] ^ 1]), log_header(7, log[8:])):
        record = good._replace(headers=[good.headers[0], (LOG, forged)])
        assert Reason.SIGNATURE is noise(record)


def test_a_signature_for_another_topic_is_noise():
    """A national event put on the shared topic by whoever runs the broker stays national."""
    record = PENS.write(history()[0], topic=Topic.NATIONAL)
    assert Reason.SIGNATURE is noise(record)


def test_every_pinned_key_of_a_country_counts():
    """A key that was replaced still proves what was signed with it."""
    event = history()[0]
    newer = Pens(prefix="referral")
    newer.signers["KZ"] = type(newer.signers["KZ"])("referral/KZ", bytes(range(32)))
    keys = tuple(pens.signers["KZ"].verifier.render() for pens in (PENS, newer))
    kz = replace(PENS.agreement.countries["KZ"], log_keys=keys)
    agreement = replace(PENS.agreement, countries={**PENS.agreement.countries, "KZ": kz})
    ground = Ground.of(agreement, Topic.SHARED, 0, country="KG")
    for pens in (PENS, newer):
        assert taken([pens.write(event)], ground=ground).placed


@pytest.mark.parametrize(
    ("name", "read"),
    [(b"CaseOpened", "CaseOpened"), (b"a b", ""), (b"\xff\x00", ""), (b"", ""), (b"x" * 65, "")],
)
def test_a_type_header_is_a_name_or_nothing(name, read):
    """It is not signed and decides nothing here; but it is stored, so it has to be a name."""
    record = PENS.write(history()[0])
    claim = checked(record._replace(headers=[(CE_TYPE, name), record.headers[1]]), SHARED)
    assert isinstance(claim, Claim)
    assert read == claim.ce_type


def test_the_same_bytes_again_are_a_repeat():
    """Also under another index of the log: the event is the same, the log is the witness's."""
    event = history()[0]
    first, again = PENS.write(event, offset=0), PENS.write(event, offset=1, index=99)
    admission = taken([first, first._replace(offset=5), again._replace(offset=6)])
    assert [(0, 0, 0)] == places(admission)
    assert [
        (Outcome.REPEAT, Reason.SAME_BYTES, 5),
        (Outcome.REPEAT, Reason.SAME_BYTES, 6),
    ] == [stray[:3] for stray in admission.strays]


def test_the_second_of_two_events_with_one_version_is_kept_and_has_no_effect():
    event = history()[0]
    other = changed(event, event_id=uuid4())
    admission = taken(PENS.write_all([event, other]))
    assert [(0, 0, 0)] == places(admission)
    (stray,) = admission.strays
    expected = (Outcome.EQUIVOCATION, Reason.SAME_VERSION, 1, leaf_hash(encode(other)), "KZ")
    assert expected == stray


def test_an_event_id_may_not_be_used_for_two_events():
    event, following = history()[:2]
    admission = taken(PENS.write_all([event, changed(following, event_id=event.event_id)]))
    (stray,) = admission.strays
    assert (Outcome.EQUIVOCATION, Reason.SAME_EVENT_ID) == stray[:2]


def test_one_country_cannot_use_up_an_event_id_that_another_will_derive():
    """The id of an expiry follows from the handoff: its receiver could otherwise prevent it."""
    opened_by_kz = history()[0]
    by_kg = changed(history()[0], case_id=opened_by_kz.case_id, origin="KG",
                    event_id=opened_by_kz.event_id)  # fmt: skip
    admission = taken(PENS.write_all([by_kg, opened_by_kz]))
    assert [(0, 0, 0), (1, 1, 0)] == places(admission)


def test_an_event_waits_for_the_version_before_it_and_others_go_on():
    """One origin's lost record stops neither the case nor the partition."""
    first, second, third, by_kg = history()
    by_kg = changed(by_kg, seen=bytes(32))
    records = PENS.write_all([second, third, by_kg, first])
    waiting = taken(records[:3])
    assert [(2, 2, 0)] == places(waiting)
    assert [0, 1] == [claim.offset for claim in waiting.held]

    admission = taken(records)
    assert [(2, 2, 0), (3, 3, 0), (0, 3, 1), (1, 3, 2)] == places(admission)
    assert () == admission.held


def test_an_event_waits_for_what_its_decider_had_seen():
    """It may rest on it, so it cannot take effect without it."""
    first, second, third, by_kg = history()
    records = PENS.write_all([by_kg, first, second, third])
    admission = taken(records)
    assert [(1, 1, 0), (2, 2, 0), (3, 3, 0), (0, 3, 1)] == places(admission)


def test_a_national_event_does_not_wait_for_what_it_has_seen():
    """That stands on another topic, and two topics have no common order."""
    story = opened("KZ", "KG")
    _proposed(story)
    event = changed(story.topic[-1][0], version=1, seen=b"\x07" * 32)
    assert places(taken([PENS.write(event, topic=Topic.NATIONAL)], ground=NATIONAL))
    assert taken([PENS.write(event)]).held


def test_two_deciders_who_wait_for_the_same_event_follow_it_in_the_order_they_came():
    first, second, third, by_kg = history()
    by_uz = changed(by_kg, origin="UZ", event_id=uuid4())
    admission = taken(PENS.write_all([by_uz, by_kg, first, second, third]))
    assert [(0, 4, 1), (1, 4, 2)] == places(admission)[-2:]


def test_a_held_record_can_be_repeated_and_contradicted_too():
    second = history()[1]
    other = changed(second, event_id=uuid4())
    same_id = changed(second, version=3)
    admission = taken(PENS.write_all([second, second, other, same_id]))
    assert [0] == [claim.offset for claim in admission.held]
    assert [Reason.SAME_BYTES, Reason.SAME_VERSION, Reason.SAME_EVENT_ID] == [
        stray.reason for stray in admission.strays
    ]


def test_what_is_known_of_earlier_batches_is_all_that_is_needed():
    """A standing carries over what was placed and what is held."""
    first, second, third, by_kg = history()
    known: dict[UUID, Standing] = {}
    found = []
    for record in PENS.write_all([third, by_kg, second, first]):
        admission = taken([record], known=known)
        known.update(admission.standings)
        found += places(admission)
    assert [(3, 3, 0), (2, 3, 1), (0, 3, 2), (1, 3, 3)] == found
    (standing,) = known.values()
    assert () == standing.held
    assert 3 * 32 == len(standing.said["KZ"].leaves)


def test_an_event_of_a_schema_that_is_not_installed_is_admitted_like_any_other():
    """Every reader has to admit the same events; who cannot read one waits, alone."""
    event = history()[0]
    unknown = b"\xc3\x01" + b"\x99" * 8 + encode(event)[10:] + b"fields of another release"
    assert places(taken([PENS.write(event, value=unknown)]))


def test_a_body_that_cannot_be_read_does_not_make_a_record_noise():
    """Judged at its place: a reader without the schema could not tell."""
    event = history()[0]
    assert places(taken([PENS.write(event, value=encode(event)[:-1])]))


def test_withdrawing_twice_is_two_events():
    """Same words, other stamp: a repeat is about bytes, not about meaning."""
    story = opened("KZ", "KG")
    basis_id = consented(story)
    ready(story)
    proposed(story, basis_id)
    for _ in range(2):
        story.did("KZ", withdrawal.withdraw_consent, consent_id=basis_id)
    story.did("KG", searching.report_missing)
    admission = taken(PENS.write_all(event for event, _ in story.topic))
    assert len(story.topic) == len(admission.placed)
