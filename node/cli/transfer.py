"""`ledger transfer`: responsibility for a case moves to another country."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from events.codes import Role
from events.errors import NotAllowedNow
from ledger.request import Decision, Request
from node import place
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of, show, verb
from node.cli.listing import listing
from node.cli.options import By, CountryOption, Dir, Json

app = noun("transfer")

verb(app, "request", "request_transfer", role=Role.FOCAL_POINT)
verb(app, "propose", "propose_transfer", role=Role.FOCAL_POINT)
verb(app, "preview", "preview_transfer", role=Role.FOCAL_POINT)
verb(
    app,
    "accept",
    "accept_transfer",
    role=Role.FOCAL_POINT,
    waits=True,
    summary="Agree to take responsibility; it moves later, at `ledger transfer move`.",
)
verb(app, "reject", "reject_transfer", role=Role.FOCAL_POINT)
verb(app, "revoke", "revoke_transfer", role=Role.FOCAL_POINT, waits=True)
verb(app, "expire", "expire_transfer", role=Role.FOCAL_POINT)
verb(
    app,
    "move",
    "move_responsibility",
    role=Role.FOCAL_POINT,
    waits=True,
    summary="Answer for the case from here on, as the country that accepted it.\n\n"
    "Refused while no basis is in force, unless the child is here already.",
)
verb(
    app,
    "return",
    "return_case",
    role=Role.FOCAL_POINT,
    summary="Propose that the country before take the case back: a new transfer, never an undo.\n\n"
    "The grounds are data of scope preview.",
)
verb(app, "complete", "complete_handover")
listing(app, "transfer")

documents = typer.Typer(
    help="Documents that go with a transfer: committed to by the sender, checked by the receiver.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(documents, name="documents")

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]
Transfer = Annotated[
    str | None, typer.Option("--transfer", metavar="ID", help="The transfer; default: the newest.")
]


@documents.command("add")
def _add(
    case_id: CaseArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="KIND=FILE...", help="Every document of the transfer.")
    ],
    *,
    transfer: Transfer = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Commit this country to the documents of a transfer; the files themselves go nowhere."""
    from ledger.case.documents import commit_documents
    from node.choosing import choosing
    from node.papers import said

    where = place.find(directory, country)
    named = {"handoff_id": output.uuid(transfer)} if transfer else {}
    arguments = {"documents": tuple(said(one) for one in files), **named}
    with ledger_of(where) as ledger:
        who = place.actor(by, where=where, role=Role.CASEWORKER)
        taken = Decision(choosing(commit_documents, {}), arguments)
        request = Request(by=who, decisions=(taken,), case_id=output.uuid(case_id))
        show(ledger.record(request, retries=3), as_json=as_json)


@documents.command("list")
def _list(
    case_id: CaseArgument,
    *,
    transfer: Transfer = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List which documents the sender hands over, after recording who looks."""
    papers = _papers(case_id, transfer, by, country, directory)
    if as_json:
        output.document({"transfer": papers.handoff_id, "documents": papers.kinds})
        return
    output.table(("document",), [[kind] for kind in papers.kinds])


@documents.command("check")
def _check(
    case_id: CaseArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A document that has come.")],
    *,
    transfer: Transfer = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say as which document the sender committed itself to a file; refused if it did not."""
    papers = _papers(case_id, transfer, by, country, directory)
    kind = papers.kind_of(file)
    if kind is None:
        raise NotAllowedNow(
            "the sender did not commit itself to this file, or it was changed since",
            rule="document_unknown",
        )
    if as_json:
        output.document({"transfer": papers.handoff_id, "document": kind})
    else:
        output.line(f"this is the {kind} that its sender committed itself to")


def _papers(
    case_id: str, transfer: str | None, by: str | None, country: str | None, directory: Any
) -> Any:
    from node.papers import papers_of

    where = place.find(directory, country)
    with ledger_of(where) as ledger:
        named = output.uuid(transfer) if transfer else None
        return papers_of(ledger, where, by, output.uuid(case_id), named)
