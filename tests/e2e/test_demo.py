"""The demo, as `make demo` runs it: what it says is computed from what really ran."""

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import environment, ledger

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.soak
def test_the_demo_shows_what_it_promises(tmp_path_factory):
    """One document; a folder of its own that is gone afterwards."""
    scratch = tmp_path_factory.mktemp("d")  # a socket's path is 107 bytes at most
    done = ledger("demo", "--json", env=environment(TMPDIR=str(scratch), COLUMNS="100"))
    assert done.code == 0, done.err
    said = done.json
    assert said["ok"]
    assert said["views_agree"]
    assert said["rebuild_equal"]
    assert said["servers"]["kafka"] == "4.3.1"
    assert said["servers"]["postgresql"].startswith("18")
    assert said["cases"] >= 12  # a race that was none is tried again with another case
    assert said["void"] == 2  # of the race, and of the consent withdrawn in time
    assert said["events"]["ResponsibilityMoved"] >= 1
    assert {"TransferRejected", "ReferralCompleted", "ConsentWithdrawn"} <= set(said["events"])
    assert list(scratch.iterdir()) == []
    _require_readme(done.err)


def _require_readme(told):
    """README shows what the demo tells, but for ids, times and who wins the race."""
    (block,) = re.findall(r"^\$ make demo\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    shown = [alike(line) for line in block.splitlines() if line.strip() not in {"", "…"}]
    before, race, after = re.split(r"^(?=4\. |5\. )", "\n".join(shown), flags=re.MULTILINE)
    assert race.startswith("4. Two decisions at the same moment")
    real = [alike(line) for line in told.splitlines()]
    assert [] == [line for line in (before + after).splitlines() if line and line not in real]


def alike(line):
    """A line without what differs from run to run."""
    line = re.sub(r"\b[0-9a-f]{8,16}\b", "<id>", line)
    line = re.sub(r"\d+\.\d s\b", "<seconds>", line)
    if "<id>" in line and "transfer" in line:
        line = re.sub(r"K[ZG] answers, transfer \w+", "<answer>", line)
    return " ".join(line.split())


def test_scenarios_show_what_the_ledger_can_do_and_what_it_cannot_yet(tmp_path_factory):
    """Each capability is computed from read models, so one that nobody has built is false."""
    scratch = tmp_path_factory.mktemp("d")
    env = environment(TMPDIR=str(scratch), COLUMNS="100")
    done = ledger("demo", "--scenario", "all", "--cases", "7", "--json", env=env)
    assert done.code == 0, done.err
    assert done.json["ok"]
    shown = done.json["capabilities"]
    assert [f"M{at}" for at in range(1, 15)] == list(shown)
    assert {"M1", "M2", "M3", "M4", "M14"} == {name for name, holds in shown.items() if holds}
    assert "To the right specialist" in done.err
    unknown = ledger("demo", "--scenario", "wonders", "--json", env=env)
    assert unknown.code == 2
