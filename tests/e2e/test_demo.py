"""The demo, as `make demo` runs it: what it says is computed from what really ran."""

from tests.e2e.conftest import environment, ledger


def test_the_demo_shows_what_it_promises(tmp_path):
    """One document; a folder of its own that is gone afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = ledger("demo", "--json", "--cases", "7", env=environment(TMPDIR=str(scratch)))
    assert done.code == 0, done.err
    said = done.json
    assert said["ok"]
    assert said["views_agree"]
    assert said["rebuild_equal"]
    assert said["servers"]["kafka"] == "4.3.1"
    assert said["servers"]["postgresql"].startswith("18")
    assert said["cases"] >= 7  # a race that was none is tried again with another case
    assert said["void"] == 2  # of the race, and of the consent withdrawn in time
    assert said["events"]["ResponsibilityMoved"] >= 1
    assert {"TransferRejected", "ReferralCompleted", "ConsentWithdrawn"} <= set(said["events"])
    assert list(scratch.iterdir()) == []
