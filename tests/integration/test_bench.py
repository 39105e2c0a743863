"""Each benchmark runs and says its figure in the agreed form. What it measures is not judged here:
the loads are tiny, and the machine belongs to the other tests as well."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS, NAMED_ONLY

pytestmark = pytest.mark.soak  # some minutes for all of them

ROOT = Path(__file__).parents[2]
#: Some of them need all eight programs, so one run on one pair of servers serves every test.
SPEEDS = [name for name in BENCHMARKS if name not in NAMED_ONLY]


@pytest.fixture(scope="module")
def lines():
    """What `python -m bench --quick` prints, by name, kills included."""
    command = [sys.executable, "-m", "bench", "--quick", "--kills", "2", *BENCHMARKS]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-3000:]
    found = [json.loads(line) for line in said.stdout.splitlines()]
    return {line["name"]: line for line in found}


def test_every_name_prints_one_line(lines):
    """The names are a contract: dashboards and the README ask for them."""
    assert list(BENCHMARKS) == list(lines)


@pytest.mark.parametrize("name", SPEEDS)
def test_a_figure_names_both_sides_and_their_ratio(lines, name):
    """A number without its baseline says nothing on a machine that nobody knows."""
    line = lines[name]
    assert {"name", "ours", "baseline", "ratio", "unit"} == set(list(line)[:5])
    assert line["ours"] > 0
    assert line["baseline"] > 0
    assert line["ours"] / line["baseline"] == pytest.approx(line["ratio"], rel=0.01)


def test_visible_tells_the_median_and_the_slow_end(lines):
    """A child waits for the slowest decision, not for the average one."""
    assert lines["visible-40"]["p50"] <= lines["visible-40"]["ours"]


def test_stop_tells_when_sharing_ended_for_whoever_took_it_back_anywhere(lines):
    """A child may take a consent back in either country, and it has to bite in both."""
    line = lines["stop-40"]
    assert 8 == line["withdrawals"]
    for ended in (line, line["refused"], line["in_KZ"], line["in_KG"]):
        assert 0 < ended["p50"] <= ended["p99"]
    assert line["p99"] <= line["slowest"]


def test_append_sealed_tells_what_the_rows_alone_cost(lines):
    """Otherwise nobody could say whether the seals or the longer rows are slow."""
    raw = lines["append-sealed"]["raw"]
    assert raw["ours"] / raw["baseline"] == pytest.approx(raw["ratio"], rel=0.01)


def test_kills_compares_stores_topics_mirrors_and_read_models(lines):
    """Killed programs lose nothing, double nothing, reorder nothing, and both countries agree."""
    line = lines["kills"]
    assert 2 == line["kills"] == sum(line["killed"].values())
    assert line["events"] > 0
    assert (0, 0, 0, True, 0) == tuple(
        line[what] for what in ("lost", "duplicates", "reordered", "equal", "false_alarms")
    )


def test_audit_finds_nothing_in_an_honest_history(lines):
    """Whoever is alarmed for nothing stops looking."""
    assert (0, {}) == (lines["audit"]["false_alarms"], lines["audit"]["found"])
    assert lines["audit"]["checkpoints"] > 0


def test_an_unknown_name_is_refused(capsys):
    """A typing mistake must not look like a benchmark that passed."""
    from bench.__main__ import main

    with pytest.raises(SystemExit, match="2"):
        main(["apend"])
    assert "append" in capsys.readouterr().err
