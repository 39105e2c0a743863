"""What must hold of every case, whatever happened: each a function from a story to what breaks it.

The words are those of the domain model. Nothing here asks a decision or a fold: each walks the
lines that took effect and says by itself what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from node.simulation.history import Story
from node.simulation.invariants import conduct, consents, transfers

#: From a case to the events, or the words, that break it.
Invariant = Callable[[Story], Iterator[str]]

INVARIANTS: Mapping[str, Invariant] = {
    "C1": consents.every_release_has_its_basis,
    "C2": consents.withdrawal_bites_and_deletes_nothing,
    "C3": consents.nobody_else_grants_again,
    "C4": consents.nothing_personal_stands_in_clear,
    "C5": consents.consent_reaches_no_further,
    "T1": transfers.one_country_answers_at_every_place,
    "T2": transfers.acceptance_moves_nothing,
    "T3": transfers.every_answer_has_its_time,
    "T4": transfers.nothing_closes_while_handed_over,
    "T5": transfers.nothing_pulls_responsibility_back,
    "T6": transfers.sharing_again_is_another_sharing,
    "T7": transfers.who_answers_has_more_than_a_pseudonym,
    "four_eyes": conduct.two_people_where_two_are_asked,
    "one_responsible": conduct.all_countries_name_the_same_one,
    "no_strangers": conduct.nobody_decides_who_may_not,
    "nothing_lost": conduct.every_version_once,
    "deadlines_once": conduct.every_lapse_once,
}


class Breach(NamedTuple):
    """One thing that must not be."""

    invariant: str
    case_id: UUID
    what: str


def breaches(story: Story) -> Iterator[Breach]:
    """Yield everything in a case that breaks an invariant."""
    for name, invariant in INVARIANTS.items():
        for what in invariant(story):
            yield Breach(name, story.case_id, what)
