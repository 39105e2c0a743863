"""Verbs that decide, made from the decisions themselves: the same words, in one place."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from events.codes import Role
from events.errors import BadInput, ServiceUnavailable
from events.registry import NEWEST
from ledger.case.personal import PersonalData
from ledger.receipt import Receipt
from ledger.request import Decision, Request
from node import place
from node.arguments import Take, arguments_of, decision_named, parse, required_of
from node.choosing import can_choose, choosing
from node.cli import output
from node.cli.meaning import MEANING, METAVAR, OPTION
from node.cli.options import By, CountryOption, Dir, IfNumber, Json, Key, Wait
from node.words import VOID_WORDS

if TYPE_CHECKING:
    from ledger.service import Ledger

#: How long a verb waits for a verdict; a person would have looked elsewhere by then.
PATIENCE_S = 30.0


#: So often a decision is taken again if somebody else decided on the case at the same moment.
_ATTEMPTS = 5


def verb(
    app: typer.Typer,
    name: str,
    decision: str,
    *,
    role: Role = Role.CASEWORKER,
    waits: bool = False,
    preset: Mapping[str, Any] | None = None,
    summary: str | None = None,
) -> None:
    """Add a verb that takes one decision; `preset` arguments are not asked for."""
    take = decision_named(decision)
    fixed = dict(preset or {})
    own = [_parameter(take, one) for one in arguments_of(take) if _is_asked(take, one, fixed)]
    opens = decision == "open_case"

    def run(**given: Any) -> None:
        context = {one.name: given.pop(one.name) for one in _context(waits)}
        case_id = None if opens else parse(given.pop("case_id"), UUID, name="CASE")
        typed = {key: value for key, value in given.items() if value is not None}
        _decide(take, case_id, fixed | _parsed(take, typed), context, role)

    parameters = [
        *([] if opens else [_CASE]),
        *sorted(own, key=_positional_first),
        *_context(waits),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    text = summary or inspect.getdoc(take) or ""
    app.command(name, help=text, short_help=text.partition("\n\n")[0])(run)


def ledger_of(where: place.Place) -> Ledger:
    """Open the ledger of a node, for as many connections as a verb needs."""
    from ledger.service import open_ledger

    return open_ledger(where.ledger_settings())


def _decide(
    take: Take, case_id: UUID | None, arguments: Mapping[str, Any], context: Any, role: Role
) -> None:
    where = place.find(context["dir"], context["country"])
    chosen: dict[str, UUID] = {}
    request = Request(
        by=place.actor(context["by"], where=where, role=role),
        decisions=(Decision(choosing(take, chosen), arguments),),
        case_id=case_id,
        key=context["key"],
        expected_number=context["if_number"],
    )
    with ledger_of(where) as ledger:
        # A program may decide on the case at the same moment; who says which decision number the
        # case must have wants to look again.
        receipt = ledger.record(
            request, retries=0 if context["if_number"] is not None else _ATTEMPTS
        )
        if context["wait"]:
            receipt = ledger.outcome(receipt, PATIENCE_S)
    for name, found in chosen.items():
        output.say(f"{name.removesuffix('_id')}: {found} (the only one that fits)")
    show(receipt, as_json=context["json"], chosen=chosen)
    if context["wait"] and not receipt.settled:
        raise ServiceUnavailable(
            f"case {receipt.case_id}: recorded, and still pending after {PATIENCE_S:.0f} s;"
            " `ledger case history` tells what becomes of it",
            rule="pending",
        )
    receipt.require_effective()


def show(
    receipt: Receipt, *, as_json: bool, chosen: Mapping[str, UUID] = MappingProxyType({})
) -> None:
    """Print what was recorded and what has become of it."""
    if as_json:
        document = {
            **output.plain(receipt),
            **_subjects(receipt),
            "state": state_of(receipt),
            "chosen": chosen,
        }
        output.document(document)
        return
    again = " (recorded earlier under this key)" if receipt.replayed else ""
    output.line(f"case {receipt.case_id}  decision {receipt.number}{again}")
    for event in receipt.events:
        mark = {"pending": "…", "effective": "✔", "void": "✘"}[event.state]
        why = f": {VOID_WORDS.get(event.void_reason or '', event.void_reason)}"
        said = event.state + (why if event.void_reason else "")
        output.line(f"{mark} {event.type} {said}  ({event.topic}, {event.event_id})")


def _subjects(receipt: Receipt) -> Mapping[str, UUID]:
    """Return the ids that the decision was about: consent_id, override_id, handoff_id."""
    named = {str(NEWEST[event.type].step["subject"]): event.subject for event in receipt.events}
    return {name: subject for name, subject in named.items() if name not in {"case_id", "basis_id"}}


def state_of(receipt: Receipt) -> str:
    """Return the state of the whole decision: void if a part is, else pending if a part is."""
    states = {event.state for event in receipt.events}
    return next((one for one in ("void", "pending") if one in states), "effective")


def _parsed(take: Take, typed: Mapping[str, Any]) -> dict[str, Any]:
    kinds = arguments_of(take)
    return {
        name: parse(_said(value, kinds[name]), kinds[name], name=_option(name))
        if isinstance(value, str)
        else value
        for name, value in typed.items()
    }


def _said(typed: str, kind: Any) -> str:
    """Return what was typed; for data about a child, what the named file holds.

    Never the data itself: everybody on the machine sees the arguments of a program.
    """
    if kind is not PersonalData:
        return typed
    if typed == "-":
        return sys.stdin.read()
    try:
        return Path(typed).read_text()
    except (OSError, UnicodeDecodeError):
        raise BadInput("--data names a file that can be read, or - for standard input") from None


def _option(name: str) -> str:
    return OPTION.get(name, f"--{name.removesuffix('_on').replace('_', '-')}")


def _is_asked(take: Take, name: str, fixed: Mapping[str, Any]) -> bool:
    """Ids of things that this very decision creates are drawn, not typed."""
    is_new = arguments_of(take)[name] is UUID and name not in required_of(take)
    return name not in fixed and (not is_new or name in {"basis_id", "request_id", "other_case_id"})


def _parameter(take: Take, name: str) -> inspect.Parameter:
    kind, needed = arguments_of(take)[name], name in required_of(take)
    positional = needed and name.endswith("_id") and name not in OPTION
    info: Any
    if positional:
        info = typer.Argument(metavar=name.removesuffix("_id").upper(), help=MEANING[name])
    elif kind is bool:
        can_be_said_no = needed or inspect.signature(take).parameters[name].default is True
        flag = f"{_option(name)}/--not-{name}" if can_be_said_no else _option(name)
        info = typer.Option(flag, help=MEANING[name])
    else:
        info = typer.Option(_option(name), metavar=METAVAR.get(name, "ID"), help=MEANING[name])
    may_be_left_out = not needed or can_choose(name)
    typed = bool if kind is bool else str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if may_be_left_out else inspect.Parameter.empty,
        annotation=Annotated[typed | None if may_be_left_out else typed, info],
    )


def _positional_first(parameter: inspect.Parameter) -> bool:
    return not isinstance(parameter.annotation.__metadata__[0], typer.models.ArgumentInfo)


_CASE = inspect.Parameter(
    "case_id",
    inspect.Parameter.KEYWORD_ONLY,
    annotation=Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
)


def _context(waits: bool) -> list[inspect.Parameter]:
    kinds: Mapping[str, tuple[Any, Any]] = {
        "country": (CountryOption, None),
        "by": (By, None),
        "key": (Key, None),
        "if_number": (IfNumber, None),
        "wait": (Wait, waits),
        "dir": (Dir, None),
        "json": (Json, False),
    }
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
        for name, (annotation, default) in kinds.items()
    ]
