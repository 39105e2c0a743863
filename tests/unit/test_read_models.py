"""Every read model has an opinion on every event, and the opinion is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from events.registry import CLASSES
from ledger.case.plane import Plane, Verdict, VoidReason, empty
from projections import audit_trail, case_file, case_state, coverage, tasks
from projections.change import says_nothing
from projections.models import SHOWN, TABLES, Shown, rows_of
from projections.table import plain
from tests.histories import HISTORIES
from tests.read_models import changes

#: What of a plane a read model shows.
PARTS: dict[str, Callable[[Plane], Any]] = {
    "consents": lambda plane: plane.consents,
    "consent_terms": lambda plane: (plane.care.terms, plane.care.ended_by),
    "referrals": lambda plane: (plane.referrals, plane.transfers),
    "responsibility_began": lambda plane: plane.identity.responsible,
    "releases": lambda plane: plane.releases,
    "coverage": coverage.board,
    "blocks": lambda plane: plane.care.blocks,
}


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.table.name)
def test_every_read_model_has_an_opinion_on_every_event_class(model: Shown):
    """Whoever adds an event type is asked, here, what each read model makes of it."""
    assert set(CLASSES.values()) == set(model.opinions)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
def test_what_a_read_model_shows_is_never_changed_by_an_event_it_is_silent_on(history):
    for change in changes(history):
        for model in SHOWN:
            part = PARTS.get(model.table.name)
            if part and change.event and model.opinions[type(change.event)] is says_nothing:
                assert part(change.before) == part(change.after), type(change.event)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
def test_rows_fit_their_tables(history):
    for change in changes(history):
        for table, row in rows_of(change):
            assert len(table.columns) == len(row)
        assert len(case_state.TABLE.columns) == len(case_state.row(change.after))
        other = empty(change.after.case_id, shared=not history.shared)
        planes = (change.after, other) if history.shared else (other, change.after)
        assert len(case_file.TABLE.columns) == len(case_file.row(*planes))


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
def test_the_rows_together_say_what_the_plane_says(history):
    """A read model kept up event by event is the fold's own state, seen from one side."""
    newest: dict[tuple[str, Any], Any] = {}
    for change in changes(history):
        for table, row in rows_of(change):
            key = row[: table.key_size]
            newest[table.name, key] = table.over(newest.get((table.name, key)), row)
        plane = change.after
    said = {key[2]: (row[4], row[7]) for (name, key), row in newest.items() if name == "consents"}
    bases = plane.consents.items()
    assert {basis_id: (basis.state, list(basis.scopes)) for basis_id, basis in bases} == said
    handoffs = {**plane.referrals, **plane.transfers}
    said = {key[2]: row[4] for (name, key), row in newest.items() if name == "referrals"}
    assert {handoff_id: one.state for handoff_id, one in handoffs.items()} == said
    began = [row for (name, _), row in newest.items() if name == "responsibility_began"]
    assert plane.identity.responsible == (max(began, key=lambda row: row[2])[3] if began else None)


def test_every_event_gets_one_line_in_the_trail_effective_or_void():
    for history in HISTORIES:
        for change, (verdict, _) in zip(changes(history), history.folded(), strict=True):
            (line,) = [row for table, row in rows_of(change) if table.name == "audit_trail"]
            said = dict(zip(audit_trail.TABLE.columns, line, strict=True))
            assert (verdict == "effective") is said["effective"]
            assert (None if verdict == "effective" else verdict) == said["void_reason"]


def test_only_own_void_events_become_tasks():
    """What another country decided in vain is for its own people."""
    for history in HISTORIES:
        for change in changes(history):
            found = [row for table, row in rows_of(change) if table.name == "tasks"]
            own_void = not change.verdict.effective and change.record.origin == "KZ"
            assert own_void is any(row[2] == tasks.FOUND_VOID for row in found)
            assert change.verdict.effective or len(found) == own_void


def test_the_trail_shows_no_bytes():
    """Salts, sealed boxes and commitments stay in the event; a trail is read by many."""
    for history in HISTORIES:
        for change in changes(history):
            if change.event is not None:
                said = audit_trail.summary(change.event)
                assert not {"salt", "history_commitment", "sealed"} & set(said)


def test_a_case_is_answered_for_by_what_the_shared_topic_says_once_it_says_anything():
    shared = next(history for history in HISTORIES if history.name == "transfer_completed")
    (*_, last) = changes(shared)
    nothing = empty(last.after.case_id, shared=False)
    row = dict(zip(case_file.TABLE.columns, case_file.row(last.after, nothing), strict=True))
    assert ("KG", True) == (row["responsible"], row["is_shared"])


def test_the_key_of_every_table_comes_first():
    for table in TABLES:
        assert table.key == tuple(table.columns)[: len(table.key)]


def test_text_that_a_column_cannot_hold_does_not_stop_a_worker():
    """A signed event may contain NUL; PostgreSQL's text may not."""
    assert "a\ufffdb" == plain("a\0b")


def test_an_unreadable_event_is_a_line_and_maybe_a_task_and_nothing_else():
    history = next(one for one in HISTORIES if one.name == "records_that_are_no_event")
    broken = [change for change in changes(history) if change.event is None]
    assert broken
    for change in broken:
        assert Verdict(VoidReason.UNREADABLE) == change.verdict
        assert {"audit_trail", "tasks"} >= {table.name for table, _ in rows_of(change)}
