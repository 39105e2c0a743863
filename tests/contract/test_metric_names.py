"""The metrics that dashboards and alerts of this field know by name exist under that name.

The names and labels are those of the reference that the metrics were taken from; what of it comes
later, and where a label of ours has another word, stands in docs/adr/0020.
"""

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from consumers import alarms, measures, notice_measures, release_measures, witness_measures
from ledger.keys import measures as key_measures
from ledger.relaying.metrics import RelayMetrics
from node.children import ChildrenWaiting
from node.metrics import BUILD, SCHEMA, Health

PLACE = {"country", "topic", "partition"}
REQUIRED = {
    "ledger_build_info": {"version", "commit", "schema_set"},
    "ledger_schema_info": {"fp", "name", "version"},
    "ledger_schema_unknown_fingerprint_total": {"country"},
    "ledger_oldest_unacknowledged_handoff_seconds": {"from_country", "to_country"},
    "ledger_consent_expiring_cases": {"country", "window"},
    "ledger_children_asked_success": {"country"},
    "ledger_event_end_to_end_seconds": {"country", "topic", "origin"},
    "ledger_log_start_offset": PLACE,
    "ledger_log_stable_offset": PLACE,
    "ledger_log_end_offset": PLACE,
    "ledger_projection_next_offset": PLACE,
    "ledger_projection_lag_events": PLACE,
    "ledger_projection_lag_seconds": PLACE,
    "ledger_projection_applied_total": {"country", "topic", "event_type"},
    "ledger_projection_duplicates_total": {"country", "topic"},
    "ledger_projection_gaps_total": {"country"},
    "ledger_projection_unknown_type_total": {"country"},
    "ledger_projection_equivocations_total": {"country", "topic", "origin"},
    "ledger_quarantine_cases": {"country", "kind"},
    "ledger_quarantine_events": {"country", "kind"},
    "ledger_quarantine_oldest_seconds": {"country", "kind"},
    "ledger_relay_published_total": {"origin", "topic", "event_type"},
    "ledger_relay_oldest_unpublished_seconds": {"origin", "topic"},
    "ledger_outbox_pending_events": {"origin", "topic"},
    "ledger_keystore_replicas": {"country"},
    "ledger_oldest_unreviewed_access_seconds": {"country"},
    "ledger_oldest_late_transfer_seconds": {"country"},
    "ledger_keystore_refusals_total": {"country", "rule"},
    "ledger_releases_total": {"country", "outcome"},
    "ledger_release_stop_seconds": {"country"},
    "ledger_routings_total": {"country", "ladder"},
    "ledger_checkpoint_age_seconds": {"country", "log", "by"},
    "ledger_witness_disagreements_total": {"country", "log", "rule"},
    "ledger_cosign_lag_seconds": {"country", "log", "witness"},
    "ledger_note_noise_total": {"country"},
    "ledger_order_lag_seconds": {"country", "other"},
    "ledger_notices_unacknowledged": {"country"},
}
#: Its labels are those of its one series.
INFO = {"ledger_build_info"}


def exported() -> dict[str, set[str]]:
    """Return the labels of every metric that a program exports."""
    relay = CollectorRegistry()
    found = {}
    modules = (measures, release_measures, alarms, witness_measures, key_measures, notice_measures)
    ours = [metric for module in modules for metric in vars(module).values()]
    for metric in (*ours, *vars(RelayMetrics("KZ", relay)).values(), SCHEMA):
        if hasattr(metric, "_labelnames"):
            (family,) = metric.describe()
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            found[family.name + suffix] = set(metric._labelnames)
    for family in (*measures.PLACES.describe(), *ChildrenWaiting("", "KZ").describe()):
        found[family.name] = set(family._labelnames)
    return found


@pytest.mark.parametrize("name", sorted(REQUIRED.keys() - INFO))
def test_a_metric_exists_under_the_name_and_with_the_labels_that_are_known(name):
    assert REQUIRED[name] == exported()[name]


def test_a_program_says_which_release_it_is():
    Health(dict, commit="4bdc80f")
    ((sample,),) = [family.samples for family in BUILD.collect()]
    assert REQUIRED["ledger_build_info"] == set(sample.labels)
    assert "4bdc80f" == sample.labels["commit"]


def test_a_program_says_which_schemas_it_reads():
    from events.registry import SCHEMAS

    Health(dict)
    for schema in SCHEMAS:
        labels = {"fp": schema.fingerprint.hex(), "name": schema.name}
        labels["version"] = str(schema.version)
        assert 1 == REGISTRY.get_sample_value("ledger_schema_info", labels)
