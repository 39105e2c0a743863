"""A pair pack says what two countries have agreed on, and only ever forbids."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest

from events.codes import DataScope, Purpose
from events.errors import BadInput, BasisMissing, Misconfigured
from ledger.case import referral, transfer
from ledger.case.matter import Matter, Paired
from ledger.case.personal import PersonalData
from ledger.rules.pair import load_pair, pair_name
from node import ruling
from tests.given import NOON, SCOPES, SOON, Story, consented, opened, ready

NAME = "KZ-KG.pair.toml"
TEXT = (files("ledger.rules") / "packs" / NAME).read_text()
SERVICE_ONLY = Paired(purposes=frozenset({"service"}), preview=frozenset({"age_band"}))


def test_the_example_is_whole_and_says_that_it_is_one():
    pair = load_pair(TEXT, NAME)
    assert (True, "KG-KZ") == (pair.example, pair.name)
    assert ruling.example("KZ-KG", directory=False) == TEXT
    found = ruling.checked(TEXT, NAME)
    assert ("pair", "KG-KZ", 1) == (found.kind, found.name, found.number)


def test_both_call_it_by_one_name():
    assert pair_name("KZ", "KG") == pair_name("KG", "KZ")
    with pytest.raises(BadInput):
        pair_name("KZ", "KZ")


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("asylum_firewall = true", "asylum_firewall = false", "asylum_firewall"),
        ('countries = ["KZ", "KG"]', 'countries = ["KZ", "KZ"]', "two countries"),
        ('purposes = ["transfer", ', 'purposes = ["police", ', "no purpose"),
        ('after = "24h"', 'after = "soon"', "escalation.1.after"),
        ('between = ["KZ", "KG"]', 'between = ["KZ", "UZ"]', "handover.1"),
        ('post = "focal-point"', 'post = "Aigerim S."', "escalation.1.post"),
        ("version = 1", "version = 1\npower = 2", "power"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line(before, after, wrong):
    assert before in TEXT
    with pytest.raises(Misconfigured, match=rf"{NAME}:\d+: .*{wrong}"):
        load_pair(TEXT.replace(before, after, 1), NAME)


def test_a_pack_without_the_firewall_is_none():
    with pytest.raises(Misconfigured, match="asylum_firewall"):
        load_pair(TEXT.replace("asylum_firewall = true", ""), NAME)


def test_what_differs_between_two_versions_is_told():
    later = TEXT.replace("version = 1", "version = 2").replace('"service", "case', '"case')
    found = ruling.differences(*(ruling.checked(one, NAME) for one in (TEXT, later)))
    assert ["purposes", "version"] == [one["entry"] for one in found]


def agreed(decision: Any, paired: Paired = SERVICE_ONLY) -> Any:
    """Return a decision taken where a pair pack with KG is in force."""

    def take(matter: Matter, /, **said: Any) -> Any:
        only_kg = {"KG": paired}.get
        return decision(replace(matter, agreed=only_kg), **said)

    return take


def handoff(basis_id: UUID, **more: Any) -> dict[str, Any]:
    return {"recipient": "KG", "basis_id": basis_id, "scopes": SCOPES[:1], "due_on": SOON, **more}


def permitted(purpose: Purpose, to: str = "KG") -> tuple[Story, UUID]:
    story = opened("KZ", "KG", "UZ")
    basis_id = consented(story, purpose=purpose, to=to)
    ready(story)
    return story, basis_id


def test_a_handoff_is_for_what_both_have_agreed_on():
    story, basis_id = permitted(Purpose.TRANSFER)
    with pytest.raises(BasisMissing) as refused:
        story["KZ"].decide(agreed(transfer.propose_transfer), **handoff(basis_id))
    assert "pair" == refused.value.rule
    story.did("KZ", transfer.propose_transfer, **handoff(basis_id))
    other, service = permitted(Purpose.SERVICE)
    other.did("KZ", agreed(referral.send_referral), **handoff(service))


def test_another_pair_and_home_are_not_asked():
    story, basis_id = permitted(Purpose.TRANSFER, to="UZ")
    said = handoff(basis_id, recipient="UZ", due_on=NOON.date() + timedelta(days=3))
    story.did("KZ", agreed(transfer.propose_transfer), **said)


def test_it_permits_nothing_that_a_consent_does_not():
    story, basis_id = permitted(Purpose.SERVICE)
    wide = Paired(purposes=frozenset(Purpose), preview=frozenset())
    with pytest.raises(BasisMissing):
        story["KZ"].decide(agreed(transfer.propose_transfer, wide), **handoff(basis_id))


@pytest.mark.parametrize(("field", "fits"), [("age_band", True), ("family_name", False)])
def test_a_preview_says_no_more_than_was_agreed_on(field, fits):
    story, basis_id = permitted(Purpose.SERVICE)
    data = PersonalData({DataScope.PREVIEW: {field: "x"}})
    take = agreed(referral.send_referral)
    if fits:
        story.did("KZ", take, **handoff(basis_id, data=data))
        return
    with pytest.raises(BadInput) as refused:
        story["KZ"].decide(take, **handoff(basis_id, data=data))
    assert "pair" == refused.value.rule
    assert field not in str(refused.value)
