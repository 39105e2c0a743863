"""Data that crosses the border, and the reactor and keystore of each country, played.

What the reactor does by itself is decided by `ledger.case.sharing`; here it is called as the
reactor calls it, on the same stories as everything else (`tests/given.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from events.codes import AgeBand, Assent, ConsentGiver, DataScope, Purpose
from events.stamp import Actor, Event
from ledger.case import consent, data, referral, transfer
from ledger.case.matter import Drafts, Matter
from ledger.case.plane import Handoff, Release
from ledger.case.sharing import Due, releases_due, spent_epoch, stops
from tests.given import NOON, SCOPES, SOON, Story, new_id, ready

PREVIEW = (DataScope.PREVIEW,)
REST = SCOPES
ALL = (*PREVIEW, *REST)
SYSTEM = Actor(id="reactor", role="system", organisation="cps")
DPO = Actor(id="dpo-1", role="data_protection_officer", organisation="cps")
#: A one-time public key; which one is no matter to the case.
KEY = bytes(32)
AUNT = "aunt-1"
Decision = Callable[..., Drafts]


def with_key(decision: Decision) -> Decision:
    """Return a decision taken where there is a keystore."""

    def take(matter: Matter, /, **arguments: Any) -> Drafts:
        offering = replace(matter, one_time=lambda _handoff_id, _preview: KEY)
        return decision(offering, **arguments)

    return take


def granted(
    story: Story,
    *,
    to: str = "KG",
    purpose: Purpose = Purpose.SERVICE,
    scopes: tuple[DataScope, ...] = ALL,
    by: ConsentGiver = ConsentGiver.CAREGIVER,
    giver: str | None = AUNT,
    **more: Any,
) -> UUID:
    """Let KZ record who gave a consent, and return its id."""
    consent_id = new_id()
    child = by is ConsentGiver.CHILD
    story.did(
        "KZ", consent.grant_consent, recipient=to, purpose=purpose, scopes=scopes,
        consent_id=consent_id, given_by=by, giver=None if child else giver,
        age_band=AgeBand.FROM_12_TO_14, assent=Assent.WRITTEN, **{"expires_on": SOON, **more},
    )  # fmt: skip
    return consent_id


def overridden(story: Story, *, to: str = "KG", purpose: Purpose = Purpose.SERVICE) -> UUID:
    """Let KZ approve release without consent, and return the override's id."""
    override_id = new_id()
    story.did(
        "KZ", consent.approve_override, recipient=to, purpose=purpose, scopes=ALL,
        expires_on=SOON, requested_by="cw-1", override_id=override_id, reason="court_order",
    )  # fmt: skip
    return override_id


def referred(
    story: Story,
    basis_id: UUID,
    state: str = "accepted",
    *,
    to: str = "KG",
    scopes: tuple[DataScope, ...] = ALL,
) -> UUID:
    """Let KZ send a referral, and the receiver take it up to a state; everything due is shared."""
    handoff_id = new_id()
    story.did(
        "KZ", referral.send_referral, recipient=to, basis_id=basis_id, scopes=scopes,
        due_on=SOON, handoff_id=handoff_id,
    )  # fmt: skip
    steps: dict[str, tuple[Decision, dict[str, Any]]] = {
        "received": (with_key(referral.receive_referral), {}),
        "accepted": (with_key(referral.accept_referral), {}),
        "started": (referral.start_referral, {}),
        "completed": (referral.complete_referral, {"outcome": "fulfilled"}),
    }
    return _taken(story, handoff_id, to, steps, state, first="sent")


def transferred(story: Story, basis_id: UUID, state: str = "accepted", *, to: str = "KG") -> UUID:
    """Let KZ propose a transfer, and the receiver take it up to a state."""
    ready(story)
    handoff_id = new_id()
    story.did(
        "KZ", transfer.propose_transfer, recipient=to, basis_id=basis_id, scopes=ALL,
        due_on=SOON, handoff_id=handoff_id,
    )  # fmt: skip
    steps: dict[str, tuple[Decision, dict[str, Any]]] = {
        "previewed": (with_key(transfer.preview_transfer), {}),
        "accepted": (with_key(transfer.accept_transfer), {}),
        "moved": (transfer.move_responsibility, {}),
        "completed": (transfer.complete_handover, {}),
    }
    return _taken(story, handoff_id, to, steps, state, first="proposed")


def _taken(
    story: Story,
    handoff_id: UUID,
    to: str,
    steps: dict[str, tuple[Decision, dict[str, Any]]],
    state: str,
    *,
    first: str,
) -> UUID:
    at = first
    while at != state:
        at, (decision, more) = next(iter(steps.items()))
        del steps[at]
        story.did(to, decision, handoff_id=handoff_id, **more)
        react(story, "KZ")
        story.settle()
    return handoff_id


def handoff(story: Story, handoff_id: UUID, country: str = "KG") -> Handoff:
    """Return a handoff as a country sees it settled."""
    found = story[country].settled.handoff(handoff_id)
    assert found is not None
    return found


def grants(story: Story, handoff_id: UUID | None = None) -> list[Release]:
    """Return the effective releases, all or those of a handoff, as KG sees them."""
    releases = story["KG"].settled.releases.values()
    return [one for one in releases if handoff_id in {None, one.handoff_id}]


def states(story: Story, handoff_id: UUID) -> list[str]:
    """Return the states of the releases of a handoff, oldest first."""
    return [one.state for one in grants(story, handoff_id)]


def due(story: Story, country: str = "KZ", at: datetime = NOON) -> list[Due]:
    """Return what a country should release now."""
    return list(releases_due(story[country].case, at.date()))


def release(story: Story, country: str, what: Due, at: datetime = NOON, **other: Any) -> Event:
    """Let the keystore prepare a release, and the reactor record it; it waits for its place."""
    node = story[country]
    grant_id = new_id()
    fields = {
        "grant_id": grant_id, "handoff_id": what.handoff_id, "basis_id": what.basis_id,
        "scopes": what.scopes, "epoch": spent_epoch(node.case) + 1,
        "commitments": tuple(new_id().bytes * 2 for _ in what.scopes),
        "capsule": bytes(32), "sealed": (),
    }  # fmt: skip
    (event,) = node.decide(data.release_keys, by=SYSTEM, at=at, **{**fields, **other})
    return event


def react(story: Story, country: str, at: datetime = NOON) -> list[Event]:
    """Let a country's reactor run once: stop what has to stop, release what is due."""
    node, made = story[country], []
    for handoff_id in stops(node.case, at.date()):
        made += node.decide(data.stop_release, by=SYSTEM, at=at, handoff_id=handoff_id)
    for what in due(story, country, at):
        made.append(release(story, country, what, at))
    return made


def reacted(story: Story, at: datetime = NOON) -> list[Event]:
    """Let KZ's reactor run and everybody hear of it; a second run has nothing to do."""
    made = react(story, "KZ", at)
    story.settle()
    assert react(story, "KZ", at) == []
    return made
