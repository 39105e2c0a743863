"""Rule packs and directories: checked whole, and wrong at a line that is named."""

from __future__ import annotations

import re

import pytest

from events.errors import Misconfigured
from ledger.rules.directory import Listed
from ledger.rules.documents import line_of
from ledger.rules.pack import load
from tests.ruled import FOLDER, listed, ruled, services

KZ = (FOLDER / "KZ.toml").read_text()
DIRECTORY = (FOLDER / "KZ.directory.toml").read_text()


def refused(text: str, read=load) -> str:
    with pytest.raises(Misconfigured) as error:
        read(text, "file.toml")
    return str(error.value)


@pytest.mark.parametrize("country", ["KZ", "KG"])
def test_the_packs_that_come_with_it_are_examples_and_whole(country):
    assert ruled(country).pack.example
    assert country == ruled(country).pack.country
    led = {one for service in listed(country).services.values() for one in service.specialists}
    needed = {one for route in ruled(country).pack.route for one in (route.lead, *route.parallel)}
    assert set() == needed - led, "a specialist that a rule names, and nobody is"


def test_a_pack_is_named_by_id_version_and_the_hash_of_its_text():
    assert re.fullmatch(r"KZ/1/[0-9a-f]{64}", ruled().name)
    assert ruled().name != load(KZ + "# a word more\n", "KZ.toml").name


WRONG = [
    (
        'lead = "legal_aid"',
        'lead = "lawyer"',
        "route.3.lead: 'lawyer': this code is not on the list",
    ),
    ('lead = "legal_aid"', 'lead = "UNKNOWN"', "route.3.lead: 'UNKNOWN' is for readers"),
    ('"arrested_detained"]\nlead', '"poverty"]\nlead', "'poverty' is not on the list 'concern'"),
    ('first_contact = "7d"', 'first_contact = "a week"', "a span is a number and min, h, d or wd"),
    ('guideline = "survivors"', 'guideline = "nobody"', "there is no guideline 'nobody'"),
    (
        'id = "asylum"\nconcerns = ["refugee", "s',
        'id = "unaccompanied"\nconcerns = ["refugee", "s',
        "'unaccompanied' is there twice",
    ),
    ('concerns = ["*"]\nlead', 'concerns = ["other"]\nlead', "no route is for '*'"),
    ('holidays = "KZ"', 'holidays = "XX"', "no holidays are known of 'XX'"),
    (
        'lead = "mhpss_basic"',
        'lead = "mhpss_basic"\ncolour = "red"',
        "route.10.colour: Extra inputs",
    ),
    (
        'parallel = ["ombudsman"',
        'parallel = ["legal_aid"',
        "'legal_aid' leads and is parallel, too",
    ),
    ("version = 1\ncountry", "version = 0\ncountry", "version: Input should be greater"),
]


@pytest.mark.parametrize(("good", "bad", "words"), WRONG)
def test_what_is_wrong_is_told_with_file_and_line(good, bad, words):
    assert 1 == KZ.count(good)
    text = KZ.replace(good, bad)
    said = refused(text)
    assert words in said
    line = int(said.removeprefix("file.toml:").split(":")[0])
    changed = [
        number
        for number, (one, other) in enumerate(
            zip(KZ.splitlines(), text.splitlines(), strict=False), start=1
        )
        if one != other
    ]
    # A mistake that concerns a whole table is told at its head, one about the whole at line 1.
    near = min(abs(line - one) for one in changed)
    assert line == 1 or near <= 8


def test_every_mistake_is_told_at_once():
    text = KZ.replace('first_contact = "7d"', 'first_contact = "x"').replace(
        'lead = "legal_aid"', 'lead = "lawyer"'
    )
    assert 2 == len(refused(text).splitlines())


def test_a_text_that_is_no_toml_is_told_with_its_line():
    assert "file.toml: " in refused(KZ + "[[route]\n")
    assert "line" in refused(KZ + "[[route]\n")


@pytest.mark.parametrize("risk", ["emergency", "high"])
def test_for_high_risk_there_are_no_working_days(risk):
    from ledger.rules.documents import read
    from ledger.rules.terms import ByRisk

    plain = dict.fromkeys(("emergency", "high", "medium", "low"), "2d")
    text = "".join(f'{name} = "{span}"\n' for name, span in (plain | {risk: "5wd"}).items())
    assert "knows no working days" in refused(text, lambda text, name: read(ByRisk, text, name))
    text = "".join(f'{name} = "{span}"\n' for name, span in (plain | {"medium": "5wd"}).items())
    assert "5wd" == str(read(ByRisk, text, "x").of("medium"))
    assert "2d" == str(read(ByRisk, text, "x").of(None)), "an unknown risk counts as high"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('a; areas=["KG/osh"]', "an area lies outside KZ"),
        ("a; minimum_age=17; maximum_age=12", "minimum_age is above maximum_age"),
        ('a; specialists=["wizard"]', "'wizard'"),
        ('a; languages=["Russian"]', "languages"),
        ('a; status="sleeping"', "status"),
    ],
)
def test_a_directory_is_checked_too(line, words):
    with pytest.raises(Misconfigured, match=re.escape(words)):
        services(line)


def test_a_service_stands_once_in_a_directory():
    with pytest.raises(Misconfigured, match="'a' is there twice"):
        services("a", "a")
    assert Listed.of(DIRECTORY, "x").sha256 == listed().sha256


def test_the_line_of_a_place_is_found_in_nested_tables():
    text = "a = 1\n[t]\nb = 2\n[[r]]\nc = 1\n[[r.i]]\nd = 1\n[[r]]\n[[r.i]]\n[[r.i]]\nd = 3\n"
    assert 1 == line_of(text, ("a",))
    assert 3 == line_of(text, ("t", "b"))
    assert 7 == line_of(text, ("r", 0, "i", 0, "d"))
    assert 11 == line_of(text, ("r", 1, "i", 1, "d"))
    assert 9 == line_of(text, ("r", 1, "i", 0, "d")), "what is missing is told at its table"
