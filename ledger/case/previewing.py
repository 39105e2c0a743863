"""What a receiver may be told before it accepts: a preview, and no more than was agreed on."""

from __future__ import annotations

from events.codes import DataScope
from events.errors import BadInput
from ledger.case.matter import Matter
from ledger.case.personal import PersonalData


def require_preview(matter: Matter, recipient: str, data: PersonalData | None, what: str) -> None:
    """Refuse data of other scopes, and fields that the two countries have not agreed on.

    The names of fields are no data about the child; what she is called may not become one.
    """
    if data is None:
        return
    data.require_only({DataScope.PREVIEW}, what)
    agreed = matter.agreed(recipient)
    if agreed is not None and not data.fields(DataScope.PREVIEW) <= agreed.preview:
        raise BadInput(
            f"a preview for {recipient} says only: {', '.join(sorted(agreed.preview))}",
            rule="pair",
        )
