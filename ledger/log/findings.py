"""What an auditor hears on the topic, and what the rules find in it: ids, places and code words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from events.codec import Stamp
from events.stamp import Event

SHARED, NATIONAL = "shared", "national"

#: Every way to break a rule, and what it means to a person.
WORDS: Mapping[tuple[str, str], str] = {
    ("R1", "missing"): "events of a log are not here, and later ones are",
    ("R1", "index_twice"): "two events claim one place of a log, or one event two places",
    ("R1", "signed_twice"): "a country signed two events with one version or one id",
    ("R1", "leaf_differs"): "the bytes of an event are not those that its hash was made of",
    ("R1", "row_differs"): "an event stands here under another case, country, version or partition",
    ("R1", "signature"): "an event is not what its country signed for this place of its log",
    ("R1", "key_succession"): "an event says that a key follows which may not",
    ("R1", "version_gap"): "an event's version is not the next one of its country in this case",
    ("R1", "root_differs"): "the root that was signed is not the root of the events that are here",
    ("R1", "note_differs"): "a checkpoint stands here otherwise than its country signed it",
    (
        "R1",
        "commitment_differs",
    ): "a day's commitment to a national log is not what was signed then",
    ("R1", "cosignature_differs"): "a cosignature stands here otherwise than its witness made it",
    ("R1", "stray_differs"): "what was put aside stands here otherwise than it came",
    ("R1", "withheld"): "a checkpoint counts more events than have arrived",
    ("R2", "seen_unknown"): "an event names as seen what is no earlier shared event of its case",
    ("R3", "no_basis"): "keys were released on a basis that nobody has given",
    ("R3", "other_recipient"): "keys were released to a country that the basis does not name",
    ("R3", "beyond_basis"): "keys were released of scopes that the basis does not permit",
    ("R3", "expired"): "keys were released after the last day of the basis",
    ("R3", "withdrawn"): "keys were released on a basis that was taken back before",
    ("R3", "refused"): "keys were released of scopes that were refused before",
    ("R3", "handoff_unknown"): "keys were released for a handoff that is not on the topic",
    ("R3", "not_sender"): "keys were released by a country that did not send the handoff",
    ("R3", "other_receiver"): "keys were released to a country that the handoff does not name",
    ("R3", "beyond_handoff"): "keys were released of scopes that the handoff is not about",
    ("R3", "no_key_offered"): "keys were released before their receiver offered a key for them",
    ("R3", "handoff_ended"): "keys were released for a handoff that had ended",
    ("R3", "grant_reused"): "keys were released under the id of another release",
    ("R3", "malformed"): "keys were released otherwise than scope by scope, the preview alone",
    ("R4", "released_after_end"): "keys were released on a basis after its end",
    ("R4", "stop_late"): "sharing was stopped too late after its basis had ended",
    ("R4", "stop_missing"): "sharing was not stopped after its basis had ended",
    ("R5", "no_grant"): "another country's data was shown, and no release permits it",
    ("R5", "after_stop"): "another country's data was shown after its sharing was stopped",
    ("R5", "beyond_grant"): "another country's data was shown of scopes that were not released",
    ("R5", "other_purpose"): "another country's data was shown for a purpose it was not given for",
    ("R6", "sealed_under_released_key"): "data was sealed under keys that somebody has already",
    ("R6", "key_reused"): "keys were released that were released before",
    ("R6", "epoch_reused"): "keys were released of an epoch not after all released or stopped",
    ("R6", "stop_understated"): "a stop names an older epoch than the one that was released",
    ("R7", "outstanding"): "keys of an erased case are neither destroyed nor kept on a ground",
    ("R7", "answer_for_nothing"): "a country says what became of keys that it was never given",
    ("R7", "attested_unknown"): "an erasure names keys that its country never released",
    ("R8", "schema_unknown"): "an event has a schema that is not released here",
    ("R8", "schema_unreleased"): "an event has a schema that its country had not released by then",
    ("R8", "schema_not_shared"): "an event that may not be shared stands on the shared topic",
    ("R9", "not_projected"): "the audit trail in use lacks an event",
    ("R9", "projected_otherwise"): "the audit trail in use says otherwise than the event",
    ("R9", "projected_from_nothing"): "a read model in use shows what is in no topic",
    ("R9", "verdict_differs"): "the audit trail in use judges an event otherwise than the fold",
    ("R9", "state_differs"): "the state in use is not what the events of the case fold to",
    ("R9", "parked_without_cause"): "a case is shown as waiting for what it does not wait for",
    ("R9", "not_parked"): "a case cannot be read on from an event, and is not shown as waiting",
    (
        "R9",
        "projected_while_parked",
    ): "the audit trail shows an event behind what its case waits for",
    ("R9", "order_differs"): "a country heard the shared topic in another order than stands here",
    ("R9", "order_withheld"): "an order note counts more events than have arrived",
    ("R9", "order_note_differs"): "an order note stands here otherwise than its country signed it",
    ("R9", "placed_otherwise"): "an event takes effect elsewhere than admission puts it",
    ("R9", "alarm_differs"): "an alarm stands here as resolved, and the register says otherwise",
    ("R9", "receipt_differs"): "a receipt of a projection stands here otherwise than it was taken",
    ("R9", "receipt_log_differs"): "a projection rests on other events of a log than stand here",
    ("R9", "receipt_order_differs"): "a projection took events in another order than stands here",
    ("R9", "receipt_model_differs"): "a read model was changed after its receipt was taken",
    ("R9", "replay_differs"): "a read model in use is not what the events fold to",
    ("R10", "too_late"): "an event claims a time after its log was cosigned with it",
    ("R10", "backdated"): "an event claims a time at which its log had gone further already",
    ("R10", "goes_back"): "an event claims a time before its country's last one in this case",
    ("R10", "mirrored_too_early"): "an event stands here as mirrored before it was recorded",
    ("R10", "mirrored_goes_back"): "an event was mirrored at another time than its neighbours",
}


class Heard(NamedTuple):
    """An admitted event at its place: what an auditor reads, with nothing concluded from it.

    Of bytes that are no readable event only the stamp is known.
    """

    event: Event | Stamp
    leaf: bytes
    partition: int | None = None
    offset: int | None = None
    #: What the node's fold made of it, if known. No rule needs it: without it, keys whose release
    #: crossed with the completion of its referral are taken to have left, and a stop is asked for.
    void: bool | None = None
    #: `shared` or `national`, the name of its log, and its place there.
    topic: str = SHARED
    log: str = ""
    log_index: int | None = None


class Finding(NamedTuple):
    """A rule that an event breaks."""

    rule: str
    what: str
    #: The event that breaks it; of what is missing, the event after which it had to come; of a
    #: root, the last event under it. None if none is here.
    case_id: UUID | None
    event_id: UUID | None
    version: int | None
    #: The country that broke it; where nobody can know, whose event it is.
    origin: str
    #: The basis, handoff, grant or access that it is about.
    about: UUID | None
    partition: int | None
    offset: int | None
    #: Whether the event had no effect anyway, if known: then no key has left a country.
    void: bool | None
    #: Its origin had not seen what forbids it: a race between two countries. Every reader takes it
    #: for void, so no key has left a country, and nobody did wrong.
    crossed: bool = False
    topic: str = SHARED
    log: str = ""
    log_index: int | None = None
    #: Of the checkpoint or order note that it is about.
    size: int | None = None
    #: It is owed, and its term is not over: named, and no breach yet.
    within_term: bool = False

    @property
    def words(self) -> str:
        """What was found, for a person."""
        return WORDS[self.rule, self.what]


def found(
    rule: str,
    what: str,
    heard: Heard,
    about: UUID | None = None,
    *,
    origin: str | None = None,
    **said: Any,
) -> Finding:
    """Return a finding about an event; `origin` is who broke the rule, if not who wrote it.

    `said` are further fields: `crossed`, `size`, `within_term`.
    """
    event = heard.event
    assert (rule, what) in WORDS, what
    return Finding(
        rule=rule,
        what=what,
        case_id=event.case_id,
        event_id=event.event_id,
        version=event.version,
        origin=origin or event.origin,
        about=about,
        partition=heard.partition,
        offset=heard.offset,
        void=heard.void,
        topic=heard.topic,
        log=heard.log,
        log_index=heard.log_index,
        **said,
    )


def found_without_event(
    rule: str, what: str, origin: str, log: str, *, topic: str = SHARED, **said: Any
) -> Finding:
    """Return a finding about a log or a read model of which no event is here."""
    assert (rule, what) in WORDS, what
    bare: dict[str, Any] = dict.fromkeys(Finding._fields[2:10])
    return Finding(rule, what, **{**bare, "origin": origin, "topic": topic, "log": log, **said})
