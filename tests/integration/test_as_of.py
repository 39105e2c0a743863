"""Every read model as it was: at any place what a prefix alone would have made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from events.errors import BadInput, CaseUnknown, CodeUnknown
from ledger import mirror
from ledger.mirror import Placed, Record
from node.cases import file_of, history_of
from node.moments import Moment
from node.past import (
    MODELS,
    PastReader,
    case_as_of,
    case_at,
    file_then,
    history_then,
    rows_of,
    shown,
)
from node.reading import Reader
from projections import generation, positions
from projections.as_of import AtInstant, AtPlaces, Prefix, SeenBy, SeenWhen
from projections.folding import fold_in
from projections.keeping import Kept
from projections.positions import Position
from tests.asked_world import AGREEMENT, COUNTRIES, KEYS, World
from tests.conftest import databases_for_a_while
from tests.raw_fold import RawCase, Said, bases_after, cases_of, grants_after, spans_of
from tests.read_models import mirrored

#: Played cases in every run, and beside them every golden history; `make soak` plays many more.
CASES, MANY = 4, 200
#: Partition of the golden histories: one more than the agreement has.
GOLDEN = AGREEMENT.partitions
WIDER = replace(AGREEMENT, partitions=GOLDEN + 1)
#: After every offset.
END = 10**6
EPOCH = datetime(2026, 2, 1, tzinfo=UTC)
EVERYTHING = "SELECT " + ", ".join(
    f"(SELECT jsonb_agg(to_jsonb(one) ORDER BY to_jsonb(one)::text) FROM {{{name}}} AS one"
    f" WHERE one.case_id = %s) AS {name}"
    for name in MODELS
)


def late(records: Sequence[Record], chance: Random) -> list[Record]:
    """Return records of which some came before what they waited for.

    Those took effect with it, at its offset and behind it. A second lies between two offsets.
    """
    last: dict[tuple[UUID, str], Record] = {}
    found = []
    for record in records:
        place = 10 * record.offset + 9
        one = record._replace(offset=place, effect_offset=place, effect_rank=0)
        before = last.get((record.case_id, record.topic))
        if before is not None and chance.random() < 0.2:
            assert before.effect_offset is not None
            assert before.effect_rank is not None
            # Between the offsets of others, and before the one that frees it.
            came = before.effect_offset - before.effect_rank - 1
            one = one._replace(
                offset=came, effect_offset=before.effect_offset, effect_rank=before.effect_rank + 1
            )
        last[record.case_id, record.topic] = one
        found.append(one)
    return found


class Told:
    """A mirror that holds everything, and live read models that are told it case by case."""

    def __init__(self, records: Sequence[Record], database: Any, audit: Any, project: Any) -> None:
        self.records = records
        self.database = database
        self.found = Reader(audit, "KZ", 1, KEYS)
        self.cases: dict[UUID, list[Record]] = {}
        for record in records:
            self.cases.setdefault(record.case_id, []).append(record)
        self._project = project
        self._folded: set[UUID] = set()

    @property
    def played(self) -> list[UUID]:
        """The cases that stand in the partitions of the agreement."""
        return [one for one, records in self.cases.items() if records[0].partition != GOLDEN]

    def steps(self, case_id: UUID) -> Iterator[tuple[Prefix, ...]]:
        """Fold a case in live, record by record; yield the place of each topic after each."""
        kept, reached = Kept(), dict[str, Prefix]()
        self._folded.add(case_id)
        for record in self.cases[case_id]:
            placed = Placed(*record[:8], record.leaf, record.ce_type, record.value)
            fold_in(self._project, "read_1", [placed], country="KZ", keys=KEYS, kept=kept)
            reached[record.topic] = Prefix.until(placed)
            yield tuple(reached.values())

    def fold_all(self) -> None:
        """Fold in what no test has folded yet."""
        for case_id in self.cases.keys() - self._folded:
            for _ in self.steps(case_id):
                pass

    def then(self, case_id: UUID, boundary: Any) -> PastReader:
        """Return a case as it was."""
        return case_at(self.found, case_id, Moment("then", boundary), AGREEMENT)

    def asked(self, case_id: UUID, asked: str) -> PastReader:
        """Return a case as it was at what somebody types."""
        return case_as_of(self.found, case_id, asked, AGREEMENT)

    def prefix(self, case_id: UUID, offset: int) -> list[bytes]:
        """Return the leaves of what took effect in a case up to an offset, as the trail has it."""
        there = [one for one in self.cases[case_id] if one.effect_offset <= offset]
        there.sort(key=lambda one: (one.topic != "shared", one.effect_offset, one.effect_rank))
        return [one.leaf for one in there]


def everything(found: Reader, case_id: UUID) -> dict[str, Any]:
    (row,) = found.ask(EVERYTHING, *[case_id] * len(MODELS))
    return row


def leaves(past: PastReader) -> list[bytes]:
    return [row["leaf"] for row in past.rows("audit_trail", "ORDER BY topic DESC, place")]


def _told(request, count):
    postgres, template = (request.getfixturevalue(name) for name in ("postgres", "template"))
    golden = [one._replace(partition=GOLDEN) for one in mirrored()]
    records = late(golden, Random(1)) + late(World.of(count).records, Random(2))
    ends = {one[:2]: one.offset + 1 for one in records}
    with (
        databases_for_a_while(postgres, template) as make,
        psycopg.connect((database := make()).as_role("project"), autocommit=True) as project,
        psycopg.connect(database.as_role("audit"), autocommit=True) as audit,
    ):
        generation.ensure(project)
        mirror.append(project, records)
        positions.begin(
            project, "read_1", [Position(*part, uuid4(), end, 0) for part, end in ends.items()]
        )
        database.run(
            "UPDATE mirror.record SET mirrored_at = %s + \"offset\" * interval '1 second'", EPOCH
        )
        database.run("ANALYZE")
        yield Told(records, database, audit, project)


@pytest.fixture(scope="module")
def told(request):
    yield from _told(request, CASES)


@pytest.fixture(scope="module")
def many(request):
    yield from _told(request, MANY)


def check_every_place(told: Told) -> int:
    steps, shown_ever = 0, set()
    for case_id in told.cases:
        for places in told.steps(case_id):
            live = everything(told.found, case_id)
            assert live == everything(told.then(case_id, AtPlaces(places)), case_id)
            shown_ever |= {name for name, rows in live.items() if rows}
            steps += 1
    assert shown_ever == set(MODELS)
    return steps


def test_as_of_any_place_is_what_the_prefix_alone_makes_of_it(told):
    """Every read model, golden and played, held and released, effective and void."""
    assert check_every_place(told) == len(told.records) > 500


def check_the_end(told: Told) -> int:
    told.fold_all()
    for case_id in told.cases:
        last = AtPlaces((Prefix("shared", END), Prefix("national", END)))
        assert everything(told.found, case_id) == everything(told.then(case_id, last), case_id)
    return len(told.cases)


def test_as_of_the_end_is_what_the_live_read_models_say(told):
    assert check_the_end(told) == len(told.cases)
    for case_id in told.played:
        past = told.then(case_id, AtInstant(EPOCH + timedelta(seconds=END)))
        file = file_of(told.found, case_id)
        assert file_then(past) == {"as_of": past.describes()} | {
            name: value for name, value in file.items() if name not in {"number", "pending"}
        }
        assert history_then(past) == history_of(told.found, case_id)


@pytest.mark.parametrize("model", MODELS)
def test_all_cases_as_of_the_end_are_what_the_live_read_model_says(told, model):
    """Also where nobody names a case: then every partition is folded, case by case."""
    told.fold_all()
    with told.found.connection.transaction():
        instant = (EPOCH + timedelta(seconds=END)).isoformat()
        said = shown(told.found, model, None, instant, WIDER, 10_000)
    live = rows_of(told.found, model)
    assert sorted(live, key=repr) == sorted(said["rows"], key=repr)
    assert len(live) > 0
    assert {one.rpartition("@")[0] for one in said["as_of"]["until"]} == {
        f"{one.topic}/{one.partition}" for one in told.records
    }


def test_as_of_an_instant_is_what_this_node_had_mirrored_by_then(told):
    """By when it was mirrored, not by the clock of whoever recorded it."""
    prefixes = 0
    for case_id in told.played:
        for record in told.cases[case_id][::3]:
            for moment_, end in ((0, record.offset), (-1, record.offset - 1)):
                then = EPOCH + timedelta(seconds=record.offset + moment_)
                expected = told.prefix(case_id, end)
                assert leaves(told.then(case_id, AtInstant(then))) == expected
                prefixes += 1
    assert prefixes > 50


def check_seen(told: Told) -> int:
    """Compare with dictionaries over decoded events that know nothing of projections."""
    checked = 0
    in_order = sorted(told.records, key=lambda one: (one.effect_offset, one.effect_rank))
    for case_id, case in cases_of(
        [one for one in in_order if one.partition != GOLDEN], KEYS.open
    ).items():
        places = {one.leaf: one.place for one in case.shared}
        for country in COUNTRIES:
            had_seen = 0
            for one in case.shared:
                if one.event.origin == country:
                    had_seen = max(had_seen, places.get(one.event.seen, 0))
                    _same(told.then(case_id, SeenWhen(one.event.event_id)), case.shared[:had_seen])
                    checked += 1
            _same(told.then(case_id, SeenBy(country)), case.shared[:had_seen])
        for one in case.national[::4]:
            _same(told.then(case_id, SeenWhen(one.event.event_id)), case.shared[: one.knew])
            checked += 1
    return checked


def _same(past: PastReader, seen: list[Said]) -> None:
    assert past.moment.lower_bound
    lines = past.rows("audit_trail", "ORDER BY place")
    assert [(one["leaf"], one["effective"]) for one in lines] == [
        (one.leaf, one.effective) for one in seen
    ]
    consents = {one["basis_id"]: one for one in past.rows("consents")}
    bases = bases_after(seen)
    assert {key: one["state"] for key, one in consents.items()} == {
        key: one["state"] for key, one in bases.items()
    }
    assert {key: one["state"] for key, one in grants_after(seen).items()} == {
        one["grant_id"]: one["state"] for one in past.rows("releases")
    }
    began = past.rows("responsibility", "ORDER BY since_place")
    assert [(one["country"], one["since_place"]) for one in began] == [
        (country, place) for _, country, place in spans_of(RawCase(past.then.case_id, seen))
    ]


def test_what_another_country_had_certainly_seen_is_what_its_events_say(told):
    assert check_seen(told) > 100


def test_what_cannot_be_answered_is_refused_by_name(told):
    """And not answered about something else."""
    case_id = told.played[0]
    record = told.cases[case_id][-1]
    there, other = record.partition, (record.partition + 1) % AGREEMENT.partitions
    refused = {
        "": "as_of",
        "yesterday": "as_of",
        "2026-11-24T12:00:00": "as_of",
        "seen:kg": "as_of",
        "seen:1234": "as_of",
        f"private/{there}@1": "as_of",
        f"shared/{there}@1,shared/{there}@2": "as_of",
        f"shared/{there}@1,national/{other}@1": "as_of",
        f"shared/{there}@-1": "as_of",
        f"shared/{other}@1": "partition_of_case",
        f"shared/{there}@{record.offset + 99_999}": "place_read",
        f"shared/{there + 17}@0": "place_read",
        "2999-01-01T00:00:00Z": "instant_past",
        f"seen:{uuid4()}": "event_known",
        "seen:XX": "country_known",
    }
    for asked, rule in refused.items():
        with pytest.raises((BadInput, CodeUnknown)) as found:
            told.asked(case_id, asked)
        assert found.value.rule == rule, asked
    for asked in ("1999-01-01T00:00:00Z", f"shared/{there}@0"):
        with pytest.raises(CaseUnknown):
            told.asked(case_id, asked)
    with pytest.raises(CaseUnknown):
        told.asked(uuid4(), "2026-11-24T12:00:00Z")
    for model, asked, rule in (
        ("case_file", f"seen:{uuid4()}", "case_named"),
        ("secrets", None, "read_model"),
    ):
        with pytest.raises(BadInput) as found:
            shown(told.found, model, None, asked, AGREEMENT, 1)
        assert found.value.rule == rule


def test_an_answer_names_the_places_that_it_rests_on(told):
    """Two places at once, one on each topic; and between events that share an offset."""
    case_id = told.played[0]
    ends = {one.topic: one for one in told.cases[case_id]}
    asked = ",".join(f"{one.topic}/{one.partition}@{one.effect_offset}" for one in ends.values())
    past = told.asked(case_id, asked)
    assert past.describes()["until"] == asked.split(",")
    assert len(leaves(past)) == len(told.cases[case_id])
    freed = next(one for one in told.cases[case_id] if one.effect_rank)
    places = [f"{freed.topic}/{freed.partition}@{freed.effect_offset}.{rank}" for rank in (0, 1)]
    before, after = (leaves(told.asked(case_id, place)) for place in places)
    assert [*before, freed.leaf] == after


def test_the_past_has_no_tables_to_be_asked_behind_its_back(told):
    """A question that knows only the present must fail, not answer of the present."""
    past = told.then(told.played[0], AtPlaces(()))
    with pytest.raises(AssertionError, match="only the present"):
        past.schema.upper()


def test_a_case_system_of_an_organisation_cannot_ask_about_the_past(told):
    """It sees rows of its own cases only, and the mirror has no such rows."""
    login = told.database.as_role("organisation")
    with (
        psycopg.connect(login) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        case_at(Reader(connection, "KZ", 1), told.played[0], Moment("", AtPlaces(())), AGREEMENT)


@pytest.mark.soak
def test_many_cases_as_of_any_place_and_as_seen(many):
    assert check_every_place(many) == len(many.records)
    assert check_the_end(many) == len(many.cases)
    assert check_seen(many) > 5_000
