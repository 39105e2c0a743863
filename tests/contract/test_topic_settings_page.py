"""docs/wire-format.md lists the settings of a topic: whoever runs a cluster copies them."""

import re
from pathlib import Path

from events.contract import GRANT_SETTINGS, IN_SYNC, TOPIC_SETTINGS, in_sync_replicas

PAGE = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text()


def test_the_page_lists_every_setting_that_a_writer_asks_for():
    blocks = re.findall(r"```\n(cleanup\.policy=.*?)```", PAGE, re.DOTALL)
    listed = [dict(line.split("=") for line in block.splitlines()) for block in blocks]
    assert [TOPIC_SETTINGS, GRANT_SETTINGS] == listed
    assert f"`{IN_SYNC}` MUST be at least {in_sync_replicas(3)}" in PAGE


def test_what_was_erased_does_not_stay_in_the_topic_of_grants():
    """Compaction that starts late, or tombstones that stay, would keep a key for who asks."""
    assert "compact" == GRANT_SETTINGS["cleanup.policy"]
    day_ms = 24 * 60 * 60 * 1000
    waits = ("max.compaction.lag.ms", "segment.ms", "delete.retention.ms")
    assert sum(int(GRANT_SETTINGS[key]) for key in waits) < day_ms


def test_a_ledger_neither_forgets_nor_believes_a_clock_that_is_ahead():
    """Retention, compaction and unclean elections lose history."""
    assert ("delete", "-1", "-1", "false") == tuple(
        TOPIC_SETTINGS[key]
        for key in (
            "cleanup.policy",
            "retention.ms",
            "retention.bytes",
            "unclean.leader.election.enable",
        )
    )
    assert 300_000 == int(TOPIC_SETTINGS["message.timestamp.after.max.ms"])
