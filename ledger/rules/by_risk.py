"""Parts of which rules are made: ids, spans, and a span for each level of risk."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from events.errors import BadInput
from ledger.rules.documents import Document, mistake
from ledger.rules.spans import Span

#: Levels of risk, the most urgent first; the first two know no weekend.
RISKS: Final = ("emergency", "high", "medium", "low")
URGENT: Final = frozenset(RISKS[:2])
#: For whatever nothing else is for.
EVERYTHING: Final = "*"

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]


def _span(said: object) -> Span:
    try:
        return said if isinstance(said, Span) else Span.parse(str(said))
    except BadInput as error:
        raise mistake(str(error)) from None


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
