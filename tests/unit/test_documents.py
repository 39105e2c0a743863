"""Documents of a transfer: committed to by its sender, checked by its receiver, not counted."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from events.code_lists import code_list
from events.codes import DataScope, Purpose
from events.errors import BadInput, CodeUnknown, NotAllowedNow, ProtectiveRefusal, WrongCountry
from events.transfer import DocumentsCommitted
from ledger.case import block, documents, transfer
from ledger.case.documents import COMMITMENTS, LIST, commit_documents, kind_of, listed_in
from ledger.case.personal import merged
from ledger.case.recording import record
from tests.given import NOON, SOON, Story, matter, new_id, opened, ready
from tests.reacting import granted, react, with_key

SCOPES = (DataScope.PREVIEW, DataScope.DOCUMENTS)
PLAN, REVIEW = (sha256(text).digest() for text in (b"the plan", b"the review"))
SAID = (f"case_plan={PLAN.hex()}", f"review={REVIEW.hex()}")


def offered(scopes: tuple[DataScope, ...] = SCOPES) -> tuple[Story, UUID]:
    story, handoff_id = opened(), new_id()
    basis_id = granted(story, purpose=Purpose.TRANSFER, scopes=scopes)
    ready(story)
    story.did(
        "KZ", transfer.propose_transfer, recipient="KG", basis_id=basis_id, scopes=scopes,
        due_on=SOON, handoff_id=handoff_id,
    )  # fmt: skip
    return story, handoff_id


def recorded(story: Story, handoff_id: UUID, said: tuple[str, ...] = SAID) -> Any:
    lying = matter(story["KZ"].case)
    drafts = commit_documents(lying, handoff_id=handoff_id, documents=said)
    return record(lying, drafts, salt=bytes(32))


def test_the_topic_has_as_many_commitments_whatever_is_handed_over():
    story, handoff_id = offered()
    kinds = [one for one in code_list(LIST).codes if one != "UNKNOWN"]
    every = tuple(f"{kind}={PLAN.hex()}" for kind in kinds)
    for said in (SAID[:1], SAID, every):
        own, shared = recorded(story, handoff_id, said)
        assert isinstance(shared.event, DocumentsCommitted)
        assert COMMITMENTS == len(set(shared.event.commitments))
        assert shared.event.commitments == tuple(sorted(shared.event.commitments))
        assert len(own.data[DataScope.DOCUMENTS]) <= 1022, "what fits into a release"


def test_the_receiver_tells_what_came_from_what_did_not():
    story, handoff_id = offered()
    own, shared = recorded(story, handoff_id)
    found = listed_in(merged([own.data[DataScope.DOCUMENTS]]), handoff_id)
    assert found is not None
    salt, kinds = found
    assert ("case_plan", "review") == kinds
    made = shared.event.commitments
    assert "case_plan" == kind_of(handoff_id, made, salt, kinds, PLAN)
    assert "review" == kind_of(handoff_id, made, salt, kinds, REVIEW)
    assert kind_of(handoff_id, made, salt, kinds, sha256(b"changed").digest()) is None
    assert kind_of(handoff_id, made, bytes(32), kinds, PLAN) is None
    assert kind_of(new_id(), made, salt, kinds, PLAN) is None
    assert listed_in({}, handoff_id) is None


def test_both_countries_hold_the_same_commitments():
    story, handoff_id = offered()
    story.did("KZ", commit_documents, handoff_id=handoff_id, documents=SAID)
    first = story["KG"].settled.transfers[handoff_id].documents
    assert COMMITMENTS == len(first)
    story.did("KZ", commit_documents, handoff_id=handoff_id, documents=SAID[:1])
    assert first != story["KG"].settled.transfers[handoff_id].documents


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((), BadInput),
        (("case_plan",), BadInput),
        (("case_plan=00",), BadInput),
        ((f"diary={PLAN.hex()}",), CodeUnknown),
        ((f"UNKNOWN={PLAN.hex()}",), CodeUnknown),
        (tuple(f"other={at:064x}" for at in range(33)), BadInput),
    ],
)
def test_a_document_has_a_kind_and_a_hash(said, kind):
    story, handoff_id = offered()
    with pytest.raises(kind):
        story["KZ"].decide(commit_documents, handoff_id=handoff_id, documents=said)


def test_only_the_sender_and_only_where_documents_are_shared():
    story, handoff_id = offered()
    with pytest.raises(WrongCountry):
        story["KG"].decide(commit_documents, handoff_id=handoff_id, documents=SAID)
    story.did("KZ", block.place_block, countries=("KG",))
    with pytest.raises((ProtectiveRefusal, NotAllowedNow)):
        story["KZ"].decide(commit_documents, handoff_id=handoff_id, documents=SAID)
    other, without = offered((DataScope.PREVIEW, DataScope.HEALTH))
    with pytest.raises(BadInput):
        other["KZ"].decide(commit_documents, handoff_id=without, documents=SAID)


def test_nothing_is_added_that_the_receiver_could_not_read():
    story, handoff_id = offered()
    story.did("KG", with_key(transfer.preview_transfer), handoff_id=handoff_id)
    react(story, "KZ", NOON)
    story.settle()
    story.did("KZ", commit_documents, handoff_id=handoff_id, documents=SAID)
    story.did("KG", with_key(transfer.accept_transfer), handoff_id=handoff_id)
    react(story, "KZ", NOON)
    with pytest.raises(NotAllowedNow) as refused:
        story["KZ"].decide(commit_documents, handoff_id=handoff_id, documents=SAID)
    assert "released" == refused.value.rule


def test_what_is_missing_is_named_at_home_and_sealed():
    story, handoff_id = offered()
    story.did("KG", transfer.accept_transfer, handoff_id=handoff_id)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff_id)
    with pytest.raises(CodeUnknown):
        story["KG"].decide(transfer.complete_handover, handoff_id=handoff_id, missing=("diary",))
    lying = matter(story["KG"].case)
    said = {"handoff_id": handoff_id, "missing": ("review", "case_plan")}
    own, completed = record(lying, transfer.complete_handover(lying, **said), salt=bytes(32))
    text = own.data[DataScope.DOCUMENTS]
    assert {f"missing:{handoff_id}": ["case_plan", "review"]} == merged([text])
    assert ({}, ()) == (dict(completed.data), completed.event.sealed)
    assert documents.missing(handoff_id, ()) == ()
