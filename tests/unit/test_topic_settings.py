"""What a topic has to be before anything is written to it, and what is said of one that is not."""

from contextlib import contextmanager
from uuid import uuid4

import pytest

from events.agreement import Agreement, Country
from events.contract import GRANT_SETTINGS, TOPIC_SETTINGS
from events.errors import Misconfigured
from ledger import topics

PARTITIONS = 2
COUNTRIES = {code: Country(code=code, zone="Asia/Almaty", log_keys=()) for code in ("KZ", "KG")}


class Cluster:
    """A cluster whose topics have so many replicas and these settings."""

    def __init__(
        self, settings: dict[str, str], *, replicas: int = 3, grants: dict[str, str] | None = None
    ) -> None:
        self.settings = settings
        self.grants = grants or settings
        self.replicas = replicas
        self.wanted: dict[str, dict] = {}

    def create_topics(self, wanted: dict[str, dict]) -> None:
        self.wanted.update(wanted)

    def wait_for_topics(self, names, timeout_ms: int) -> None:
        """They are there at once."""

    def describe_topics(self, names):
        row = {"replica_nodes": list(range(self.replicas))}
        return [
            {
                "error_code": 0,
                "topic_id": uuid4(),
                "partitions": [row] * (1 if name.endswith(".checkpoints") else PARTITIONS),
            }
            for name in names
        ]

    def describe_configs(self, resources, config_filter: str):
        def said(name: str) -> dict[str, dict[str, str]]:
            has = self.grants if name.endswith(".grants") else self.settings
            return {key: {"value": value} for key, value in has.items()}

        return {"topic": {one.name: said(one.name) for one in resources}}


def settings(**changes: str) -> dict[str, str]:
    named = {key.replace("_", "."): value for key, value in changes.items()}
    return {**TOPIC_SETTINGS, "min.insync.replicas": "2", **named}


def test_a_topic_by_the_contract_is_taken():
    found = topics.require_topic(Cluster(settings()), "t.ledger", partitions=PARTITIONS)
    assert ("t.ledger", PARTITIONS, 3) == (found.name, found.partitions, found.replicas)


def test_settings_that_may_not_be_seen_are_a_right_that_is_missing():
    """kafka-python answers with nothing at all; to start again and again would not help."""
    with pytest.raises(Misconfigured, match=r"settings of topic t\.ledger .* DESCRIBE_CONFIGS"):
        topics.require_topic(Cluster({}), "t.ledger", partitions=PARTITIONS)


@pytest.mark.parametrize("key", TOPIC_SETTINGS)
def test_every_setting_of_the_contract_is_looked_at(key):
    with pytest.raises(Misconfigured, match=f"{key}=other; the contract says"):
        topics.require_topic(
            Cluster({**settings(), key: "other"}), "t.ledger", partitions=PARTITIONS
        )


def test_a_topic_of_grants_is_another_kind_of_topic():
    """A ledger that is compacted loses history; capsules that are not outlive their erasure."""
    ledger, grants = Cluster(settings()), Cluster({**settings(), **GRANT_SETTINGS})
    given = {"partitions": PARTITIONS, "settings": GRANT_SETTINGS}
    assert "t.grants" == topics.require_topic(grants, "t.grants", **given).name
    with pytest.raises(Misconfigured, match=r"settings of topic t\.grants"):
        topics.require_topic(ledger, "t.grants", **given)
    with pytest.raises(Misconfigured, match=r"cleanup\.policy=compact; .* says delete"):
        topics.require_topic(grants, "t.ledger", partitions=PARTITIONS)


@pytest.mark.parametrize(("replicas", "in_sync", "good"), [
    (1, "1", True), (2, "1", True), (3, "1", False), (3, "2", True), (5, "3", True),
])  # fmt: skip
def test_with_three_replicas_two_have_a_record_before_it_counts(replicas, in_sync, good):
    """With one, an acknowledged decision is lost with the broker that alone had it."""
    cluster = Cluster(settings(min_insync_replicas=in_sync), replicas=replicas)
    if good:
        topics.require_topic(cluster, "t.ledger", partitions=PARTITIONS)
        return
    with pytest.raises(Misconfigured, match=r"min\.insync\.replicas=1; with 3 replicas .* 2"):
        topics.require_topic(cluster, "t.ledger", partitions=PARTITIONS)


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (3, "2")])
def test_topics_are_made_as_they_are_asked_for(monkeypatch, replication, in_sync):
    """What is made must not be refused a moment later, nor be weaker than it could be."""
    grants = {**GRANT_SETTINGS, "min.insync.replicas": in_sync}
    cluster = Cluster(settings(min_insync_replicas=in_sync), replicas=replication, grants=grants)

    @contextmanager
    def admin(*_):
        yield cluster

    monkeypatch.setattr(topics, "admin", admin)
    agreement = Agreement(name="t", prefix="t", partitions=PARTITIONS, countries=COUNTRIES)
    topics.ensure_topics("", agreement, countries=["KZ"], replication=replication)
    notes = {"t.checkpoints", "t.national.KZ.checkpoints"}
    assert {"t.ledger", "t.grants", "t.national.KZ", *notes} == cluster.wanted.keys()
    for name, wanted in cluster.wanted.items():
        assert wanted["num_partitions"] == (1 if name in notes else PARTITIONS)
        assert wanted["configs"] == (grants if name == "t.grants" else cluster.settings)
        assert replication == wanted["replication_factor"]
