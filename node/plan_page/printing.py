"""A plan as an HTML page, or as a PDF that is the same bytes whenever it says the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib.resources import as_file, files
from typing import Any, Final
from uuid import UUID

import typst

from node.plan_page.texts import PlanTexts, texts_in
from node.planned import PlanShown
from node.receipt.markup import block, document, pairs, section, table, tag

#: Tagged, so that it can be read aloud (ISO 14289-1).
_STANDARD: Final = "ua-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A plan that is to be printed: when, and in the time of which country."""

    case_id: UUID
    plan: PlanShown
    at: datetime
    zone: tzinfo
    #: Whether the rules that made it are invented.
    example: bool

    def moment(self, said: Any) -> str:
        """Return a moment as people there write it."""
        at = datetime.fromisoformat(said) if isinstance(said, str) else said
        return at.astimezone(self.zone).strftime("%d.%m.%Y %H:%M")


def page(paper: Paper, language: str) -> str:
    """Return the plan as one page: nothing to run, nothing to fetch. CodeUnknown."""
    say = texts_in(language)
    style = (files("node.receipt") / "page.css").read_text(encoding="utf-8")
    words = say.words
    columns = ((words["what"], 36), (words["who"], 24), (words["when"], 18), (words["how_far"], 22))
    body = [tag("h1", words["title"])]
    if say.notices:
        body.append(block("div", (tag("p", one) for one in say.notices), "notice"))
    body += [
        pairs(_head(paper, say), "head"),
        tag("p", words["about"]),
        section(words["goals_title"], block("ul", (tag("li", one) for one in _goals(paper, say)))),
        section(words["items_title"], table(columns, _rows(paper, say))),
        section(words["agreed_title"], pairs((words[one], "_" * 40) for one in _SIGN)),
    ]
    return document(say.language, words["title"], style, body)


def pdf(paper: Paper, language: str) -> bytes:
    """Return the plan as a PDF, in the fonts that typst brings. CodeUnknown."""
    say = texts_in(language)
    said = {
        "language": say.language,
        "words": say.words,
        "notices": list(say.notices),
        "head": _head(paper, say),
        "goals": _goals(paper, say),
        "rows": [
            [*(part for part in (row[0].partition("\n")[::2])), *row[1:]]
            for row in _rows(paper, say)
        ],
        "sign": [say.words[one] for one in _SIGN],
    }
    with as_file(files("node.plan_page") / "plan.typ") as template:
        made: bytes = typst.compile(
            template,
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"plan": json.dumps(said)},
            pdf_standards=_STANDARD,
            timestamp=int(paper.at.timestamp()),
        )
    return made


_SIGN = ("child", "caregiver", "supervisor")


def _head(paper: Paper, say: PlanTexts) -> list[tuple[str, str]]:
    plan, words = paper.plan, say.words
    return [
        (words["case"], str(paper.case_id)),
        (words["version"], str(plan.number)),
        (words["state"], say.word("states", plan.state)),
        (words["printed_on"], paper.moment(paper.at)),
        (words["rules"], words["example"] if paper.example else "/".join(_rules(plan))),
    ]


def _rules(plan: PlanShown) -> Iterable[str]:
    return (plan.rules or "").split("/")[:2]


def _goals(paper: Paper, say: PlanTexts) -> list[str]:
    return [say.word("goals", one) for one in paper.plan.goals]


def _rows(paper: Paper, say: PlanTexts) -> list[list[str]]:
    """Return what is done, each with why below it; what was taken out is not said."""
    return [
        [
            "\n".join(one for one in (say.word("activities", item["activity"]), why) if one),
            say.word("specialists", item["owner"]) if item.get("owner") else "–",
            paper.moment(item["due_at"]),
            say.word("items", item["state"]),
        ]
        for item in paper.plan.items
        if item["state"] != "removed"
        for why in [_why(item, say)]
    ]


def _why(item: dict[str, Any], say: PlanTexts) -> str:
    if item["mandatory"]:
        return say.words["keeps_safe"]
    wished = not item["rules"] and item.get("owner")
    return say.words["wished"] if wished else ""
