"""Releasing keys to another country, and taking in what another released: judged from the ledger.

Nothing here believes its caller. What may leave follows from the case as the topic ordered it and
from this country's own prohibitions; what comes in has to be what the sender's signed event says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import structlog
from psycopg import Connection
from uuid_utils.compat import uuid7

from events.codes import DataScope
from events.consent import ConsentGranted, OverrideApproved
from events.errors import BasisMissing, NotAllowedNow, SealBroken
from events.referral import ReferralAccepted, ReferralReceived
from events.registry import NEWEST
from events.stamp import Event, SealedEntry
from events.transfer import TransferAccepted, TransferPreviewed
from ledger.case.case import Case
from ledger.case.personal import merged, record_text
from ledger.case.plane import Handoff
from ledger.case.plane import Release as Grant
from ledger.case.sharing import Due, due_of, is_made, may_leave, spent_epoch
from ledger.keys import capsules
from ledger.keys.capsule import (
    Key,
    Release,
    capsule_hash,
    carried,
    check_commitments,
    split,
    unwrap,
    wrap,
)
from ledger.keys.capsules import Prepared
from ledger.keys.keyset import KeySet
from ledger.keys.records import Events, Told, entries_of, own_record
from ledger.keys.seal import SCOPE_NUMBER, commitment, seal, unseal
from ledger.keys.sealing import RECORD_BYTES, place_of
from ledger.keys.vault import Vault
from ledger.store import Store

log = structlog.get_logger()

_SCHEMA = NEWEST["KeysReleased"].canonical_sha256
_OFFERS_PREVIEW = (ReferralReceived, TransferPreviewed)
_OFFERS_REST = (ReferralAccepted, TransferAccepted)


def stage(*, preview: bool) -> str:
    """Return what the vault calls a step."""
    return "preview" if preview else "rest"


class Releasing:
    """The releases of one country's keystore."""

    def __init__(self, store: Store, vault: Vault, country: str, today: Callable[[], date]) -> None:
        self._store = store
        self._vault = vault
        self._country = country
        self._today = today

    def prepare(
        self,
        case: Case,
        events: Events,
        handoff_id: UUID,
        *,
        preview: bool,
        without: frozenset[UUID] = frozenset(),
    ) -> Prepared:
        """Return a release that is due, made once for its step and basis. BasisMissing.

        `without` names bases that ended by age. Every release has keys of its own, so the number
        of its epoch counts releases, and says nothing of what else was decided about the child.
        """
        due = due_of(case, handoff_id, self._today(), preview=preview, without=without)
        handoff = case.settled.handoff(handoff_id)
        if due is None or handoff is None:
            why = "; a consent that ended by age permits none" if without else ""
            raise BasisMissing(f"handoff {handoff_id}: nothing permits a release now{why}")
        if is_made(case, due):
            raise NotAllowedNow(f"handoff {handoff_id}: this is released", rule="release_made")
        texts = self._texts(events, due, handoff)
        with (
            self._store.reading() as connection,
            capsules.preparing(connection, case.case_id),
        ):
            found, keys = self._found(connection, case, events, due)
            if found is None or keys is None:
                keys = self._vault.for_release(case.case_id, after=spent_epoch(case))
                made = self._made(case, events, due, handoff, keys, texts)
                capsules.keep(connection, made)
                return made
        if self._says(found, keys) == texts:
            return found
        # Prepared some time ago and never recorded: the capsule stays, the record is today's.
        return found._replace(sealed=self._boxes(case.case_id, found.grant_id, keys, texts))

    def _found(
        self, connection: Connection[Any], case: Case, events: Events, due: Due
    ) -> tuple[Prepared | None, KeySet | None]:
        """Return what was prepared before and can still be recorded, with its keys.

        What never can be is dropped: its epoch is spent, or its event id used up by a void one.
        """
        for one in capsules.find(connection, case.case_id, due):
            keys = self._vault.own_at(case.case_id, one.epoch)
            if _is_recorded(case, events, one):
                raise NotAllowedNow(
                    f"handoff {due.handoff_id}: its release waits for its place", rule="pending"
                )
            void = events.one(one.grant_id) is not None
            if not void and one.epoch > spent_epoch(case) and isinstance(keys, KeySet):
                return one, keys
            capsules.drop(connection, one.grant_id)
        return None, None

    def has_left(self, grant_id: UUID) -> bool:
        """Say whether the capsule of a grant was given out before."""
        with self._store.reading() as connection:
            return capsules.has_left(connection, grant_id)

    def carry(self, case: Case, grant_id: UUID, *, again: bool = False) -> bytes:
        """Return what goes on the grants topic, once its KeysReleased is effective and stands.

        `again`: it was given out before (`has_left`), and whoever has it needs nobody's leave.
        """
        grant = case.settled.releases.get(grant_id)
        with self._store.reading() as connection:
            prepared = capsules.of_grant(connection, grant_id)
        if grant is None or prepared is None or grant.origin != self._country:
            raise NotAllowedNow(f"grant {grant_id} is not effective", rule="grant_effective")
        permitted = grant.state == "released" if again else may_leave(case, grant_id, self._today())
        if not permitted:
            raise BasisMissing(f"grant {grant_id}: nothing permits it any more")
        if prepared.capsule_hash != grant.capsule:
            raise SealBroken(f"grant {grant_id}: its capsule is not the one that was recorded")
        with self._store.reading() as connection:
            capsules.left(connection, grant_id)
        return prepared.carried

    def receive(self, case: Case, events: Events, grant_id: UUID, value: bytes) -> None:
        """Keep the keys of a grant to this country. SealBroken: they are not those recorded."""
        grant = case.settled.releases.get(grant_id)
        if grant is None or grant.recipient != self._country:
            raise NotAllowedNow(f"grant {grant_id} is not this country's", rule="grant_effective")
        if grant.state != "released":
            raise NotAllowedNow(f"grant {grant_id} is {grant.state}", rule="grant_state")
        salt, capsule = split(value)
        if capsule_hash(salt, capsule) != grant.capsule:
            raise SealBroken(f"grant {grant_id}: another capsule than the one recorded")
        private = self._vault.one_time_private(
            case.case_id, grant.handoff_id, stage(preview=grant.is_preview)
        )
        keys = unwrap(capsule, _release(grant_id, grant, case, events), private)
        check_commitments(keys, dict(zip(grant.scopes, grant.commitments, strict=False)))
        if any(key.epoch != grant.epoch for key in keys) or len(keys) != len(grant.scopes):
            raise SealBroken(f"grant {grant_id}: its capsule holds keys of another epoch or scope")
        given = [(SCOPE_NUMBER[one.scope], one.epoch, one.dek) for one in keys]
        try:
            self._vault.receive(case.case_id, grant_id, given)
        except SealBroken as error:
            said = {"origin": grant.origin, "rule": error.rule}
            log.warning("keys_are_not_new", case_id=case.case_id, **said)
            raise

    def _made(
        self,
        case: Case,
        events: Events,
        due: Due,
        handoff: Handoff,
        keys: KeySet,
        texts: Mapping[DataScope, bytes],
    ) -> Prepared:
        grant_id = uuid7()
        commitments = tuple(commitment(keys.dek(SCOPE_NUMBER[one])) for one in due.scopes)
        grant = Grant(
            state="released",
            origin=self._country,
            recipient=due.recipient,
            handoff_id=due.handoff_id,
            basis_id=due.basis_id,
            scopes=due.scopes,
            epoch=keys.epoch,
            commitments=commitments,
            capsule=b"",
        )
        public = handoff.preview_key if due.is_preview else handoff.key
        assert public is not None, "it is due because a key was offered"
        given = [Key(one, keys.epoch, keys.dek(SCOPE_NUMBER[one])) for one in due.scopes]
        capsule = wrap(given, _release(grant_id, grant, case, events), public)
        return Prepared(
            grant_id,
            case.case_id,
            due.handoff_id,
            due.is_preview,
            due.basis_id,
            keys.epoch,
            due.scopes,
            commitments,
            carried(os.urandom(32), capsule),
            self._boxes(case.case_id, grant_id, keys, texts),
        )

    def _boxes(
        self, case_id: UUID, grant_id: UUID, keys: KeySet, texts: Mapping[DataScope, bytes]
    ) -> tuple[SealedEntry, ...]:
        """Seal the record of what is released, and nothing for every other scope: one size."""
        self._vault.reserve(keys, len(RECORD_BYTES))
        boxes = []
        for scope, size in RECORD_BYTES.items():
            place = place_of(grant_id, case_id, self._country, scope, _SCHEMA, keys.epoch)
            text = texts.get(scope, b"")
            box = seal(keys.dek(SCOPE_NUMBER[scope]), place, text, size=size)
            boxes.append(SealedEntry(scope=scope, box=box))
        return tuple(boxes)

    def _says(self, prepared: Prepared, keys: KeySet) -> dict[DataScope, bytes]:
        """Return the record that a prepared release carries."""
        found = {}
        for scope, box in ((entry.scope, entry.box) for entry in prepared.sealed):
            grant_id, case_id = prepared.grant_id, prepared.case_id
            place = place_of(grant_id, case_id, self._country, scope, _SCHEMA, keys.epoch)
            found[scope] = unseal(keys.dek(SCOPE_NUMBER[scope]), place, box)
        return {scope: text for scope, text in found.items() if text}

    def _texts(self, events: Events, due: Due, handoff: Handoff) -> dict[DataScope, bytes]:
        record = own_record(self._vault, events.own, due.scopes)
        texts = {scope: one.text for scope, one in record.items()}
        began = events.one(handoff.began_with)
        if due.is_preview and began is not None and began.event.origin == self._country:
            said = entries_of(self._vault, began.event, due.scopes)
            preview = said.get(DataScope.PREVIEW)
            both = [texts.get(DataScope.PREVIEW, b""), b"" if preview is None else preview.text]
            texts[DataScope.PREVIEW] = record_text(merged(both))
        return {scope: text for scope, text in texts.items() if text}


def _is_recorded(case: Case, events: Events, prepared: Prepared) -> bool:
    """Say whether a prepared release was recorded, and has not come to nothing."""
    told = events.one(prepared.grant_id)
    if told is None:
        return False
    waits = told.event.version > case.settled.versions.get(case.country, 0)
    return waits or prepared.grant_id in case.settled.releases


def _release(grant_id: UUID, grant: Grant, case: Case, events: Events) -> Release:
    offers = _OFFERS_PREVIEW if grant.is_preview else _OFFERS_REST
    return Release(
        case_id=case.case_id,
        grant_id=grant_id,
        sender=grant.origin,
        recipient=grant.recipient,
        basis_leaf=_leaf(events.shared, lambda event: _is_basis(event, grant.basis_id)),
        accept_leaf=_leaf(
            events.shared,
            lambda event: (
                isinstance(event, offers)
                and event.handoff_id == grant.handoff_id
                and event.grant_key is not None
            ),
        ),
    )


def _is_basis(event: Event, basis_id: UUID) -> bool:
    match event:
        case ConsentGranted():
            return event.consent_id == basis_id
        case OverrideApproved():
            return event.override_id == basis_id
    return False


def _leaf(shared: Sequence[Told], fits: Callable[[Event], bool]) -> bytes:
    """Return the leaf of the event that took effect and fits: both countries find the same."""
    for told in shared:
        if fits(told.event):
            return told.leaf
    raise NotAllowedNow("the events that a release rests on are not on the topic", rule="on_topic")
