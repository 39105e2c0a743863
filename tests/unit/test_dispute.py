"""What waits while countries differ on an order: every step that is shared, but what protects."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import NeutralStatus
from events.registry import SCHEMAS
from ledger.case.case import Topic
from ledger.case.dispute import waits_for_order
from ledger.case.recording import Recorded
from tests.any_event import events_of

#: What goes on: it adds a prohibition, or shares less than before. Anything else waits.
GOES_ON = {
    "ChildMissing",
    "ConsentRefused",
    "ConsentWithdrawn",
    "ErasureAttested",
    "KeysDestroyed",
    "OverrideEnded",
    "ReferralRejected",
    "ReferralRevoked",
    "ReleaseStopped",
    "TransferRejected",
    "TransferRevoked",
    "UrgentMeasureTaken",
}
SHARED = [schema for schema in SCHEMAS if schema.visibility == "shared"]
EVERY = [schema for schema in SCHEMAS if schema.visibility != "envelope"]
NAMED = "{0.name}-v{0.version}".format
FEW = settings(max_examples=10)


def waits(event, topic):
    return waits_for_order(Recorded(topic, 1, event))


@pytest.mark.parametrize("schema", SHARED, ids=NAMED)
@FEW
@given(data=st.data())
def test_what_is_shared_waits_unless_it_protects(schema, data):
    """A new event type waits until somebody writes down here why it may not."""
    event = data.draw(events_of(schema))
    falls_back = getattr(event, "status", None) is NeutralStatus.NOT_READY
    goes_on = schema.name in GOES_ON or (schema.name == "StatusChanged" and falls_back)
    assert waits(event, Topic.SHARED) is not goes_on


@pytest.mark.parametrize("schema", EVERY, ids=NAMED)
@FEW
@given(data=st.data())
def test_national_work_never_waits(schema, data):
    """Urgent measures, emergencies, blocks and erasures are a country's own."""
    assert not waits(data.draw(events_of(schema)), Topic.NATIONAL)
