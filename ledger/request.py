"""What somebody asks the ledger to decide: who, on which case, what, under which key."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from events.errors import BadInput
from events.stamp import Actor
from ledger.case.matter import Drafts, Matter
from ledger.case.personal import PersonalData

P = ParamSpec("P")

#: An idempotency key is a name, not a document.
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision with its arguments, to be taken when the case lies before us."""

    take: Callable[..., Drafts]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called: `grant_consent`."""
        name: str = self.take.__name__
        return name

    def drafts(self, matter: Matter) -> Drafts:
        """Decide; raises a DecisionRefused."""
        return self.take(matter, **self.arguments)


def decision(
    take: Callable[Concatenate[Matter, P], Drafts], /, *args: P.args, **kwargs: P.kwargs
) -> Decision:
    """Return a decision to be taken; its arguments are checked by type where this is called."""
    if args:
        raise TypeError(f"{take.__name__} takes its arguments by name")
    return Decision(take, kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Decisions on one case, recorded together or not at all."""

    by: Actor
    decisions: tuple[Decision, ...]
    #: None opens a new case under a pseudonym that is drawn for it.
    case_id: UUID | None = None
    #: Repeating a request under its key gives the recorded result instead of a second one.
    key: str | None = None
    #: Refuse with Overtaken unless this was the case's last decision.
    expected_number: int | None = None

    def __post_init__(self) -> None:
        if self.key is not None and not 0 < len(self.key) <= LONGEST_KEY:
            raise BadInput(f"an idempotency key has 1 to {LONGEST_KEY} characters", rule="key")

    @property
    def hash(self) -> bytes:
        """The SHA-256 of what is asked: equal for equal requests in every process and release."""
        asked = {
            "case": _canonical(self.case_id),
            "by": _canonical(self.by),
            "decisions": [[one.name, _canonical(one.arguments)] for one in self.decisions],
        }
        text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(b"referral/request/v1\0" + text.encode()).digest()


def _canonical(value: Any) -> Any:
    """Return a JSON value that two different arguments never share."""
    match value:
        case Enum():
            return _canonical(value.value)
        case None | bool() | int() | str():
            return value
        case UUID() | datetime() | date():
            return {type(value).__name__: str(value)}
        case PersonalData():
            # No hash of what is said about a child stands anywhere in clear (design §6).
            return {"data": [scope.value for scope in value.scopes]}
        case bytes():
            return {"bytes": value.hex()}
        case Mapping():
            return {"map": {key: _canonical(item) for key, item in value.items()}}
        case tuple() | list():
            return [_canonical(item) for item in value]
        case _ if is_dataclass(value):
            named = {one.name: _canonical(getattr(value, one.name)) for one in fields(value)}
            return {type(value).__name__: named}
    raise BadInput(f"a {type(value).__name__} is no argument of a decision")
