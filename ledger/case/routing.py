"""The part that says which services have the child: asked by the rules, or by a person's hand.

The rules are asked by a program (consumers/reactor.py); here stands what may follow from them. A
case that goes on is never left to nobody: whoever decides leaves somebody who leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.code_lists import UNKNOWN, code_list
from events.codes import DataScope, LadderLevel, Role
from events.errors import BadInput, CodeUnknown, NotAllowedNow, ProtectiveRefusal, WrongRole
from events.routing import CaseDirected, CaseRouted, RoutingAnswered, RoutingEnded, RoutingLapsed
from events.stamp import Event
from ledger.case.case import Case
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import WORKING, Draft, Drafts, Matter
from ledger.case.national import Routing
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care


class Routed(NamedTuple):
    """A service that the rules chose, as it will be asked."""

    routing_id: UUID
    #: None: the duty desk.
    service: str | None
    organisation: str | None
    leads: bool
    ladder: LadderLevel
    answer_by: datetime
    contact_by: datetime


def _directed(plane: Plane, _event: CaseDirected) -> Plane:
    return with_care(plane, to_direct=None)


def _routed(plane: Plane, event: CaseRouted) -> Plane:
    if event.decision_id is None:  # a person's note of version 1: nobody was asked
        return plane
    made = Routing(
        state="asked",
        service=event.service,
        organisation=event.organisation,
        leads=event.leads,
        answer_by=event.answer_by,
        contact_by=event.contact_by,
    )
    return with_care(plane, routings={**plane.care.routings, event.routing_id: made})


def _moved(plane: Plane, routing_id: UUID, state: str, **changes: Any) -> Plane:
    before = plane.care.routings.get(routing_id)
    if before is None or not before.is_live:
        return plane
    after = changed(before, state=state)
    return with_care(plane, routings={**plane.care.routings, routing_id: after}, **changes)


def _answered(plane: Plane, event: RoutingAnswered) -> Plane:
    if event.accepted:
        return _moved(plane, event.routing_id, "accepted")
    return _moved(plane, event.routing_id, "declined", to_direct=event.event_id)


def _over(plane: Plane, event: RoutingEnded) -> Plane:
    """Work that was done has ended; what nobody had taken on was only asked for."""
    before = plane.care.routings.get(event.routing_id)
    had = before is not None and before.state == "accepted"
    return _moved(plane, event.routing_id, "ended" if had else "withdrawn")


EFFECTS: Mapping[type[Event], Effect] = {
    CaseDirected: _directed,
    CaseRouted: _routed,
    RoutingAnswered: _answered,
    RoutingLapsed: lambda plane, event: _moved(
        plane, event.routing_id, "lapsed", to_direct=event.event_id
    ),
    RoutingEnded: _over,
}


def live(case: Case) -> Mapping[UUID, Routing]:
    """Return the services that have the child or are asked, in the order in which they were."""
    return {key: one for key, one in case.national.care.routings.items() if one.is_live}


def has_to_be_directed(case: Case) -> bool:
    """Say whether the rules have to be asked to whom a case goes: something is new, or nobody is.

    Only the country that answers for the child directs her.
    """
    care = case.national.care
    return case.goes_on_here and (care.to_direct is not None or not care.is_led)


def is_at_the_desk(case: Case) -> bool:
    """Say whether the duty desk has a case because no service was left: one may be free again."""
    return any(one.service is None for one in live(case).values())


def direct_case(
    matter: Matter,
    /,
    *,
    decision_id: UUID,
    cause: UUID | None,
    rules: str,
    directory: bytes,
    routes: tuple[Routed, ...],
    ends: tuple[UUID, ...],
    data: PersonalData,
) -> Drafts:
    """Record to whom the rules direct the case, what they ask no more, and, sealed, why."""
    _require_directing(matter)
    matter.require_program()
    data.require_only({DataScope.PROTECTION}, "what the rules decided")
    care = matter.case.national.care
    wanted = has_to_be_directed(matter.case) or is_at_the_desk(matter.case)
    if not wanted or cause != care.to_direct:
        raise NotAllowedNow(
            f"case {matter.case.case_id} was directed meanwhile, or something is new", rule="cause"
        )
    fields = {"decision_id": decision_id, "cause": cause, "directory": directory, "by_hand": False}
    return _led(
        matter,
        Draft(CaseDirected, fields, data=data, rules=rules),
        *_ended(matter, ends),
        *(_draft(decision_id, one, rules) for one in routes),
    )


def override_routing(
    matter: Matter,
    /,
    *,
    service: str,
    organisation: str,
    data: PersonalData,
    answer_by: datetime,
    contact_by: datetime,
    routing_id: UUID | None = None,
) -> Drafts:
    """Let another service lead than the rules chose; why is data, and who led leads no more.

    A supervisor or focal point. A service that a block names is refused.
    """
    _require_directing(matter)
    matter.require_supervising()
    matter.require_pseudonym("the service", service, organisation)
    data.require_only({DataScope.NARRATIVE}, "why another service leads")
    care = matter.case.national.care
    if any(care.excludes_person(who) for who in (service, organisation)):
        raise ProtectiveRefusal(
            f"case {matter.case.case_id}: this service must not have the child", rule="excluded"
        )
    decision_id = matter.new_id()
    fields = {"decision_id": decision_id, "cause": care.to_direct, "by_hand": True}
    led = [key for key, one in live(matter.case).items() if one.leads or one.service == service]
    chosen = Routed(
        routing_id or matter.new_id(), service, organisation, leads=True,
        ladder=LadderLevel.UNKNOWN, answer_by=answer_by, contact_by=contact_by,
    )  # fmt: skip
    return _led(
        matter,
        Draft(CaseDirected, fields, data=data),
        *_ended(matter, led),
        _draft(decision_id, chosen, None),
    )


def accept_routing(matter: Matter, /, *, routing_id: UUID) -> Drafts:
    """Take the child on, as the service that was asked."""
    return (_answer(matter, routing_id, accepted=True),)


def decline_routing(matter: Matter, /, *, routing_id: UUID, reason: str) -> Drafts:
    """Do not take the child on; the rules are asked again at once."""
    if reason == UNKNOWN:
        raise CodeUnknown("a reason of the list handoff_rejection is needed", rule="reason")
    code = code_list("handoff_rejection").require(reason)
    return (_answer(matter, routing_id, accepted=False, declined_for=code),)


def lapse_routing(matter: Matter, /, *, routing_id: UUID) -> Drafts:
    """Stop waiting for a service that has not answered in time; the rules are asked again."""
    routing = _standing(matter, routing_id)
    matter.require_program()
    if routing.state != "asked" or routing.answer_by is None or matter.at < routing.answer_by:
        raise NotAllowedNow(f"routing {routing_id} may still be answered", rule="answer_by")
    return (Draft(RoutingLapsed, {"routing_id": routing_id}),)


def end_routing(matter: Matter, /, *, routing_id: UUID) -> Drafts:
    """Say that a service works with the child no longer; another one has to lead her by then."""
    _standing(matter, routing_id)
    matter.require_working()
    drafts = _ended(matter, (routing_id,))
    return _led(matter, *drafts) if matter.case.identity.state == "open" else drafts


def _require_directing(matter: Matter) -> None:
    matter.require_known()
    matter.require_going_on()
    matter.require_responsible()


def _standing(matter: Matter, routing_id: UUID) -> Routing:
    matter.require_known()
    routing = matter.case.national.care.routings.get(routing_id)
    if routing is None or not routing.is_live:
        raise NotAllowedNow(
            f"case {matter.case.case_id}: nobody is asked by routing {routing_id} now",
            rule="routing_known",
        )
    return routing


def _answer(matter: Matter, routing_id: UUID, **said: Any) -> Draft:
    """Return an answer of the service that was asked, or of whoever answers for the case."""
    routing = _standing(matter, routing_id)
    by = matter.by
    if by.role == Role.PROVIDER:
        if by.organisation != routing.organisation:
            raise WrongRole(f"routing {routing_id}: another organisation was asked")
    elif by.role not in WORKING:
        raise WrongRole(f"a {by.role} does not decide this")
    if routing.state != "asked" and said["accepted"]:
        raise NotAllowedNow(f"routing {routing_id} is accepted already", rule="routing_asked")
    return Draft(RoutingAnswered, {"routing_id": routing_id, **said})


def _draft(decision_id: UUID, one: Routed, rules: str | None) -> Draft:
    return Draft(CaseRouted, {"decision_id": decision_id, **one._asdict()}, rules=rules)


def _ended(matter: Matter, routing_ids: Iterable[UUID]) -> Drafts:
    for routing_id in routing_ids:
        _standing(matter, routing_id)
    return tuple(Draft(RoutingEnded, {"routing_id": one}) for one in routing_ids)


def _led(matter: Matter, *drafts: Draft) -> Drafts:
    """Return the drafts unless they would leave a child to nobody."""
    ends = {one.fields["routing_id"] for one in drafts if one.kind is RoutingEnded}
    begun = [one for one in drafts if one.kind is CaseRouted]
    left = [one for key, one in live(matter.case).items() if key not in ends]
    if not any(one.fields["leads"] for one in begun) and not any(one.leads for one in left):
        raise ProtectiveRefusal(
            f"case {matter.case.case_id}: nobody would lead the work with the child; name who does",
            rule="somebody_leads",
        )
    if len({one.fields["routing_id"] for one in begun}) < len(begun):
        raise BadInput("each service is asked by a routing of its own", rule="routing_once")
    return drafts
