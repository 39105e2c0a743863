"""Who is shown data about the child, who is not, and what an emergency opens (design §11)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.codec import encode
from events.codes import DataScope, Purpose, RetentionGround, Role
from events.errors import (
    AccessRefused,
    BadInput,
    CaseUnknown,
    CodeUnknown,
    NotAllowedNow,
    ProtectiveRefusal,
    WrongRole,
)
from events.stamp import Actor, leaf_hash
from ledger.case import access, block, care, data, referral, withdrawal
from ledger.case.access import BREAKING, DOORS, GLASS, READING
from ledger.case.personal import PersonalData
from ledger.case.recording import record
from ledger.log.findings import Finding, Heard
from ledger.log.rules import CaseRules
from tests.given import CASEWORKER, NOON, SOON, SUPERVISOR, Story, matter, opened
from tests.reacting import (
    ALL,
    DPO,
    PREVIEW,
    REST,
    granted,
    reacted,
    referred,
    transferred,
    with_key,
)

IDENTITY, HEALTH = (DataScope.IDENTITY,), (DataScope.HEALTH,)
WHY = PersonalData({DataScope.NARRATIVE: {"why": "unconscious"}})
OFFICER = Actor(id="po-1", role="protection_officer", organisation="office-1")
#: Who is let in by the glass only.
OUTSIDE = sorted(BREAKING - READING)
#: Doors by which an office lets somebody in: the receipt is the child's right to a copy, which the
#: officer serves; in an audit nobody looks at the values.
BY_OFFICE = {
    "rules": {"system"},
    "receipt": {Role.DATA_PROTECTION_OFFICER},
    "audit": {Role.DATA_PROTECTION_OFFICER},
}
NEVER = set(Role) - BREAKING


def _actor(role: str) -> Actor:
    return Actor(id="a-1", role=role, organisation="office-1")


def _look(story: Story, by: Actor = CASEWORKER, **more: Any) -> None:
    asked = {"scopes": IDENTITY, "purpose": Purpose.CASE_MANAGEMENT}
    story.did("KZ", access.access_data, by=by, **{**asked, **more})


def _refused(story: Story, by: Actor = CASEWORKER, **more: Any) -> str | None:
    with pytest.raises(AccessRefused) as refusal:
        _look(story, by, **more)
    return refusal.value.rule


def _break(story: Story, by: Actor = OFFICER, **more: Any) -> UUID:
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
    story.did("KZ", care.appoint_guardian)
    before = len(story.topic)
    _look(story, _actor(role))

    assert len(story.topic) == before


@pytest.mark.parametrize("door", sorted(DOORS))
@pytest.mark.parametrize("role", sorted(set(Role)))
def test_nobody_else_is_by_whatever_door(role: str, door: str) -> None:
    """Least of all by saying that the glass is broken."""
    story = opened()
    story.did("KZ", care.appoint_guardian)
    if door == "break_glass":
        assert _refused(story, _actor(role), door=door) == "role"
    elif role in BY_OFFICE.get(door, READING) or (door == "receipt" and role in READING):
        _look(story, _actor(role), door=door)
    else:
        assert _refused(story, _actor(role), door=door) == "role"


@pytest.mark.parametrize("door", sorted(DOORS))
def test_an_auditor_looks_at_one_event_or_copies_it_out_and_does_nothing_else(door: str) -> None:
    story, by, event_id = opened(), _actor("auditor"), uuid4()
    if door in {"audit", "export"}:
        _look(story, by, door=door, about=event_id)
        assert _refused(story, by, door=door) == "role"
        story.did("KZ", block.place_block, persons=(by.id,))
    assert _refused(story, by, door=door, about=event_id) == "role"


def test_a_guardian_looks_only_where_there_is_one_and_no_block_stands() -> None:
    """No pseudonym tells one from another: it may be meant for him, or for whom he lives with."""
    story, by = opened(), _actor("guardian")
    for step in (
        lambda: None,
        lambda: story.did("KZ", care.appoint_guardian),
        lambda: story.did("KZ", block.place_block, persons=("father-1",)),
    ):
        step()
        case = story["KZ"].case
        if case.national.care.guardians and not case.national.care.blocks:
            _look(story, by)
            _look(story, by, door="receipt")
            continue
        for door in ("read", "receipt"):
            with pytest.raises(AccessRefused) as refusal:
                _look(story, by, door=door)
            assert _same_words(refusal.value, _look_of(by, "auditor"))
            assert refusal.value.recorded_as == "guardian"


@pytest.mark.parametrize("role", sorted(READING & BREAKING))
def test_broken_glass_is_a_way_in_for_who_has_broken_it(role: str) -> None:
    """What was given for a service is not read for a transfer by naming another way in."""
    story, by = opened(), _actor(role)
    referred(story, granted(story), "accepted")
    asked = {"scopes": HEALTH, "purpose": Purpose.TRANSFER, "door": "break_glass", "by": by}
    with pytest.raises(AccessRefused) as refusal:
        story["KG"].decide(access.access_data, **asked)
    assert refusal.value.rule == "role"
    story.did("KG", access.break_glass, by=by, scopes=HEALTH, data=WHY)
    with pytest.raises(AccessRefused) as refusal:
        story["KG"].decide(access.access_data, **asked)
    assert refusal.value.rule == "purpose"
    story.did("KG", access.access_data, **{**asked, "purpose": Purpose.SERVICE})


@pytest.mark.parametrize("who", ["person", "organisation"])
def test_who_is_excluded_is_shown_nothing(who: str) -> None:
    """By name or by house, whatever the role, and no emergency changes it."""
    story = opened()
    excluded = {"person": CASEWORKER.id, "organisation": CASEWORKER.organisation}[who]
    story.did("KZ", block.place_block, persons=(excluded,))

    with pytest.raises(AccessRefused) as refusal:
        _look(story)
    assert _same_words(refusal.value, _look_of(_actor("caseworker"), "auditor"))
    assert (refusal.value.rule, refusal.value.recorded_as) == ("role", "excluded")
    with pytest.raises(AccessRefused) as refusal:
        _break(story, CASEWORKER)
    assert _same_words(refusal.value, _break_of("guardian"))
    assert (refusal.value.rule, refusal.value.recorded_as) == ("role", "excluded")
    _look(story, Actor(id="cw-2", role="caseworker", organisation="cps-osh"))


def _look_of(by: Actor, role: str) -> AccessRefused:
    """Return the refusal of a role that is not shown anything."""
    with pytest.raises(AccessRefused) as refusal:
        _look(opened(), replace(by, role=role))
    return refusal.value


def _break_of(role: str) -> AccessRefused:
    with pytest.raises(AccessRefused) as refusal:
        _break(opened(), _actor(role))
    return refusal.value


def _same_words(refusal: AccessRefused, wrong_role: AccessRefused) -> bool:
    """Say whether only the role and the case differ, so that nobody learns of a block."""
    texts = [re.sub(r"case \S+:|an? \w+", "-", str(one)) for one in (refusal, wrong_role)]
    return texts[0] == texts[1] and refusal.rule == wrong_role.rule


def test_what_the_child_withholds_from_somebody_is_withheld() -> None:
    """Said with a consent, it holds for everything about her."""
    story = opened()
    granted(story, withheld_from=(CASEWORKER.id,))

    with pytest.raises(AccessRefused) as refusal:
        _look(story)
    assert _same_words(refusal.value, _look_of(_actor("caseworker"), "auditor"))
    assert refusal.value.recorded_as == "withheld"
    _look(story, Actor(id="sup-9", role="supervisor", organisation=CASEWORKER.organisation))


@pytest.mark.parametrize("role", OUTSIDE)
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
    """Who is not on the list: a guardian, a provider, an auditor, a border officer, a program."""
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
        _look(story, OFFICER, at=soon)
    else:
        assert _refused(story, OFFICER, at=soon) == "role"


def test_a_review_afterwards_opens_nothing_again() -> None:
    """Neither upheld nor not."""
    story = opened()
    access_id = _break(story)
    late = NOON + timedelta(hours=20)
    story.did("KZ", access.review_access, access_id=access_id, upheld=False, at=late)

    assert _refused(story, OFFICER, at=NOON + GLASS) == "role"


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


def test_an_auditor_looks_for_one_event_at_a_time() -> None:
    """Never through a whole record."""
    story, auditor = opened(), _actor("auditor")

    assert _refused(story, auditor, door="audit") == "role"
    _look(story, auditor, door="audit", about=uuid4())
    assert _refused(story, auditor, door="read", about=uuid4()) == "role"


def _accesses(story: Story, country: str = "KG", **more: Any) -> list[Any]:
    """Let somebody look, and return what is recorded of it."""
    before = matter(story[country].case, at=more.pop("at", NOON))
    asked = {"scopes": REST, "purpose": Purpose.CASE_MANAGEMENT, **more}
    drafts = access.access_data(before, **asked)
    return [one.event for one in record(before, drafts, salt=bytes(32))]


def _judged(story: Story, *accesses: Any) -> list[Finding]:
    """Return what the rules find that ask nothing of the fold."""
    rules = CaseRules(story.case_id)
    for event, leaf in story.topic:
        assert rules.hear(Heard(event, leaf)) == []
    return [found for one in accesses for found in rules.look(Heard(one, leaf_hash(encode(one))))]


def test_an_access_rests_on_what_the_case_says_and_not_on_what_somebody_says() -> None:
    """So rule R5 judges real accesses: inside a grant, and after its end on nothing."""
    story = opened()
    basis = granted(story)
    referral_id = referred(story, basis, "sent")
    (early,) = _accesses(story)
    for answer in (referral.receive_referral, referral.accept_referral):
        story.did("KG", with_key(answer), handoff_id=referral_id)
        reacted(story)
    (inside,) = _accesses(story)
    story.did("KG", withdrawal.withdraw_consent, consent_id=basis)
    reacted(story)
    (after,) = _accesses(story)

    assert [one.basis_id for one in (early, inside, after)] == [None, basis, None]
    assert _judged(story, early, inside, after) == []
    lied = replace(after, basis_id=basis)
    assert [one.what for one in _judged(story, inside, lied)] == ["after_stop"]
    with pytest.raises(TypeError):
        _accesses(story, basis_id=basis)


def test_the_country_that_gave_it_reads_its_own_data_on_nothing() -> None:
    """It needs nobody's permission for what it wrote itself."""
    story = opened()
    referred(story, granted(story), "accepted")
    (own,) = _accesses(story, "KZ", purpose=Purpose.TRACING)

    assert own.basis_id is None
    assert _judged(story, own) == []


def test_what_is_kept_on_a_ground_is_read_until_its_day() -> None:
    """And not a day longer."""
    story = opened()
    basis = granted(story)
    referred(story, basis, "accepted")
    story.did("KG", withdrawal.withdraw_consent, consent_id=basis)
    reacted(story)
    kept = list(story["KG"].settled.releases)
    claim = {"ground": RetentionGround.MANDATE, "until": SOON}
    for grant_id in kept:
        story.did("KG", data.claim_retention, grant_id=grant_id, **claim)
    last = NOON + (SOON - NOON.date())
    (on_the_day,) = _accesses(story, at=last)
    (the_day_after,) = _accesses(story, at=last + timedelta(days=1))

    assert (on_the_day.basis_id, the_day_after.basis_id) == (basis, None)
    assert _judged(story, on_the_day, the_day_after) == []


def test_of_two_permissions_the_newest_counts_and_one_event_counts_for_itself() -> None:
    """What is asked about a release rests on that release."""
    story = opened()
    first, second = granted(story), granted(story)
    referred(story, first, "accepted")
    referred(story, second, "accepted")
    releases = story["KG"].settled.releases
    on_first = [
        key for key, one in releases.items() if one.basis_id == first and one.scopes == REST
    ]
    (newest,) = _accesses(story)
    (about,) = _accesses(story, about=on_first[0])

    assert (newest.basis_id, about.basis_id) == (second, first)
    assert _judged(story, newest, about) == []


def test_what_a_permission_covers_in_part_is_recorded_once_more_on_it() -> None:
    """The rest is the country's own; neither hides behind the other."""
    story = opened()
    basis = granted(story)
    referred(story, basis, "accepted")
    access_id = uuid4()
    wider = (*ALL, DataScope.PHOTO)
    whole, part = _accesses(story, scopes=wider, access_id=access_id)
    (both_steps,) = _accesses(story, scopes=ALL)

    assert (whole.access_id, whole.scopes, whole.basis_id) == (access_id, wider, None)
    assert (part.scopes, part.basis_id) == (ALL, basis)
    assert both_steps.basis_id == basis
    assert _judged(story, whole, part, both_steps) == []


@pytest.mark.parametrize(
    ("kind", "fitting"),
    [
        (Purpose.SERVICE, {Purpose.SERVICE, Purpose.CASE_MANAGEMENT}),
        (Purpose.TRANSFER, {Purpose.TRANSFER, Purpose.CASE_MANAGEMENT}),
    ],
)
@pytest.mark.parametrize("purpose", list(Purpose)[1:])
def test_what_was_received_is_read_for_what_it_was_given_for(
    purpose: Purpose, kind: Purpose, fitting: set[Purpose]
) -> None:
    """By whichever door somebody looks; and an office looks at no values."""
    story = opened()
    take = referred if kind is Purpose.SERVICE else transferred
    take(story, granted(story, purpose=kind), "accepted")

    for door in ("read", "search", "export"):
        if purpose in fitting:
            assert len(_accesses(story, purpose=purpose, door=door)) == 1
            continue
        for scopes in (REST, (*PREVIEW, DataScope.PHOTO)):
            with pytest.raises(AccessRefused) as refusal:
                _accesses(story, purpose=purpose, door=door, scopes=scopes)
            assert (refusal.value.rule, refusal.value.recorded_as) == ("purpose", "purpose")
    assert _accesses(story, purpose=purpose, door="receipt")
    assert _accesses(story, purpose=purpose, scopes=(DataScope.PHOTO,))


def test_of_each_kind_of_data_the_newest_grant_is_shown_and_is_what_counts() -> None:
    """Who saw it under which consent: an older one that covers everything hides no newer one."""
    story = opened()
    wide, narrow = granted(story), granted(story)
    referred(story, wide, "accepted")
    referred(story, narrow, "accepted", scopes=(*PREVIEW, *HEALTH))
    found = _accesses(story, scopes=(*IDENTITY, *HEALTH))

    assert [(one.basis_id, one.scopes) for one in found] == [
        (None, (*IDENTITY, *HEALTH)), (narrow, HEALTH), (wide, IDENTITY),
    ]  # fmt: skip
    assert _judged(story, *found) == []
