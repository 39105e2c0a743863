"""The closed list of what a shared event says in clear (design: The bytes), field by field.

The shared topic is read by every country of the agreement, by whoever runs the broker, and by
whoever steals a backup, for ever. So nothing is in clear that is not on this list.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from events.registry import NEWEST, SCHEMAS

QUESTION = (
    "Before it stands in clear on the shared topic, answer in the pull request: what do the"
    " child's country of origin, a third country, the broker's host and a violent father learn"
    " from it, from its absence, from its size and from its time? If any answer is not 'nothing"
    " new', seal it. Otherwise add it to this list with its reason."
)
UUID = {"type": "string", "logicalType": "uuid"}
DAY = {"type": "int", "logicalType": "date"}
MOMENT = {"type": "long", "logicalType": "timestamp-micros"}
COUNTRY = "string"
LEAF = {"type": "fixed", "name": "LeafHash", "size": 32}
SALTED = {"type": "fixed", "name": "Commitment", "size": 32}
SCOPE = {"type": "enum", "name": "DataScope", "default": "UNKNOWN", "symbols": [
    "UNKNOWN", "identity", "contact", "location", "health", "protection", "family", "documents",
    "legal_status", "narrative", "photo", "preview"]}  # fmt: skip
STATUS = {"type": "enum", "name": "NeutralStatus", "default": "UNKNOWN",
          "symbols": ["UNKNOWN", "not_ready", "ready"]}  # fmt: skip
OUTCOME = {"type": "enum", "name": "Outcome", "default": "UNKNOWN",
           "symbols": ["UNKNOWN", "fulfilled", "unfulfilled"]}  # fmt: skip
SCOPES = {"type": "array", "items": "DataScope"}
ONE_TIME = {"type": "fixed", "name": "OneTimeKey", "size": 32}  # random, used once
KEY_ID = {"type": "fixed", "name": "KeyId", "size": 16}  # stands in every box under that key
SCHEMA = {"type": "fixed", "name": "SchemaHash", "size": 32}  # of a file of this repository
GROUND = {"type": "enum", "name": "RetentionGround", "default": "UNKNOWN",
          "symbols": ["UNKNOWN", "mandate", "legal_duty", "legal_claim"]}  # fmt: skip


def maybe(kind: Any) -> list[Any]:
    return ["null", kind]


def record(name: str, **inner: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": inner}


#: What every event says: which, of which case, from whom, where in the order, when, by what post.
STAMP = {
    "event_id": UUID,
    "case_id": UUID,  # random, from no document number
    "origin": COUNTRY,
    "version": "int",
    "seen": LEAF,  # of bytes that stand on the same topic
    "occurred_at": MOMENT,  # by the day: held by the decision, tests/unit/test_topics.py
    "recorded_at": MOMENT,
    "actor": record("Actor", id="string", role="string", organisation="string"),  # neutral post
    "caused_by": maybe(UUID),
    "rules": maybe("string"),  # the country's public pack
    "sealed": {"type": "array", "items": record("SealedEntry", scope=SCOPE, box="bytes")},
}
#: What each event says beside its stamp.
CLEAR: dict[str, dict[str, Any]] = {
    "CaseOpened": {
        "opened_on": DAY,
        "responsible": COUNTRY,
        "status": STATUS,  # `not_ready` has many causes and names none
        "history_commitment": maybe(SALTED),
    },
    "StatusChanged": {"status": STATUS},
    "CaseClosed": {},
    "CaseReopened": {},
    # Two ids would link two pseudonyms: from version 2 on both fields say the suspicion's id.
    "CaseJoined": {"into_case_id": UUID, "suspicion_id": maybe(UUID)},
    "CaseParted": {},
    "DuplicateSuspected": {"suspicion_id": UUID, "holder": COUNTRY, "other": SALTED},
    "DocumentsCommitted": {"handoff_id": UUID,
                           "commitments": {"type": "array", "items": SALTED}},  # always 32
    # What is done, and where, is sealed: that a country protects somebody says that she is there.
    "UrgentMeasureTaken": {"measure_id": UUID},
    "UrgentMeasureEnded": {"measure_id": UUID},
    "DuplicateConfirmed": {"suspicion_id": UUID},
    "DuplicateDismissed": {"suspicion_id": UUID},
    "ChildMissing": {},
    "ChildFound": {},
    "RecordCorrected": {"corrects_version": "int"},  # which event of its own, not what in it
    "ConsentGranted": {"consent_id": UUID, "recipient": COUNTRY, "scopes": SCOPES,
                       "expires_on": DAY},
    "ConsentRefused": {"consent_id": UUID, "recipient": COUNTRY, "scopes": SCOPES},
    "ConsentWithdrawn": {"consent_id": UUID},
    "OverrideApproved": {"override_id": UUID, "recipient": COUNTRY, "scopes": SCOPES,
                         "expires_on": DAY},
    "OverrideEnded": {"override_id": UUID},
    "ReferralSent": {"handoff_id": UUID, "recipient": COUNTRY, "basis_id": UUID,
                     "scopes": SCOPES, "due_on": DAY},
    "ReferralReceived": {"handoff_id": UUID, "grant_key": maybe(ONE_TIME)},
    "ReferralAccepted": {"handoff_id": UUID, "basis_id": UUID, "grant_key": maybe(ONE_TIME)},
    "ReferralRejected": {"handoff_id": UUID},
    "ReferralStarted": {"handoff_id": UUID},
    "ReferralCompleted": {"handoff_id": UUID, "outcome": OUTCOME},
    "ReferralRevoked": {"handoff_id": UUID},
    "ReferralExpired": {"handoff_id": UUID},
    "TransferRequested": {"handoff_id": UUID, "holder": COUNTRY, "due_on": DAY},
    "TransferProposed": {"handoff_id": UUID, "recipient": COUNTRY, "basis_id": UUID,
                         "scopes": SCOPES, "due_on": DAY, "request_id": maybe(UUID)},
    "TransferPreviewed": {"handoff_id": UUID, "grant_key": maybe(ONE_TIME)},
    "TransferAccepted": {"handoff_id": UUID, "basis_id": UUID, "grant_key": maybe(ONE_TIME)},
    "TransferRejected": {"handoff_id": UUID},
    "TransferRevoked": {"handoff_id": UUID},
    "TransferExpired": {"handoff_id": UUID},
    "ResponsibilityMoved": {"handoff_id": UUID, "basis_id": UUID},
    "HandoverCompleted": {"handoff_id": UUID},
    # That data was shared, in which scopes and until when, is what an auditor without keys checks
    # (security.md, finding 9). What it says is sealed, in entries of one size each.
    "KeysReleased": {"grant_id": UUID, "handoff_id": UUID, "basis_id": UUID, "recipient": COUNTRY,
                     "scopes": SCOPES, "epoch": "int",
                     "commitments": {"type": "array", "items": SALTED},  # of random keys
                     "capsule": "Commitment"},
    "ReleaseStopped": {"handoff_id": UUID, "epoch": "int"},
    "KeysDestroyed": {"grant_id": UUID},
    "RetentionClaimed": {"grant_id": UUID, "ground": GROUND, "until": DAY},
    # Of no case and no child: which release of this public software a country runs.
    "SchemasReleased": {"shared": "boolean", "schemas": {"type": "array", "items": SCHEMA}},
    # Public keys, in the form of a signed note: of no case and no child.
    "SigningKeyReplaced": {"note": "string"},
    "ErasureAttested": {"erasure_id": UUID, "keys": {"type": "array", "items": KEY_ID},
                        "backups_expire_on": DAY},
}  # fmt: skip


def content(kind: Any) -> Any:
    """A type as it stands on the list: without docs, fields of a record by name."""
    if isinstance(kind, list):
        return [content(branch) for branch in kind]
    if not isinstance(kind, dict):
        return kind
    found = {key: content(value) for key, value in kind.items() if key != "doc"}
    if "fields" in found:
        found["fields"] = {f["name"]: content(f["type"]) for f in kind["fields"]}
    return found


def not_listed(document: dict[str, Any]) -> list[str]:
    """What a shared schema says in clear and the list does not know."""
    name = document["name"]
    if name not in CLEAR:
        return [f"{name} is a new type on the shared topic. {QUESTION}"]
    listed = {**STAMP, **CLEAR[name]}
    return [
        f"{name}.{field['name']} is in clear and not on the list. {QUESTION}"
        for field in document["fields"]
        if listed.get(field["name"]) != content(field["type"])
    ]


@pytest.mark.parametrize(
    "schema",
    [schema for schema in SCHEMAS if schema.visibility == "shared"],
    ids=lambda schema: f"{schema.name}.v{schema.version}",
)
def test_a_shared_event_says_nothing_beyond_the_list(schema):
    """Every version: what was once in clear stays on the topic."""
    assert not_listed(schema.document) == []


def test_the_list_holds_nothing_that_is_not_used():
    """A line left over would let a field in unasked."""
    shared = {schema.name for schema in NEWEST.values() if schema.visibility == "shared"}
    assert set(CLEAR) == shared
    for name, fields in CLEAR.items():
        assert [*STAMP, *fields] == [f["name"] for f in NEWEST[name].document["fields"]]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["fields"].append({"name": "reason", "type": "string"}),
        lambda d: d["fields"].append({"name": "age", "type": ["null", "int"]}),
        lambda d: d["fields"][-1]["type"]["symbols"].append("in_detention"),
        lambda d: d["fields"][7]["type"]["fields"].append({"name": "phone", "type": "string"}),
        lambda d: d.update(name="AsylumSought"),
    ],
    ids=["field", "optional field", "symbol", "inner field", "event type"],
)
def test_anything_new_in_clear_is_asked_about(change):
    """The message asks the question, so that nobody has to remember it."""
    document = deepcopy(dict(NEWEST["StatusChanged"].document))
    change(document)
    (found,) = not_listed(document)
    assert "violent father" in found
