"""Who is shown data about a child: recorded before, refused aloud. Real database and keystore."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from events.access import AccessDenied, BreakGlassUsed, PersonalDataAccessed
from events.codec import decode
from events.codes import AgeBand, ConsentGiver, DataScope, Purpose, Role
from events.errors import AccessRefused, ProtectiveRefusal, ServiceUnavailable
from events.stamp import Actor
from ledger.case import access, block, consent
from ledger.case.personal import PersonalData
from ledger.keys.national import opened
from tests.country import CASEWORKER, SUPERVISOR
from tests.crossing import PREVIEW, REST, corridor, referees, soon

WHY = PersonalData({DataScope.NARRATIVE: {"why": "the clinic waits"}})


@pytest.fixture(scope="module")
def countries(postgres, template, tmp_path_factory):
    """KZ and KG for the whole module; every test has a case of its own."""
    with referees(postgres, template, tmp_path_factory.mktemp("keys"), "access") as found:
        yield found


@pytest.fixture
def both(countries):
    """A case with data, opened in KZ."""
    with corridor(countries) as found:
        found.opened()
        yield found


def actor(role, name="somebody", organisation="office-1"):
    return Actor(id=name, role=role, organisation=organisation)


def recorded(both, *kinds):
    """Return the events of some types that KZ recorded for this case, in order."""
    keys = both.kz.node.national_keys
    stored = [
        opened(decode(value), keys)
        for case_id, _, _, value in both.kz.node.stored()
        if case_id == both.case_id
    ]
    return [one for one in stored if isinstance(one, kinds)]


def test_an_access_is_recorded_before_the_value_is_there(both):
    """Killed between the two: it is known who asked, and nothing was shown."""
    show, seen = both.kz.keystore.show, []

    def killed(case_id, access_id):
        seen.append(recorded(both, PersonalDataAccessed)[-1].access_id == access_id)
        raise ServiceUnavailable("killed", rule="keystore")

    both.kz.keystore.show = killed
    with pytest.raises(ServiceUnavailable):
        both.kz.shows(both.case_id)
    assert seen == [True]
    both.kz.keystore.show = show
    (event,) = recorded(both, PersonalDataAccessed)
    assert (event.actor, event.scopes, event.purpose) == (CASEWORKER, REST, Purpose.SERVICE)


@pytest.mark.parametrize(
    "role",
    sorted(set(Role) - {Role.CASEWORKER, Role.SUPERVISOR, Role.FOCAL_POINT, Role.GUARDIAN}),
)
def test_who_does_not_work_with_the_child_is_refused_and_that_is_kept(both, role):
    with pytest.raises(AccessRefused) as refused:
        both.kz.shows(both.case_id, by=actor(role))
    assert refused.value.rule == "role"
    (denied,) = recorded(both, AccessDenied)
    assert (denied.actor.role, denied.scopes, denied.rule) == (role, REST, "role")
    assert recorded(both, PersonalDataAccessed) == []


@pytest.mark.parametrize("who", ["uncle-1", "shelter-9"])
def test_who_is_excluded_by_himself_or_with_his_organisation_sees_nothing(both, who):
    both.kz.did(both.case_id, block.place_block, persons=(who,))
    by = actor(Role.CASEWORKER, *((who,) if who == "uncle-1" else ("cw-9", who)))
    with pytest.raises(AccessRefused) as refused:
        both.kz.shows(both.case_id, by=by)
    assert refused.value.rule == "role", "he must not learn why"
    assert [one.rule for one in recorded(both, AccessDenied)] == ["excluded"]
    assert both.kz.shows(both.case_id)  # and others do


def test_from_whom_the_child_withholds_it_he_does_not_see_it(both):
    both.kz.did(
        both.case_id, consent.grant_consent, recipient="KG", purpose=Purpose.SERVICE, scopes=REST,
        expires_on=soon(), given_by=ConsentGiver.CHILD, age_band=AgeBand.FROM_15_TO_17,
        withheld_from=("cw-7",),
    )  # fmt: skip
    with pytest.raises(AccessRefused) as refused:
        both.kz.shows(both.case_id, by=actor(Role.CASEWORKER, "cw-7"))
    assert refused.value.rule == "role"
    assert [one.rule for one in recorded(both, AccessDenied)] == ["withheld"]


def test_a_case_that_nobody_knows_leaves_no_trace(both):
    for by in (CASEWORKER, actor(Role.AUDITOR)):
        with pytest.raises(Exception, match="not known"):
            both.kz.shows(uuid4(), by=by)
    assert recorded(both, AccessDenied, PersonalDataAccessed) == []


def test_broken_glass_opens_its_scopes_to_one_person_for_three_hours(both):
    doctor = actor(Role.PROTECTION_OFFICER, "doctor-1")
    scopes = (DataScope.HEALTH,)
    with pytest.raises(AccessRefused):
        both.kz.shows(both.case_id, *scopes, by=doctor)
    both.kz.did(both.case_id, access.break_glass, scopes=scopes, data=WHY, by=doctor)
    assert both.kz.shows(both.case_id, *scopes, by=doctor)["KZ"][DataScope.HEALTH].state == "open"
    for more, by in (((DataScope.IDENTITY,), doctor), (scopes, actor(doctor.role, "doctor-2"))):
        with pytest.raises(AccessRefused):
            both.kz.shows(both.case_id, *more, by=by)
    (used,) = recorded(both, BreakGlassUsed)
    later = used.until + timedelta(seconds=1)
    with (
        both.kz.node.ledger(sealer=both.kz.keystore, clock=lambda: later) as ledger,
        pytest.raises(AccessRefused),
    ):
        ledger.read(both.case_id, by=doctor, scopes=scopes, purpose=Purpose.SERVICE)


def test_an_emergency_access_is_looked_at_by_somebody_else_who_can_end_it(both):
    doctor = actor(Role.SUPERVISOR, "doctor-1")
    access_id, scopes = uuid4(), (DataScope.HEALTH,)
    glass = {"access_id": access_id, "scopes": scopes, "data": WHY}
    both.kz.did(both.case_id, access.break_glass, by=doctor, **glass)
    with pytest.raises(ProtectiveRefusal):
        both.kz.did(both.case_id, access.review_access, access_id=access_id, upheld=True, by=doctor)
    both.kz.did(both.case_id, access.review_access, access_id=access_id, upheld=False)
    broken = both.kz.case(both.case_id).national.care.broken_glass[access_id]
    assert broken.reviewed
    assert broken.until <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize("who", ["uncle-1", "house-1"])
def test_a_block_placed_after_the_access_was_recorded_counts_when_it_is_used(both, who):
    by = actor(Role.CASEWORKER, "uncle-1", "house-1")
    access_id = both.access(both.kz, by=by)
    both.kz.did(both.case_id, block.place_block, persons=(who,))
    with pytest.raises(AccessRefused) as refused:
        both.kz.keystore.show(both.case_id, access_id)
    assert refused.value.rule == "role"


def test_a_receipt_opens_no_data(both):
    """Who asks who has the data is told that, and is shown none of it."""
    asked = {"access_id": uuid4(), "scopes": REST, "purpose": Purpose.SERVICE, "door": "receipt"}
    both.kz.did(both.case_id, access.access_data, by=CASEWORKER, **asked)
    with pytest.raises(AccessRefused) as refused:
        both.kz.keystore.show(both.case_id, asked["access_id"])
    assert refused.value.rule == "door"


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.GUARDIAN])
def test_why_somebody_is_blocked_is_not_shown_to_who_comes_across_its_event(both, role):
    """Its id stands in every export of events."""
    why = PersonalData({DataScope.PROTECTION: {"why": "asylum"}})
    receipt = both.kz.did(both.case_id, block.place_block, countries=("KG",), data=why)
    asked = {"about": receipt.events[0].event_id}
    with pytest.raises(AccessRefused) as refused:
        both.kz.shows(both.case_id, DataScope.PROTECTION, by=actor(role), **asked)
    assert refused.value.rule == "role"
    shown = both.kz.shows(both.case_id, DataScope.PROTECTION, by=SUPERVISOR, **asked)
    assert shown["KZ"][DataScope.PROTECTION].text == b'{"why":"asylum"}'


@pytest.mark.parametrize("who", ["excluded", "border"])
def test_an_emergency_is_no_way_around_a_block_or_to_the_border_office(both, who):
    by = actor(Role.BORDER_OFFICER) if who == "border" else actor(Role.CASEWORKER, "uncle-1")
    both.kz.did(both.case_id, block.place_block, persons=("uncle-1",))
    with pytest.raises(AccessRefused):
        both.kz.did(both.case_id, access.break_glass, scopes=(DataScope.HEALTH,), data=WHY, by=by)
    assert len(recorded(both, AccessDenied)) == 1
    assert recorded(both, BreakGlassUsed) == []


def test_the_recipient_records_its_own_reading(countries):
    """Each country answers for who saw what within it."""
    with corridor(countries) as both:
        both.sent()
        both.received(preview=True)
        before = both.kg.case(both.case_id).number
        both.kg.shows(both.case_id, *PREVIEW)
        assert both.kg.case(both.case_id).number == before + 1
        with pytest.raises(AccessRefused):
            both.kg.shows(both.case_id, *PREVIEW, by=actor(Role.AUDITOR))
        assert both.kg.case(both.case_id).number == before + 2


def test_an_export_is_an_access_too_and_says_so(both):
    both.kz.shows(both.case_id, *REST, door="export", by=SUPERVISOR)
    assert [one.door for one in recorded(both, PersonalDataAccessed)] == ["export"]
