"""Trust policies: which log must have signed, and which witnesses, for a checkpoint to count.

A text of lines `log`, `witness`, `group`, `quorum` (c2sp.org/tlog-policy), read as octets: what is
not ASCII is carried through and compared, never interpreted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint, signed_checkpoint
from ledger.log.note import Note, Verifier

#: The quorum that asks for nobody, and no member of a group.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Log:
    """A log that is accepted; its key's name is the origin of its checkpoints."""

    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness that is known, under a name that only this policy uses."""

    name: str
    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Members of which so many have to have witnessed; a member is a witness or another group."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. `ledger.log.policy_text` reads and writes it, and holds its rules."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    #: In order: a group names only what stands before it.
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def of(
        cls, log_keys: Iterable[Verifier], witnesses: Mapping[str, Verifier], threshold: int
    ) -> Policy:
        """Make the policy that `threshold` of some named witnesses have cosigned; 0 asks none."""
        named = tuple(Witness(name, key) for name, key in witnesses.items())
        logs = tuple(Log(key) for key in log_keys)
        if threshold == 0:
            return cls(logs, named, (), NONE)
        return cls(logs, named, (Group("quorum", threshold, tuple(witnesses)),), "quorum")


def checked(note: Note, policy: Policy) -> Checkpoint:
    """Return what a note says, if a log of the policy has signed it and its quorum cosigned.

    Raises RecordRejected: rule `note_signature` if no known log has signed it in its own name or a
    signature in a known name is false, `quorum` if too few witnesses have cosigned, `checkpoint` or
    `line` if it says nothing. A policy without logs accepts nothing here.
    """
    checkpoint = signed_checkpoint(note, [one.verifier for one in policy.logs])
    # Once more with everybody: a false cosignature spoils the note even where the quorum is `none`.
    logs = [one.verifier for one in policy.logs]
    lines = note.verified_by([*logs, *(one.verifier for one in policy.witnesses)])
    signed = {(line.name, line.key_id) for line in lines}
    witnessed = {
        one.name for one in policy.witnesses if (one.verifier.name, one.verifier.key_id) in signed
    }
    for group in policy.groups:
        if sum(member in witnessed for member in group.members) >= group.threshold:
            witnessed.add(group.name)
    if policy.quorum != NONE and policy.quorum not in witnessed:
        words = f"checkpoint {checkpoint.size} of {checkpoint.origin} lacks cosignatures"
        raise RecordRejected(words, rule="quorum")
    return checkpoint


def satisfied(note: Note, policy: Policy) -> bool:
    """Say whether a note is a checkpoint that the policy accepts."""
    try:
        checked(note, policy)
    except RecordRejected:
        return False
    return True
