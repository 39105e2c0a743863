"""Golden histories of the way to the right specialist, and of the rules that lead there."""

from __future__ import annotations

from datetime import UTC, date, datetime

from events.care import ConcernRecorded, ConcernResolved, RiskAssessed, SiblingLinked
from events.case import CaseOpened
from events.codes import LadderLevel, RiskLevel, RuleKind
from events.governance import GuidelineAcknowledged, RulesActivated, ServiceCapacityChanged
from events.routing import CaseDirected, CaseRouted, RoutingAnswered, RoutingEnded, RoutingLapsed
from tests.history import History
from tests.vectors import invented

ANSWER, CONTACT = datetime(2026, 3, 3, 9, tzinfo=UTC), datetime(2026, 3, 2, 21, tzinfo=UTC)
DIRECTORY = invented("directory", 32)


def _routed(history: History, routing: str, **values: object) -> None:
    usual = {
        "decision_id": "decision", "service": "kz-almaty-casework", "organisation": "kz-almaty",
        "leads": True, "ladder": LadderLevel.PLACE, "answer_by": ANSWER, "contact_by": CONTACT,
    }  # fmt: skip
    history.put("KZ", CaseRouted, routing_id=routing, **{**usual, **values})


def directed() -> History:
    history = History(
        "directed", "Asked, declined, asked again, not answered, and at last accepted.",
        shared=False, newest=True,
    )  # fmt: skip
    history.put("KZ", CaseOpened)
    history.put("KZ", ConcernRecorded, concern_id="concern")
    history.put("KZ", ConcernRecorded, concern_id="another")
    history.put("KZ", RiskAssessed, assessment_id="first", risk=RiskLevel.MEDIUM)
    history.put("KZ", RiskAssessed, assessment_id="second", risk=RiskLevel.HIGH)
    history.put("KZ", SiblingLinked, sibling_case_id="sister", together=True)
    directed_by_rules = {"cause": None, "directory": DIRECTORY, "by_hand": False}
    history.put("KZ", CaseDirected, decision_id="decision", **directed_by_rules)
    _routed(history, "first")
    _routed(history, "second", leads=False, service="kz-legal-aid", organisation="kz-legal-aid")
    history.put("KZ", RoutingAnswered, routing_id="second", accepted=True, declined_for=None)
    history.put(
        "KZ", RoutingAnswered, routing_id="first", accepted=False, declined_for="no_capacity"
    )
    history.put("KZ", RoutingAnswered, routing_id="first", accepted=True, declined_for=None)
    history.put("KZ", CaseDirected, decision_id="again", **directed_by_rules)
    _routed(history, "third", decision_id="again", ladder=LadderLevel.REGION)
    history.put("KZ", RoutingLapsed, routing_id="third")
    history.put("KZ", CaseDirected, decision_id="desk", **directed_by_rules)
    nobody = {"service": None, "organisation": None, "ladder": LadderLevel.DUTY_DESK}
    _routed(history, "fourth", decision_id="desk", **nobody)
    history.put("KZ", CaseDirected, decision_id="hand", cause=None, directory=None, by_hand=True)
    history.put("KZ", RoutingEnded, routing_id="fourth")
    _routed(history, "fifth", decision_id="hand", ladder=LadderLevel.UNKNOWN)
    history.put("KZ", RoutingAnswered, routing_id="fifth", accepted=True, declined_for=None)
    history.put("KZ", ConcernResolved, concern_id="concern")
    history.put("KZ", RoutingEnded, routing_id="fifth")
    history.put("KZ", RoutingEnded, routing_id="nobody was asked by this one")
    return history


def rules_activated() -> History:
    history = History(
        "rules_activated", "By what a country decides, and what its providers say.", shared=False,
        register=True,
    )  # fmt: skip
    first = {"number": 1, "text": invented("pack 1", 32), "effective_from": date(2026, 3, 2)}
    history.put("KZ", RulesActivated, kind=RuleKind.PACK, name="KZ", **first)
    history.put("KZ", RulesActivated, kind=RuleKind.DIRECTORY, name="KZ", **first)
    second = {"number": 2, "text": invented("pack 2", 32), "effective_from": date(2026, 4, 1)}
    history.put("KZ", RulesActivated, kind=RuleKind.PACK, name="KZ", **second)
    said = {"organisation": "kz-almaty", "guideline": "casework", "number": 1}
    history.put("KZ", GuidelineAcknowledged, **said)
    history.put("KZ", ServiceCapacityChanged, service="kz-almaty-casework", places=0)
    return history


TOLD = (directed, rules_activated)
