"""The part about data that crosses the border: keys released, stopped, destroyed, kept, erased."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from events.codes import DataScope, RetentionGround, Role
from events.data import (
    ErasureAttested,
    KeysDestroyed,
    KeysReleased,
    ReleaseStopped,
    RetentionClaimed,
)
from events.errors import (
    BadInput,
    BasisMissing,
    CodeUnknown,
    NotAllowedNow,
    WrongCountry,
    WrongRole,
)
from events.stamp import Event, SealedEntry
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.plane import NONE, Attested, Plane, Release
from ledger.case.sharing import is_made, permitted_bases, spent_epoch, stops


def state(plane: Plane, event: Event) -> str:
    """Return the state of the grant, the sharing or the erasure that the event is about."""
    match event:
        case KeysReleased() | KeysDestroyed() | RetentionClaimed():
            release = plane.releases.get(event.grant_id)
            return NONE if release is None else release.state
        case ErasureAttested():
            known = (one.erasure_id for one in plane.attested.values())
            return "attested" if event.erasure_id in known else NONE
        case _:
            return NONE


def _released(plane: Plane, event: KeysReleased) -> Plane:
    release = Release(
        state="released",
        origin=event.origin,
        recipient=event.recipient,
        handoff_id=event.handoff_id,
        basis_id=event.basis_id,
        scopes=event.scopes,
        epoch=event.epoch,
        commitments=event.commitments,
        capsule=event.capsule,
    )
    return changed(plane, releases={**plane.releases, event.grant_id: release})


def _stopped(plane: Plane, event: ReleaseStopped) -> Plane:
    """Idempotent; what was destroyed or is kept on a ground of its own stays so.

    Only who released can stop: the word of another would show an end, and the sharing went on.
    """
    releases = {
        grant_id: changed(release, state=_after_stop(release))
        if release.handoff_id == event.handoff_id
        and release.origin == event.origin
        and release.state == "released"
        else release
        for grant_id, release in plane.releases.items()
    }
    last = max(event.epoch, plane.stopped_epochs.get(event.origin, 0))
    stopped = {**plane.stopped_epochs, event.origin: last}
    return changed(plane, releases=releases, stopped_epochs=stopped)


def _after_stop(release: Release) -> str:
    return "stopped" if release.ground is RetentionGround.UNKNOWN else "claimed"


def _destroyed(plane: Plane, event: KeysDestroyed) -> Plane:
    """Only the recipient can destroy what it holds; anybody else's word changes nothing."""
    release = plane.releases.get(event.grant_id)
    if release is None or release.recipient != event.origin:
        return plane
    gone = changed(release, state="destroyed", ground=RetentionGround.UNKNOWN, until=None)
    return changed(plane, releases={**plane.releases, event.grant_id: gone})


def _claimed(plane: Plane, event: RetentionClaimed) -> Plane:
    """What is shared stays shared: a claim made before the stop counts from the stop on."""
    release = plane.releases[event.grant_id]
    state = "released" if release.state == "released" else "claimed"
    kept = changed(release, state=state, ground=event.ground, until=event.until)
    return changed(plane, releases={**plane.releases, event.grant_id: kept})


def _attested(plane: Plane, event: ErasureAttested) -> Plane:
    """A country that erased the case has destroyed what it was given, too."""
    releases = {
        grant_id: changed(release, state="destroyed", ground=RetentionGround.UNKNOWN, until=None)
        if release.recipient == event.origin
        else release
        for grant_id, release in plane.releases.items()
    }
    said = Attested(
        erasure_id=event.erasure_id, keys=event.keys, backups_expire_on=event.backups_expire_on
    )
    return changed(plane, releases=releases, attested={**plane.attested, event.origin: said})


EFFECTS: Mapping[type[Event], Effect] = {
    KeysReleased: _released,
    ReleaseStopped: _stopped,
    KeysDestroyed: _destroyed,
    RetentionClaimed: _claimed,
    ErasureAttested: _attested,
}


def release_keys(
    matter: Matter,
    /,
    *,
    grant_id: UUID,
    handoff_id: UUID,
    basis_id: UUID,
    scopes: tuple[DataScope, ...],
    epoch: int,
    commitments: tuple[bytes, ...],
    capsule: bytes,
    sealed: tuple[SealedEntry, ...],
) -> Drafts:
    """Release keys of some scopes to the receiver of a handoff, as the keystore prepared it.

    The keystore has judged the same from the ledger; between the two somebody may have withdrawn.
    """
    preview = scopes == (DataScope.PREVIEW,)
    permitted = permitted_bases(matter.case, handoff_id, matter.today, preview=preview)
    due = next((one for one in permitted if (one.basis_id, one.scopes) == (basis_id, scopes)), None)
    if due is None:
        raise BasisMissing(f"handoff {handoff_id}: nothing permits this release now")
    if is_made(matter.case, due):
        raise NotAllowedNow(f"handoff {handoff_id}: this is released already", rule="release_made")
    if epoch <= (spent := spent_epoch(matter.case)):
        raise NotAllowedNow(
            f"handoff {handoff_id}: release keys of an epoch after {spent}", rule="stale_epoch"
        )
    fields = {
        "grant_id": grant_id,
        "handoff_id": handoff_id,
        "basis_id": basis_id,
        "recipient": due.recipient,
        "scopes": scopes,
        "epoch": epoch,
        "commitments": commitments,
        "capsule": capsule,
    }
    # The entries were sealed for this very event: its id is bound into each of them.
    return (Draft(KeysReleased, fields, event_id=grant_id, sealed=sealed),)


def stop_release(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Stop sharing data for a handoff whose basis is no longer in force."""
    epochs = stops(matter.case, matter.today)
    if handoff_id not in epochs:
        raise NotAllowedNow(f"handoff {handoff_id}: there is nothing to stop", rule="stop_due")
    return (Draft(ReleaseStopped, {"handoff_id": handoff_id, "epoch": epochs[handoff_id]}),)


def _held(matter: Matter, grant_id: UUID) -> Release:
    matter.require_known()
    release = matter.case.ahead.releases.get(grant_id)
    if release is None:
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no grant {grant_id}", rule="grant_known"
        )
    if release.recipient != matter.case.country:
        raise WrongCountry(f"grant {grant_id}: {release.recipient} holds its keys")
    return release


def destroy_keys(matter: Matter, /, *, grant_id: UUID) -> Drafts:
    """Say that this country has destroyed the keys of a grant that it held.

    Who answers for the case says so, before anything is destroyed: it may be evidence.
    """
    matter.require_supervising()
    _held(matter, grant_id)
    return (Draft(KeysDestroyed, {"grant_id": grant_id}),)


def claim_retention(
    matter: Matter, /, *, grant_id: UUID, ground: RetentionGround, until: date
) -> Drafts:
    """Keep what a grant gave, on a ground of this country's own, until a day."""
    matter.require_supervising()
    release = _held(matter, grant_id)
    if release.state == "destroyed":
        raise NotAllowedNow(f"grant {grant_id}: its keys are destroyed", rule="grant_destroyed")
    if ground is RetentionGround.UNKNOWN:
        raise CodeUnknown("name the ground on which the data is kept", rule="ground_known")
    matter.require_day_ahead(until, "the last day")
    fields = {"grant_id": grant_id, "ground": ground, "until": until}
    return (Draft(RetentionClaimed, fields),)


def attest_erasure(
    matter: Matter, /, *, erasure_id: UUID, keys: tuple[bytes, ...], backups_expire_on: date
) -> Drafts:
    """Say that this country's keys of the case are destroyed; the keystore has seen them fail.

    Nobody can say so for it.
    """
    if matter.by.role != Role.SYSTEM:
        raise WrongRole("the keystore attests an erasure when it has seen its keys fail")
    erasure = matter.case.national.care.erasures.get(erasure_id)
    if erasure is None or erasure.state != "erased":
        raise NotAllowedNow(
            f"erasure {erasure_id}: its keys are not known to be destroyed", rule="keys_erased"
        )
    if backups_expire_on < matter.today:
        raise BadInput("the day on which the last backup is gone cannot be in the past")
    fields = {"erasure_id": erasure_id, "keys": keys, "backups_expire_on": backups_expire_on}
    return (Draft(ErasureAttested, fields),)
