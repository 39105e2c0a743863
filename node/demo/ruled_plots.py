"""Plots about what a country does by its rules: to whom a child goes, and what is done for her."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from events.codes import Agreement, DataScope, RiskLevel, Role
from events.stamp import Actor
from ledger.case import care, governance, plan, routing
from ledger.case.personal import PersonalData
from ledger.rules.directory import Service
from ledger.rules.pack import Pack
from node import ruling
from node.demo.awaiting import waits
from node.demo.desk import Desk
from node.demo.exchange_plots import protected_and_returned, two_cases
from node.demo.story import Plot, Story
from node.demo.watched_plots import watched
from node.place import Place
from node.words import country_name

_GIRL = PersonalData(
    {
        DataScope.IDENTITY: {"birth_date": "2012-03-04", "languages": ["ky", "ru"]},
        DataScope.LOCATION: {"area": "KZ/almaty/almaly"},
        DataScope.PROTECTION: {"wants": ["language_class"]},
    }
)
_TRACING = "tracing_agency"
_ALONE = PersonalData({DataScope.PROTECTION: {"concern": "unaccompanied"}})


def put_in_force(where: Place, change: Callable[[str], str] = str) -> None:
    """Put the example rules of a country in force, and let its providers read the guidelines.

    `change` is made to the text of each file before.
    """
    for directory in (False, True):
        text = change(ruling.example(where.country, directory=directory))
        ruling.activate_text(where, None, ruling.checked(text, f"{where.country}.toml"), None)
    let_read(where)


def let_read(where: Place, but: Collection[str] = ()) -> None:
    """Let the providers of a country read every guideline: all but these."""
    from ledger.service import open_ledger

    rules = ruling.rules_of(where)
    by = Actor(id="demo-supervisor", role=Role.SUPERVISOR, organisation=f"demo-{where.country}")
    with open_ledger(where.ledger_settings()) as ledger:
        door = ledger.on(ruling.register_of(where), by=by, retries=10)
        for organisation, guideline, number in _read_by(rules.ruled.pack, rules.directory.services):
            if organisation not in but:
                door.decide(
                    governance.acknowledge_guideline,
                    organisation=organisation, guideline=guideline, number=number,
                )  # fmt: skip


def _read_by(pack: Pack, services: Mapping[str, Service]) -> list[tuple[str, str, int]]:
    """Return what every provider has read but the tracing agencies: they do in a story."""
    organisations = sorted(
        {one.organisation for one in services.values() if _TRACING not in one.specialists}
    )
    return [(who, *said) for who in organisations for said in pack.versions.items()]


def redirected(story: Story) -> None:
    """A child found alone goes to the specialist whom the rules name; the first one is full."""
    here = story.here
    story.title = "To the right specialist, by rules that explain themselves"
    _found_alone(story)
    lead = waits(here, lambda: _lead(here, story.case_id))
    story.takes(
        here, "the first service has no place", routing.decline_routing,
        routing_id=lead, reason="no_capacity",
    )  # fmt: skip
    other = waits(here, lambda: _lead(here, story.case_id))
    story.takes(here, "the next one takes her", routing.accept_routing, routing_id=other)
    story.ending = "Nobody searched for a telephone number, and `ledger routing explain` says why."


def planned(story: Story) -> None:
    """Somebody has looked; a plan is generated, agreed, approved by another person, followed."""
    here = story.here
    story.title = "A plan of her own"
    _found_alone(story)
    story.takes(here, "has looked at what she needs", care.complete_assessment)
    plan_id = waits(here, lambda: _plan(here, story.case_id))
    agreed = {"child": Agreement.AGREES, "caregiver": Agreement.AGREES}
    story.takes(here, "she agrees with the plan", plan.submit_plan, plan_id=plan_id, **agreed)
    story.takes(here, "a supervisor approves it", plan.approve_plan, plan_id=plan_id)
    items = here.ledger.case(story.case_id).national.care.plans[plan_id].items
    first = next(key for key, one in items.items() if one.mandatory)
    said = {"plan_id": plan_id, "item_id": first, "done": True}
    story.takes(here, "she has a guardian", plan.finish_item, **said)
    there = country_name(story.there.country)
    story.ending = f"{len(items)} things are done for her, each by a day. {there} sees none of it."


def guided(story: Story) -> None:
    """Who has not read the guideline gets no child; as soon as he has, he does."""
    here = story.here
    story.title = "Nobody works with her who has not read the guideline"
    _found_alone(story)
    waits(here, lambda: _at_the_desk(here, story.case_id))
    directory = ruling.rules_of(here.where).directory.services.values()
    (agency,) = (one for one in directory if _TRACING in one.specialists)
    said = {"organisation": agency.organisation, "guideline": "unaccompanied", "number": 1}
    words = "the tracing agency reads the guideline, and has her at once"
    story.records(here, words, governance.acknowledge_guideline, **said)
    waits(here, lambda: _asked(here, story.case_id, agency.id))
    story.ending = "Until then the duty desk had her: never nobody."


#: Scenario -> its plots.
SCENARIOS: dict[str, tuple[Plot, ...]] = {
    "specialist": (redirected,),
    "plan": (planned,),
    "guidelines": (guided,),
    "monitoring": (watched,),
    "exchange": (protected_and_returned, two_cases),
}


def _found_alone(story: Story) -> None:
    story.opens("opens a case of a girl found alone", data=_GIRL)
    story.takes(story.here, "writes down what threatens her", care.record_concern, data=_ALONE)
    story.takes(story.here, "says how urgent it is", care.assess_risk, risk=RiskLevel.HIGH)


def _lead(desk: Desk, case_id: UUID) -> UUID | None:
    """Return who is asked to lead, as soon as nothing new has to be asked of the rules."""
    care_ = desk.ledger.case(case_id).national.care
    asked = [key for key, one in care_.routings.items() if one.leads and one.state == "asked"]
    return asked[-1] if asked and care_.to_direct is None else None


def _at_the_desk(desk: Desk, case_id: UUID) -> bool | None:
    care_ = desk.ledger.case(case_id).national.care
    at_desk = any(one.service is None and one.is_live for one in care_.routings.values())
    return (at_desk and care_.to_direct is None) or None


def _asked(desk: Desk, case_id: UUID, service: str) -> bool | None:
    routings = desk.ledger.case(case_id).national.care.routings.values()
    return any(one.service == service and one.is_live for one in routings) or None


def _plan(desk: Desk, case_id: UUID) -> UUID | None:
    plans = desk.ledger.case(case_id).national.care.plans
    return next((key for key, one in plans.items() if one.state == "draft"), None)
