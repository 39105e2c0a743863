"""What a child is told about who has her data: true, and of no use to a violent father."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from string import Formatter
from uuid import UUID

import pytest

from events.code_lists import code_list
from events.codes import ConsentGiver, DataScope, Purpose, RetentionGround, Role
from events.errors import CodeUnknown
from node.receipt.coarse import coarse, group_of
from node.receipt.facts import READ, facts, scopes_of
from node.receipt.making import zone_of
from node.receipt.page import Printing, page, write
from node.receipt.texts import FOLDER, LANGUAGES, SOURCE, texts
from projections.models import TABLES

CASE, BASIS, GRANT, HANDOFF, MINE = (UUID(int=number, version=4) for number in range(1, 6))
TODAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = date(2027, 2, 1)
PRINTING = Printing(
    at=NOON, role="caseworker", organisation="cps-almaty", zone=zone_of("Asia/Almaty")
)
COLUMNS = {table.name: table.columns for table in TABLES} | {
    "responsibility": dict.fromkeys(("country", "since", "until"))
}
VOID_TAGS = {"meta", "col"}


def row(table: str, **said) -> dict:
    assert set(said) <= set(COLUMNS[table]), table
    return {**dict.fromkeys(COLUMNS[table]), **said}


def rows(**told) -> dict:
    """The read models of a case that KZ opened and shares with KG, and more rows of some."""
    file = {"case_id": CASE, "state": "open", "responsible": "KZ", "is_shared": True}
    return {
        **{table: [] for table in READ},
        "case_file": [row("case_file", **file, parties=["KZ", "KG"])],
        "responsibility": [row("responsibility", country="KZ", since=NOON)],
        "coverage": [row("coverage", country="KZ", role="origin", state="holds")],
        **told,
    }


def consent(**said) -> dict:
    known = {
        "basis_id": BASIS, "topic": "shared", "is_override": False, "state": "granted",
        "origin": "KZ", "recipient": "KG", "scopes": ["identity", "health"], "expires_on": LATER,
    }  # fmt: skip
    return row("consents", **known | said)


def terms(**said) -> dict:
    known = {"basis_id": BASIS, "kind": "consent", "purpose": "service", "given_by": "child"}
    return row("consent_terms", **known | said)


def release(**said) -> dict:
    known = {
        "grant_id": GRANT, "handoff_id": HANDOFF, "basis_id": BASIS, "origin": "KZ",
        "recipient": "KG", "scopes": ["health"], "state": "released", "released_at": NOON,
    }  # fmt: skip
    return row("releases", **known | said)


def access(kind: str = "accessed", **said) -> dict:
    known = {
        "kind": kind, "at": NOON, "actor_role": "caseworker", "actor_organisation": "shelter-7",
        "scopes": ["photo"], "purpose": "case_management", "door": "read",
    }  # fmt: skip
    return row("access_ledger", **known | said)


def told(language: str = "en", *, country: str = "KZ", **models) -> str:
    """The page, as the words on it."""
    return words_on(written(language, country=country, **models))


def written(language: str = "en", *, country: str = "KZ", **models) -> str:
    found = facts(rows(**models), country, TODAY, printing=(MINE,))
    return page(found, texts(language), PRINTING)


def told_coarsely(language: str = "en", **models) -> str:
    """The page for anybody but a data-protection officer, as the words on it."""
    found = coarse(facts(rows(**models), "KZ", TODAY, printing=(MINE,)))
    made = replace(PRINTING, role=group_of("caseworker"), organisation=None)
    return words_on(page(found, texts(language), made))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if "style" not in self.open:
            self.words.append(data.strip())


def words_on(document: str) -> str:
    parser = _Words()
    parser.feed(document)
    parser.close()
    assert parser.open == []
    return "\n".join(word for word in parser.words if word)


def said_in(language: str) -> dict[str, str]:
    parts = (
        "words",
        "scopes",
        "purposes",
        "handoffs",
        "permissions",
        "reasons",
        "grounds",
        "roles",
        "groups",
    )
    found = texts(language)
    return {f"{part}.{key}": text for part in parts for key, text in getattr(found, part).items()}


def gaps(said: dict[str, str]) -> dict[str, set[str | None]]:
    return {
        key: {name for _, name, *_ in Formatter().parse(text)} - {None}
        for key, text in said.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_with_the_same_gaps_to_fill(language):
    source, other = said_in(SOURCE), said_in(language)
    assert set(source) == set(other)
    assert gaps(source) == gaps(other)
    assert all(text.strip() == text and "  " not in text for text in other.values())


def test_there_is_a_file_for_each_language_and_no_other():
    assert {f"{language}.toml" for language in LANGUAGES} == {one.name for one in FOLDER.iterdir()}
    for language in LANGUAGES:
        assert texts(language).language == language
    with pytest.raises(CodeUnknown, match="en, ru, kk, ky"):
        texts("../en")


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_country_has_its_name_in_the_language_or_the_english_one(language):
    assert set(texts("ru").countries) == set(texts(language).countries)
    assert texts(language).country("KG") != texts(SOURCE).country("KG") == "Kyrgyzstan"
    assert texts(language).country("PT") == "Portugal"


def test_every_code_that_may_stand_on_a_receipt_has_words():
    found = texts(SOURCE)
    assert set(found.scopes) == set(DataScope)
    assert set(found.purposes) == set(Purpose)
    assert set(found.roles) == {*Role, "UNKNOWN"}
    assert set(found.grounds) == set(RetentionGround)
    assert {*ConsentGiver} <= set(found.permissions)
    protecting = {"UNKNOWN", "imminent_risk_of_harm", "giver_is_alleged_perpetrator"}
    assert set(found.reasons) == {*code_list("override_reason").codes} - protecting | {"to_protect"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_that_nobody_has_signed_says_so_in_both_languages(language):
    page_words = told(language)
    notices = {texts(one).words["notice"] for one in (language, SOURCE)}
    assert (language != SOURCE) is all(notice in page_words for notice in notices)
    assert (language == SOURCE) is all(notice not in page_words for notice in notices)


def test_a_translation_that_somebody_has_signed_says_nothing(tmp_path, monkeypatch):
    signed = (FOLDER / "ky.toml").read_text().replace('reviewed_by = ""', 'reviewed_by = "A. B."')
    (tmp_path / "ky.toml").write_text(signed)
    monkeypatch.setattr("node.receipt.texts.FOLDER", tmp_path)
    words = texts("ky")
    found = page(facts(rows(), "KZ", TODAY), words, PRINTING)
    assert words.words["notice"] not in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_needs_nothing_beside_itself(language):
    document = written(language, releases=[release()], consents=[consent()])
    assert f'<html lang="{language}">' in document
    assert "default-src 'none'" in document
    assert not re.search(r"<(script|link|img|iframe|object|form)|https?:|url\(|@import|\bon\w+=",
                         document)  # fmt: skip


def test_whatever_an_event_says_stays_text():
    evil = "<script>alert(1)</script>"
    document = written(access_ledger=[access(actor_organisation=evil)])
    assert evil not in document
    assert evil in words_on(document)


def test_what_was_given_is_told_with_its_permission_and_its_end():
    page_words = told(releases=[release()], consents=[consent()], consent_terms=[terms()])
    for words in (
        "Kyrgyzstan",
        "your health",
        "24.11.2026",
        "You gave permission.",
        "01.02.2027",
        "Shared: this country can read it.",
    ):
        assert words in page_words
    assert "nothing has been given yet" not in page_words


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("stopped", {"ended_at": NOON}, "Stopped on 24.11.2026"),
        ("stopped", {"ended_at": NOON}, "has not said yet"),
        ("claimed", {"ended_at": NOON, "ground": "mandate", "until": LATER},
         "It keeps what it was given until 01.02.2027: it needs it for its task"),
        ("claimed", {"ended_at": NOON, "ground": "mandate", "until": date(2026, 11, 23)},
         "has not said yet"),
        ("destroyed", {"destroyed_at": NOON}, "Destroyed (attested) on 24.11.2026."),
        ("released", {"ground": "legal_duty", "until": LATER},
         "When sharing stops, this country will keep it until 01.02.2027: a law demands it."),
    ],
)  # fmt: skip
def test_what_became_of_it_is_told(state, more, words):
    page_words = told(releases=[release(state=state, **more)], consents=[consent()])
    assert words in page_words
    assert "deleted" not in page_words


def test_a_claim_made_before_any_stop_does_not_look_like_one():
    """The read model dates the end by the first event that changed the grant."""
    claimed = release(ground="mandate", until=LATER, ended_at=NOON)
    (given,) = facts(rows(releases=[claimed]), "KZ", TODAY).given
    assert given.stopped_at is None


def test_a_permission_that_is_over_says_so():
    for over in (consent(state="withdrawn"), consent(expires_on=date(2026, 11, 23))):
        page_words = told(releases=[release()], consents=[over], consent_terms=[terms()])
        assert "no longer in force" in page_words


def test_who_took_a_permission_back_is_not_told():
    """A child may have done so behind the back of whoever reads this."""
    by_child, by_aunt = (
        told(consents=[consent(state="withdrawn")], releases=[release(state="stopped")],
             consent_terms=[terms(ended_by=who)])
        for who in ("child", "caregiver")
    )  # fmt: skip
    assert by_child == by_aunt


def test_release_without_consent_says_why_and_that_two_people_agreed():
    override = consent(is_override=True)
    for reason, words in (
        ("court_order", "Without permission: a court decided it. A second person agreed."),
        (None, "Without permission: to protect you. A second person agreed."),
    ):
        known = terms(kind="override", given_by=None, override_reason=reason)
        assert words in told(consents=[override], releases=[release()], consent_terms=[known])
    law = terms(kind="legal_duty", given_by=None)
    assert "a law demands it" in told(consents=[override], consent_terms=[law])
    abroad = told(consents=[override], releases=[release()], country="KG")
    assert "Why is written down in the country that gave the data." in abroad


def test_an_accusation_reads_like_any_other_danger():
    """The one who is accused may be reading."""
    pages, codes = set(), set()
    for reason in ("giver_is_alleged_perpetrator", "imminent_risk_of_harm", None):
        models = {
            "consents": [consent(is_override=True)],
            "consent_terms": [terms(kind="override", given_by=None, override_reason=reason)],
            "releases": [release()],
        }
        pages.add(told(**models))
        codes.add(facts(rows(**models), "KZ", TODAY).given)
    assert len(codes) == 1
    assert len(pages) == 1


def test_nothing_of_a_block_is_on_the_page():
    """Neither who is excluded nor that anybody is: a page with one is like a page without."""
    before = {"consents": [consent()], "consent_terms": [terms()], "releases": [release()]}
    blocked = {
        **before,
        "consent_terms": [terms(withheld_from=["father-1"])],
        "access_ledger": [
            access("denied", actor_id="cw-9", rule=rule, door=None)
            for rule in ("excluded", "withheld")
        ],
    }
    assert "blocks" not in READ
    assert told(**before) == told(**blocked)
    by_role = access("denied", actor_role="border_officer", rule="role")
    assert "border officer" in told(access_ledger=[by_role])


def test_who_was_shown_what_is_told_by_role_and_never_by_name():
    page_words = told(
        access_ledger=[
            access(actor_id="aigerim", access_id=GRANT),
            access(entry_id=MINE, door="receipt", actor_organisation="the-one-that-prints"),
        ]
    )
    assert "24.11.2026 17:00\ncaseworker\nshelter-7\nyour photo\nto look after you" in page_words
    assert "aigerim" not in page_words
    assert "the-one-that-prints" not in page_words
    assert "recorded: 24.11.2026 17:00, caseworker, cps-almaty." in page_words


@pytest.mark.parametrize("language", LANGUAGES)
def test_others_are_told_a_group_and_a_month_and_neither_a_house_nor_a_time(language):
    """A shelter's code tells a father where she is; a time, when; how often, that she may go."""
    glass = {"until": NOON, "purpose": None, "door": None, "reviewed_at": NOON, "upheld": True}
    entries = [
        access(entry_id=GRANT),
        access(entry_id=BASIS, actor_role="supervisor", at=NOON.replace(day=3, hour=9)),
        access("broke_glass", entry_id=HANDOFF, **glass),
        access("denied", entry_id=CASE, actor_role="border_officer", rule="role"),
    ]
    words = told_coarsely(language, access_ledger=entries)
    groups = texts(language).groups
    assert words.count(f"11.2026\n{groups['works_with_you']}") == 2  # shown, and in an emergency
    assert f"11.2026\n{groups['at_the_border']}" in words
    for told_not in ("shelter-7", "cps-almaty", "17:00", "14:00"):
        assert told_not not in words
    codes = repr(coarse(facts(rows(access_ledger=entries), "KZ", TODAY)).shown)
    assert "2026-11" in codes
    for told_not in ("shelter-7", "datetime", "supervisor"):
        assert told_not not in codes


def test_every_role_is_in_a_group():
    groups = {group_of(role) for role in Role}
    assert groups | {"UNKNOWN"} == set(texts(SOURCE).groups)
    assert group_of("newer than this program") == "UNKNOWN"


@pytest.mark.parametrize(
    ("review", "words"),
    [
        ({}, "not yet"),
        ({"reviewed_at": NOON, "upheld": True}, "24.11.2026: it was right"),
        ({"reviewed_at": NOON, "upheld": False}, "24.11.2026: it was wrong"),
    ],
)
def test_an_emergency_is_told_with_whether_somebody_looked_again(review, words):
    glass = access("broke_glass", access_id=GRANT, until=NOON, purpose=None, door=None, **review)
    assert words in told(access_ledger=[glass])


def test_days_are_those_of_the_country():
    """Half past eight in the evening in Greenwich is tomorrow in Almaty."""
    evening = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
    page_words = told(releases=[release(released_at=evening)], consents=[consent()])
    assert "Given on\n25.11.2026" in page_words
    assert "Permission until\n01.02.2027" in page_words


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("holds", {}, "Holds the keys that it was given."),
        ("stopped", {}, "Outstanding:"),
        ("claimed", {"ground": "legal_claim", "until": LATER}, "until 01.02.2027: a court"),
        ("claimed", {"ground": "legal_claim", "until": date(2026, 11, 1)}, "Outstanding:"),
        ("destroyed", {}, "Destroyed (attested)."),
        ("attested", {"backups_expire_on": LATER}, "Its safety copies are gone by 01.02.2027."),
        ("contradicted", {}, "one of them was used after that"),
    ],
)
def test_who_holds_keys_is_told_and_who_has_not_answered(state, more, words):
    board = [
        row("coverage", country="KZ", role="origin", state="holds"),
        row("coverage", country="KG", role="recipient", state=state, **more),
    ]
    page_words = told(coverage=board)
    assert words in page_words
    assert "They have not told it here." in page_words
    assert facts(rows(coverage=board), "KZ", TODAY).unanswered == ("KG",)
    assert facts(rows(coverage=board), "KG", TODAY).unanswered == ("KZ",)


def test_a_case_that_never_crossed_a_border_says_so():
    file = row("case_file", case_id=CASE, state="closed", is_shared=False, parties=[])
    at_home = {"case_file": [file], "coverage": []}
    page_words = told(**at_home)
    assert "No other country has been given data about you." in page_words
    assert "There is no other country" in page_words
    assert "Holds its own keys" in page_words
    said = {"backups_expire_on": "2027-02-01"}
    gone = row("audit_trail", event_type="ErasureAttested", effective=True, summary=said)
    assert "safety copies are gone by 01.02.2027" in told(**at_home, audit_trail=[gone])


def test_a_permission_on_both_topics_is_one_and_a_refusal_is_none():
    both = [consent(topic="shared", state="withdrawn"), consent(topic="national")]
    assert facts(rows(consents=both), "KZ", TODAY).unused == ()
    (unused,) = facts(rows(consents=[consent()]), "KZ", TODAY).unused
    assert unused.basis_id == BASIS
    assert facts(rows(consents=[consent(state="refused")]), "KZ", TODAY).unused == ()


def test_the_kinds_of_data_it_talks_about_are_recorded():
    assert scopes_of(rows(consents=[consent()], access_ledger=[access()])) == (
        DataScope.IDENTITY,
        DataScope.HEALTH,
        DataScope.PHOTO,
    )
    assert scopes_of(rows()) == tuple(DataScope)[1:]


def test_a_page_in_a_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "receipt.html"
    path.touch(mode=0o644)
    write("текст", path)
    assert path.read_text(encoding="utf-8") == "текст"
    assert path.stat().st_mode & 0o777 == 0o600
