"""The read models, and which of them show what: a model is added here and in its own module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from events.registry import CLASSES
from events.stamp import Event
from projections import (
    audit_trail,
    case_file,
    case_state,
    consent_terms,
    consents,
    referrals,
    responsibility,
    tasks,
)
from projections.change import Change, Opinions, Rows, says_nothing
from projections.table import Row, Table


class Shown(NamedTuple):
    """A read model made of rows that events give it."""

    table: Table
    opinions: Opinions
    #: Also events that were found void.
    void_too: bool = False


SHOWN: tuple[Shown, ...] = (
    Shown(audit_trail.TABLE, audit_trail.OPINIONS, void_too=True),
    Shown(tasks.TABLE, tasks.OPINIONS, void_too=True),
    Shown(consents.TABLE, consents.OPINIONS),
    Shown(consent_terms.TABLE, consent_terms.OPINIONS),
    Shown(referrals.TABLE, referrals.OPINIONS),
    Shown(responsibility.TABLE, responsibility.OPINIONS),
)
#: Every table of a generation that a rebuild fills and a state hash covers.
TABLES: tuple[Table, ...] = (
    case_state.TABLE,
    case_file.TABLE,
    *(model.table for model in SHOWN),
)

_TRAIL: tuple[tuple[Table, Rows], ...] = (
    (audit_trail.TABLE, audit_trail.rows),
    (tasks.TABLE, tasks.rows),
)


def _of(kind: type[Event], models: Iterable[Shown]) -> tuple[tuple[Table, Rows], ...]:
    asked = ((model.table, model.opinions[kind]) for model in models)
    return tuple((table, rows) for table, rows in asked if rows is not says_nothing)


_EFFECTIVE: Mapping[type[Event], tuple[tuple[Table, Rows], ...]] = {
    kind: _of(kind, SHOWN) for kind in CLASSES.values()
}


def rows_of(change: Change) -> list[tuple[Table, Row]]:
    """Return the rows that an event gives to the read models, each with its table."""
    event = change.event
    models = _TRAIL
    if event is not None and change.verdict.void is None:
        models = _EFFECTIVE[type(event)]
    return [(table, row) for table, rows in models for row in rows(change)]
