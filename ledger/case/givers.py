"""Who may give, refuse and take back permission: the child first, adults as far as they may.

The table by age is a proposal of reference/domain.md §b.3 that country packs may tighten; it is
no statement about any country's law.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from events.codes import AgeBand, Assent, ConsentGiver
from events.errors import BadInput, NotAllowedNow, ProtectiveRefusal
from ledger.case.block import is_excluded
from ledger.case.matter import Matter
from ledger.case.national import Care, Terms

_ADULTS = frozenset({ConsentGiver.CAREGIVER, ConsentGiver.GUARDIAN, ConsentGiver.OTHER})
#: Age band -> who may give consent, and which assent of the child an adult's consent needs.
_BY_AGE: Mapping[AgeBand, tuple[frozenset[ConsentGiver], frozenset[Assent]]] = {
    AgeBand.FROM_0_TO_5: (_ADULTS, frozenset(Assent)),
    AgeBand.FROM_6_TO_11: (
        frozenset({ConsentGiver.CAREGIVER, ConsentGiver.GUARDIAN}),
        frozenset({Assent.ORAL, Assent.WRITTEN}),
    ),
    # A mature child whose caregiver is not there or not safe may give it alone, in writing.
    AgeBand.FROM_12_TO_14: (
        frozenset({ConsentGiver.CHILD, ConsentGiver.CAREGIVER, ConsentGiver.GUARDIAN}),
        frozenset({Assent.WRITTEN}),
    ),
    AgeBand.FROM_15_TO_17: (frozenset({ConsentGiver.CHILD}), frozenset(Assent)),
    AgeBand.FROM_18: (frozenset({ConsentGiver.CHILD}), frozenset(Assent)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Who gave a permission, and how it was explained."""

    given_by: ConsentGiver = ConsentGiver.UNKNOWN
    giver: str | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    assent: Assent = Assent.UNKNOWN
    language: str | None = None
    interpreter: bool = False
    withheld_from: tuple[str, ...] = ()

    def require_valid(self, matter: Matter) -> None:
        """Refuse a giver who may not give it at this age, and an adult who is excluded."""
        require_giver(matter, self.given_by, self.giver)
        matter.require_pseudonym("who must not see the data", *self.withheld_from)
        if self.language is not None:
            matter.require_pseudonym("the language", self.language)
        if self.given_by is ConsentGiver.UNKNOWN:
            return
        if self.age_band is AgeBand.UNKNOWN:
            raise BadInput("who gives consent depends on age: name the age band", rule="age_band")
        givers, assents = _BY_AGE[self.age_band]
        if self.given_by not in givers:
            raise ProtectiveRefusal(
                f"in age band {self.age_band} consent comes from {_words(givers)}", rule="giver"
            )
        if self.assent not in assents:
            raise ProtectiveRefusal(
                f"in age band {self.age_band} the child agrees, too: {_words(assents)}",
                rule="assent",
            )


def require_giver(matter: Matter, given_by: ConsentGiver, giver: str | None) -> None:
    """Refuse an adult without a pseudonym, a child with one, and a person who is excluded."""
    if given_by in _ADULTS and giver is None:
        raise BadInput("which adult it is: give a pseudonym", rule="giver_named")
    if given_by not in _ADULTS and giver is not None:
        raise BadInput("the child needs no pseudonym beside the case's", rule="giver_named")
    if giver is None:
        return
    matter.require_pseudonym("who gives it", giver)
    if matter.case.national.care.excludes_person(giver):
        raise ProtectiveRefusal(
            f"case {matter.case.case_id}: this person decides nothing for the child",
            rule="excluded_person",
        )


def asked_only(
    matter: Matter, given_by: ConsentGiver, giver: str | None, *, override: bool
) -> str | None:
    """Return why a withdrawal does not act at once and is reviewed, or None if it does.

    The child's acts at once at any age; an adult's, except on an override in force or from an
    excluded person (design §11). An excluded person who records it may say that it is the child's.
    """
    if is_excluded(matter):
        return "excluded_person"
    if given_by not in _ADULTS:
        return None
    if giver is not None and matter.case.national.care.excludes_person(giver):
        return "excluded_person"
    return "override_in_force" if override else None


def require_may_withdraw(
    matter: Matter, basis_id: UUID, terms: Terms | None, given_by: ConsentGiver, giver: str | None
) -> None:
    """Refuse an adult who is neither the giver nor the present guardian.

    In a country that did not record who gave it, whoever works for the child is believed: a
    withdrawal only stops.

    Who the guardian is stands sealed in GuardianAppointed. So a person who is known here as
    another kind of giver is not believed to be the guardian, and an aunt who is appointed takes
    back what she gave herself, nothing else. What is left: a stranger's pseudonym is believed, as
    long as there is a guardian.
    """
    if given_by not in _ADULTS:
        return
    if giver is None:
        raise BadInput("which adult it is: give a pseudonym", rule="giver_named")
    matter.require_pseudonym("who takes it back", giver)
    known = terms is not None and terms.given_by is not ConsentGiver.UNKNOWN
    care = matter.case.national.care
    if given_by is ConsentGiver.GUARDIAN and care.guardians and not _is_another(care, giver):
        return
    if known and terms is not None and giver != terms.giver:
        raise NotAllowedNow(
            f"{basis_id}: the child, who gave it, or the present guardian takes it back",
            rule="giver_known",
        )


def _is_another(care: Care, person: str) -> bool:
    """Say whether this person is known as another kind of giver than a guardian."""
    said = {one.given_by for one in care.terms.values() if one.giver == person}
    said |= {care.ended_by[one] for one, who in care.ended_by_person.items() if who == person}
    said |= {one.given_by for one in care.withdrawals_asked.values() if one.giver == person}
    return not said <= {ConsentGiver.GUARDIAN, ConsentGiver.UNKNOWN}


def _words(codes: frozenset[ConsentGiver] | frozenset[Assent]) -> str:
    return ", ".join(sorted(str(code) for code in codes if code != "UNKNOWN"))
