"""The read models, and which of them show what: a model is added here and in its own module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from events.registry import CLASSES
from events.stamp import Event
from projections import (
    access_ledger,
    acknowledgements,
    audit_trail,
    blocks,
    capacities,
    case_file,
    case_organisations,
    case_state,
    consent_terms,
    consents,
    coverage,
    deadlines,
    duplicates,
    notices,
    plan_items,
    plans,
    referrals,
    releases,
    responsibility,
    routings,
    tasks,
)
from projections.change import Change, Opinions, Rows, says_nothing
from projections.table import Row, Table


class Shown(NamedTuple):
    """A read model made of rows that events give it."""

    table: Table
    opinions: Opinions
    #: What it makes of an event that was found void, or that cannot be read.
    void: Rows = says_nothing


SHOWN: tuple[Shown, ...] = (
    Shown(audit_trail.TABLE, audit_trail.OPINIONS, void=audit_trail.rows),
    Shown(tasks.TABLE, tasks.OPINIONS, void=tasks.found_void),
    Shown(consents.TABLE, consents.OPINIONS),
    Shown(consent_terms.TABLE, consent_terms.OPINIONS),
    Shown(referrals.TABLE, referrals.OPINIONS),
    Shown(responsibility.TABLE, responsibility.OPINIONS),
    Shown(releases.TABLE, releases.OPINIONS),
    Shown(coverage.TABLE, coverage.OPINIONS, void=coverage.rows),
    Shown(blocks.TABLE, blocks.OPINIONS),
    Shown(access_ledger.TABLE, access_ledger.OPINIONS),
    Shown(case_organisations.TABLE, case_organisations.OPINIONS),
    Shown(routings.TABLE, routings.OPINIONS),
    Shown(plans.TABLE, plans.OPINIONS),
    Shown(plan_items.TABLE, plan_items.OPINIONS),
    Shown(deadlines.TABLE, deadlines.OPINIONS),
    Shown(acknowledgements.TABLE, acknowledgements.OPINIONS),
    Shown(capacities.TABLE, capacities.OPINIONS),
    Shown(duplicates.TABLE, duplicates.OPINIONS),
    Shown(notices.TABLE, notices.OPINIONS),
)
#: Every table of a generation that a rebuild fills and a state hash covers.
TABLES: tuple[Table, ...] = (
    case_state.TABLE,
    case_file.TABLE,
    *(model.table for model in SHOWN),
)


def _opinion(model: Shown, kind: type[Event]) -> Rows:
    if kind not in model.opinions:
        raise NotImplementedError(
            f"give {model.table.name} in projections/ an opinion on {kind.__name__}: add it to a"
            " group in projections/change.py, or to the model (nothing is one too)"
        )
    return model.opinions[kind]


def _telling(asked: Iterable[tuple[Table, Rows]]) -> tuple[tuple[Table, Rows], ...]:
    return tuple((table, rows) for table, rows in asked if rows is not says_nothing)


_EFFECTIVE: Mapping[type[Event], tuple[tuple[Table, Rows], ...]] = {
    kind: _telling((model.table, _opinion(model, kind)) for model in SHOWN)
    for kind in CLASSES.values()
}
_VOID = _telling((model.table, model.void) for model in SHOWN)


def rows_of(change: Change) -> list[tuple[Table, Row]]:
    """Return the rows that an event gives to the read models, each with its table."""
    event = change.event
    models = _VOID
    if event is not None and change.verdict.void is None:
        models = _EFFECTIVE[type(event)]
    return [(table, row) for table, rows in models for row in rows(change)]
