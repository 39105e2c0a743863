"""A plan on paper: every code has a word in every language, and the same plan is the same file."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from consumers.plans import sealed
from events.code_lists import code_list
from events.errors import CodeUnknown
from ledger.rules.planning import generate
from node.plan_page.printing import Paper, page, pdf
from node.plan_page.texts import LISTS, texts_in
from node.planned import PlanShown
from node.receipt.texts import LANGUAGES
from tests.ruled import facts, ruled

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
ID = UUID(int=7, version=4)


def paper(*, state: str = "draft", more: tuple[dict, ...] = (), **child) -> Paper:
    child = facts(
        **{"concerns": ("unaccompanied", "child_labour"), "wants": ("language_class",)} | child
    )
    said = sealed(ID, child, ruled(), generate(child, ruled().pack, AT), AT)
    items = [{**one, "state": "open"} for one in said["items"]]
    plan = PlanShown(
        ID, 2, state, said["rules"], tuple(said["goals"]), (*items, *more), (), (), True, True
    )
    zone = ZoneInfo("Asia/Almaty")
    return Paper(case_id=ID, plan=plan, at=AT, zone=zone, example=plan.example)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("group", LISTS)
def test_every_code_has_a_word_of_its_own_in_every_language(language, group):
    words = getattr(texts_in(language), group)
    codes = set(code_list(LISTS[group]).codes) - {"UNKNOWN"}
    assert codes == set(words) - {"UNKNOWN"}
    assert all(word.strip() for word in words.values())
    if language != "en":
        english = code_list(LISTS[group]).codes
        assert not {code for code in codes if words[code] == english[code]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_that_english_says(language):
    english, say = texts_in("en"), texts_in(language)
    for group in ("words", "states", "items"):
        assert set(getattr(english, group)) == set(getattr(say, group))


@pytest.mark.parametrize("language", ["ru", "kk", "ky"])
def test_what_no_native_speaker_has_read_says_so_in_both_languages(language):
    made = page(paper(), language)
    assert texts_in(language).words["notice"] in made
    assert texts_in("en").words["notice"] in made
    assert texts_in("en").notices == ()


class Reader(HTMLParser):
    """What stands on a page, and which elements it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_what_is_done_why_by_whom_and_when_and_fetches_nothing(language):
    say = texts_in(language)
    found = Reader(page(paper(), language))
    assert not found.tags & {"script", "img", "link", "iframe"}
    text = "\n".join(found.texts)
    assert say.word("activities", "appoint_guardian") in text
    assert say.word("specialists", "guardianship_authority") in text
    assert say.words["keeps_safe"] in text
    assert say.words["wished"] in text
    assert say.words["example"] in text, "invented rules are no country's"
    assert "28.11.2026 14:00" not in text
    assert "03.12.2026 14:00" in text, "the time is the one in the country, UTC+5"


def test_what_was_taken_out_is_not_said_and_what_is_newer_than_the_words_is_no_hole():
    gone = {"activity": "food", "owner": "social_worker", "mandatory": False, "rules": [],
            "due_at": AT.isoformat(), "state": "removed"}  # fmt: skip
    newer = gone | {"activity": "<b>flying</b>", "owner": None, "state": "open"}
    made = page(paper(more=(gone, newer)), "en")
    assert "You get food" not in made
    assert "something newer than this page" in made
    assert "<b>" not in made


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_plan_is_the_same_pdf_and_another_one_is_not(language):
    made = pdf(paper(), language)
    assert made.startswith(b"%PDF-")
    assert made == pdf(paper(), language)
    assert made != pdf(paper(state="active"), language)


@pytest.mark.parametrize("print_", [page, pdf])
def test_a_language_without_words_is_refused(print_):
    with pytest.raises(CodeUnknown):
        print_(paper(), "de")
