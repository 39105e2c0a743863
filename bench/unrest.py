"""The load of `kills`: two countries decide on shared cases, each at its own pace.

Referrals and transfers are sent, answered, revoked and withdrawn at once, so that some decisions
are found void. What the rules refuse is refused; that is part of the load.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from bench.play import SUPERVISOR
from events.codes import DataScope, NeutralStatus, Outcome, Purpose
from events.errors import DecisionRefused, Overtaken, ServiceUnavailable
from ledger.case.care import assess_risk
from ledger.case.consent import grant_consent
from ledger.case.identity import change_status, open_case
from ledger.case.personal import PersonalData
from ledger.case.referral import (
    accept_referral,
    complete_referral,
    receive_referral,
    reject_referral,
    revoke_referral,
    send_referral,
    start_referral,
)
from ledger.case.searching import report_found, report_missing
from ledger.case.withdrawal import withdraw_consent
from ledger.request import Decision, Request, decision
from ledger.service import Ledger

_SCOPES = (DataScope.IDENTITY, DataScope.HEALTH)
_STATUSES = (NeutralStatus.READY, NeutralStatus.NOT_READY)
_DATA = PersonalData(
    {DataScope.IDENTITY: {"name": "an invented child"}, DataScope.HEALTH: {"allergies": ["nuts"]}}
)


class Unrest:
    """Decides in one country until told to stop."""

    def __init__(self, ledger: Ledger, other: str, *, seed: int, pause_s: float) -> None:
        self._ledger = ledger
        self._other = other
        self._drawn = random.Random(seed)
        self._pause_s = pause_s
        #: Cases, with the handoff and the consent that began them, of both countries.
        self.cases: list[tuple[UUID, UUID, UUID]] = []
        self.said: Counter[str] = Counter()
        self._abroad: Sequence[tuple[UUID, UUID, UUID]] = ()

    def meets(self, abroad: Unrest) -> None:
        """Let it answer what the other country sends."""
        self._abroad = abroad.cases

    def run(self, stop: threading.Event) -> None:
        """Decide, again and again."""
        while not stop.is_set():
            began = time.monotonic()
            self._once()
            stop.wait(max(0.0, self._pause_s - (time.monotonic() - began)))

    def _once(self) -> None:
        try:
            if not self.cases or self._drawn.random() < 0.15:
                self._begin()
            else:
                self._go_on()
        except DecisionRefused as refused:
            self.said[type(refused).__name__] += 1
        except (Overtaken, ServiceUnavailable) as passing:
            self.said[type(passing).__name__] += 1

    def _begin(self) -> None:
        handoff_id, consent_id = uuid4(), uuid4()
        today = datetime.now(UTC).date()
        terms = {"recipient": self._other, "scopes": _SCOPES}
        until = today + timedelta(days=300)
        due = today + timedelta(days=14)
        decisions = (
            decision(open_case, data=_DATA),
            decision(assess_risk),
            Decision(
                grant_consent,
                {
                    **terms,
                    "purpose": Purpose.SERVICE,
                    "expires_on": until,
                    "consent_id": consent_id,
                },
            ),
            Decision(
                send_referral,
                {**terms, "basis_id": consent_id, "due_on": due, "handoff_id": handoff_id},
            ),
        )
        receipt = self._ledger.record(Request(by=SUPERVISOR, decisions=decisions))
        self.cases.append((receipt.case_id, handoff_id, consent_id))
        self.said["decided"] += 1

    def _go_on(self) -> None:
        """Take a random step on a late case, of one's own or of the other country's."""
        answers = bool(self._abroad) and self._drawn.random() < 0.6
        case_id, handoff_id, consent_id = self._drawn.choice(
            (self._abroad if answers else self.cases)[-60:]
        )
        steps = _answers(handoff_id) if answers else self._own(handoff_id, consent_id)
        request = Request(
            by=SUPERVISOR, decisions=(self._drawn.choice(steps),), case_id=case_id, key=str(uuid4())
        )
        self._ledger.record(request, retries=2)
        self.said["decided"] += 1

    def _own(self, handoff_id: UUID, consent_id: UUID) -> Sequence[Decision]:
        steps = [
            *(decision(change_status, status=status) for status in _STATUSES),
            decision(report_missing),
            decision(report_found),
            decision(assess_risk),
        ]
        if self._drawn.random() < 0.3:
            steps.append(decision(revoke_referral, handoff_id=handoff_id))
            steps.append(decision(withdraw_consent, consent_id=consent_id))
        return steps


def _answers(handoff_id: UUID) -> Sequence[Decision]:
    return (
        decision(receive_referral, handoff_id=handoff_id),
        decision(accept_referral, handoff_id=handoff_id),
        decision(reject_referral, handoff_id=handoff_id),
        decision(start_referral, handoff_id=handoff_id),
        decision(complete_referral, handoff_id=handoff_id, outcome=Outcome.FULFILLED),
    )
