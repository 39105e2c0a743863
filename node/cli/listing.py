"""`ledger referral list` and `ledger transfer list`: the same question about two kinds."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import output
from node.cli.options import CountryOption, Dir, Json

_PAGE = 50
_COLUMNS = ("case_id", "handoff_id", "state", "sender", "receiver", "due_on", "topic")


def listing(app: typer.Typer, kind: str) -> None:
    """Add the verb `list` for one kind of handoff."""

    @app.command("list", help=f"List {kind}s, open ones first, by the day an answer is due.")
    def _list(
        *,
        only_open: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
        limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many at most.")] = _PAGE,
        country: CountryOption = None,
        directory: Dir = None,
        as_json: Json = False,
    ) -> None:
        from node import place
        from node.cases import handoffs
        from node.reading import reader

        with reader(place.find(directory, country)) as found:
            rows = handoffs(found, kind, only_open=only_open, limit=limit)
        if as_json:
            output.document({f"{kind}s": rows})
            return
        output.table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
