"""The words of which rules are made: ids, codes of lists, spans, and a span for each risk."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from events.code_lists import code_list
from events.errors import BadInput, CodeUnknown
from ledger.rules.documents import Document, mistake
from ledger.rules.spans import Span

#: Levels of risk, the most urgent first; the first two know no weekend.
RISKS: Final = ("emergency", "high", "medium", "low")
URGENT: Final = frozenset(RISKS[:2])
#: For whatever no other rule is for.
EVERYTHING: Final = "*"

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Version = Annotated[int, Field(ge=1)]
Weight = Annotated[int, Field(ge=0, le=1000)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


def coded(list_id: str) -> AfterValidator:
    """Return a check that a text is a code of a list, and says something."""

    def check(said: str) -> str:
        try:
            known = code_list(list_id).require(said)
        except CodeUnknown as error:
            raise mistake(f"{said!r}: {error}") from None
        if known == "UNKNOWN":
            raise mistake(f"{said!r} is for readers of newer events; a rule names a real code")
        return known

    return AfterValidator(check)


def _concern_or_all(said: str) -> str:
    if said != EVERYTHING and (said == "UNKNOWN" or said not in code_list("concern").codes):
        raise mistake(f"{said!r} is not on the list 'concern', nor is it {EVERYTHING!r}")
    return said


def _span(said: object) -> Span:
    try:
        return said if isinstance(said, Span) else Span.parse(str(said))
    except BadInput as error:
        raise mistake(str(error)) from None


Concern = Annotated[str, AfterValidator(_concern_or_all)]
Specialist = Annotated[str, coded("specialist")]
Service = Annotated[str, coded("service")]
Time = Annotated[Span, BeforeValidator(_span)]


class ByRisk(Document):
    """A span for each level of risk."""

    emergency: Time
    high: Time
    medium: Time
    low: Time

    @model_validator(mode="after")
    def _no_weekend_for_urgent(self) -> Self:
        for risk in sorted(URGENT):
            if self.of(risk).in_working_days:
                raise mistake(f"{risk} risk knows no working days: write hours (h) or days (d)")
        return self

    def of(self, risk: str | None) -> Span:
        """Return the span of a level; of an unknown one that of high risk."""
        found: Span = getattr(self, risk or "high")
        return found
