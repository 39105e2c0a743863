"""Which events make an organisation one that works on a case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.registry import CLASSES
from events.routing import RoutingAnswered
from projections import case_organisations
from projections.change import Change, says_nothing
from projections.store import Sheet
from tests.histories import HISTORIES
from tests.read_models import changes

COLUMNS = tuple(case_organisations.TABLE.columns)


def rows(change: Change) -> list[tuple]:
    assert change.event is not None
    return list(case_organisations.OPINIONS[type(change.event)](change))


@pytest.fixture
def worked() -> list[Change]:
    """Changes of the national histories in which somebody decides about a child."""
    national = [one for one in HISTORIES if not one.shared]
    every = [change for history in national for change in changes(history) if change.event]
    found = [one for one in every if rows(one) and not isinstance(one.event, RoutingAnswered)]
    assert found
    return found


def test_who_decides_about_a_child_works_on_the_case(worked):
    for change in worked:
        ((case_id, organisation, since),) = rows(change)
        assert change.event is not None
        assert change.record.case_id == case_id
        assert change.event.actor.organisation == organisation
        assert change.event.recorded_at == since


def test_who_takes_a_child_on_works_with_her_and_who_declines_does_not():
    """Whoever wrote the answer down: it is the organisation that was asked."""
    (directed,) = (one for one in HISTORIES if one.name == "directed")
    answers = [one for one in changes(directed) if isinstance(one.event, RoutingAnswered)]
    taken_on = [[row[1] for row in rows(one)] for one in answers if one.verdict.effective]
    assert [["kz-legal-aid"], [], ["kz-almaty"], ["kz-almaty"]] == taken_on


def test_shared_events_tell_no_organisation(worked):
    """There everybody is the focal point, and most of them are another country's."""
    for change in worked:
        record = change.record._replace(topic="shared")
        assert [] == rows(change._replace(record=record))


def test_a_program_is_nobody_s_organisation(worked):
    for change in worked:
        assert change.event is not None
        actor = replace(change.event.actor, role="system")
        assert [] == rows(change._replace(event=replace(change.event, actor=actor)))


@pytest.mark.parametrize(
    "name",
    [
        "PersonalDataAccessed",
        "AccessDenied",
        "BreakGlassUsed",
        "RefusalRecorded",
        "BlockPlaced",
        "ErasureApproved",
    ],
)
def test_looking_is_no_work(name):
    """Whoever was refused would be let in the next time."""
    assert case_organisations.OPINIONS[CLASSES[name]] is says_nothing


def test_the_first_decision_says_since_when(worked):
    """Live, in a batch and in a rebuild: a later row of the key changes nothing."""
    table = case_organisations.TABLE
    ((case_id, organisation, since),) = rows(worked[0])
    later = (case_id, organisation, since.replace(year=since.year + 1))
    sheet = Sheet()
    sheet.put(table, (case_id, organisation, since))
    sheet.put(table, later)
    assert [(case_id, organisation, since)] == list(sheet.rows(table))
    assert table.upsert("read_1").endswith("DO NOTHING")
