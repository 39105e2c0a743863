"""A case goes back by a transfer of its own, on grounds that only whoever is asked can see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.codes import DataScope, Purpose
from events.errors import BadInput, BasisMissing, NotAllowedNow, WrongCountry
from events.transfer import TransferProposed
from ledger.case import consent, transfer
from ledger.case.personal import PersonalData
from node.choosing import choosing
from tests.given import NOON, SCOPES, SOON, Story, consented, new_id, opened, proposed, ready

GROUNDS = PersonalData({DataScope.PREVIEW: {"grounds": "her mother was found in the north"}})
TERMS: dict[str, Any] = {"scopes": SCOPES[:1], "due_on": SOON, "data": GROUNDS}


def came() -> tuple[Story, UUID]:
    """KG answers for a child whom KZ handed over."""
    story = opened()
    basis_id = consented(story)
    ready(story)
    handoff_id = proposed(story, basis_id)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff_id)
    story.did("KG", transfer.move_responsibility, handoff_id=handoff_id)
    return story, handoff_id


def permitted(story: Story, purpose: Purpose = Purpose.TRANSFER) -> UUID:
    consent_id = new_id()
    story.did(
        "KG", consent.grant_consent, recipient="KZ", purpose=purpose, scopes=SCOPES,
        expires_on=NOON.date() + timedelta(days=30), consent_id=consent_id,
    )  # fmt: skip
    ready(story, "KG")
    return consent_id


def test_a_case_goes_back_by_a_transfer_that_follows_from_the_first():
    story, first = came()
    began = story["KG"].settled.transfers[first].began_with
    event = story.did(
        "KG", transfer.return_case, returned_id=first, basis_id=permitted(story), **TERMS
    )
    assert isinstance(event, TransferProposed)
    assert ("KZ", began) == (event.recipient, event.caused_by)
    assert "KG" == story["KZ"].settled.identity.responsible, "until KZ answers for her again"
    story.did("KZ", transfer.accept_transfer, handoff_id=event.handoff_id)
    story.did("KZ", transfer.move_responsibility, handoff_id=event.handoff_id)
    assert "KZ" == story["KG"].settled.identity.responsible
    assert "moved" == story["KG"].settled.transfers[first].state, "nothing is undone"


def test_it_needs_what_every_transfer_needs():
    story, first = came()
    said = {"returned_id": first, **TERMS}
    with pytest.raises(BasisMissing):
        story["KG"].decide(transfer.return_case, basis_id=uuid4(), **said)
    basis_id = permitted(story)
    location = PersonalData({DataScope.LOCATION: {"place": "Osh"}})
    with pytest.raises(BadInput):
        story["KG"].decide(transfer.return_case, basis_id=basis_id, **{**said, "data": location})


def test_only_what_came_goes_back_and_only_from_where_it_is():
    story, first = came()
    basis_id = permitted(story)
    for country, kind, handoff_id in (
        ("KZ", NotAllowedNow, first), ("KG", NotAllowedNow, uuid4()),
    ):  # fmt: skip
        with pytest.raises(kind):
            story[country].decide(
                transfer.return_case, returned_id=handoff_id, basis_id=basis_id, **TERMS
            )
    event = story.did("KG", transfer.return_case, returned_id=first, basis_id=basis_id, **TERMS)
    story.did("KZ", transfer.accept_transfer, handoff_id=event.handoff_id)
    story.did("KZ", transfer.move_responsibility, handoff_id=event.handoff_id)
    with pytest.raises(WrongCountry):
        story["KG"].decide(transfer.return_case, returned_id=first, basis_id=basis_id, **TERMS)


def test_a_person_need_not_type_by_which_transfer_it_came_nor_on_what_it_rests():
    story, first = came()
    permitted(story, Purpose.SERVICE)
    basis_id = permitted(story)
    chosen: dict[str, UUID] = {}
    story.did("KG", choosing(transfer.return_case, chosen), **TERMS)
    assert {"basis_id": basis_id, "returned_id": first} == chosen
