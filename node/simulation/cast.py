"""Who decides in a case: people of one country, by pseudonyms that the seed gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from events.codes import AgeBand, Role
from events.stamp import Actor

#: Part -> role. `second` is another supervisor than `supervisor`: four eyes.
_PARTS: Mapping[str, Role] = {
    "caseworker": Role.CASEWORKER,
    "supervisor": Role.SUPERVISOR,
    "second": Role.SUPERVISOR,
    "focal_point": Role.FOCAL_POINT,
    "provider": Role.PROVIDER,
    # Nobody of these decides anything in a case; see forbidden_moves.
    "border_officer": Role.BORDER_OFFICER,
    "auditor": Role.AUDITOR,
    # A caseworker like any other, until a block stands against him.
    "uncle": Role.CASEWORKER,
}
#: How many people there are of each part in a country.
_PEOPLE = 20
_BANDS = (AgeBand.FROM_6_TO_11, AgeBand.FROM_12_TO_14, AgeBand.FROM_15_TO_17)


@dataclass(frozen=True)
class Cast:
    """The people around one case in one country."""

    people: Mapping[str, Actor]
    #: Age of the child, as far as consent depends on it.
    age: AgeBand
    #: Adult who may give permission with her.
    adult: str

    def __getitem__(self, part: str) -> Actor:
        """Return who plays a part."""
        return self.people[part]


def cast(draw: Random, country: str) -> Cast:
    """Choose the people around a case."""
    people = {
        part: Actor(
            id=f"sim-{part.replace('_', '-')}-{draw.randrange(_PEOPLE)}",
            role=role,
            organisation=f"sim-{country}",
        )
        for part, role in _PARTS.items()
    }
    return Cast(people, draw.choice(_BANDS), f"sim-adult-{draw.randrange(_PEOPLE)}")
