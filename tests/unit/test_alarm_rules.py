"""Who may say that a fault of a log is resolved, and where that stands."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from events.codes import Resolution, Role
from events.contract import register_id
from events.errors import BadInput, CodeUnknown, WrongRole
from ledger.case import governance
from ledger.case.case import Case, Topic
from ledger.case.recording import record
from tests.given import SUPERVISOR, matter

MAY = {Role.SUPERVISOR, Role.FOCAL_POINT, Role.DATA_PROTECTION_OFFICER}
FAULT = {"alarm_id": uuid4(), "rule": "order_differs", "log": "t.order/KG", "partition": 3}


def resolved(role: Role, *, case_id=None, resolution=Resolution.REPAIRED_HERE):
    """Decide in the register, or elsewhere, and record."""
    about = Case.unknown(case_id or register_id("t"), "KZ")
    before = matter(about, by=replace(SUPERVISOR, role=role))
    drafts = governance.resolve_alarm(before, **FAULT, resolution=resolution)
    return record(before, drafts, salt=bytes(32))


@pytest.mark.parametrize("role", sorted(set(Role) - MAY))
def test_a_program_and_whoever_answers_for_nothing_resolves_nothing(role):
    """Decisions go on by it, so a person answers for it who answers for children or their data."""
    with pytest.raises(WrongRole):
        resolved(role)


@pytest.mark.parametrize("role", sorted(MAY))
def test_it_stands_in_the_national_register(role):
    (one,) = resolved(role)
    assert (one.topic, one.event.resolution) == (Topic.NATIONAL, Resolution.REPAIRED_HERE)
    assert {name: getattr(one.event, name) for name in FAULT} == FAULT


def test_it_stands_in_no_childs_case():
    with pytest.raises(BadInput):
        resolved(Role.SUPERVISOR, case_id=uuid4())


def test_what_was_done_has_to_be_said():
    with pytest.raises(CodeUnknown, match="repaired_here"):
        resolved(Role.SUPERVISOR, resolution=Resolution.UNKNOWN)
