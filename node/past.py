"""A case as it was: as of a place, an instant, or what another country had certainly seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from events.agreement import Agreement
from events.contract import partition_of
from events.errors import BadInput, CaseUnknown, CodeUnknown
from ledger.case.case import Topic
from ledger.case.plane import Plane, empty
from node.reading import Reader
from node.words import VOID_WORDS, said
from projections import case_file
from projections.as_of import AsOf, Line, Prefix, as_of, at_instant, seen_by
from projections.audit_trail import summary

_PLACE = re.compile(r"(?P<topic>shared|national)/(?P<partition>\d+)@(?P<offset>\d+)")
_SEEN = re.compile(r"seen:(?P<country>[A-Z]{2})")


@dataclass(frozen=True, slots=True)
class Past:
    """What was asked, and the prefix of each topic that the answer rests on."""

    asked: str
    answers: tuple[AsOf, ...]
    #: The country may have seen more than this.
    lower_bound: bool = False

    def plane(self, case_id: UUID, topic: Topic) -> Plane:
        """Return the plane of a topic; an empty one if the question was not about it."""
        found = (one.plane for one in self.answers if one.prefix.topic == topic)
        return next(found, empty(case_id, shared=topic is Topic.SHARED))

    def describes(self, case_id: UUID, agreement: Agreement) -> Mapping[str, Any]:
        """Say which prefixes were used: up to and with which place of each topic."""
        partition = partition_of(case_id, agreement.partitions)
        until = [f"{one.prefix.topic}/{partition}@{one.prefix.offset}" for one in self.answers]
        return {"asked": self.asked, "until": until, "lower_bound": self.lower_bound}


def past(found: Reader, case_id: UUID, asked: str, agreement: Agreement) -> Past:
    """Return a case as of `shared/P@OFFSET`, an RFC 3339 instant, or `seen:CC`; CaseUnknown."""
    prefixes, lower_bound = _prefixes(found, case_id, asked, agreement)
    answers = tuple(
        as_of(found.connection, case_id, prefix, keys=found.keys) for prefix in prefixes
    )
    if not any(one.plane.count for one in answers):
        raise CaseUnknown(f"case {case_id} was not known as of {asked}")
    return Past(asked, answers, lower_bound)


def file_then(case_id: UUID, then: Past, agreement: Agreement) -> dict[str, Any]:
    """Return the case file of that moment."""
    shared, national = (then.plane(case_id, topic) for topic in (Topic.SHARED, Topic.NATIONAL))
    row = zip(case_file.TABLE.columns, case_file.row(shared, national), strict=True)
    planes = (shared, national)
    return {
        **dict(row),
        "as_of": then.describes(case_id, agreement),
        "consents": [
            {"basis_id": key, **asdict(one)}
            for plane in planes
            for key, one in plane.consents.items()
        ],
        "handoffs": [
            {"handoff_id": key, "kind": kind, **asdict(one)}
            for plane in planes
            for kind, ones in (("referral", plane.referrals), ("transfer", plane.transfers))
            for key, one in ones.items()
        ],
    }


def history_then(then: Past) -> list[dict[str, Any]]:
    """Return the trail of that moment."""
    return [_told(line) for answer in then.answers for line in answer.trail]


def _prefixes(
    found: Reader, case_id: UUID, asked: str, agreement: Agreement
) -> tuple[list[Prefix], bool]:
    if place := _PLACE.fullmatch(asked):
        wanted = partition_of(case_id, agreement.partitions)
        if int(place["partition"]) != wanted:
            raise BadInput(f"case {case_id} stands in partition {wanted} of every topic")
        return [Prefix(place["topic"], int(place["offset"]))], False
    if seen := _SEEN.fullmatch(asked):
        if seen["country"] not in agreement.countries:
            raise CodeUnknown.country(seen["country"], agreement.countries)
        return [seen_by(found.connection, case_id, seen["country"])], True
    moment = _moment(asked)
    topics = (Topic.SHARED, Topic.NATIONAL)
    return [at_instant(found.connection, case_id, moment, topic=topic) for topic in topics], False


def _moment(asked: str) -> datetime:
    try:
        moment = datetime.fromisoformat(asked)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(
            "as of what? shared/P@OFFSET, an instant such as 2026-11-24T12:00:00Z, or seen:KG"
        )
    return moment


def _told(line: Line) -> dict[str, Any]:
    record, event, void = line.record, line.event, line.verdict.void
    by = "" if event is None else f"{record.origin} {event.actor.role}"
    says = {} if event is None else summary(event)
    return {
        "position": f"{record.topic}/{record.partition}@{record.effect_offset}",
        "topic": record.topic,
        "place": line.place,
        "event": "" if event is None else type(event).__name__,
        "event_id": None if event is None else event.event_id,
        "state": "void" if void else "effective",
        "void_reason": void,
        "why": VOID_WORDS.get(void, void) if void else None,
        "origin": record.origin,
        "version": record.version,
        "by": by,
        "recorded_at": line.recorded_at,
        "leaf": record.leaf,
        "summary": says,
        "says": said(says),
    }
