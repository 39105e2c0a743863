"""Options that many verbs share, with one meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Dir = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Folder of the nodes; default LEDGER_DIR."),
]
CountryOption = Annotated[
    str | None,
    typer.Option("--country", metavar="COUNTRY", help="Country to act as; default LEDGER_COUNTRY."),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="WHEN",
        help="As it was: shared/P@OFFSET, an instant (RFC 3339), seen:COUNTRY or seen:EVENT.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="ROLE:PSEUDONYM@ORG", help="Who decides; default LEDGER_ACTOR."),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="Idempotency key: the same key gives the recorded result again.",
    ),
]
IfNumber = Annotated[
    int | None,
    typer.Option(
        "--if-number", metavar="N", help="Refuse unless this was the case's last decision number."
    ),
]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait until the topic has judged it, or return pending."),
]
