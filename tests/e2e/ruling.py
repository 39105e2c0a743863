"""A country whose rules are in force, and children whom they direct: typed, as a person does."""

from __future__ import annotations

import json
import time
from typing import Any

from node import place
from node.demo.ruled_plots import let_read
from tests.e2e.conftest import PATIENCE, Nodes

GUIDELINES = ("unaccompanied", "casework", "trafficking", "survivors")
GIRL = {
    "identity": {"birth_date": "2012-03-04", "languages": ["ky", "ru"]},
    "location": {"area": "KZ/almaty/almaly"},
    "protection": {"sex_of_worker": "f"},
}


def put_in_force(nodes: Nodes, country: str) -> None:
    """Put the example rules of a country in force, and let its providers read the guidelines.

    One provider is typed, the others do the same a hundred times.
    """
    for kind in ((), ("--directory",)):
        file = nodes.folder / f"{country}{''.join(kind)}.toml"
        file.write_text(nodes("rules", "example", country, *kind).out)
        nodes.does("rules", "activate", file, country=country)
    typed = min(providers(nodes, country))
    for guideline in GUIDELINES:
        nodes.does("provider", "acknowledge", typed, guideline, 1, country=country)
    let_read(place.find(nodes.home, country), but={typed})


def providers(nodes: Nodes, country: str) -> set[str]:
    """Every provider but the tracing agencies, which have not read anything yet."""
    listed = nodes.does("rules", "services", country=country)["services"]
    return {one["organisation"] for one in listed if "tracing_agency" not in one["specialists"]}


def written(nodes: Nodes, said: dict[str, Any]) -> str:
    path = nodes.folder / "data.json"
    path.write_text(json.dumps(said))
    return str(path)


def begun(nodes: Nodes, concern: str = "unaccompanied", **more: Any) -> str:
    girl = {scope: {**GIRL[scope], **more.get(scope, {})} for scope in GIRL}
    case = nodes.does("case", "open", "--data", written(nodes, girl))["case_id"]
    said = {"protection": {"concern": concern}}
    nodes.does("care", "concern", case, "--data", written(nodes, said))
    nodes.does("care", "assess-risk", case, "--risk", "high")
    return case


def asked(nodes: Nodes, case: str, country: str = "KZ", state: str = "asked") -> dict[str, Any]:
    listed = nodes.does("routing", "list", case, country=country)["routings"]
    return {one["service"] or "duty desk": one for one in listed if one["state"] == state}


def until(nodes: Nodes, case: str, wanted: set[str], country: str = "KZ") -> dict[str, Any]:
    """Wait until just these services are asked."""
    end = time.monotonic() + PATIENCE
    while (found := asked(nodes, case, country)).keys() != wanted:
        assert time.monotonic() < end, f"{sorted(found)} and not {sorted(wanted)}"
        time.sleep(0.2)
    return found
