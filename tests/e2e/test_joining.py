"""Between two countries at the command line: documents, urgent measures, two cases of one child."""

import json

import pytest

from tests.e2e.test_data_journeys import until


@pytest.fixture
def typed(tmp_path):
    def write(said):
        path = tmp_path / "data.json"
        path.write_text(json.dumps(said))
        return ("--data", path)

    return write


def proposed(nodes, scopes="preview,documents"):
    """A transfer that KZ has proposed and KG knows of."""
    case = nodes.does("case", "open", "--wait")["case_id"]
    given = ("--given-by", "child", "--age-band", "from_15_to_17", "--expires", "+90d")
    to = ("--recipient", "KG", "--scopes", scopes)
    nodes.does("consent", "grant", case, *to, "--purpose", "transfer", *given)
    nodes.does("case", "ready", case)
    sent = nodes.does("transfer", "propose", case, *to, "--due", "+9d", "--wait")
    nodes.hears(case, sent["events"][-1]["event_id"])
    return case


def heard(nodes, case, said, country="KG"):
    until(
        lambda: (
            said["events"][-1]["event_id"]
            in {
                one["event_id"]
                for one in nodes.does("case", "history", case, country=country)["events"]
            }
        ),
        "an event abroad",
    )


def test_the_receiver_checks_the_documents_that_come_with_a_child(nodes, tmp_path):
    case = proposed(nodes)
    plan, other = tmp_path / "plan.pdf", tmp_path / "other.pdf"
    plan.write_bytes(b"what is done for her")
    other.write_bytes(b"something else")
    nodes.does("transfer", "documents", "add", case, f"case_plan={plan}")
    nodes.does("transfer", "preview", case, "--wait", country="KG")
    nodes.does("transfer", "accept", case, country="KG")
    listed = until(
        lambda: nodes("transfer", "documents", "list", case, "--json", country="KG").out,
        "the list of documents",
    )
    assert ["case_plan"] == json.loads(listed)["documents"]
    found = nodes.does("transfer", "documents", "check", case, plan, country="KG")
    assert "case_plan" == found["document"]
    refused = nodes("transfer", "documents", "check", case, other, "--json", country="KG")
    assert "document_unknown" == refused.error["rule"]


def test_a_child_is_protected_where_she_is_and_stays_whose_case_she_is(nodes, typed):
    case = proposed(nodes)
    said = nodes.does(
        "measure", "take", case, *typed({"protection": {"measure": "shelter"}}), "--wait",
        country="KG",
    )  # fmt: skip
    heard(nodes, case, said, "KZ")
    tasks = nodes.does("task", "list", "--kind", "urgent_measure")["tasks"]
    assert case in {one["case_id"] for one in tasks}
    assert "KZ" == nodes.does("case", "show", case)["responsible"]
    nodes.does("measure", "review", case, *typed({"narrative": {"why": "we transfer her"}}))


def test_two_cases_of_a_country_are_joined_and_parted(nodes, typed):
    yields, goes_on = (nodes.does("case", "open", "--wait")["case_id"] for _ in range(2))
    nodes.does("duplicate", "suspect", yields, "--other", goes_on)
    for person in ("sup-1", "sup-2"):
        nodes.does("duplicate", "confirm", yields, "--by", f"supervisor:{person}@cps")
    refused = nodes("case", "join", yields, "--into", goes_on, "--json")
    assert "not_reserved" == refused.error["rule"]
    nodes.does("duplicate", "reserve", goes_on, "--for", yields)
    nodes.does("case", "join", yields, "--into", goes_on)
    file = until(
        lambda: nodes.does("case", "show", yields).get("into_case_id"), "the case that goes on"
    )
    assert goes_on == file
    (one,) = nodes.does("duplicate", "list", yields)["duplicates"]
    assert ("joined", goes_on, 64) == (one["state"], one["other_case_id"], len(one["opening"]))
    nodes.does("duplicate", "part", yields, *typed({"narrative": {"why": "another girl"}}))
    until(lambda: nodes.does("case", "show", yields)["state"] == "open", "an open case")
