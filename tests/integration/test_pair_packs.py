"""A pair pack that was put in force is asked by whoever decides, from its very text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files

import pytest

from events.codes import Purpose, RuleKind
from events.contract import register_id
from events.errors import BasisMissing, Misconfigured
from ledger.case import consent, governance, referral
from tests.country import SUPERVISOR, opened
from tests.given import SCOPES

EXAMPLE = (files("ledger.rules") / "packs" / "KZ-KG.pair.toml").read_text()
SOON = datetime.now(UTC).date() + timedelta(days=9)
TEXT = EXAMPLE.replace('"transfer", "service", "case_management"', '"transfer"')


@pytest.fixture
def ledger(kz):
    with kz.ledger() as opened_ledger:
        yield opened_ledger


def activate(kz, ledger, text, *, kept=True):
    if kept:
        kz.database.run(
            "INSERT INTO ledger.rule_text (sha256, content) VALUES (%s, %s)",
            sha256(text.encode()).digest(),
            text,
        )
    register = register_id(kz.agreement.prefix)
    ledger.on(register, by=SUPERVISOR).decide(
        governance.activate_rules, kind=RuleKind.PAIR, name="KG-KZ", number=1,
        text=sha256(text.encode()).digest(), effective_from=datetime.now(UTC).date(),
    )  # fmt: skip


def sent(ledger):
    case_id = opened(ledger).case_id
    terms = {"recipient": "KG", "scopes": SCOPES, "expires_on": SOON, "purpose": Purpose.SERVICE}
    basis_id = ledger.on(case_id, by=SUPERVISOR).decide(consent.grant_consent, **terms)
    said = {"recipient": "KG", "scopes": SCOPES, "due_on": SOON}
    return ledger.on(case_id, by=SUPERVISOR).decide(
        referral.send_referral, basis_id=basis_id.events[0].subject, **said
    )


def test_without_one_nothing_is_asked(ledger):
    assert sent(ledger).events


def test_a_purpose_that_is_not_agreed_on_is_refused(kz, ledger):
    activate(kz, ledger, TEXT)
    with pytest.raises(BasisMissing) as refused:
        sent(ledger)
    assert "pair" == refused.value.rule


def test_a_purpose_that_is_agreed_on_is_none_of_its_business(kz, ledger):
    activate(kz, ledger, EXAMPLE)
    assert sent(ledger).events


def test_nobody_decides_by_rules_that_are_not_here(kz, ledger):
    activate(kz, ledger, TEXT, kept=False)
    with pytest.raises(Misconfigured) as refused:
        sent(ledger)
    assert "rules_text" == refused.value.rule
