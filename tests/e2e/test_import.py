"""Files become decisions: once, completely or not at all, whatever is killed."""

import csv
import json
import subprocess
import time
from pathlib import Path
from uuid import UUID

import pytest

from events.contract import shared_topic
from tests.e2e.conftest import LEDGER, PATIENCE, environment
from tests.topic import records

ROOT = Path(__file__).parents[2]
CTDC_COLUMNS = (
    "yearRegister,gender,majorityStatus,isForcedLabour,isSexualExploit,UN_COO_Region,UN_COE_Region,"
    "IP_Exploiter,IP_Gender,IP_ageBroad,IP_citizen_UNRegion,IP_Relation,IP_PayMoney,"
    "IP_RecruiterBroker,IP_TransactionProcess,IP_ControlAbuseKidnap"
)


def shared_keys(nodes):
    """The key of every record that any country has put on the shared topic."""
    nodes.opened()  # a relay keeps its country's order: what was recorded before this stands there
    topic = shared_topic("e2e")
    return [one.key for one in records(nodes.up.document["kafka"]["bootstrap"], topic)]


def test_our_sample_needs_no_mapping_and_is_imported_once(nodes, tmp_path):
    """Its rows lead to consents, referrals and a transfer that the other country hears of."""
    sample = tmp_path / "intake.csv"
    sample.write_bytes((ROOT / "examples" / "intake.csv").read_bytes())
    first = nodes.does("import", sample)
    assert (first["rows"], first["imported"], first["rejected"]) == (12, 12, 0)
    assert first["cases"] == 12
    assert {"ConsentGranted", "ReferralSent", "TransferProposed"} <= set(first["events"])
    again = nodes.does("import", sample)
    assert (again["imported"], again["repeated"], again["cases"]) == (0, 12, 0)
    assert again["events"] == {}


def test_children_in_a_file_that_is_itself_a_diagnosis_stay_national(nodes, tmp_path):
    """The other country's view of the topic does not grow, and nothing personal is recorded."""
    file = tmp_path / "ctdc.csv"
    rows = [
        "2019,Female,Minor,1,,Asia,Europe,1,Male,30--38,Asia,StrangerUnknownOther,No;Yes,1,1,1",
        ",Male,Adult,1,,Asia,Asia,,,,,,,,,",
        ",,Minor,,1,Africa,Africa,,Female;Male,,,,No,,,",
        "2020,Male,Minor,,,Asia,Asia,,,,,,,,,",
    ]
    file.write_text("\n".join([CTDC_COLUMNS, *rows]) + "\n")
    child = nodes.referred()  # one that is shared, so that a shared one would be seen
    before = shared_keys(nodes)
    assert UUID(child).bytes in before
    mapping = ("--mapping", ROOT / "examples" / "ctdc.toml")
    done = nodes.does("import", file, *mapping)
    assert (done["rows"], done["passed_over"], done["imported"]) == (4, 1, 3)
    assert done["events"] == {"CaseOpened": 3, "ConcernRecorded": 2}
    assert {"gender", "isSexualExploit"} <= set(done["withheld"])
    assert done["rejects"] is None
    assert nodes.does("import", file, *mapping)["repeated"] == 3
    assert shared_keys(nodes) == before


def test_a_bad_row_is_refused_whole_and_the_others_are_not(nodes, tmp_path):
    """Line, rule and reason are told; never the row, which is about a child."""
    file = tmp_path / "rows.csv"
    columns = "open_case.opened_on,assess_risk,grant_consent.recipient,grant_consent.purpose"
    columns += ",grant_consent.scopes,grant_consent.expires_on"
    rows = [
        "2026-09-01,yes,KG,service,health,+30d",
        "2026-09-01,yes,Aigerim,service,health,+30d",  # decided third: the two before it fall too
        "first of May,yes,,,,",
        "2026-09-01,perhaps,,,,",
        "2026-09-01,yes",
        "2026-09-02,,KG,service,health,+30d",
    ]
    file.write_text("\n".join([columns, *rows]) + "\n")
    before = nodes.does("projections", "status")
    done = nodes.does("import", file, "--rejects", tmp_path / "rejects.jsonl")
    assert (done["rows"], done["imported"], done["rejected"], done["cases"]) == (6, 2, 4, 2)
    rejects = [json.loads(line) for line in Path(done["rejects"]).read_text().splitlines()]
    assert [(one["line"], one["rule"]) for one in rejects] == [
        (4, "input"),
        (5, "input"),
        (6, "row"),
        (3, "country_known"),
    ]
    assert "May" not in str(rejects)
    nodes.opened()
    after = nodes.does("projections", "status")
    grown = [one["read_models"]["case_file"]["rows"] for one in (before, after)]
    assert grown[1] - grown[0] == 3  # two of the file, and the one just opened


def test_json_lines_are_rows_too(nodes, tmp_path):
    file = tmp_path / "rows.jsonl"
    row = {
        "open_case": {"opened_on": "2026-09-01"},
        "grant_consent": {
            "recipient": "KG",
            "purpose": "service",
            "scopes": ["identity", "health"],
            "expires_on": "+30d",
        },
        "send_referral": {"recipient": "KG", "scopes": ["health"], "due_on": "+9d"},
    }
    file.write_text(json.dumps(row) + "\n")
    done = nodes.does("import", file)
    assert done["events"]["ReferralSent"] == 1


def test_rows_may_be_about_cases_that_exist(nodes, tmp_path):
    """Under the name of whoever brings the file."""
    case, file = nodes.opened(), tmp_path / "follow_up.csv"
    file.write_text(f"case,record_views,assess_risk\n{case},yes,no\n5e0f,yes,\n")
    done = nodes.does("import", file, "--by", "caseworker:cw-104@shelter")
    assert (done["imported"], done["rejected"], done["cases"]) == (1, 1, 0)
    assert done["events"] == {"ViewsRecorded": 1}
    nodes.does("case", "not-ready", case, "--wait")
    (views,) = [
        one
        for one in nodes.does("case", "history", case)["events"]
        if one["event"] == "ViewsRecorded"
    ]
    assert (views["actor_id"], views["actor_organisation"]) == ("cw-104", "shelter")


@pytest.mark.soak
def test_a_killed_import_goes_on_where_it_was(nodes, tmp_path):
    """After kill -9 the same command brings in the rest, and nothing twice."""
    file, count = tmp_path / "many.csv", 2000
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["open_case.opened_on", "assess_risk"])
        rows.writerows([("2026-09-01", "yes")] * count)
    env = environment(LEDGER_DIR=str(nodes.home), LEDGER_COUNTRY="KZ")
    known = nodes.does("projections", "status")["read_models"]["case_file"]["rows"]
    killed = subprocess.Popen([LEDGER, "import", file, "--json"], env=env, stdout=subprocess.PIPE)
    end = time.monotonic() + PATIENCE
    while nodes.does("projections", "status")["read_models"]["case_file"]["rows"] == known:
        assert time.monotonic() < end, "the import never began"
    killed.kill()
    killed.communicate()

    done = nodes.does("import", file)
    assert (done["rows"], done["rejected"]) == (count, 0)
    assert done["imported"] + done["repeated"] == count
    assert done["repeated"] > 0
    again = nodes.does("import", file)
    assert (again["imported"], again["repeated"]) == (0, count)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,open_case.opened_on\nAigerim,2026-09-01\n", "'name' is no word of a decision"),
        ("\n", "nothing is to be decided"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_as_a_whole(nodes, tmp_path, text, why):
    file = tmp_path / "rows.csv"
    file.write_text(text)
    done = nodes("import", file, "--json")
    assert done.code == 2
    assert why in done.error["message"]
    assert "Aigerim" not in done.err
