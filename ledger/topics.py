"""The topics of an agreement: made once, and checked by whoever writes to them.

A topic with another number of partitions would put cases elsewhere; one that forgets would lose
what was decided. Neither is repaired silently: it is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from kafka import IsolationLevel, KafkaAdminClient, OffsetSpec, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError

from events.agreement import Agreement
from events.contract import (
    GRANT_SETTINGS,
    IN_SYNC,
    NOTE_PARTITIONS,
    TOPIC_SETTINGS,
    in_sync_replicas,
)
from events.errors import Misconfigured, ServiceUnavailable
from ledger.reaching import admin_client

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the cluster has it."""

    name: str
    topic_id: UUID
    partitions: int
    #: On how many brokers each record is.
    replicas: int = 1

    @property
    def places(self) -> list[TopicPartition]:
        """Its partitions, as the client names them."""
        return [TopicPartition(self.name, number) for number in range(self.partitions)]


def ensure_topics(
    bootstrap: str,
    agreement: Agreement,
    *,
    countries: Iterable[str],
    shared: bool = True,
    replication: int = 1,
    client: Mapping[str, Any] = _NOTHING,
) -> None:
    """Make the topics that are missing, and refuse one that breaks the contract.

    Those of `countries` for what is national, and the shared ones unless they stand elsewhere.
    `client` is what every Kafka client needs to be let in. Misconfigured, ServiceUnavailable.
    """
    countries = list(countries)
    names = [agreement.national_topic(country) for country in countries]
    wanted = dict.fromkeys(names, (agreement.partitions, TOPIC_SETTINGS))
    notes = [agreement.national_checkpoints_topic(country) for country in countries]
    if shared:
        wanted[agreement.shared_topic] = (agreement.partitions, TOPIC_SETTINGS)
        wanted[agreement.grants_topic] = (agreement.partitions, GRANT_SETTINGS)
        notes.append(agreement.checkpoints_topic)
    wanted |= dict.fromkeys(notes, (NOTE_PARTITIONS, TOPIC_SETTINGS))
    with admin(bootstrap, client) as cluster:
        for name, (partitions, settings) in wanted.items():
            made = {
                "num_partitions": partitions,
                "replication_factor": replication,
                "configs": {**settings, IN_SYNC: str(in_sync_replicas(replication))},
            }
            try:
                cluster.create_topics({name: made})
            except TopicAlreadyExistsError:
                continue
        cluster.wait_for_topics(list(wanted), timeout_ms=_TIMEOUT_MS)
        for name, (partitions, settings) in wanted.items():
            require_topic(cluster, name, partitions=partitions, settings=settings)


def require_topic(
    cluster: KafkaAdminClient,
    name: str,
    *,
    partitions: int,
    settings: Mapping[str, str] = TOPIC_SETTINGS,
) -> Found:
    """Return a topic that keeps the contract; Misconfigured says what is wrong with it.

    `settings` are those of its kind: TOPIC_SETTINGS of events, GRANT_SETTINGS of key capsules.
    """
    (topic,) = cluster.describe_topics([name])
    if topic["error_code"] != 0 or topic["topic_id"] is None:
        raise Misconfigured(f"there is no topic {name}, or this program may not see it")
    rows = topic["partitions"]
    replicas = min(len(row["replica_nodes"]) for row in rows)
    found = Found(name, UUID(str(topic["topic_id"])), len(rows), replicas)
    if found.partitions != partitions:
        raise Misconfigured(
            f"topic {name} has {found.partitions} partitions; the agreement says {partitions}"
        )
    _require_settings(found, settings, _settings_of(cluster, name))
    return found


def _settings_of(cluster: KafkaAdminClient, name: str) -> Mapping[str, str]:
    """Return what the cluster says of a topic; kafka-python says nothing where it is refused."""
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    described = cluster.describe_configs([resource], config_filter="all")["topic"][name]
    return {key: said["value"] for key, said in described.items()}


def _require_settings(topic: Found, wanted: Mapping[str, str], has: Mapping[str, str]) -> None:
    if missing := {*wanted, IN_SYNC} - has.keys():
        raise Misconfigured(
            f"this program may not see the settings of topic {topic.name} ({min(missing)}):"
            " grant it DESCRIBE_CONFIGS"
        )
    for key, value in wanted.items():
        if has[key] != value:
            raise Misconfigured(
                f"topic {topic.name} has {key}={has[key]}; the contract says {value}"
            )
    least = in_sync_replicas(topic.replicas)
    if int(has[IN_SYNC]) < least:
        raise Misconfigured(
            f"topic {topic.name} has {IN_SYNC}={has[IN_SYNC]}; with {topic.replicas} replicas the"
            f" contract says {least}"
        )


def ends(cluster: KafkaAdminClient, topic: Found) -> Mapping[int, int]:
    """Return the high watermark of each partition.

    Not the last stable offset: another relay's open transaction must not hide our own records.
    """
    asked = dict.fromkeys(topic.places, OffsetSpec.LATEST)
    found = cluster.list_partition_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
    return {place.partition: answer.offset for place, answer in found.items()}


@contextmanager
def admin(bootstrap: str, client: Mapping[str, Any] = _NOTHING) -> Iterator[KafkaAdminClient]:
    """Give an admin client; its errors are raised as ours.

    Misconfigured if another try would end alike, ServiceUnavailable if it may not.
    """
    cluster = admin_client(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS, **client)
    try:
        yield cluster
    except AuthorizationError as error:
        raise Misconfigured(f"Kafka refuses this program: {type(error).__name__}") from error
    except KafkaError as error:
        raise ServiceUnavailable(f"Kafka: {type(error).__name__}") from error
    finally:
        cluster.close()
