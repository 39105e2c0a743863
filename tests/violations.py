"""Every way to break the key-free rules, put into histories that are good up to that place.

Each kind takes a place of a good history at which a country released keys, and goes on as a
country would that ignores its guards: `Forger` writes any event with a right stamp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from events.access import PersonalDataAccessed
from events.case import ChildMissing
from events.codec import encode
from events.codes import DataScope, Purpose, RetentionGround
from events.consent import (
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OverrideEnded,
)
from events.data import (
    ErasureAttested,
    KeysDestroyed,
    KeysReleased,
    ReleaseStopped,
    RetentionClaimed,
)
from events.referral import ReferralAccepted, ReferralRevoked, ReferralSent
from events.registry import NEWEST
from events.stamp import Event, SealedEntry, leaf_hash
from events.transfer import TransferAccepted, TransferRevoked
from ledger.case.fold import fold
from ledger.case.plane import Basis, Handoff, Plane
from ledger.log.findings import Heard
from tests.sharing_play import SUPERVISOR, Play

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
#: A country that is no party.
STRANGER = "TJ"
#: What is to be found: rule, what, and the event.
Broken = tuple[str, str, UUID]


@dataclass
class Forger:
    """A good history up to a release, and what is forged after it."""

    play: Play
    heard: list[Heard]
    plane: Plane
    #: The release that stands last in the good history.
    release: KeysReleased
    at: datetime
    #: National events of the country that looks at what it was given.
    looked: list[Heard] = field(default_factory=list)

    @property
    def handoff(self) -> Handoff:
        """What the release was for."""
        found = self.plane.handoff(self.release.handoff_id)
        assert found is not None
        return found

    @property
    def basis(self) -> Basis:
        """What the release rests on."""
        return self.plane.consents[self.release.basis_id]

    @property
    def is_referral(self) -> bool:
        return self.release.handoff_id in self.plane.referrals

    @property
    def kz(self) -> str:
        """The country that released."""
        return self.release.origin

    @property
    def kg(self) -> str:
        """The country that it released to."""
        return self.release.recipient

    def put(self, origin: str, kind: type[Event], /, **fields: Any) -> Event:
        """Let a country say something, whether it may or not."""
        event = kind(**{**self._stamp(origin, kind), **fields})
        leaf = leaf_hash(encode(event))
        self.plane, verdict = fold(self.plane, event, leaf)
        self.heard.append(Heard(event, leaf, 0, len(self.heard), verdict.void is not None))
        self.at = max(self.at, event.recorded_at)
        return event

    def look(self, **fields: Any) -> Event:
        """Let the recipient record that somebody was shown data."""
        event = PersonalDataAccessed(
            **{
                **self._stamp(self.kg, PersonalDataAccessed),
                "version": len(self.looked) + 1,
                "access_id": uuid4(),
                "scopes": self.release.scopes,
                "door": "read",
                "purpose": Purpose.CASE_MANAGEMENT,
                "basis_id": self.release.grant_id,
                **fields,
            }
        )
        self.looked.append(Heard(event, leaf_hash(encode(event))))
        return event

    def _stamp(self, origin: str, kind: type[Event]) -> dict[str, Any]:
        self.at += SECOND
        return {
            "event_id": uuid4(),
            "case_id": self.play.case_id,
            "origin": origin,
            "version": self.plane.versions.get(origin, 0) + 1,
            "seen": self.plane.head,
            "occurred_at": self.at,
            "recorded_at": self.at,
            "actor": SUPERVISOR,
            "schema_version": NEWEST[kind.__name__].version,
        }

    def again(self, /, **fields: Any) -> Event:
        """Release once more, as before but for some fields."""
        new_id = uuid4()
        own = {"event_id", "case_id", "origin", "version", "seen", "occurred_at", "recorded_at"}
        usual = {
            name: getattr(self.release, name)
            for name in type(self.release).__dataclass_fields__
            if name not in own | {"actor", "schema_version", "sealed", "caused_by", "rules"}
        }
        origin = fields.pop("origin", self.kz)
        keys = {"epoch": self.last_epoch + 1, "commitments": _others(len(self.release.scopes))}
        said = {**usual, **keys, "event_id": new_id, "grant_id": new_id, **fields}
        return self.put(origin, KeysReleased, **said)

    @property
    def last_epoch(self) -> int:
        """The last epoch that was released or stopped, whatever became of it."""
        said = (one.event for one in self.heard)
        return max(one.epoch for one in said if isinstance(one, KeysReleased | ReleaseStopped))

    def grant(self, origin: str = "", /, **fields: Any) -> UUID:
        """Grant a consent like the one that the release rests on, and return its id."""
        usual = {"consent_id": uuid4(), "recipient": self.kg, "scopes": self.handoff.scopes}
        said = {**usual, "expires_on": (self.at + 30 * 1440 * MINUTE).date(), **fields}
        self.put(origin or self.kz, ConsentGranted, **said)
        return said["consent_id"]

    def end_basis(self, by: str) -> Event:
        """Take back what the release rests on."""
        if self.basis.override:
            return self.put(by, OverrideEnded, override_id=self.release.basis_id)
        return self.put(by, ConsentWithdrawn, consent_id=self.release.basis_id)

    def claim(self, until: date) -> Event:
        """Let the recipient keep what it was given."""
        words = {"grant_id": self.release.grant_id, "ground": RetentionGround.MANDATE}
        return self.put(self.kg, RetentionClaimed, **words, until=until)

    def attest(self, by: str, keys: tuple[bytes, ...] = ()) -> Event:
        """Let a country say that its keys of the case are gone."""
        last = self.at.date() + 30 * DAY
        words = {"erasure_id": uuid4(), "keys": keys, "backups_expire_on": last}
        return self.put(by, ErasureAttested, **words)

    def stop(self, by: str = "", /, **fields: Any) -> Event:
        """Stop sharing for the handoff."""
        said = {"handoff_id": self.release.handoff_id, "epoch": self.last_epoch, **fields}
        return self.put(by or self.kz, ReleaseStopped, **said)


def forgers(play: Play) -> Iterator[Forger]:
    """Yield the history up to each release that took effect."""
    for at, heard in enumerate(play.topic):
        if isinstance(heard.event, KeysReleased) and not heard.void:
            yield Forger(
                play, play.topic[: at + 1], play.planes[at + 1], heard.event,
                max(one.event.recorded_at for one in play.topic[: at + 1]),
            )  # fmt: skip


def _r3(what: str, event: Event) -> set[Broken]:
    return {("R3", what, event.event_id)}


def _after_end(what: str, event: Event) -> set[Broken]:
    return {*_r3(what, event), ("R4", "released_after_end", event.event_id)}


def _r4(what: str, event: Event) -> set[Broken]:
    return {("R4", what, event.event_id)}


def _r5(what: str, event: Event) -> set[Broken]:
    return {("R5", what, event.event_id)}


def _r6(what: str, event: Event) -> set[Broken]:
    return {("R6", what, event.event_id)}


def rests_on_nothing(forger: Forger) -> set[Broken]:
    return _r3("no_basis", forger.again(basis_id=uuid4()))


def rests_on_a_consent_for_another_country(forger: Forger) -> set[Broken]:
    basis_id = forger.grant(recipient=STRANGER)
    return _r3("other_recipient", forger.again(basis_id=basis_id))


def rests_on_a_consent_of_a_country_that_is_no_party(forger: Forger) -> set[Broken]:
    return _r3("no_basis", forger.again(basis_id=forger.grant(STRANGER)))


def rests_on_a_consent_that_its_recipient_gave_itself(forger: Forger) -> set[Broken]:
    return _r3("no_basis", forger.again(basis_id=forger.grant(forger.kg)))


def rests_on_a_consent_in_ignorance_of_a_withdrawal(forger: Forger) -> set[Broken]:
    before = forger.plane.head
    forger.put(forger.kg, ConsentWithdrawn, consent_id=uuid4())
    return _r3("no_basis", forger.again(basis_id=forger.grant(seen=before)))


def rests_on_an_id_that_was_withdrawn_before_it_was_given(forger: Forger) -> set[Broken]:
    basis_id = uuid4()
    forger.put(forger.kg, ConsentWithdrawn, consent_id=basis_id)
    forger.grant(consent_id=basis_id)
    return _after_end("withdrawn", forger.again(basis_id=basis_id))


def goes_beyond_the_consent(forger: Forger) -> set[Broken]:
    basis_id = forger.grant(scopes=(DataScope.PHOTO,))
    return _r3("beyond_basis", forger.again(basis_id=basis_id))


def widens_a_consent_under_its_own_id(forger: Forger) -> set[Broken]:
    basis_id = forger.grant(scopes=(DataScope.PHOTO,))
    forger.grant(consent_id=basis_id)
    return _r3("beyond_basis", forger.again(basis_id=basis_id))


def goes_beyond_the_handoff(forger: Forger) -> set[Broken]:
    photo = (*forger.release.scopes, DataScope.PHOTO)
    if DataScope.PREVIEW in photo:
        return set()
    basis_id = forger.grant(scopes=photo)
    said = {"basis_id": basis_id, "scopes": photo, "commitments": _others(len(photo))}
    return _r3("beyond_handoff", forger.again(**said))


def comes_a_day_too_late(forger: Forger) -> set[Broken]:
    assert forger.basis.expires_on is not None
    midnight = forger.at.replace(hour=0, minute=0, second=0, microsecond=0)
    late = midnight + (1 + (forger.basis.expires_on - forger.at.date()).days) * 1440 * MINUTE
    return _r3("expired", forger.again(recorded_at=late))


def comes_after_a_withdrawal_by_the_other_country(forger: Forger) -> set[Broken]:
    forger.end_basis(forger.kg)
    return _after_end("withdrawn", forger.again())


def comes_after_its_own_withdrawal(forger: Forger) -> set[Broken]:
    before = forger.plane.head
    forger.end_basis(forger.kz)
    return _after_end("withdrawn", forger.again(seen=before))


def pretends_not_to_have_seen_a_withdrawal(forger: Forger) -> set[Broken]:
    before = forger.plane.head
    forger.end_basis(forger.kg)
    forger.put(forger.kz, ChildMissing)
    return _after_end("withdrawn", forger.again(seen=before))


def comes_after_the_end_of_an_override(forger: Forger) -> set[Broken]:
    if not forger.basis.override:
        return set()
    forger.end_basis(forger.kg)
    return _after_end("withdrawn", forger.again())


def comes_after_a_refusal(forger: Forger) -> set[Broken]:
    if forger.basis.override:
        return set()
    _refuse(forger)
    return _after_end("refused", forger.again())


def _refuse(forger: Forger) -> Event:
    said = {"consent_id": uuid4(), "recipient": forger.kg, "scopes": forger.release.scopes[:1]}
    return forger.put(forger.kg, ConsentRefused, **said)


def comes_before_the_acceptance(forger: Forger) -> set[Broken]:
    return _r3("no_key_offered", _rest(forger)) if _waits_for_the_rest(forger) else set()


def comes_after_an_acceptance_without_a_key(forger: Forger) -> set[Broken]:
    return _after_bad_acceptance(forger, forger.kg, None)


def comes_after_its_own_acceptance_with_its_own_key(forger: Forger) -> set[Broken]:
    return _after_bad_acceptance(forger, forger.kz, bytes(32))


def _after_bad_acceptance(forger: Forger, by: str, key: bytes | None) -> set[Broken]:
    if not _waits_for_the_rest(forger):
        return set()
    kind = ReferralAccepted if forger.is_referral else TransferAccepted
    words = {"handoff_id": forger.release.handoff_id, "basis_id": forger.release.basis_id}
    forger.put(by, kind, **words, grant_key=key)
    return _r3("no_key_offered", _rest(forger))


def _waits_for_the_rest(forger: Forger) -> bool:
    """Say whether its receiver has offered no key, not even in an acceptance that is void."""
    handoff = forger.handoff
    accepted = (
        one.event
        for one in forger.heard
        if isinstance(one.event, ReferralAccepted | TransferAccepted)
    )
    offered = any(one.handoff_id == forger.release.handoff_id and one.grant_key for one in accepted)
    return handoff.key is None and len(handoff.scopes) > 1 and not offered


def _rest(forger: Forger) -> Event:
    scopes = tuple(scope for scope in forger.handoff.scopes if scope is not DataScope.PREVIEW)
    return forger.again(scopes=scopes, commitments=_others(len(scopes)))


def is_made_by_the_receiver(forger: Forger) -> set[Broken]:
    return _r3("not_sender", forger.again(origin=forger.kg))


def is_for_a_handoff_that_nobody_sent(forger: Forger) -> set[Broken]:
    return _r3("handoff_unknown", forger.again(handoff_id=uuid4()))


def goes_to_a_country_that_the_handoff_does_not_name(forger: Forger) -> set[Broken]:
    basis_id = forger.grant(recipient=STRANGER)
    return _r3("other_receiver", forger.again(basis_id=basis_id, recipient=STRANGER))


def comes_after_its_own_revocation(forger: Forger) -> set[Broken]:
    kind = ReferralRevoked if forger.is_referral else TransferRevoked
    forger.put(forger.kz, kind, handoff_id=forger.release.handoff_id)
    ended = forger.handoff.state == "revoked"
    return _r3("handoff_ended", forger.again()) if ended else set()


def takes_the_id_of_another_release(forger: Forger) -> set[Broken]:
    return _r3("grant_reused", forger.again(grant_id=forger.release.grant_id))


def does_not_commit_to_its_keys(forger: Forger) -> set[Broken]:
    return _r3("malformed", forger.again(commitments=_others(len(forger.release.scopes) - 1)))


def mixes_the_preview_with_the_rest(forger: Forger) -> set[Broken]:
    if forger.handoff.key is None or forger.handoff.preview_key is None:
        return set()
    scopes = (DataScope.PREVIEW, *forger.handoff.scopes)
    both = tuple(dict.fromkeys(scopes))
    basis_id = forger.grant(scopes=both)
    if DataScope.PREVIEW not in forger.handoff.scopes or len(both) < 2:
        return set()
    said = {"scopes": both, "commitments": _others(len(both)), "basis_id": basis_id}
    return _r3("malformed", forger.again(**said))


def is_never_stopped(forger: Forger) -> set[Broken]:
    ended = forger.end_basis(forger.kg)
    forger.at += 2 * MINUTE
    return _r4("stop_missing", ended)


def is_not_stopped_after_a_refusal(forger: Forger) -> set[Broken]:
    if forger.basis.override:
        return set()
    refused = _refuse(forger)
    forger.at += 2 * MINUTE
    return _r4("stop_missing", refused)


def is_stopped_too_late(forger: Forger) -> set[Broken]:
    ended = forger.end_basis(forger.kg)
    for release in list(forger.plane.releases.values()):
        other = release.handoff_id != forger.release.handoff_id
        if other and release.basis_id == forger.release.basis_id and release.state == "released":
            forger.stop(handoff_id=release.handoff_id)  # in time
    return _r4("stop_late", forger.stop(recorded_at=ended.recorded_at + MINUTE + SECOND))


def is_stopped_by_the_recipient_only(forger: Forger) -> set[Broken]:
    ended = forger.end_basis(forger.kg)
    forger.stop(forger.kg)
    forger.at += 2 * MINUTE
    return _r4("stop_missing", ended)


def is_not_stopped_because_the_recipient_says_that_it_destroyed(forger: Forger) -> set[Broken]:
    forger.put(forger.kg, KeysDestroyed, grant_id=forger.release.grant_id)
    ended = forger.end_basis(forger.kg)
    forger.at += 2 * MINUTE
    return _r4("stop_missing", ended)


def seals_under_a_released_key(forger: Forger) -> set[Broken]:
    return _r6("sealed_under_released_key", _sealed_again(forger))


def seals_under_a_stopped_key(forger: Forger) -> set[Broken]:
    forger.stop()
    return _r6("sealed_under_released_key", _sealed_again(forger))


def _sealed_again(forger: Forger) -> Event:
    scope = forger.release.scopes[0]
    said = {
        "event_id": uuid4(), "handoff_id": uuid4(), "recipient": forger.kg,
        "basis_id": forger.release.basis_id, "scopes": (scope,), "due_on": forger.at.date(),
    }  # fmt: skip
    bare = ReferralSent(**{**forger._stamp(forger.kz, ReferralSent), **said})
    entry = forger.play.entry(bare, scope, forger.release.epoch)
    return forger.put(forger.kz, ReferralSent, **said, sealed=(entry,))


def releases_a_key_again_under_a_new_epoch(forger: Forger) -> set[Broken]:
    return _r6("key_reused", forger.again(commitments=forger.release.commitments))


def releases_a_stopped_epoch(forger: Forger) -> set[Broken]:
    epoch = forger.last_epoch + 5
    forger.stop(epoch=epoch)
    return _r6("epoch_reused", forger.again(epoch=epoch))


def releases_an_epoch_twice(forger: Forger) -> set[Broken]:
    return _r6("epoch_reused", forger.again(epoch=forger.last_epoch))


def seals_a_release_under_keys_of_another(forger: Forger) -> set[Broken]:
    box = b"\1\2" + forger.release.commitments[0][:16]
    entry = SealedEntry(scope=forger.release.scopes[0], box=box)
    return _r6("sealed_under_released_key", forger.again(sealed=(entry,)))


def understates_what_is_stopped(forger: Forger) -> set[Broken]:
    return _r6("stop_understated", forger.stop(epoch=forger.release.epoch - 1))


def _others(count: int) -> tuple[bytes, ...]:
    return tuple(uuid4().bytes * 2 for _ in range(count))


def reads_what_was_never_released(forger: Forger) -> set[Broken]:
    return _r5("no_grant", forger.look(basis_id=uuid4()))


def reads_before_the_release(forger: Forger) -> set[Broken]:
    return _r5("no_grant", forger.look(seen=forger.heard[0].leaf))


def reads_without_naming_a_grant(forger: Forger) -> set[Broken]:
    return _r5("no_grant", forger.look(basis_id=None, about=_sent_data(forger)))


def _sent_data(forger: Forger) -> UUID:
    """The handoff, which carries data for the preview; nothing of it was released by this."""
    began: UUID = forger.handoff.began_with
    return began


def reads_after_the_stop(forger: Forger) -> set[Broken]:
    forger.stop()
    return _r5("after_stop", forger.look())


def reads_between_two_stops(forger: Forger) -> set[Broken]:
    forger.stop()
    looked = forger.look()
    forger.stop()
    return _r5("after_stop", looked)


def reads_what_was_kept_after_its_last_day(forger: Forger) -> set[Broken]:
    forger.stop()
    last = (forger.at + 10 * 1440 * MINUTE).date()
    forger.claim(until=last)
    assert forger.look()
    forger.at += 11 * 1440 * MINUTE
    return _r5("after_stop", forger.look())


def reads_what_it_says_is_destroyed(forger: Forger) -> set[Broken]:
    forger.put(forger.kg, KeysDestroyed, grant_id=forger.release.grant_id)
    return _r5("after_stop", forger.look())


def reads_after_the_stop_and_pretends_not_to_know(forger: Forger) -> set[Broken]:
    before = forger.plane.head
    forger.stop()
    known = forger.look(basis_id=None)
    assert known.seen != before
    return _r5("after_stop", forger.look(seen=before))


def reads_for_another_purpose(forger: Forger) -> set[Broken]:
    purpose = Purpose.TRANSFER if forger.is_referral else Purpose.SERVICE
    return _r5("other_purpose", forger.look(purpose=purpose))


def reads_for_research(forger: Forger) -> set[Broken]:
    return _r5("other_purpose", forger.look(purpose=Purpose.RESEARCH, door="export"))


def _r7(what: str, event: Event) -> set[Broken]:
    return {("R7", what, event.event_id)}


def answers_for_keys_that_nobody_released(forger: Forger) -> set[Broken]:
    return _r7("answer_for_nothing", forger.put(forger.kg, KeysDestroyed, grant_id=uuid4()))


def claims_keys_that_were_given_to_another(forger: Forger) -> set[Broken]:
    words = {"grant_id": forger.release.grant_id, "ground": RetentionGround.MANDATE}
    claimed = forger.put(STRANGER, RetentionClaimed, **words, until=forger.at.date())
    return _r7("answer_for_nothing", claimed)


def attests_keys_that_it_never_released(forger: Forger) -> set[Broken]:
    forger.claim(until=forger.at.date() + 9 * DAY)
    return _r7("attested_unknown", forger.attest(forger.kg, keys=(uuid4().bytes,)))


def leaves_erased_keys_without_an_answer(forger: Forger) -> set[Broken]:
    erased = forger.attest(forger.kz)
    forger.at += 31 * DAY
    return _r7("outstanding", erased)


def claims_erased_keys_and_forgets_them(forger: Forger) -> set[Broken]:
    forger.claim(until=forger.at.date() + 9 * DAY)
    erased = forger.attest(forger.kz)
    forger.at += 41 * DAY
    return _r7("outstanding", erased)


def reads_more_than_was_released(forger: Forger) -> set[Broken]:
    return _r5("beyond_grant", forger.look(scopes=(DataScope.PHOTO,)))


#: Every kind, by name; each returns what is to be found, or nothing where it cannot be done.
KINDS: Mapping[str, Callable[[Forger], set[Broken]]] = {
    name: kind
    for name, kind in list(globals().items())
    if getattr(kind, "__annotations__", {}).get("return") == "set[Broken]"
    and not name.startswith("_")
}
