"""Golden histories about data: released, stopped, destroyed, kept, erased; and who was shown it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from events.access import (
    AccessDenied,
    AccessReviewed,
    BreakGlassUsed,
    PersonalDataAccessed,
    PersonalDataRecorded,
)
from events.block import BlockLifted, BlockPlaced
from events.care import OwnConsentSought
from events.case import CaseClosed, CaseOpened, StatusChanged
from events.codes import AgeBand, Assent, ConsentGiver, DataScope, NeutralStatus, RetentionGround
from events.consent import (
    BasisRecorded,
    ConsentGranted,
    ConsentWithdrawn,
    DataForgone,
    OverrideApproved,
    WithdrawalAsked,
    WithdrawalRecorded,
    WithdrawalReviewed,
)
from events.data import (
    ErasureAttested,
    KeysDestroyed,
    KeysReleased,
    ReleaseStopped,
    RetentionClaimed,
)
from events.erasure import ErasureApproved, ErasureRequested, HoldEnded, HoldPlaced, KeysErased
from events.referral import ReferralAccepted, ReferralReceived, ReferralSent
from events.transfer import TransferAccepted, TransferPreviewed, TransferProposed
from tests.history import History
from tests.vectors import invented

PREVIEW, REST = (DataScope.PREVIEW,), (DataScope.IDENTITY, DataScope.HEALTH)
ALL = (*PREVIEW, *REST)
LAST = date(2026, 12, 31)


def key(name: str) -> bytes:
    """Return an invented public key or hash."""
    return invented(name, 32)


def _released(
    history: History, grant: str, scopes: tuple[DataScope, ...], **values: object
) -> None:
    usual = {
        "handoff_id": "referral", "basis_id": "consent", "recipient": "KG", "epoch": 1,
        "commitments": tuple(key(f"{grant}/{scope}") for scope in scopes),
        "capsule": key(f"{grant}/capsule"),
    }  # fmt: skip
    origin = str(values.pop("origin", "KZ"))
    history.put(origin, KeysReleased, grant_id=grant, scopes=scopes, **{**usual, **values})


def _received(name: str, about: str) -> History:
    history = History(name, about, newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL)
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent", scopes=ALL)
    history.put("KG", ReferralReceived, handoff_id="referral", grant_key=key("preview key"))
    return history


def _accepted(name: str, about: str) -> History:
    history = _received(name, about)
    _released(history, "first", PREVIEW)
    history.put(
        "KG", ReferralAccepted, handoff_id="referral", basis_id="consent", grant_key=key("key")
    )
    _released(history, "second", REST)
    return history


def keys_released() -> History:
    history = _received("keys_released", "Two steps: the preview, and after acceptance the rest.")
    _released(history, "too soon", REST, void="no_key_offered")
    _released(history, "foreign", PREVIEW, origin="KG", void="wrong_country")
    _released(history, "elsewhere", PREVIEW, recipient="UZ", void="no_basis")
    _released(history, "first", PREVIEW)
    _released(history, "first", PREVIEW, void="wrong_state")
    history.put(
        "KG", ReferralAccepted, handoff_id="referral", basis_id="consent", grant_key=key("key")
    )
    _released(history, "mixed", ALL, void="no_basis")
    _released(history, "beyond", (DataScope.PHOTO,), void="no_basis")
    _released(history, "unlike", REST, commitments=(key("one"),), void="no_basis")
    _released(history, "second", REST)
    history.put("KZ", CaseClosed, void="handoff_open")
    return history


def no_key_no_data() -> History:
    history = History("no_key_no_data", "A receiver that offers no key gets none.", newest=True)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent", scopes=ALL)
    history.put("KZ", StatusChanged, status=NeutralStatus.READY)
    history.put("KZ", TransferProposed, handoff_id="transfer", basis_id="consent", scopes=ALL)
    history.put("KG", TransferPreviewed, handoff_id="transfer", grant_key=None)
    _released(history, "first", PREVIEW, handoff_id="transfer", void="no_key_offered")
    history.put(
        "KG", TransferAccepted, handoff_id="transfer", basis_id="consent", grant_key=key("key")
    )
    _released(history, "second", REST, handoff_id="transfer")
    return history


def sharing_stopped() -> History:
    history = _accepted("sharing_stopped", "Withdrawn: stopped, and the recipient answers for it.")
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    _released(history, "ignorant", REST, seen=7, void="no_basis")
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1)
    history.put("KZ", ReleaseStopped, handoff_id="referral", epoch=1)
    history.put("UZ", ReleaseStopped, handoff_id="referral", epoch=9, void="not_party")
    history.put("KZ", ConsentGranted, consent_id="anew", scopes=ALL)
    _released(history, "stale", REST, basis_id="anew", void="stale_epoch")
    _released(history, "third", REST, basis_id="anew", epoch=2)
    history.put("KZ", RetentionClaimed, grant_id="second", void="wrong_country")
    history.put("KG", RetentionClaimed, grant_id="second")
    history.put("KG", KeysDestroyed, grant_id="first")
    history.put("KG", RetentionClaimed, grant_id="first", void="wrong_state")
    history.put("KZ", KeysDestroyed, grant_id="second")  # not the holder: changes nothing
    return history


def permission_crossed_a_withdrawal() -> History:
    history = _received(
        "permission_crossed_a_withdrawal", "Released without knowing of a withdrawal: void."
    )
    history.put("KZ", ConsentGranted, consent_id="other", scopes=ALL)
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    _released(history, "first", PREVIEW, basis_id="other", seen=5, void="unseen_protection")
    _released(history, "second", PREVIEW, basis_id="other")
    return history


def erasure_attested() -> History:
    history = _accepted("erasure_attested", "Who erased says so; what it held is destroyed.")
    history.put("KG", ErasureAttested, erasure_id="of KG")
    history.put("UZ", ErasureAttested, erasure_id="of UZ", void="not_party")
    history.put("KZ", ErasureAttested, erasure_id="of KZ", keys=(key("a")[:16], key("b")[:16]))
    history.put("KZ", ErasureAttested, erasure_id="of KZ")
    return history


def keys_said_gone() -> History:
    """Who uses a key that it said is gone contradicts itself, until it has erased once more."""
    history = _accepted("keys_said_gone", "Destroyed, attested, and used all the same.")
    names = tuple(key(f"second/{scope}")[:16] for scope in REST)
    history.put("KG", KeysDestroyed, grant_id="first")
    _released(
        history, "back", PREVIEW, origin="KG", recipient="KZ",
        commitments=(key("first/preview"),), void="wrong_country",
    )  # fmt: skip
    history.put("KG", ErasureAttested, erasure_id="of KG")
    history.put("KZ", ErasureAttested, erasure_id="of KZ", keys=names)
    _released(history, "other", PREVIEW)
    _released(history, "again", REST, commitments=tuple(key(f"second/{one}") for one in REST))
    history.put("KZ", ErasureAttested, erasure_id="of KZ", keys=names)
    history.put("KZ", ErasureAttested, erasure_id="once more", keys=names)
    return history


def national_consent() -> History:
    history = History(
        "national_consent", "Who gave it, who took it back, what waits.", shared=False, newest=True
    )
    history.put("KZ", CaseOpened)
    history.put("KZ", ConsentGranted, consent_id="consent")
    history.put("KZ", BasisRecorded, basis_id="consent", withheld_from=("uncle-1", "org-2"))
    history.put("KZ", OverrideApproved, override_id="override")
    history.put(
        "KZ", BasisRecorded, basis_id="override", given_by=ConsentGiver.UNKNOWN,
        age_band=AgeBand.UNKNOWN, assent=Assent.UNKNOWN,
        override_reason="imminent_risk_of_harm",
    )  # fmt: skip
    history.put("KZ", WithdrawalAsked, basis_id="override")
    history.put("KZ", WithdrawalReviewed, basis_id="override", upheld=False)
    history.put("KZ", ConsentWithdrawn, consent_id="consent")
    history.put("KZ", WithdrawalRecorded, basis_id="consent", given_by=ConsentGiver.CHILD)
    history.put("KZ", DataForgone, handoff_id="referral")
    history.put("KZ", OwnConsentSought)
    return history


def national_access() -> History:
    history = History(
        "national_access", "Shown, refused, opened in an emergency.", shared=False, newest=True
    )
    history.put("KZ", CaseOpened)
    history.put("KZ", PersonalDataRecorded)
    history.put("KZ", PersonalDataAccessed, access_id="one")
    history.put("KZ", AccessDenied)
    history.put("KZ", BreakGlassUsed, access_id="two")
    history.put("KZ", AccessReviewed, access_id="two")
    history.put("KZ", AccessReviewed, access_id="one")
    return history


def national_block_and_erasure() -> History:
    history = History(
        "national_block_and_erasure", "Blocked and lifted; held and erased.", shared=False,
        newest=True,
    )  # fmt: skip
    history.put("KZ", CaseOpened)
    history.put("KZ", BlockPlaced, block_id="block")
    history.put("KZ", BlockLifted, block_id="block")
    history.put("KZ", BlockLifted, block_id="another")
    history.put("KZ", CaseClosed)
    history.put("KZ", HoldPlaced, hold_id="hold")
    history.put("KZ", HoldEnded, hold_id="hold")
    history.put("KZ", ErasureRequested, erasure_id="erasure")
    history.put("KZ", ErasureApproved, erasure_id="erasure")
    history.put("KZ", KeysErased, erasure_id="erasure")
    history.put("KZ", ErasureApproved, erasure_id="unknown")
    return history


#: What these events say where a history does not care.
USUAL = {
    "grant_key": None, "given_by": ConsentGiver.CAREGIVER, "giver": "aunt-1",
    "age_band": AgeBand.FROM_6_TO_11, "assent": Assent.ORAL, "language": "ky",
    "interpreter": True, "withheld_from": (), "override_reason": None, "why": "override_in_force",
    "ground": RetentionGround.MANDATE, "until": LAST, "keys": (key("k")[:16],),
    "backups_expire_on": LAST, "about": None, "door": "read", "slots": 2, "replicas": 2,
    "method": "overwritten_in_place", "countries": ("KG",), "persons": ("uncle-1",),
    "glass_until": datetime(2026, 3, 2, 12, tzinfo=UTC),
}  # fmt: skip

TOLD = (
    keys_released, no_key_no_data, sharing_stopped, permission_crossed_a_withdrawal,
    erasure_attested, keys_said_gone, national_consent, national_access, national_block_and_erasure,
)  # fmt: skip
