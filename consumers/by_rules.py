"""What a country's rules decide about a case, in the order in which one follows from the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import Connection

from consumers.asking_rules import Desk
from consumers.deadlines import Timekeeper
from consumers.directing import Director
from consumers.plans import Planner
from ledger.case.case import Case

Ask = Callable[[Connection[Any], Case, date], bool]


def asks(country: str, register: UUID, desk: Desk) -> tuple[Ask, ...]:
    """Return what the rules are asked about a case; each says whether anything was recorded."""
    of: Any = {"country": country, "register": register, "desk": desk}
    director, planner, timekeeper = Director(**of), Planner(**of), Timekeeper(**of)
    return (
        *(director.lapse, director.direct, planner.plan),
        *(timekeeper.watch, timekeeper.search, timekeeper.reckon, timekeeper.breach),
    )
