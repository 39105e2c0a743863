"""The twenty-two questions of an auditor: which are answered, by what, and what comes later.

Their numbers are those of the domain's list (`ledger audit ask --list`); integrity has none there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from node.asking import (
    access,
    approval,
    consent,
    correction,
    erasure,
    information,
    integrity,
    knowledge,
    lacking,
    release,
    responsibility,
    ruled,
)
from node.asking.inquiry import Answer, Inquiry
from node.covering import not_vouched_for


class Question(NamedTuple):
    """One question that is answered, as an auditor puts it."""

    number: int | None
    name: str
    ask: Callable[..., Answer]
    words: str

    @property
    def notes(self) -> str:
        """What an answer means and how it was found."""
        return (inspect.getdoc(self.ask) or "").partition("\n\n")[2]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Its arguments and their types."""
        return _arguments(self.ask)

    @property
    def required(self) -> frozenset[str]:
        """Arguments without which it cannot be asked."""
        known = inspect.signature(self.ask).parameters
        return frozenset(
            name for name in self.arguments if known[name].default is inspect.Parameter.empty
        )


@cache
def _arguments(ask: Callable[..., Answer]) -> Mapping[str, Any]:
    hints = get_type_hints(ask)
    return {name: kind for name, kind in hints.items() if name not in {"inquiry", "return"}}


QUESTIONS: tuple[Question, ...] = (
    Question(
        1,
        "could-see",
        access.could_see,
        "Who could access this child's data on that day, and under which consent or basis?",
    ),
    Question(
        2,
        "did-see",
        access.did_see,
        "Who did access it, for which purpose, and was the basis valid at that instant?",
    ),
    Question(
        3,
        "released",
        release.released,
        "What of this child was released to that country, with the hashes of what was given?",
    ),
    Question(
        4,
        "released-after-withdrawal",
        release.released_after_withdrawal,
        "Was anything released after its permission had been taken back?",
    ),
    Question(
        5,
        "overrides",
        consent.overrides,
        "Which releases without consent were approved, why, by whom, until when, and reviewed?",
    ),
    Question(
        6,
        "responsible",
        responsibility.responsible,
        "Which country answered for this child at that moment? Any gap or overlap?",
    ),
    Question(
        7,
        "transfers",
        responsibility.transfers,
        "How long did each transfer wait; which expired; which children went to and fro?",
    ),
    Question(
        9,
        "left-without",
        lacking.left_without,
        "Which children have no guardian, no plan, or nobody since a refusal, for too long?",
    ),
    Question(
        11,
        "break-glass",
        access.break_glass,
        "Where was the glass broken in an emergency, and what came of the review?",
    ),
    Question(
        12,
        "bulk-reads",
        access.bulk_reads,
        "Who reads or exports the data of unusually many children?",
    ),
    Question(
        13,
        "which-rules",
        ruled.which_rules,
        "Which rule version routed this child, and what would the current rules do?",
    ),
    Question(
        14,
        "corrections",
        correction.corrections,
        "Who corrected what after the fact, and what stood there before?",
    ),
    Question(
        15,
        "was-recorded",
        integrity.was_recorded,
        "Was this event in the ledger on that day, and which checkpoint vouches for it?",
    ),
    Question(
        16,
        "erased",
        erasure.erased,
        "Is the data of this child erased everywhere, and what does each country say for it?",
    ),
    Question(
        17,
        "consent-coverage",
        consent.consent_coverage,
        "How many children in care here have a valid consent, for what, how old, how long still?",
    ),
    Question(
        18,
        "informed",
        information.informed,
        "Was the child told of an override, a move, a closure?",
    ),
    Question(
        19,
        "four-eyes",
        approval.four_eyes,
        "Did anybody approve, review or close what the same person had asked for or done?",
    ),
    Question(
        22,
        "knew-then",
        knowledge.knew_then,
        "What did the person who took this decision know then: state, events, and data shown?",
    ),
    Question(
        None,
        "integrity",
        integrity.integrity,
        "What is known of every log: how long it is, who has signed it, and what does not fit?",
    ),
)
#: Number -> (the question, what has to be recorded before it can be answered).
LATER: Mapping[int, tuple[str, str]] = {
    8: ("Which placements did the no-detention guard refuse, and who was detained?", "placements"),
    10: ("Was any child returned without an approved decision?", "returns"),
    20: ("Which requests of data subjects came, and how fast were they answered?", "follow-up"),
    21: (
        "How many children, by age band, sex, country and concern?",
        "a program that reads records",
    ),
}


def ask(question: Question, inquiry: Inquiry, **arguments: Any) -> dict[str, Any]:
    """Ask; return the answer as one document, with what it rests on and whom it leaves out."""
    found = question.ask(inquiry, **arguments)
    return {
        "question": question.number,
        "name": question.name,
        "words": question.words,
        "asked": {name: value for name, value in arguments.items() if value is not None},
        "country": inquiry.country,
        "asked_at": inquiry.now,
        "rests_on": inquiry.rests_on(arguments.get("case_id")),
        "provisional": not_vouched_for(inquiry.found, inquiry.agreement, arguments.get("case_id")),
        "not_answered": found.not_answered,
        "facts": found.facts,
        "columns": found.columns,
        "rows": found.rows,
    }
