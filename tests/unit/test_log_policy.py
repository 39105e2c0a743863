"""Trust policies: the file as tlog-policy describes it, and whom a checkpoint has to convince."""

from __future__ import annotations

import pytest

from events.errors import Misconfigured, RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner, MlDsaCosigner
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.note import Note
from ledger.log.policy import Policy, checked, satisfied
from ledger.log.policy_text import parse_policy, render_policy
from ledger.log.signature import LogSigner

LOG = LogSigner("log.example", b"l" * 32)
WITNESSES = {
    name: Ed25519Cosigner(f"{name}.example", name.encode() * 16)
    for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
KEYS = {name: witness.verifier.render() for name, witness in WITNESSES.items()}
LOG_LINE = f"log {LOG.verifier.render()}\n"
#: c2sp.org/tlog-policy, "Example policy".
EXAMPLE = f"""
{LOG_LINE}
witness X1 {KEYS["X1"]}
witness X2 {KEYS["X2"]}
witness X3 {KEYS["X3"]}
group X-witnesses 2 X1 X2 X3

witness Y1 {KEYS["Y1"]}
witness Y2 {KEYS["Y2"]}
witness Y3 {KEYS["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
""".encode()
CHECKPOINT = Checkpoint(LOG.name, 0, EMPTY_ROOT)
AT = 1_790_000_000
W1 = f"witness a {KEYS['X1']}\n"
W2 = f"witness b {KEYS['X2']}\n"


def cosigned(*names: str) -> Note:
    note = CHECKPOINT.signed_by(LOG)
    return note.with_signatures(WITNESSES[name].cosign(note.text, AT) for name in names)


@pytest.mark.parametrize(
    ("names", "good"),
    [
        ("X1 X2 Y1", True),
        ("X2 X3 Y3", True),
        ("X1 X2 X3 Y1 Y2 Y3", True),
        ("X1 X2 X3", False),
        ("X1 Y1 Y2 Y3", False),
        ("Y1 Y2 Y3", False),
        ("", False),
    ],
)
def test_the_example_of_the_specification(names, good):
    """Two of one organisation and one of another."""
    policy = parse_policy(EXAMPLE)
    note = cosigned(*names.split())
    assert good == satisfied(note, policy)
    if good:
        assert checked(note, policy) == CHECKPOINT
    else:
        with pytest.raises(RecordRejected, match="lacks cosignatures") as lacking:
            checked(note, policy)
        assert lacking.value.rule == "quorum"


def test_a_policy_reads_back_as_it_was_written():
    policy = parse_policy(EXAMPLE)
    assert parse_policy(render_policy(policy)) == policy
    quantum = MlDsaCosigner("q.example", b"q" * 32).verifier
    keys = {"B": WITNESSES["X1"].verifier, "C": quantum}
    for threshold in range(3):
        made = Policy.of([LOG.verifier], keys, threshold)
        assert parse_policy(render_policy(made)) == made
        note = cosigned("X1")
        assert satisfied(note, made) == (threshold < 2)


def test_no_policy_is_written_that_could_not_be_read():
    witnesses = {"two words": WITNESSES["X1"].verifier}
    for made in (
        Policy.of([LOG.verifier], witnesses, 1),
        Policy.of([LOG.verifier], {"quorum": WITNESSES["X1"].verifier}, 1),
        Policy.of([LOG.verifier], {}, 1),
    ):
        with pytest.raises(Misconfigured):
            render_policy(made)


def test_any_listed_log_will_do_and_no_other():
    """Each in its own name only; a policy without logs knows none."""
    other = LogSigner("other.example", b"o" * 32)
    both = parse_policy(
        f"{LOG_LINE}log {other.verifier.render()} https://a\nquorum none\n".encode()
    )
    assert satisfied(CHECKPOINT.signed_by(LOG), both)
    assert satisfied(Checkpoint(other.name, 0, EMPTY_ROOT).signed_by(other), both)
    assert not satisfied(CHECKPOINT.signed_by(other), both)
    assert not satisfied(CHECKPOINT.signed_by(LOG), parse_policy(b"quorum none\n"))
    assert not satisfied(cosigned("X1"), parse_policy(f"{W1}quorum a\n".encode()))


def test_a_cosignature_does_not_stand_for_the_logs_signature():
    note = Note.of(CHECKPOINT.body, *(w.cosign(CHECKPOINT.body, AT) for w in WITNESSES.values()))
    with pytest.raises(RecordRejected) as unsigned:
        checked(note, parse_policy(EXAMPLE))
    assert unsigned.value.rule == "note_signature"


def test_a_false_cosignature_spoils_even_what_needs_none():
    """c2sp.org/signed-note, "Signatures": a known key's false signature rejects the note."""
    policy = parse_policy(f"{LOG_LINE}{W1}quorum none\n".encode())
    good = cosigned("X1")
    assert satisfied(good, policy)
    line = good.signatures[-1]
    assert not satisfied(good.with_signatures([line._replace(signature=bytes(72))]), policy)


def test_one_witness_counts_once():
    """However often it has signed."""
    note = cosigned("X1")
    again = Note.of(note.text, *note.signatures, WITNESSES["X1"].cosign(note.text, AT + 1))
    policy = parse_policy(f"{LOG_LINE}{W1}{W2}group g 2 a b\nquorum g\n".encode())
    assert not satisfied(again, policy)


def test_spaces_tabs_comments_and_other_scripts_are_allowed():
    """A Kelvin sign is not the letter K, and no octet has to be UTF-8."""
    text = (
        f"# комментарий\n \t# more\n\t\n \tlog\t {LOG.verifier.render()}  \n"
        f"witness K {KEYS['X1']}\nwitness \u212a {KEYS['X2']}\n".encode()
        + b"witness \xff\xa0 "
        + KEYS["X3"].encode()
        + b" https://\xfe\n"
        + b"group g all K \xff\xa0\nquorum g\n"
    )
    policy = parse_policy(text)
    assert ["K", "\u212a"] == [one.name for one in policy.witnesses][:2]
    assert render_policy(policy).endswith(b"group g all K \xff\xa0\nquorum g\n")
    assert satisfied(cosigned("X1", "X3"), policy)
    assert not satisfied(cosigned("X1", "X2"), policy)


def test_groups_may_stand_in_each_other_very_deep():
    """The recursion limit is no limit of a policy."""
    groups = "".join(f"group g{at} all {'a' if at == 0 else f'g{at - 1}'}\n" for at in range(5000))
    policy = parse_policy(f"{LOG_LINE}{W1}{groups}quorum g4999\n".encode())
    assert satisfied(cosigned("X1"), policy)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (1, "quorum a\n"),
        (1, "logs\n"),
        (1, "log\n"),
        (1, "log nonsense\n"),
        (1, f"log {LOG.verifier.render()} https://a more\n"),
        (2, LOG_LINE + LOG_LINE),
        (1, f"witness a {LOG.verifier.render()}\n"),
        (1, f"witness none {KEYS['X1']}\n"),
        (2, W1 + f"witness a {KEYS['X2']}\n"),
        (2, W1 + f"witness b {KEYS['X1']}\n"),
        (2, W1 + "group a any a\n"),
        (2, W1 + "group none any a\n"),
        (2, W1 + "group g any\n"),
        (2, W1 + "group g any none\n"),
        (2, W1 + "group g any g\n"),
        (2, W1 + "group g any b\n" + W2),
        (2, W1 + "group g any a a\n"),
        (3, W1 + "group g any a\ngroup h any a\n"),
        (2, W1 + "group g 0 a\n"),
        (2, W1 + "group g 2 a\n"),
        (2, W1 + "group g 01 a\n"),
        (2, W1 + "group g -1 a\n"),
        (2, W1 + "group g \u0661 a\n"),
        (2, W1 + "group g ALL a\n"),
        (2, W1 + "quorum b\n" + W2),
        (3, W1 + "quorum a\nquorum a\n"),
        (2, W1 + "quorum a a\n"),
        (1, "quorum none"),
        (1, "quorum none\r\n"),
        (2, "quorum none\n# \x7f\n"),
        (1, "quorum\u00a0none\n"),
    ],
)
def test_a_mistake_is_named_with_its_line(line, text):
    with pytest.raises(Misconfigured, match=f"policy line {line}: ") as error:
        parse_policy(text.encode())
    assert error.value.rule == "policy"


def test_a_policy_without_a_quorum_or_without_end_is_none():
    """Nobody is trusted by forgetting a line."""
    for text in (b"", LOG_LINE.encode(), b"#" * 2**20 + b"\nquorum none\n"):
        with pytest.raises(Misconfigured):
            parse_policy(text)
