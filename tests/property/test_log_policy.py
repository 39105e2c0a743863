"""The judge of policies against one that asks for every set of witnesses by name."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.policy import NONE, Group, Log, Policy, Witness, satisfied
from ledger.log.policy_text import parse_policy, render_policy
from ledger.log.signature import LogSigner

LOG = LogSigner("log.example", b"l" * 32)
NOTE = Checkpoint(LOG.name, 0, EMPTY_ROOT).signed_by(LOG)
COSIGNERS = [Ed25519Cosigner(f"w{at}.example", bytes([at]) * 32) for at in range(6)]
WITNESSES = tuple(Witness(f"w{at}", one.verifier) for at, one in enumerate(COSIGNERS))
LINES = [one.cosign(NOTE.text, 1_790_000_000) for one in COSIGNERS]


@st.composite
def policies(draw):
    """Any tree of groups: each name is a member of one group at most."""
    free = [one.name for one in WITNESSES]
    groups = []
    for number in range(draw(st.integers(0, 5))):
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        groups.append(Group(f"g{number}", draw(st.integers(1, len(members))), tuple(members)))
        free = [*(one for one in free if one not in members), f"g{number}"]
    names = [NONE, *(one.name for one in (*WITNESSES, *groups))]
    return Policy((Log(LOG.verifier),), WITNESSES, tuple(groups), draw(st.sampled_from(names)))


def enough(policy: Policy, name: str, signed: frozenset[str]) -> bool:
    """From the top down, by the definition ("Defining a witness group")."""
    group = next((one for one in policy.groups if one.name == name), None)
    if group is None:
        return name in signed or name == NONE
    return sum(enough(policy, one, signed) for one in group.members) >= group.threshold


@settings(deadline=None)
@given(policies(), st.sets(st.integers(0, 5)), st.booleans())
def test_a_quorum_is_what_its_definition_says(policy, who, by_the_log):
    """And the policy means the same after it was a file."""
    note = NOTE.with_signatures(LINES[at] for at in sorted(who))
    if not by_the_log:
        stranger = LogSigner("log.example", b"s" * 32)
        note = Checkpoint(LOG.name, 0, EMPTY_ROOT).signed_by(stranger)
        note = note.with_signatures(LINES[at] for at in sorted(who))
    due = by_the_log and enough(policy, policy.quorum, frozenset(f"w{at}" for at in who))
    assert due == satisfied(note, policy)
    again = parse_policy(render_policy(policy))
    assert again == policy
    assert due == satisfied(note, again)
