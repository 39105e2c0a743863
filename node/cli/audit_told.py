"""What `ledger audit` tells a person of what it has found."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from node.cli import output

if TYPE_CHECKING:
    from node.audit_compare import Compared
    from node.auditing import Audit

#: So many notes are told one by one.
_NOTES = 20
_COLUMNS = ("rule", "words", "log", "log_index", "size", "case_id", "event_id", "position", "void")


def tell(audit: Audit) -> None:
    """Tell which rules are kept, and each breach at its place."""
    said = audit.words()
    output.line(
        f"{said['cases']} cases, {said['events']} events, {said['releases']} releases of keys"
        f" as mirrored by {said['country']}"
    )
    for log in said["logs"]:
        word = ", some of it is on its way" if log["waiting"] else ""
        proven = f"{log['proven']} of them under {log['checkpoints']} signed roots{word}"
        whose = f"{log['topic']} log of {log['origin']}"
        output.line(f"  {whose}: {log['events']} events, {proven}")
    for rule, state in said["rules"].items():
        mark = {"kept": "✔", "broken": "✘"}.get(state, "–")
        output.line(f"  {mark} {rule} {state.replace('_', ' ')}")
    if said["breaches"]:
        rows = [[one[name] for name in _COLUMNS] for one in said["breaches"]]
        output.table(_COLUMNS, rows, title="broken")
    for one in said["remarks"]:
        output.line(f"  ! {one['words']}: {_remarked(one)}")
    if said["crossed"]:
        output.line(
            f"{len(said['crossed'])} releases crossed with a withdrawal: void, no key was sent"
        )
    for one in said["outstanding"]:
        output.line(f"{one['origin']} owes an answer for {one['about']} of case {one['case_id']}")
    listed = len(said["breaches"])
    if listed < (there := sum(said["found"].values())):
        output.say(f"{there} breaches were found, {listed} of them are listed")
    if sys.stderr.isatty():
        output.say(f"{audit.counts.events / audit.seconds:.0f} events/s")
    if said["unread"]:
        output.say(f"{said['unread']} events cannot be read here: nothing is said about them")
    if "not_checked" in said["rules"].values():
        output.say("R5 needs this country's national keys: set LEDGER_NATIONAL_KEY_FILE")


def _remarked(one: Mapping[str, Any]) -> str:
    """Return what a remark is about, in one line."""
    days = (one["first"], one["last"])
    told = [f"{one['rule']} of {one['log']}" if one["rule"] else one["log"]]
    told += [f"{name} {one[name]}" for name in ("partition", "size") if one[name] is not None]
    told += [" to ".join(map(str, dict.fromkeys(days)))] if one["first"] else []
    told += [f"event {one['event_id']}"] if one["event_id"] else []
    told += [f"alarm {one['alarm_id']}"] if one["alarm_id"] else []
    return ", ".join(told)


def tell_comparison(compared: Compared) -> None:
    """Tell how two countries' nodes differ, if they do."""
    for one in compared.partitions:
        state = "the same events in the same order ✔" if one.equal else "✘ not the same"
        line = f"shared/{one.partition}: {one.size} events up to {one.end}: {state}"
        if one.difference is not None:
            offset, kind, event_id, log, index = one.difference
            line += f", first at {offset}: {kind.replace('_', ' ')}"
            line += f", event {event_id} of {log} at {index}" if event_id else ""
        output.line(line)
    for far in compared.beyond[:_NOTES]:
        where = f"{far.country} shared/{far.partition}@{far.offset}"
        what = f"event {far.event_id} of {far.log} at {far.log_index}" if far.log else "a record"
        output.line(f"  ✘ {where}: {far.rule.replace('_', ' ')}, {what}")
    for note in compared.notes[:_NOTES]:
        size = "" if note.size is None else f" {note.size}"
        by = f" {'of' if note.what == 'commitment' else 'by'} {note.by}" if note.by else ""
        output.line(f"  ✘ {note.what} {note.about}{size}{by}: {note.kind}".replace("_", " "))
    output.line(
        f"{compared.cases} cases compared, {compared.differing} states differ;"
        f" of {compared.ahead} one country has read more"
    )
    for case_id in compared.states:
        output.line(f"  ✘ case {case_id}")
    if compared.read_models is None:
        output.say("one country has read further: its read models are not compared")
        return
    wrong = [name for name, equal in compared.read_models.items() if not equal]
    word = f"✘ other rows in {', '.join(wrong)}" if wrong else "the same hashes ✔"
    output.line(f"{len(compared.read_models)} read models, as far as they are shared: {word}")


def tell_steps(steps: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> None:
    """Tell the steps of a case, and what waits."""
    columns = ("step", "position", "event", "by", "state", "why", "had_seen", "had_not_seen")
    output.table(
        (*columns, "responsible", "status"),
        [[one[name] for name in (*columns, "responsible", "status")] for one in steps],
    )
    for one in steps:
        if "state_after" in one:
            output.line(f"state after it, {one['state_hash']}:")
            output.document(one["state_after"])
    for one in held:
        output.line(f"held: {one['topic']} event {one['version']} of {one['origin']}")
