"""Who is shown data about the child, who is not, and what an emergency opens (design §11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.codes import DataScope, Purpose, Role
from events.errors import (
    AccessRefused,
    BadInput,
    CaseUnknown,
    CodeUnknown,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongRole,
)
from events.stamp import Actor
from ledger.case import access, block
from ledger.case.access import DOORS, GLASS, READING
from ledger.case.personal import PersonalData
from tests.given import CASEWORKER, NOON, SUPERVISOR, Story, opened
from tests.reacting import ALL, DPO, granted

IDENTITY, HEALTH = (DataScope.IDENTITY,), (DataScope.HEALTH,)
WHY = PersonalData({DataScope.NARRATIVE: {"why": "unconscious"}})
PROVIDER = Actor(id="doc-1", role="provider", organisation="clinic-1")
#: Roles that are let in by the glass only.
OUTSIDE = sorted(set(Role) - READING)
#: Doors by which an office lets somebody in: the receipt is the child's right to a copy, which the
#: officer serves; in an audit nobody looks at the values.
BY_OFFICE = {
    "receipt": {Role.DATA_PROTECTION_OFFICER},
    "audit": {Role.DATA_PROTECTION_OFFICER, Role.AUDITOR},
}
NEVER = {Role.BORDER_OFFICER, Role.CONSULAR_OFFICER, Role.SYSTEM}


def _actor(role: str) -> Actor:
    return Actor(id="a-1", role=role, organisation="office-1")


def _look(story: Story, by: Actor = CASEWORKER, **more: Any) -> None:
    asked = {"scopes": IDENTITY, "purpose": Purpose.CASE_MANAGEMENT}
    story.did("KZ", access.access_data, by=by, **{**asked, **more})


def _refused(story: Story, by: Actor = CASEWORKER, **more: Any) -> str | None:
    with pytest.raises(AccessRefused) as refusal:
        _look(story, by, **more)
    return refusal.value.rule


def _break(story: Story, by: Actor = PROVIDER, **more: Any) -> UUID:
    access_id = uuid4()
    story.did(
        "KZ", access.break_glass, by=by,
        **{"scopes": IDENTITY, "data": WHY, "access_id": access_id, **more},
    )  # fmt: skip
    return access_id


@pytest.mark.parametrize("role", sorted(READING))
def test_who_works_with_the_child_is_shown_what_the_work_needs(role: str) -> None:
    """Recorded nationally before it is shown; nothing of it goes to another country."""
    story = opened()
    before = len(story.topic)
    _look(story, _actor(role))

    assert len(story.topic) == before


@pytest.mark.parametrize("door", sorted(DOORS))
@pytest.mark.parametrize("role", sorted(set(Role)))
def test_nobody_else_is_by_whatever_door(role: str, door: str) -> None:
    """Least of all by saying that the glass is broken."""
    story = opened()
    if role in BY_OFFICE.get(door, READING) or (door == "receipt" and role in READING):
        _look(story, _actor(role), door=door)
    else:
        assert _refused(story, _actor(role), door=door) == "role"


@pytest.mark.parametrize("who", ["person", "organisation"])
def test_who_is_excluded_is_shown_nothing(who: str) -> None:
    """By name or by house, whatever the role, and no emergency changes it."""
    story = opened()
    excluded = {"person": CASEWORKER.id, "organisation": CASEWORKER.organisation}[who]
    story.did("KZ", block.place_block, persons=(excluded,))

    assert _refused(story) == "excluded"
    with pytest.raises(AccessRefused) as refusal:
        _break(story, CASEWORKER)
    assert refusal.value.rule == "excluded"
    _look(story, Actor(id="cw-2", role="caseworker", organisation="cps-osh"))


def test_what_the_child_withholds_from_somebody_is_withheld() -> None:
    """Said with a consent, it holds for everything about her."""
    story = opened()
    granted(story, withheld_from=(CASEWORKER.id,))

    assert _refused(story) == "withheld"
    _look(story, Actor(id="sup-9", role="supervisor", organisation=CASEWORKER.organisation))


@pytest.mark.parametrize("role", sorted(set(OUTSIDE) - NEVER))
def test_broken_glass_lets_in_for_three_hours_and_for_these_scopes(role: str) -> None:
    """Not a second longer, nothing more, and nobody else."""
    story = opened()
    by = _actor(role)
    _break(story, by)
    _look(story, by, at=NOON + GLASS - timedelta(seconds=1))

    assert _refused(story, by, at=NOON + GLASS) == "role"
    assert _refused(story, by, scopes=HEALTH) == "role"
    assert _refused(story, by, scopes=(*IDENTITY, *HEALTH)) == "role"
    assert _refused(story, Actor(id="a-2", role=role, organisation="office-1")) == "role"
    assert timedelta(hours=3) == GLASS


@pytest.mark.parametrize("role", sorted(NEVER))
def test_who_never_breaks_the_glass(role: str) -> None:
    """Border and consular officers, and no program."""
    with pytest.raises(AccessRefused) as refusal:
        _break(opened(), _actor(role))
    assert refusal.value.rule == "role"


def test_why_the_glass_was_broken_is_said_and_sealed() -> None:
    """As a narrative; it takes no other data along."""
    with pytest.raises(BadInput):
        _break(opened(), data=PersonalData({DataScope.HEALTH: {"a": 1}}))


@pytest.mark.parametrize(("upheld", "shown"), [(True, True), (False, False)])
def test_an_emergency_found_wrong_is_over(upheld: bool, shown: bool) -> None:
    """A supervisor looks within a day; if he does so within the hour, it counts at once."""
    story = opened()
    access_id = _break(story)
    soon = NOON + timedelta(minutes=10)
    story.did("KZ", access.review_access, access_id=access_id, upheld=upheld, at=soon)

    assert story["KZ"].national.care.broken_glass[access_id].reviewed
    if shown:
        _look(story, PROVIDER, at=soon)
    else:
        assert _refused(story, PROVIDER, at=soon) == "role"


def test_a_review_afterwards_opens_nothing_again() -> None:
    """Neither upheld nor not."""
    story = opened()
    access_id = _break(story)
    late = NOON + timedelta(hours=20)
    story.did("KZ", access.review_access, access_id=access_id, upheld=False, at=late)

    assert _refused(story, PROVIDER, at=NOON + GLASS) == "role"


def test_who_looks_again_is_somebody_else_and_a_supervisor_or_the_officer() -> None:
    """Four eyes, as everywhere."""
    story = opened()
    access_id = _break(story, SUPERVISOR)
    decide = story["KZ"].decide
    review = {"access_id": access_id, "upheld": True}

    with pytest.raises(ProtectiveRefusal) as four_eyes:
        decide(access.review_access, **review)
    assert four_eyes.value.rule == "four_eyes"
    with pytest.raises(WrongRole):
        decide(access.review_access, by=CASEWORKER, **review)
    with pytest.raises(NotAllowedNow) as unknown:
        decide(access.review_access, access_id=uuid4(), upheld=True)
    assert unknown.value.rule == "access_known"
    story.did("KZ", access.review_access, by=DPO, **review)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"scopes": ()}, CodeUnknown),
        ({"scopes": (DataScope.UNKNOWN,)}, CodeUnknown),
        ({"purpose": Purpose.UNKNOWN}, CodeUnknown),
        ({"door": "window"}, BadInput),
    ],
)
def test_whoever_looks_says_what_for(more: dict[str, Any], error: type[Exception]) -> None:
    """Scopes, a purpose, and by which door."""
    with pytest.raises(error):
        _look(opened(), **more)


def test_nothing_is_recorded_about_a_case_that_is_not_known() -> None:
    """Neither a look nor a record."""
    with pytest.raises(CaseUnknown):
        _look(Story())
    with pytest.raises(CaseUnknown):
        Story()["KZ"].decide(access.record_data, data=WHY)


def test_a_refusal_to_show_is_kept_for_whoever_asked() -> None:
    """Also for an auditor, who decides nothing else."""
    story = opened()
    denied = {"scopes": ALL, "purpose": Purpose.RESEARCH, "rule": "role"}
    before = len(story["KZ"].leaves)
    story.did("KZ", access.deny_access, by=_actor("auditor"), **denied)

    assert len(story["KZ"].leaves) == before + 1


@pytest.mark.parametrize("role", ["border_officer", "panel_member"])
def test_who_does_not_work_for_the_child_records_nothing_about_her(role: str) -> None:
    """A record is care."""
    with pytest.raises(WrongRole):
        opened()["KZ"].decide(access.record_data, data=WHY, by=_actor(role))
