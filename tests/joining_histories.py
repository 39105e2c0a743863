"""Golden histories of two cases of one child, told like those in `tests/histories.py`."""

from __future__ import annotations

from datetime import date

from events.care import CaseShared
from events.case import CaseClosed, CaseJoined, CaseOpened, CaseParted, CaseReopened, StatusChanged
from events.codes import NeutralStatus, RuleKind
from events.consent import ConsentGranted
from events.duplicate import (
    CaseReserved,
    DuplicateConfirmed,
    DuplicateDismissed,
    DuplicateNoted,
    DuplicateSuspected,
)
from events.governance import RulesActivated
from events.measure import UrgentMeasureEnded, UrgentMeasureReviewed, UrgentMeasureTaken
from events.referral import ReferralRevoked, ReferralSent
from events.transfer import (
    DocumentsCommitted,
    ResponsibilityMoved,
    TransferAccepted,
    TransferProposed,
)
from tests.history import History

OTHER = bytes(range(32))


def _party(name: str, about: str) -> History:
    """Return a case of KZ's to which KG is a party."""
    history = History(name, about, newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    return history


def _suspected(history: History, origin: str, name: str, holder: str, void: str = "") -> None:
    said = {"suspicion_id": name, "holder": holder, "other": OTHER}
    history.put(origin, DuplicateSuspected, **said, void=void or None)


def duplicate_joined() -> History:
    history = _party("duplicate_joined", "Confirmed by both, joined, parted: another child.")
    _suspected(history, "UZ", "stranger", "UZ", void="not_party")
    _suspected(history, "KG", "one", "KG")
    _suspected(history, "KZ", "one", "KZ", void="wrong_state")
    history.put("UZ", DuplicateConfirmed, suspicion_id="one", void="wrong_country")
    history.put("KG", DuplicateConfirmed, suspicion_id="one")
    history.put("KG", DuplicateConfirmed, suspicion_id="one")
    history.put("KZ", ReferralRevoked, handoff_id="referral")
    early = {"into_case_id": "one", "suspicion_id": "one"}
    history.put("KZ", CaseJoined, **early, void="not_confirmed")
    history.put("KZ", DuplicateConfirmed, suspicion_id="one")
    history.put("KZ", CaseJoined, into_case_id="in clear", suspicion_id="one", void="not_confirmed")
    history.put("KZ", StatusChanged, status=NeutralStatus.READY)
    history.put("KZ", TransferProposed, handoff_id="transfer", basis_id="consent")
    history.put("KZ", CaseJoined, **early, void="handoff_open")
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent")
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    history.put("KZ", CaseJoined, **early, void="wrong_country")
    history.put("KG", CaseJoined, **early)
    history.put("KG", DuplicateDismissed, suspicion_id="one", void="wrong_state")
    history.put("KZ", CaseParted, void="wrong_country")
    history.put("KG", CaseParted)
    history.put("KG", CaseParted, void="wrong_state")
    history.put("KG", CaseJoined, **early, void="not_confirmed")
    return history


def duplicate_dismissed() -> History:
    history = _party("duplicate_dismissed", "Two children; of one country two people have to say.")
    _suspected(history, "KZ", "one", "KG")
    history.put("KG", DuplicateDismissed, suspicion_id="one")
    history.put("KZ", DuplicateConfirmed, suspicion_id="one", void="wrong_state")
    history.put("KZ", DuplicateDismissed, suspicion_id="one", void="wrong_state")
    history.put("KZ", ReferralRevoked, handoff_id="referral")
    _suspected(history, "KZ", "two", "KZ")
    history.put("KG", DuplicateConfirmed, suspicion_id="two", void="wrong_country")
    history.put("KZ", DuplicateConfirmed, suspicion_id="two")
    said = {"into_case_id": "two", "suspicion_id": "two"}
    history.put("KZ", CaseJoined, **said, void="not_confirmed")
    history.put("KZ", CaseJoined, into_case_id="other case", schema_version=1)
    history.put("KZ", CaseReopened)
    return history


def national_duplicate() -> History:
    history = History(
        "national_duplicate", "Noted and reserved at home.", shared=False, newest=True
    )
    history.put("KZ", CaseOpened)
    said = {"suspicion_id": "one", "other_case_id": "other case", "salt": OTHER}
    history.put("KZ", DuplicateNoted, **said)
    history.put("KZ", CaseReserved, suspicion_id="two", yielding_case_id="third case")
    _suspected(history, "KZ", "one", "KG")
    history.put("KZ", DuplicateDismissed, suspicion_id="one")
    history.put("KZ", DuplicateNoted, suspicion_id="one", other_case_id=None, salt=None)
    history.put("KZ", CaseShared)
    return history


def urgent_measures() -> History:
    history = _party("urgent_measures", "Protection waits for no state, and moves nobody.")
    history.put("UZ", UrgentMeasureTaken, measure_id="stranger", void="not_party")
    history.put("KG", UrgentMeasureTaken, measure_id="one")
    history.put("KG", UrgentMeasureTaken, measure_id="one")
    history.put("KZ", StatusChanged, status=NeutralStatus.READY, seen=5, void="unseen_protection")
    history.put("KZ", UrgentMeasureEnded, measure_id="one", void="wrong_country")
    history.put("KG", UrgentMeasureEnded, measure_id="one")
    history.put("KG", UrgentMeasureEnded, measure_id="one", void="wrong_state")
    history.put("KZ", ReferralRevoked, handoff_id="referral")
    history.put("KZ", CaseClosed)
    history.put("KG", UrgentMeasureTaken, measure_id="two")
    return history


def national_measure() -> History:
    history = History("national_measure", "Looked at.", shared=False, newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", UrgentMeasureReviewed, measure_id="one")
    return history


def documents_committed() -> History:
    history = _party("documents_committed", "Before the child goes, and by the sender only.")
    history.put("KZ", StatusChanged, status=NeutralStatus.READY)
    history.put("KZ", TransferProposed, handoff_id="transfer", basis_id="consent")
    said = {"handoff_id": "transfer", "commitments": (OTHER,) * 32}
    history.put("KG", DocumentsCommitted, **said, void="wrong_country")
    history.put("KZ", DocumentsCommitted, **said)
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent")
    history.put("KZ", DocumentsCommitted, **said)
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    history.put("KZ", DocumentsCommitted, **said, void="wrong_state")
    return history


def pair_activated() -> History:
    history = History(
        "pair_activated", "What two countries agreed on.", shared=False, newest=True, register=True
    )
    said = {"number": 1, "text": OTHER, "effective_from": date(2026, 3, 2)}
    history.put("KZ", RulesActivated, kind=RuleKind.PAIR, name="KG-KZ", **said)
    return history


TOLD = (
    pair_activated,
    documents_committed,
    urgent_measures,
    national_measure,
    duplicate_joined,
    duplicate_dismissed,
    national_duplicate,
)
