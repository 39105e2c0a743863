"""To whom a child is directed, and why not to any other."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.rules.facts import Facts
from ledger.rules.routing import DUTY_DESK, LEVELS, Directed, direct
from tests.ruled import TODAY, facts, listed, ruled, services, situation

ANY = "anything_else"
LEAD = "social_worker"


def directed(child: Facts, directory, *, tie: bytes = b"case", **more) -> list[Directed]:
    now = situation(directory, ruled(), **more)
    return list(direct(child, ruled().pack, directory, now, tie=tie))


def lead(child: Facts, directory, **more) -> Directed:
    return directed(child, directory, **more)[0]


def why(found: Directed, service: str) -> str | None:
    return next(one.excluded_by for one in found.candidates if one.service == service)


ONE_CONCERN = {
    "trafficking": ["anti_trafficking_officer", "safe_shelter", "health_service", "legal_aid"],
    "rape": ["child_survivor_specialist", "health_service", "mhpss_specialised", "legal_aid"],
    "unaccompanied": ["uasc_caseworker", "guardianship_authority", "tracing_agency"],
    "deprived_of_liberty": ["legal_aid", "ombudsman", "social_worker"],
    "lack_of_documentation_birth_registration": ["documentation_officer", "legal_aid"],
    "psychosocial_distress": ["mhpss_basic"],
    "other": ["social_worker"],
}


@pytest.mark.parametrize(("concern", "specialists"), ONE_CONCERN.items())
@pytest.mark.parametrize("country", ["KZ", "KG"])
def test_each_concern_leads_to_its_specialists_and_those_who_go_with_them(
    concern, specialists, country
):
    child = facts(concerns=(concern,), area=None, languages=("ru",))
    directory, pack = listed(country), ruled(country)
    found = direct(child, pack.pack, directory, situation(directory, pack), tie=b"x")
    assert specialists == [one.specialist for one in found]
    assert [True] + [False] * (len(found) - 1) == [one.leads for one in found]
    assert all(one.service for one in found)


def test_of_several_concerns_the_first_route_of_the_pack_leads_and_nobody_is_asked_twice():
    found = directed(facts(concerns=("child_labour", "trafficking", "unaccompanied")), listed())
    named = [one.specialist for one in found]
    assert "anti_trafficking_officer" == named[0]
    assert len(named) == len(set(named))
    assert {"uasc_caseworker", "labour_inspection"} <= set(named)


EXCLUDED = [
    ("a", {"conflicts": ("of-a",)}, "conflict_of_interest"),
    ("a", {"withheld_from": ("of-a",)}, "withheld_from"),
    ("a", {"withheld_from": ("a",)}, "withheld_from"),
    ("a; maximum_age=13", {}, "age"),
    ("a; minimum_age=15", {}, "age"),
    ('a; languages=["en"]', {}, "language"),
    ('a; status="temporarily_closed"', {}, "not_active"),
    (f"a; licensed_until={TODAY - timedelta(days=1)}", {}, "licence_expired"),
    ("a", {"declined": ("a",)}, "declined"),
]


@pytest.mark.parametrize(("service", "child", "reason"), EXCLUDED)
def test_who_must_not_or_cannot_have_her_is_left_out_and_the_reason_is_kept(service, child, reason):
    found = lead(facts(**child), services(service, "b"))
    assert "b" == found.service
    assert reason == why(found, "a")


def test_a_service_that_takes_nobody_is_left_out():
    directory = services("a", "b")
    assert "no_capacity" == why(lead(facts(), directory, closed=frozenset({"a"})), "a")


@pytest.mark.parametrize("version", [None, 0])
def test_without_the_current_guideline_a_provider_is_not_chosen(version):
    directory = services("a", "b")
    said = {("of-b", "casework"): 1} | ({("of-a", "casework"): version} if version else {})
    found = lead(facts(), directory, acknowledged=said)
    assert "guideline_not_acknowledged" == why(found, "a")
    assert "b" == found.service


def test_a_child_chooses_the_sex_of_who_works_with_her_where_the_rule_offers_it():
    both = 'specialists=["child_survivor_specialist", "social_worker"]'
    directory = services(f'a; sexes=["m"]; {both}', f'b; sexes=["f"]; {both}')
    wish = facts(concerns=("rape",), sex_of_worker="f")
    assert "sex_of_worker" == why(lead(wish, directory), "a")
    assert "b" == lead(wish, directory).service
    assert why(lead(facts(sex_of_worker="f"), directory), "a") is None, "no rule offers it there"


def test_her_language_counts_more_than_anothers_and_an_interpreter_is_better_than_nobody():
    directory = services('a; languages=["ky"]', "b", 'c; languages=["kk"]; interpreted=["ru"]')
    assert "b" == lead(facts(languages=("ru", "ky")), directory).service
    assert "a" == lead(facts(languages=("ky", "ru")), directory).service
    alone = services('c; languages=["kk"]; interpreted=["ru"]')
    assert "c" == lead(facts(languages=("ru",)), alone).service


LADDER = [
    ('areas=["KZ/almaty/almaly"]', "place"),
    ('areas=["KZ/almaty"]', "place"),
    ('areas=["KZ"]', "place"),
    ('areas=["KZ/almaty/medeu"]', "region"),
    ('areas=["KZ/zhambyl/taraz"]', "country"),
]


@pytest.mark.parametrize(("area", "level"), LADDER)
def test_the_ladder_goes_from_her_place_to_the_region_to_the_country(area, level):
    found = lead(facts(), services(f"a; {area}"))
    assert ("a", level) == (found.service, LEVELS[found.level])


def test_the_ladder_goes_no_further_than_it_must():
    near, far = 'near; areas=["KZ/almaty/medeu"]', 'far; areas=["KZ/zhambyl"]'
    assert "near" == lead(facts(), services(near, far)).service
    found = lead(facts(conflicts=("near",)), services(near, far))
    assert ("far", "conflict_of_interest") == (found.service, why(found, "near"))


@pytest.mark.parametrize("area", ["KZ/almaty/almaly", None])
def test_where_nobody_is_left_the_duty_desk_has_her(area):
    found = lead(facts(area=area, conflicts=("a",)), services("a"))
    assert (None, DUTY_DESK) == (found.service, found.level)
    assert (None, DUTY_DESK) == (lead(facts(area=area), services()).service, DUTY_DESK)


def test_of_a_child_whose_place_is_unknown_whoever_serves_the_country_is_first():
    directory = services("a", 'b; areas=["KZ"]')
    assert "b" == lead(facts(area=None), directory).service


def test_brothers_and_sisters_stay_together_unless_something_speaks_against_it():
    directory = services("a", 'b; areas=["KZ/zhambyl"]')
    found = lead(facts(siblings_at=("b",)), directory)
    assert ("b", True) == (found.service, found.with_siblings)
    found = lead(facts(siblings_at=("b",), conflicts=("of-b",)), directory)
    assert ("a", False) == (found.service, found.with_siblings)
    assert "conflict_of_interest" == why(found, "b")


def test_who_knows_her_goes_before_who_does_not_and_who_is_free_before_who_is_busy():
    directory = services("a", "b")
    for one in "ab":
        assert one == lead(facts(known_to=(one,)), directory).service
        assert one == lead(facts(), directory, load=dict.fromkeys({"a", "b"} - {one}, 40)).service


def test_of_equals_a_hash_decides_and_not_the_order_of_the_file():
    chosen = set()
    for tie in range(20):
        answers = {
            lead(facts(), services(*order), tie=b"%d" % tie).service
            for order in permutations("abc")
        }
        assert 1 == len(answers)
        chosen |= answers
    assert {"a", "b", "c"} == chosen, "over many cases each has its share"


concerns = st.lists(st.sampled_from(sorted(ONE_CONCERN)), max_size=4).map(tuple)
children = st.builds(
    facts,
    concerns=concerns,
    age=st.none() | st.integers(0, 17),
    languages=st.lists(st.sampled_from(["kk", "ru", "ky", "uz", "fa"]), max_size=2).map(tuple),
    area=st.sampled_from([None, "KZ", "KZ/almaty", "KZ/almaty/medeu", "KZ/unknown"]),
    sex_of_worker=st.sampled_from([None, "f", "m"]),
    conflicts=st.lists(st.sampled_from(sorted(listed().services)), max_size=3).map(tuple),
    declined=st.lists(st.sampled_from(sorted(listed().services)), max_size=9).map(tuple),
)
loads = st.dictionaries(st.sampled_from(sorted(listed().services)), st.integers(0, 400), max_size=9)


@given(children, loads)
def test_nobody_is_chosen_who_was_left_out_and_somebody_always_has_her(child, load):
    found = directed(child, listed(), load=load)
    assert found
    assert found[0].leads
    for one in found:
        left = [other for other in one.candidates if other.excluded_by is None]
        assert (one.service is None) == (not left)
        assert one.service is None or one.service in {other.service for other in left}
        forbidden = {*child.conflicts, *child.withheld_from, *child.declined}
        assert one.service not in forbidden


@given(children, loads)
def test_facts_and_what_follows_from_them_survive_being_written_down(child, load):
    assert child == Facts.of(child.words())
    again = directed(Facts.of(child.words()), listed(), load=load)
    assert directed(child, listed(), load=load) == again
