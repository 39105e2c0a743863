"""From a plan that was opened to the file that is given away."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from events.errors import BadInput
from node.place import Place
from node.plan_page.printing import Paper, page, pdf
from node.planned import PlanShown


def write(path: Path, case_id: UUID, plan: PlanShown, language: str, where: Place) -> None:
    """Write a plan to a file that only its owner reads. BadInput, CodeUnknown."""
    zone = ZoneInfo(where.agreement.countries[where.country].zone)
    now = datetime.now(UTC)
    paper = Paper(case_id=case_id, plan=plan, at=now, zone=zone, example=plan.example)
    if path.suffix == ".html":
        made = page(paper, language).encode()
    elif path.suffix == ".pdf":
        made = pdf(paper, language)
    else:
        raise BadInput("--out ends in .html or .pdf", rule="out")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(made)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", rule="out") from None
