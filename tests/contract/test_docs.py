"""docs/reference.md says what the code does: every table is compared with it, row by row.

`python tests/contract/test_docs.py` prints the tables as the code has them.
"""

import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference.md"


def exit_codes() -> list[str]:
    import node.embedded.errors  # noqa: F401 - its errors are errors of ours
    from events.errors import LedgerError

    def below(kind):
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    found = sorted(set(below(LedgerError)), key=lambda one: (one.exit_code, one.__name__))
    return [
        f"| {one.exit_code} | `{one.__name__}` | `{one.rule}` | {first_line(one)} |"
        for one in found
        if one.__module__.startswith(("events", "ledger", "projections", "consumers", "node"))
    ]


def verbs() -> list[str]:
    from node.cli.app import NOUNS, command

    rows = []
    for noun in NOUNS:
        found = command().get_command(None, noun)
        for name, verb in getattr(found, "commands", {"": found}).items():
            said = (verb.help or "").partition("\n\n")[0].replace("\n", " ")
            rows.append(f"| `ledger {f'{noun} {name}'.strip()}` | {said} |")
    return rows


def decisions() -> list[str]:
    from node.arguments import DECISIONS, arguments_of, required_of
    from node.choosing import can_choose

    rows = []
    for name, take in sorted(DECISIONS.items()):
        needed = [one for one in required_of(take) if not can_choose(one)]
        words = [f"**{one}**" if one in needed else one for one in arguments_of(take)]
        rows.append(f"| `{name}` | {', '.join(words)} |")
    return rows


def settings() -> list[str]:
    from node.settings import UpSettings, VerbSettings, names_of
    from node.told import TOLD

    programs = {name: one.settings for name, one in TOLD.items()}
    programs |= {"up, demo": UpSettings, "verbs": VerbSettings}
    meant: dict[str, dict[str, list[str]]] = {}
    for program, kind in programs.items():
        for name, meaning in names_of(kind).items():
            meant.setdefault(name, {}).setdefault(meaning, []).append(program)
    return [
        f"| `{name}` | {', '.join(by)} | {meaning} |"
        for name, meanings in sorted(meant.items())
        for meaning, by in meanings.items()
    ]


def metrics() -> list[str]:
    from prometheus_client import CollectorRegistry

    from consumers import alarms, measures, notice_measures, release_measures, witness_measures
    from ledger.keys import measures as key_measures
    from ledger.relaying.metrics import RelayMetrics
    from node.children import ChildrenWaiting
    from node.metrics import BUILD, SCHEMA

    relay = CollectorRegistry()
    RelayMetrics("KZ", relay)
    found = {"relay": list(relay.collect()), "both": [*BUILD.collect(), *SCHEMA.collect()]}
    worker = [one for one in vars(measures).values() if hasattr(one, "_labelnames")]
    found["worker"] = [family for one in worker for family in one.collect()]
    of = {"reactor": release_measures, "keystore": key_measures}
    of |= {"sealer, witness": alarms, "witness": witness_measures, "notices": notice_measures}
    for program, module in of.items():
        own = [one for one in vars(module).values() if hasattr(one, "_labelnames")]
        found[program] = [family for one in own for family in one.collect()]
    found["worker"] += [*ChildrenWaiting("", "KZ").describe(), *measures.PLACES.describe()]
    return sorted(
        f"| `{full_name(family)}` | {family.type} | {program} | {family.documentation} |"
        for program, families in found.items()
        for family in families
    )


def full_name(family) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    return family.name + suffix


def first_line(kind) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def questions() -> list[str]:
    from node.cli.ask import listed

    return [
        f"| {one['number'] or ''} | {name} | {one['words']} | {one['comes_with'] or ''} |"
        for one in listed()
        for name in [f"`{one['name']}`" if one["name"] else ""]
    ]


TABLES = {
    "Exit codes": exit_codes,
    "Verbs": verbs,
    "Words of decisions": decisions,
    "Settings": settings,
    "Metrics": metrics,
    "Questions of an auditor": questions,
}


def section(title: str) -> str:
    text = REFERENCE.read_text()
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference.md has no section {title}"
    return found[1]


@pytest.mark.parametrize("title", TABLES)
def test_the_reference_says_what_the_code_does(title):
    rows = [line for line in section(title).splitlines() if line.startswith("| ")]
    heading, *body = rows
    assert heading.startswith("| ")
    assert [row for row in body if not row.startswith("| ---")] == TABLES[title]()


def test_every_verb_of_the_documents_exists():
    """A command that a person copies from a page is one that the program knows."""
    known = {row.split("`")[1] for row in verbs()}
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for line in page.read_text().splitlines():
            for words in re.findall(r"(?:^\s*\$ |`|\()(ledger(?: [a-z][a-z-]*){1,2})", line):
                noun_only = " ".join(words.split()[:2])
                assert known & {words, noun_only} or any(
                    one.startswith(f"{noun_only} ") for one in known
                ), f"{page.name}: {words}"


def written(text: str) -> str:
    """Return the reference with the tables that the code makes."""
    for title, table in TABLES.items():
        old = [line for line in section(title).splitlines() if line.startswith("|")]
        text = text.replace("\n".join(old), "\n".join([*old[:2], *table()]))
    return text


if __name__ == "__main__":
    REFERENCE.write_text(written(REFERENCE.read_text()))
