"""The tree of nouns. A noun's module is imported when it is used, so `ledger --help` is quick."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

#: What is wrong with a command line; typer keeps click's class in a place of its own.
UsageError: Any = typer.BadParameter.__base__

#: Noun -> what it is about. Each is a module of this package, named alike.
NOUNS: Mapping[str, str] = {
    "up": "Run the nodes of one or more countries on this machine, until told to stop.",
    "demo": "Two countries, a handoff, a race and a withdrawal, on real servers.",
    "simulate": "Realistic traffic on running nodes, with mischief in it; then what must hold.",
    "case": "A child's matter, known by a pseudonym.",
    "consent": "Permission to share data scopes of a case with a country until a day.",
    "override": "Release without consent: a second person, a reason, an end.",
    "referral": "A service is sought elsewhere; responsibility stays.",
    "transfer": "Responsibility for a case moves to another country.",
    "data": "What is known about a child, sealed; shown only after it was recorded to whom.",
    "duplicate": "Two cases of one child: suspected, confirmed by both sides, joined, parted.",
    "measure": "Urgent protection where the child is, by a country that does not answer for her.",
    "block": "Nothing about a child goes to some countries and persons; why is sealed.",
    "erasure": "Destroy the keys of a closed case, so that nobody reads it any more.",
    "care": "The national work with the child; other countries do not see it.",
    "routing": "Which services a child has, why the rules chose them, and what they answer.",
    "plan": "What is done for a child, by when; generated, agreed, approved by somebody else.",
    "deadline": "By when something has to be there for a child, and what came of it.",
    "rules": "What a country has decided about routing: files, checked and put in force.",
    "provider": "What a provider says of itself: the guidelines it follows, the places it has.",
    "access": "Who could see what about a child, who did see it, and who holds keys of her case.",
    "task": "What this country's people have to look at, and until when.",
    "workload": "How much each organisation, service and caseworker has to do.",
    "directory": "Whom children can be sent to today, and why not to the others.",
    "statistics": "Figures of a closed quarter; small ones are withheld.",
    "notices": "Who was told that a task waits, who has seen it, and the program that tells.",
    "import": "Decisions from the rows of a CSV or JSON Lines file.",
    "projections": "Read models: how far they are, build them anew, check them.",
    "governance": "What was done to the ledger itself: schemas, keys, retries, rebuilds.",
    "schemas": "With which schemas this country writes, and since when.",
    "mirror": "This country's verified copy of the topic.",
    "audit": "What an auditor can check of this node: what left it, and what stands in clear.",
    "evidence": "A case or a range of a log, with everything that proves it, in one file.",
    "log": "The signed logs of events, as other programs read them.",
    "alarm": "What does not fit together in a log, until a person has resolved it.",
    "quarantine": "Events that wait, and records that are none.",
    "events": "The types of events, and what their bytes say.",
    "doctor": "What is wrong with this node, and how to repair it.",
    "prepare": "What a node needs before its first start, where `ledger up` is not used.",
    "relay": "The program that puts this country's events on the topic.",
    "worker": "The program that mirrors the topic and projects it.",
    "reactor": "The program that does what follows from the topic by itself.",
    "keystore": "The program that keeps the keys of this country.",
    "sealer": "The program that signs how far this country's logs have come.",
    "witness": "The program that recomputes and cosigns what other countries have signed.",
    "bench": "This project measured against the tools it stands on.",
}
#: `import` is a word of Python.
_MODULES = {"import": "importing"}


class _Nouns(TyperGroup):
    """Knows every noun, loads one."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the library's signature
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in NOUNS:
            return None
        module = import_module(f"node.cli.{_MODULES.get(cmd_name, cmd_name)}")
        found: Any = typer.main.get_command(module.app)
        found.name = cmd_name
        found.help = found.help or NOUNS[cmd_name]
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Nouns"):
            formatter.write_dl(list(NOUNS.items()))


def noun(name: str) -> typer.Typer:
    """Return an empty noun, for its module to fill with verbs."""
    return typer.Typer(
        name=name,
        help=NOUNS[name],
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
    )


app = typer.Typer(
    cls=_Nouns,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The cross-border referral ledger. Data goes to stdout, words to stderr.",
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"referral-ledger {version('referral-ledger')}")
        raise typer.Exit


@app.callback()
def _ledger(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    pass


def command() -> Any:
    """Return the whole program as a command that can be run."""
    return typer.main.get_command(app)
