"""The part about urgent measures: a country protects a child who is there and is another's case.

Protection goes first and waits for nobody: a measure is never void because of the state, while the
case is not ready or even after it has ended. It moves no responsibility (ADR 45).
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from events.codes import DataScope
from events.errors import BadInput, NotAllowedNow, ProtectiveRefusal, WrongCountry
from events.measure import UrgentMeasureEnded, UrgentMeasureReviewed, UrgentMeasureTaken
from events.stamp import Event
from ledger.case.block import require_unblocked
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.joint import Measure
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import NONE, Plane

#: What may be said of a measure; sealed in the event, an entry for each, empty ones included.
SCOPES = (DataScope.LOCATION, DataScope.PROTECTION, DataScope.NARRATIVE)


def state(plane: Plane, event: Event) -> str:
    """Return the state of the measure that the event belongs to."""
    found = plane.measures.get(event.measure_id)  # type: ignore[attr-defined]  # rows of measures
    return NONE if found is None else found.state


def _taken(plane: Plane, event: UrgentMeasureTaken) -> Plane:
    if (
        event.measure_id in plane.measures
    ):  # protective, so never void: told twice, it is there once
        return plane
    made = Measure(state="taken", origin=event.origin, since=event.occurred_at.date())
    return changed(plane, measures={**plane.measures, event.measure_id: made})


def _ended(plane: Plane, event: UrgentMeasureEnded) -> Plane:
    ended = changed(plane.measures[event.measure_id], state="ended")
    return changed(plane, measures={**plane.measures, event.measure_id: ended})


def _shown_in_trail(plane: Plane, _event: Event) -> Plane:
    return plane


EFFECTS: Mapping[type[Event], Effect] = {
    UrgentMeasureTaken: _taken,
    UrgentMeasureEnded: _ended,
    UrgentMeasureReviewed: _shown_in_trail,
}


def take_measure(
    matter: Matter, /, *, data: PersonalData, measure_id: UUID | None = None
) -> Drafts:
    """Protect a child who is in this country and whose case is another's; what is done is sealed.

    The country that answers for her is asked to look. She goes nowhere by it: that is a transfer.
    """
    matter.require_known()
    matter.require_working()
    identity = matter.case.ahead.identity
    if matter.case.country not in identity.parties:
        raise WrongCountry(f"case {matter.case.case_id}: this country is no party to it")
    if identity.responsible == matter.case.country:
        raise NotAllowedNow(
            f"case {matter.case.case_id}: this country answers for it; record what it does as care",
            rule="answers_already",
        )
    for country in identity.parties:
        if country != matter.case.country:
            require_unblocked(matter, country)
    data.require_only(SCOPES, "an urgent measure")
    if DataScope.PROTECTION not in data.scopes:
        raise BadInput("say what is done, in scope protection", rule="data_given")
    return (Draft(UrgentMeasureTaken, {"measure_id": measure_id or matter.new_id()}, data=data),)


def end_measure(matter: Matter, /, *, measure_id: UUID) -> Drafts:
    """End an urgent measure that this country took."""
    matter.require_known()
    matter.require_working()
    found = _standing(matter, measure_id)
    if found.origin != matter.case.country:
        raise WrongCountry(f"case {matter.case.case_id}: {found.origin} took this measure")
    return (Draft(UrgentMeasureEnded, {"measure_id": measure_id}),)


def review_measure(matter: Matter, /, *, measure_id: UUID, data: PersonalData) -> Drafts:
    """Look at another country's urgent measure, as the one that answers for the child.

    What follows from it is data of scope narrative, and stays at home.
    """
    matter.require_known()
    matter.require_supervising()
    found = _standing(matter, measure_id)
    if found.origin == matter.case.country:
        raise ProtectiveRefusal("who took a measure does not review it", rule="four_eyes")
    matter.require_responsible()
    data.require_only({DataScope.NARRATIVE}, "a review")
    return (Draft(UrgentMeasureReviewed, {"measure_id": measure_id}, data=data),)


def _standing(matter: Matter, measure_id: UUID) -> Measure:
    found = matter.case.ahead.measures.get(measure_id)
    if found is None or found.state != "taken":
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no urgent measure {measure_id}", rule="measure_known"
        )
    return found
