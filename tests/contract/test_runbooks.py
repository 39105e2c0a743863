"""Alerts ask for metrics that exist, and lead to pages whose commands do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from consumers import alarms, measures, notice_measures, release_measures, witness_measures
from consumers.sealed_log import REPEAT_S
from ledger.case.access import REVIEW
from ledger.keys import measures as keys
from ledger.log.faults import RULES as FAULTS
from ledger.relaying.metrics import RelayMetrics
from node.children import ChildrenWaiting
from node.cli.app import command

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(page for page in RUNBOOKS.glob("*.md") if page.name != "README.md")
RULES = [yaml.safe_load(file.read_text()) for file in (ROOT / "ops").rglob("*.rules.yml")]
ALERTS = {
    rule["alert"]: rule for file in RULES for group in file["groups"] for rule in group["rules"]
}
PROMETHEUS = yaml.safe_load((ROOT / "ops" / "prometheus" / "prometheus.yml").read_text())
SECTIONS = [
    "Symptom",
    "What it means for a child",
    "First five minutes",
    "Decide",
    "Repair",
    "Prove",
    "Afterwards",
]
COMMANDS = sorted(
    {
        (page.name, line.strip().removeprefix("$ "))
        for page in PAGES
        for line in page.read_text().splitlines()
        if line.strip().startswith("$ ledger ")
    }
)


def exported() -> dict[str, set[str]]:
    """Return the labels of every metric that a program exports, by its full name."""
    relay = RelayMetrics("KZ", CollectorRegistry())
    found: dict[str, set[str]] = {}
    modules = (measures, release_measures, alarms, witness_measures, keys, relay, notice_measures)
    for metric in (one for module in modules for one in vars(module).values()):
        if hasattr(metric, "_labelnames"):
            (family,) = metric.describe()
            suffix = "_total" if family.type == "counter" else ""
            found[family.name + suffix] = set(metric._labelnames)
    for family in (*measures.PLACES.describe(), *ChildrenWaiting("", "KZ").describe()):
        found[family.name] = set(family._labelnames)
    return found


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_asks_for_what_programs_export(alert):
    expression = ALERTS[alert]["expr"]
    named = set(re.findall(r"\bledger_\w+", expression))
    jobs = set(re.findall(r'up\{job="(\w+)"\}', expression))
    assert named or jobs
    assert named <= set(exported())
    assert jobs <= {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    by = {
        label.strip()
        for one in re.findall(r"by \(([^)]*)\)", expression)
        for label in one.split(",")
    }
    for name in named:
        assert by <= exported()[name]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_page(alert):
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page in PAGES
    assert f"`{alert}`" in page.read_text().partition("## What it means")[0]


def test_prometheus_reads_the_alerts():
    files = {file.name for file in (ROOT / "ops" / "prometheus").glob("*.rules.yml")}
    assert files == set(PROMETHEUS["rule_files"])
    assert set(ALERTS) >= {
        "SharingGoesOnWithoutPermission",
        "SlotReplicaLost",
        "ErasureUnfinished",
        "KeystoreFindsTampering",
        "CapsuleBroken",
        "EmergencyAccessUsed",
        "EmergencyAccessNotReviewed",
        "LogDisagreement",
        "CheckpointStale",
        "CosignatureLate",
        "WitnessDown",
        "SealerDown",
        "NobodyAcknowledges",
    }


def test_whatever_only_somebody_who_tampers_causes_is_an_alarm():
    """The rules of refusals that a keystore gives for nothing but what was changed or put back."""
    expression = ALERTS["KeystoreFindsTampering"]["expr"]
    for rule in ("seal", "slot_replicas", "share_gone", "mirror_signature"):
        assert expression.count(rule) == 3
    assert 'outcome="broken"' in ALERTS["CapsuleBroken"]["expr"]
    assert ALERTS["EmergencyAccessNotReviewed"]["expr"].endswith(f"> {REVIEW.total_seconds():.0f}")


def test_every_fault_of_a_log_has_its_line_in_the_page():
    """Whoever is called sees a rule, and finds there what it means and where to go."""
    page = (RUNBOOKS / "log-disagreement.md").read_text()
    assert [rule for rule in FAULTS if f"| `{rule}` |" not in page] == []


def test_a_checkpoint_is_stale_after_it_was_not_repeated_some_times():
    expression = ALERTS["CheckpointStale"]["expr"]
    assert float(expression.rpartition("> ")[2]) >= 3 * REPEAT_S


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_goes_from_the_symptom_to_the_proof(page):
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == SECTIONS
    assert f"({page.name})" in (RUNBOOKS / "README.md").read_text()


@pytest.mark.parametrize("page", [*PAGES, RUNBOOKS / "README.md"], ids=lambda page: page.name)
def test_a_page_leads_to_pages_that_are_there(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).is_file(), target


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_of_a_page_can_be_typed(page, line):
    """Parsed by the program itself, with every option; nothing is run."""
    noun, verb, *arguments = shlex.split(line.partition(" > ")[0])[1:]
    found: Any = command().get_command(None, noun)
    if hasattr(found, "commands"):
        found = found.commands[verb]
    else:
        arguments = [verb, *arguments]
    with found.make_context(line, arguments, resilient_parsing=False) as context:
        assert context.params


def test_the_doctor_names_pages_that_are_there():
    text = (ROOT / "node" / "doctor.py").read_text()
    named = set(re.findall(r"docs/runbooks/[\w-]+\.md", text))
    assert named
    assert all((ROOT / page).is_file() for page in named)
