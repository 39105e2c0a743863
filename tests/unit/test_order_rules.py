"""R1, R2, R8 and R10 within one case: each way to break them is found at its event, and alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from events.codec import encode
from events.registry import SCHEMAS
from events.schema_pin import HERE
from ledger.log.findings import NATIONAL, Finding, Heard
from ledger.log.rule_order import OrderRules
from ledger.log.rule_schema import SchemaRules
from tests.sharing_play import told

Case = list[Heard]


def case(seed: int) -> Case:
    """Return what a country can hear of a case: the shared topic, then its own."""
    story = told(seed, steps=15)
    own = (heard._replace(topic=NATIONAL) for heard in story.nodes["KZ"].said)
    return [*story.topic, *own]


def judged(heard: Case) -> list[Finding]:
    rules = OrderRules()
    return [finding for one in heard for finding in rules.hear(one)]


def changed(heard: Case, at: int, **said: object) -> None:
    heard[at] = heard[at]._replace(event=replace(heard[at].event, **said))


def another_of(heard: Case) -> Iterator[int]:
    """Yield the places at which a country goes on that has spoken before."""
    said: set[tuple[str, str]] = set()
    for at, one in enumerate(heard):
        voice = (one.topic, one.event.origin)
        if voice in said:
            yield at
        said.add(voice)


def leaves_out_an_event(heard: Case) -> tuple[str, str, int]:
    last = max(another_of(heard))
    changed(heard, last, version=heard[last].event.version + 1)
    return "R1", "version_gap", last


def says_a_version_twice(heard: Case) -> tuple[str, str, int]:
    last = max(another_of(heard))
    changed(heard, last, version=heard[last].event.version - 1)
    return "R1", "version_gap", last


def has_seen_what_nobody_said(heard: Case) -> tuple[str, str, int]:
    changed(heard, 1, seen=uuid4().bytes * 2)
    return "R2", "seen_unknown", 1


def has_seen_what_came_later(heard: Case) -> tuple[str, str, int]:
    changed(heard, 0, seen=heard[1].leaf)
    return "R2", "seen_unknown", 0


def has_seen_a_national_event(heard: Case) -> tuple[str, str, int]:
    own = next(one.leaf for one in heard if one.topic == NATIONAL)
    changed(heard, len(heard) - 1, seen=own)
    return "R2", "seen_unknown", len(heard) - 1


def turns_the_clock_back(heard: Case) -> tuple[str, str, int]:
    last = max(another_of(heard))
    early = heard[0].event.recorded_at - timedelta(days=1)
    changed(heard, last, recorded_at=early)
    return "R10", "goes_back", last


KINDS = (
    leaves_out_an_event, says_a_version_twice, has_seen_what_nobody_said,
    has_seen_what_came_later, has_seen_a_national_event, turns_the_clock_back,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)
def test_whoever_breaks_the_order_is_found_at_the_event(
    kind: Callable[[Case], tuple[str, str, int]],
):
    for seed in range(10):
        heard = case(seed)
        assert judged(heard) == []
        rule, what, at = kind(heard)
        found = [(one.rule, one.what, one.event_id) for one in judged(heard)]
        assert found == [(rule, what, heard[at].event.event_id)]


def test_the_schema_of_an_event_is_a_released_one_and_may_stand_there():
    heard = case(0)[0]
    value, check_schema = encode(heard.event), SchemaRules(HERE).check
    assert [*check_schema(heard, value)] == []
    (unknown,) = check_schema(heard, value[:2] + bytes(8) + value[10:])
    assert (unknown.rule, unknown.what) == ("R8", "schema_unknown")
    for schema in SCHEMAS:
        found = [*check_schema(heard, value[:2] + schema.fingerprint + value[10:])]
        at_home = check_schema(heard._replace(topic=NATIONAL), value[:2] + schema.fingerprint)
        assert [one.what for one in found] == ["schema_not_shared"] * (
            schema.visibility != "shared"
        )
        assert [*at_home] == []
