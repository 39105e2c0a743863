"""The part in which a child, or somebody for her, says how she was helped."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from events.codes import DataScope, Satisfaction
from events.errors import BadInput, CodeUnknown, NotAllowedNow, ProtectiveRefusal
from events.monitoring import ComplaintAnswered, ComplaintReceived, FeedbackReceived
from events.stamp import Event
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care


def _received(plane: Plane, event: ComplaintReceived) -> Plane:
    return with_care(plane, complaints={**plane.care.complaints, event.complaint_id: event.against})


def _answered(plane: Plane, event: ComplaintAnswered) -> Plane:
    complaints = plane.care.complaints
    rest = {key: who for key, who in complaints.items() if key != event.complaint_id}
    return with_care(plane, complaints=rest)


EFFECTS: Mapping[type[Event], Effect] = {
    FeedbackReceived: lambda plane, _event: plane,  # the trail shows it
    ComplaintReceived: _received,
    ComplaintAnswered: _answered,
}


def receive_feedback(
    matter: Matter,
    /,
    *,
    rating: Satisfaction,
    data: PersonalData | None = None,
    feedback_id: UUID | None = None,
) -> Drafts:
    """Record how a child, or who cares for her, judges the help; the words are data."""
    matter.require_known()
    if rating is Satisfaction.UNKNOWN:
        raise CodeUnknown("very_satisfied, satisfied or not_satisfied", rule="rating")
    fields = {"feedback_id": feedback_id or matter.new_id(), "rating": rating}
    return (Draft(FeedbackReceived, fields, data=data),)


def receive_complaint(
    matter: Matter,
    /,
    *,
    data: PersonalData,
    against: str | None = None,
    complaint_id: UUID | None = None,
) -> Drafts:
    """Record a complaint for the child, in any state of the case; the words are data.

    `against` is the pseudonym of who it is about: that person does not answer it.
    """
    matter.require_known()
    if against is not None:
        matter.require_pseudonym("who it is about", against)
    if DataScope.NARRATIVE not in data.scopes:
        raise BadInput("what the complaint says is data of scope narrative", rule="data_given")
    fields = {"complaint_id": complaint_id or matter.new_id(), "against": against}
    return (Draft(ComplaintReceived, fields, data=data),)


def answer_complaint(
    matter: Matter, /, *, complaint_id: UUID, upheld: bool, data: PersonalData
) -> Drafts:
    """Answer a complaint, as a supervisor whom it is not about; the answer is data."""
    matter.require_known()
    matter.require_supervising()
    complaints = matter.case.national.care.complaints
    if complaint_id not in complaints:
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no open complaint {complaint_id}",
            rule="complaint_known",
        )
    if complaints[complaint_id] == matter.by.id:
        raise ProtectiveRefusal("whom a complaint is about does not answer it", rule="four_eyes")
    if DataScope.NARRATIVE not in data.scopes:
        raise BadInput("the answer is data of scope narrative", rule="data_given")
    fields = {"complaint_id": complaint_id, "upheld": upheld}
    return (Draft(ComplaintAnswered, fields, data=data),)
