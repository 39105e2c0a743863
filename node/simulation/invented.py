"""Invented data about children who do not exist. All of it goes sealed, as everything does.

Each text holds one word that stands nowhere else, so that it can be searched for where nothing of
it may stand in clear.
"""

from __future__ import annotations

from random import Random

from events.codes import DataScope
from ledger.case.personal import PersonalData
from node.simulation.seen import Seen

#: In every invented text; nobody is called so.
MARK = "Simulatova"
_NAMES = ("Aizada", "Nurlan", "Meerim", "Daniyar", "Zarina", "Timur", "Begimai", "Arman")
_LANGUAGES = ("ky", "kk", "ru", "uz", "tg")
_AREAS = {"KZ": ("KZ/almaty/almaly", "KZ/turkistan"), "KG": ("KG/osh", "KG/bishkek")}
_CONCERNS = ("unaccompanied", "separated", "child_labour", "neglect", "migrant")


def child(draw: Random, country: str) -> PersonalData:
    """Return what is known of a child when her case is opened."""
    year, month = 2009 + draw.randrange(9), 1 + draw.randrange(12)
    identity = {
        "name": f"{draw.choice(_NAMES)} {MARK}",
        "birth_date": f"{year}-{month:02}-{1 + draw.randrange(28):02}",
        "languages": draw.sample(_LANGUAGES, 2),
    }
    areas = _AREAS.get(country, (country,))
    return PersonalData(
        {
            DataScope.IDENTITY: identity,
            DataScope.LOCATION: {"area": draw.choice(areas)},
            DataScope.HEALTH: {"note": f"asthma ({MARK})"},
        }
    )


def words(scope: DataScope = DataScope.NARRATIVE) -> PersonalData:
    """Return a text that somebody writes down."""
    return PersonalData({scope: {"note": f"invented words about {MARK}"}})


def concern(seen: Seen) -> PersonalData:
    """Return a protection concern: a code, which the rules read."""
    return PersonalData({DataScope.PROTECTION: {"concern": seen.one(_CONCERNS)}})


def activity() -> PersonalData:
    """Return something that is to be done for her: a code."""
    return PersonalData({DataScope.PROTECTION: {"activity": "language_class"}})


def needs() -> PersonalData:
    """Return what a receiver is told first."""
    return words(DataScope.PREVIEW)
