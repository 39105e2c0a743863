"""Moves about permission: given, refused, taken back, overridden, and what is done without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.codes import AgeBand, Assent, ConsentGiver, DataScope, Purpose, RetentionGround
from ledger.case import consent, data, withdrawal
from node.simulation.kinds import DOMESTIC
from node.simulation.moves import BETWEEN, Move
from node.simulation.seen import Seen

_SCOPES = (
    (DataScope.PREVIEW, DataScope.IDENTITY, DataScope.HEALTH),
    (DataScope.PREVIEW, DataScope.IDENTITY, DataScope.HEALTH, DataScope.LOCATION),
)
#: Who gives permission at which age, and how she agrees.
_GIVERS: Mapping[AgeBand, tuple[ConsentGiver, Assent]] = {
    AgeBand.FROM_6_TO_11: (ConsentGiver.CAREGIVER, Assent.ORAL),
    AgeBand.FROM_12_TO_14: (ConsentGiver.GUARDIAN, Assent.WRITTEN),
    AgeBand.FROM_15_TO_17: (ConsentGiver.CHILD, Assent.NONE),
}


def giver(seen: Seen) -> Mapping[str, Any]:
    """Return who gives permission for this child."""
    given_by, assent = _GIVERS[seen.cast.age]
    named = None if given_by is ConsentGiver.CHILD else seen.cast.adult
    return {"given_by": given_by, "giver": named, "age_band": seen.cast.age, "assent": assent}


def granted(seen: Seen, recipient: str, purpose: Purpose) -> Mapping[str, Any]:
    """Return the arguments of a consent."""
    return {
        "recipient": recipient,
        "purpose": purpose,
        "scopes": seen.one(_SCOPES),
        "expires_on": seen.after(180),
        "language": "ky",
        "consent_id": seen.id(),
        **giver(seen),
    }


def overridden(seen: Seen, purpose: Purpose, requested_by: str) -> Mapping[str, Any]:
    """Return the arguments of an override in an emergency."""
    return {
        "recipient": seen.other,
        "purpose": purpose,
        "scopes": _SCOPES[0],
        "expires_on": seen.after(2),
        "requested_by": requested_by,
        "reason": "medical_emergency",
        "override_id": seen.id(),
    }


def _asks(purpose: Purpose) -> Any:
    return lambda seen: seen.answers and not seen.permitted(seen.other, purpose)


def _purpose(seen: Seen) -> Purpose:
    return seen.one((Purpose.SERVICE, Purpose.TRANSFER))


def _taken_back(seen: Seen) -> Mapping[str, Any]:
    """The child takes it back, at any age; now and then the adult who gave it."""
    consent_id = seen.one(seen.bases())
    terms = seen.care.terms[consent_id]
    if terms.giver is not None and seen.chance(0.3):
        return {"consent_id": consent_id, "given_by": terms.given_by, "giver": terms.giver}
    return {"consent_id": consent_id, "given_by": ConsentGiver.CHILD}


MOVES = (
    Move(
        take=consent.grant_consent,
        called="grant_for_service",
        when=_asks(Purpose.SERVICE),
        arguments=lambda seen: granted(seen, seen.other, Purpose.SERVICE),
        by="supervisor",  # who may record one again after it was taken back
        weight=6,
        kinds=BETWEEN,
    ),
    Move(
        take=consent.grant_consent,
        called="grant_for_transfer",
        when=_asks(Purpose.TRANSFER),
        arguments=lambda seen: granted(seen, seen.other, Purpose.TRANSFER),
        by="supervisor",
        weight=5,
        kinds=BETWEEN,
    ),
    Move(
        take=consent.grant_consent,
        called="grant_at_home",
        when=lambda seen: seen.answers and not seen.permitted(seen.country, Purpose.SERVICE),
        arguments=lambda seen: granted(seen, seen.country, Purpose.SERVICE),
        weight=3,
        kinds=frozenset({DOMESTIC}),
    ),
    Move(
        take=withdrawal.withdraw_consent,
        when=lambda seen: bool(seen.bases()) and seen.progress > 0.2,
        arguments=_taken_back,
        weight=0.15,
        against="move_responsibility",
    ),
    # Through the country that was told nothing of who gave it: her own word is enough.
    Move(
        take=withdrawal.withdraw_consent,
        called="withdraw_abroad",
        when=lambda seen: bool(_foreign(seen)),
        arguments=lambda seen: {
            "consent_id": seen.one(_foreign(seen)),
            "given_by": ConsentGiver.CHILD,
        },
        weight=0.15,
        kinds=BETWEEN,
    ),
    Move(
        take=withdrawal.refuse_consent,
        when=lambda seen: seen.answers and seen.progress > 0.1,
        arguments=lambda seen: {
            "recipient": seen.other,
            "scopes": (DataScope.FAMILY,),
            "given_by": ConsentGiver.CHILD,
            "consent_id": seen.id(),
        },
        weight=0.2,
        kinds=BETWEEN,
    ),
    Move(
        take=consent.approve_override,
        when=lambda seen: seen.answers and bool(seen.ended(seen.other)),
        arguments=lambda seen: overridden(seen, _purpose(seen), seen.cast["caseworker"].id),
        by="supervisor",
        weight=0.6,
        kinds=BETWEEN,
    ),
    Move(
        take=consent.end_override,
        when=lambda seen: bool(seen.bases(override=True)),
        arguments=lambda seen: {"override_id": seen.one(seen.bases(override=True))},
        weight=0.3,
        kinds=BETWEEN,
    ),
    Move(
        take=consent.review_override,
        when=lambda seen: bool(seen.bases(override=True)),
        arguments=lambda seen: {
            "override_id": seen.one(seen.bases(override=True)),
            "upheld": seen.chance(0.7),
        },
        by="second",
        weight=0.6,
        kinds=BETWEEN,
    ),
    Move(
        take=withdrawal.forgo_data,
        when=lambda seen: bool(_lost(seen)),
        arguments=lambda seen: {"handoff_id": seen.one(_lost(seen))},
        weight=0.5,
        kinds=BETWEEN,
    ),
    Move(
        take=data.destroy_keys,
        when=lambda seen: bool(seen.grants("stopped")),
        arguments=lambda seen: {"grant_id": seen.one(seen.grants("stopped"))[0]},
        by="supervisor",
        weight=0.6,
        kinds=BETWEEN,
    ),
    Move(
        take=data.claim_retention,
        when=lambda seen: bool(seen.grants("stopped")),
        arguments=lambda seen: {
            "grant_id": seen.one(seen.grants("stopped"))[0],
            "ground": RetentionGround.MANDATE,
            "until": seen.after(30),
        },
        by="supervisor",
        weight=0.6,
        kinds=BETWEEN,
    ),
)


def _foreign(seen: Seen) -> list[Any]:
    """Return consents in force that another country recorded."""
    consents = seen.case.ahead.consents.items()
    return [
        one
        for one, basis in consents
        if basis.state == "granted" and not basis.override and basis.origin != seen.country
    ]


def _lost(seen: Seen) -> list[Any]:
    """Return handoffs of this country that go on without what they rested on."""
    sent = seen.handoffs("referrals", sent=True) + seen.handoffs("transfers", "accepted", sent=True)
    return [one[0] for one in sent if seen.lost(one) and one[0] not in seen.care.forgone]
