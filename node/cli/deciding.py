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
from node.cli.options import By, CountryOption, Dir, IfNumber, Json, Key, Wait
from node.words import VOID_WORDS

if TYPE_CHECKING:
    from ledger.service import Ledger

#: How long a verb waits for a verdict; a person would have looked elsewhere by then.
PATIENCE_S = 30.0

#: What each argument is, for `--help`; the words of the decisions' own documentation.
MEANING: Mapping[str, str] = {
    "access_id": "The emergency access.",
    "age_band": "Age band of the child: from_0_to_5, from_6_to_11, from_12_to_14, from_15_to_17.",
    "assent": "How the child agreed beside an adult: none, oral, written.",
    "assignee": "Pseudonym of the caseworker.",
    "block_id": "The block; default: the only one.",
    "countries": "Countries excluded, separated by commas.",
    "data": "File with data to be sealed, JSON: scope -> {field: value}; - for standard input.",
    "erasure_id": "The erasure; default: the only one that waits.",
    "given_by": "Who gives, refuses or takes it back: child, caregiver, guardian, other.",
    "giver": "Pseudonym of that adult.",
    "grant_id": "The grant; default: the only one that is owed.",
    "ground": "Ground on which the data is kept: mandate, legal_duty, legal_claim.",
    "hold_id": "The hold; default: the only one.",
    "interpreter": "An interpreter took part.",
    "language": "Language in which it was explained, such as ky.",
    "persons": "Pseudonyms of persons excluded, separated by commas.",
    "reason": "Code of the reason for release without consent: court_order, ...",
    "until": "Last day.",
    "withheld_from": "Pseudonyms of who must not see the data, separated by commas.",
    "basis_id": "Consent or override it rests on; default: the only one that permits it.",
    "child_is_here": "The child is already in this country: protection goes first.",
    "consent_id": "The consent; default: the only one in force.",
    "corrects_version": "Version of the event that is corrected.",
    "due_on": "Last day for an answer.",
    "expires_on": "Last day on which it permits anything.",
    "guardian_id": "The guardian; default: the only one.",
    "handoff_id": "The handoff; default: the only open one of this kind.",
    "holder": "Country that is asked.",
    "into_case_id": "Case that goes on.",
    "legal_duty": "It rests on a legal duty, not on best interests.",
    "opened_on": "Day the case began; default today.",
    "outcome": "fulfilled or unfulfilled.",
    "override_id": "The override; default: the only one in force.",
    "purpose": "What the data may be used for: transfer, service, case_management, ...",
    "recipient": "Country that receives.",
    "request_id": "Request for this transfer that it answers.",
    "requested_by": "Pseudonym of the person who asked for it.",
    "scopes": "Data scopes, separated by commas: identity,health,...",
    "upheld": "Whether it was right.",
}
#: Shorter names at the command line.
_OPTION = {
    "basis_id": "--basis",
    "due_on": "--due",
    "expires_on": "--expires",
    "into_case_id": "--into",
    "request_id": "--request",
    "corrects_version": "--version",
}
_METAVAR = {
    "access_id": "ID",
    "age_band": "BAND",
    "assent": "ASSENT",
    "assignee": "PSEUDONYM",
    "countries": "COUNTRY,...",
    "data": "FILE",
    "given_by": "WHO",
    "giver": "PSEUDONYM",
    "ground": "GROUND",
    "language": "CODE",
    "persons": "PSEUDONYM,...",
    "reason": "REASON",
    "until": "DAY",
    "withheld_from": "PSEUDONYM,...",
    "corrects_version": "N",
    "due_on": "DAY",
    "expires_on": "DAY",
    "holder": "COUNTRY",
    "opened_on": "DAY",
    "outcome": "OUTCOME",
    "purpose": "PURPOSE",
    "recipient": "COUNTRY",
    "requested_by": "PSEUDONYM",
    "scopes": "SCOPE,...",
}


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
        receipt = ledger.record(request)
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
    return _OPTION.get(name, f"--{name.removesuffix('_on').replace('_', '-')}")


def _is_asked(take: Take, name: str, fixed: Mapping[str, Any]) -> bool:
    """Ids of things that this very decision creates are drawn, not typed."""
    is_new = arguments_of(take)[name] is UUID and name not in required_of(take)
    return name not in fixed and (not is_new or name in {"basis_id", "request_id"})


def _parameter(take: Take, name: str) -> inspect.Parameter:
    kind, needed = arguments_of(take)[name], name in required_of(take)
    positional = needed and name.endswith("_id") and name not in _OPTION
    info: Any
    if positional:
        info = typer.Argument(metavar=name.removesuffix("_id").upper(), help=MEANING[name])
    elif kind is bool:
        flag = f"{_option(name)}/--not-{name}" if needed else _option(name)
        info = typer.Option(flag, help=MEANING[name])
    else:
        info = typer.Option(_option(name), metavar=_METAVAR.get(name, "ID"), help=MEANING[name])
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
