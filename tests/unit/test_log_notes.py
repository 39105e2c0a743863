"""Signed notes against the examples of C2SP and of Go's x/mod, and what neither may read."""

from __future__ import annotations

import base64

import pytest

from events.errors import Misconfigured, RecordRejected
from ledger.log.checkpoint import Checkpoint, signed_checkpoint
from ledger.log.cosignature import (
    Ed25519Cosigner,
    MlDsaCosigner,
    cosigned_at,
    ed25519_message,
    ml_dsa_message,
)
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.note import MOST_SIGNATURES, Note, SignatureLine
from ledger.log.signature import LogSigner, LogVerifier
from ledger.log.verifiers import log_verifier, witness_verifier
from ledger.log.vkey import VerifierKey

#: c2sp.org/signed-note, "Example".
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRK"
    "uwHjG1Yu72IneyaQM=\n"
).encode()

#: golang.org/x/mod/sumdb/note, example_test.go: signing key, verifier key, text and signature.
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)
PETER = f"{PETER_TEXT}\n{PETER_LINE}"
#: From transparency-dev/formats, note_cosigv1_test.go: a witness of the public network.
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"

LOG = LogSigner("referral.ledger/KZ", b"l" * 32)
WITNESS = Ed25519Cosigner("referral.witness/KG", b"w" * 32)
LATER = MlDsaCosigner("referral.witness/KG", b"q" * 32)
BODY = Checkpoint(LOG.name, 0, EMPTY_ROOT).body
AT = 1_790_000_000
SIGNERS = [
    lambda: (LOG.verifier, LOG.sign_text(BODY)),
    lambda: (WITNESS.verifier, WITNESS.cosign(BODY, AT)),
    lambda: (LATER.verifier, LATER.cosign(BODY, AT)),
]


@pytest.mark.parametrize(("key", "data"), [(EXAMPLE_KEY, EXAMPLE), (PETER_KEY, PETER.encode())])
def test_published_notes_verify(key, data):
    """Word for word, and they come back as they were."""
    note, verifier = Note.parse(data), LogVerifier.parse(key)
    assert verifier.render() == key
    assert note.signatures == note.verified_by([verifier])
    assert note.render() == data


def test_we_sign_as_the_go_library_does():
    """Ed25519 is deterministic: the same key makes the same line."""
    signer = LogSigner("PeterNeumann", PETER_SEED)
    assert signer.verifier.render() == PETER_KEY
    assert Note.of(PETER_TEXT, signer.sign_text(PETER_TEXT)).render() == PETER.encode()


def test_the_text_may_hold_empty_lines():
    """The last one is the blank line (c2sp.org/signed-note, "Format")."""
    text = "one\n\n— two\n\n"
    assert Note.parse(Note.of(text, LOG.sign_text(text)).render()).text == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PETER_TEXT.encode(),
        f"{PETER_TEXT}\n".encode(),
        f"{PETER_TEXT}{PETER_LINE}".encode(),
        PETER.removesuffix("\n").encode(),
        f"\n{PETER_LINE}".encode(),
        b"\x01" + PETER.encode(),
        b"\xff" + PETER.encode(),
        PETER.replace("\n", "\r\n").encode(),
        PETER.replace("know", "\tknow").encode(),
        f"{PETER}Unexpected line.\n".encode(),
        f"{PETER}\n".encode(),
        PETER.replace("— Peter", "-- Peter").encode(),
        PETER.replace("— Peter", "—Peter").encode(),
        PETER.replace("PeterNeumann ", "Peter Neumann ").encode(),
        PETER.replace("PeterNeumann ", "Peter\u2003Neumann ").encode(),
        PETER.replace("PeterNeumann ", "Peter+Neumann ").encode(),
        PETER.replace("PeterNeumann ", " ").encode(),
        PETER.replace("JnAM=", "JnAM").encode(),
        PETER.replace("JnAM=", "JnAN=").encode(),
        PETER.replace("JnAM=", "JnAM= ").encode(),
        PETER.replace("x08go/", "x08go\u200b/").encode(),
        f"{PETER_TEXT}\n— PeterNeumann x08gow==\n".encode(),
        f"{PETER_TEXT}\n{PETER_LINE * (MOST_SIGNATURES + 1)}".encode(),
        b"a" * 2**20 + PETER.encode(),
    ],
)
def test_what_is_no_note_is_not_read(data):
    """Two programs that read it in two ways would believe two things of one signature."""
    with pytest.raises(RecordRejected):
        Note.parse(data)


@pytest.mark.parametrize("many", [1, 16, MOST_SIGNATURES])
def test_a_note_may_have_many_signatures(many):
    """A verifier must accept 16 at least; each of a key it knows is one that vouches."""
    text = "a text\n"
    signers = [LogSigner(f"signer-{number}", bytes([number]) * 32) for number in range(many)]
    note = Note.parse(Note.of(text, *(one.sign_text(text) for one in signers)).render())
    assert many == len(note.verified_by([one.verifier for one in signers]))


def test_a_copied_signature_line_counts_once():
    """Whoever may carry a note may copy its lines: that makes nobody vouch twice."""
    note = Note.parse(f"{PETER_TEXT}\n{PETER_LINE * MOST_SIGNATURES}".encode())
    assert len(note.verified_by([LogVerifier.parse(PETER_KEY)])) == 1


def test_signatures_of_unknown_keys_are_ignored_and_kept():
    """Also under a name that is known, or with an id that is: both together name a key."""
    peter = LogVerifier.parse(PETER_KEY)
    line = SignatureLine.parse(PETER_LINE.rstrip("\n"))
    stranger = LogSigner("PeterNeumann", b"s" * 32).sign_text("another text\n")
    note = Note.of(PETER_TEXT, stranger, line._replace(name="EnochRoot"), line)
    assert note.verified_by([peter]) == (line,)
    assert Note.parse(note.render()) == note

    with pytest.raises(RecordRejected) as nobody:
        Note.of(PETER_TEXT, stranger).verified_by([peter])
    assert nobody.value.rule == "note_signature"


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_false_signature_of_a_known_key_spoils_the_note(signer):
    """However many good ones stand beside it."""
    verifier, line = signer()
    good = LOG.sign_text(BODY)
    assert line in Note.of(BODY, good, line).verified_by([verifier])
    for wrong in (line.signature[:-1] + b"\0\0", line.signature[:-1], b"\0", line.signature[::-1]):
        note = Note.of(BODY, good, line._replace(signature=wrong))
        with pytest.raises(RecordRejected) as false:
            note.verified_by([LOG.verifier, verifier])
        assert false.value.rule == "note_signature"


def test_one_key_id_for_two_keys_is_a_mistake_in_the_settings():
    """Four bytes are made equal on purpose in an hour; the keys are not."""

    class Twin(LogVerifier):
        key_id = LOG.verifier.key_id

    twin = Twin(LOG.name, b"t" * 32)
    with pytest.raises(Misconfigured, match="two keys"):
        Note.of(BODY, LOG.sign_text(BODY)).verified_by([LOG.verifier, twin])
    assert Note.of(BODY, LOG.sign_text(BODY)).verified_by([LOG.verifier, LOG.verifier])


def test_a_newer_signature_takes_the_place_of_the_older_one():
    """A witness repeats itself each minute; its line is one."""
    first = Note.of(BODY, LOG.sign_text(BODY), WITNESS.cosign(BODY, AT))
    second = first.with_signatures([WITNESS.cosign(BODY, AT + 60)])
    assert [LOG.sign_text(BODY), WITNESS.cosign(BODY, AT + 60)] == list(second.signatures)
    assert AT + 60 == cosigned_at(second.signatures[1])


@pytest.mark.parametrize("text", ["", "no newline", "a\rb\n", "a\0b\n"])
def test_nothing_is_signed_that_could_not_be_read(text):
    with pytest.raises(RecordRejected):
        Note.of(text, LOG.sign_text(text))
    with pytest.raises(RecordRejected, match="nobody"):
        Note.of(BODY)


def test_verifier_keys_of_every_type():
    """They read back as they were written, and only where they may be used."""
    for verifier in (LOG.verifier, WITNESS.verifier, LATER.verifier, witness_verifier(REMORA)):
        assert log_verifier(verifier.render()) == verifier
    assert witness_verifier(REMORA).render() == REMORA
    assert witness_verifier(WITNESS.verifier.render()) == WITNESS.verifier
    with pytest.raises(Misconfigured, match="cannot cosign"):
        witness_verifier(LOG.verifier.render())
    with pytest.raises(Misconfigured, match="not one of a log"):
        LogVerifier.parse(WITNESS.verifier.render())


def test_no_damaged_verifier_key_is_read():
    """As the Go library tests it: every part of it, and every character changed."""
    pieces = (PETER_KEY[a:b] for a in range(len(PETER_KEY)) for b in range(a, len(PETER_KEY) + 1))
    changed = (
        PETER_KEY[:at] + chr(ord(one) + 1) + PETER_KEY[at + 1 :] for at, one in enumerate(PETER_KEY)
    )
    wrong_length = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
    unknown_type = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    upper = PETER_KEY.replace("c74f20a3", "C74F20A3")
    for text in [*pieces, *changed, wrong_length, unknown_type, upper, PETER_KEY + "\n"]:
        if text != PETER_KEY:
            with pytest.raises(Misconfigured):
                log_verifier(text)


def test_a_name_has_no_room_for_a_second_meaning():
    """The name is part of the key id, so a name that nobody may have needs a good id here."""
    for name in ("", "a b", "a\u00a0b", "a\nb", "\ud800"):
        key = VerifierKey(name, 1, LOG.verifier.public)
        with pytest.raises((Misconfigured, UnicodeEncodeError)):
            log_verifier(key.render())


def test_a_secret_in_a_wrong_place_is_not_repeated():
    """Somebody pastes the private key where the public one belongs."""
    secret = base64.b64encode(PETER_SEED).decode()
    for text in (secret, f"a+{secret}+b", f"{secret}+a+b", f"PRIVATE+KEY+Peter+c74f20a3+{secret}"):
        with pytest.raises(Misconfigured) as error:
            log_verifier(text)
        assert secret not in str(error.value)
        assert secret[:20] not in str(error.value)


@pytest.mark.parametrize("kind", [LogSigner, Ed25519Cosigner, MlDsaCosigner])
def test_a_key_file_is_for_one_kind_of_signature_and_one_user(kind, tmp_path):
    """And no signer shows what it holds."""
    path = tmp_path / "key"
    made = kind.create("referral.witness/KG", path)
    assert 0o400 == path.stat().st_mode & 0o777
    assert kind.load(path).verifier == made.verifier
    secret = path.read_text().split()[-1]
    assert secret not in repr(made)
    for other in {LogSigner, Ed25519Cosigner, MlDsaCosigner} - {kind}:
        with pytest.raises(Misconfigured) as wrong:
            other.load(path)
        assert secret not in str(wrong.value)
    with pytest.raises(FileExistsError):
        kind.create("referral.witness/KG", path)
    with pytest.raises(Misconfigured, match="cannot be the name"):
        kind.create("two words", tmp_path / "other")
    with pytest.raises(Misconfigured, match="No such file"):
        kind.load(tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["", "name\n", "a\nb\nc\n", "name\nAAAA\n", "name\n%%%%\n"])
def test_a_key_file_that_is_cut_is_not_read(content, tmp_path):
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(Misconfigured, match="is not a log key file"):
        LogSigner.load(path)


def test_what_a_cosignature_covers():
    """0x04 covers every line of the text; 0x06 the name of who cosigns, and no extension line."""
    extended = BODY + "extension\n"
    plain, quantum = WITNESS.cosign(BODY, AT), LATER.cosign(BODY, AT)
    assert not WITNESS.verifier.has_signed(extended, plain.signature)
    assert LATER.verifier.has_signed(extended, quantum.signature)
    renamed = type(LATER.verifier)("another", LATER.verifier.public)
    assert not renamed.has_signed(BODY, quantum.signature)
    for line, verifier in ((plain, WITNESS.verifier), (quantum, LATER.verifier)):
        later = (AT + 1).to_bytes(8, "big") + line.signature[8:]
        assert not verifier.has_signed(BODY, later)
        assert not verifier.has_signed(BODY, b"\xff" * 8 + line.signature[8:])
        assert not verifier.has_signed("no checkpoint\n", line.signature)


def test_a_time_has_63_bits():
    """It "MUST NOT exceed 2^63 - 1" ("Format"), even where the key did sign it."""
    for at, good in ((2**63 - 1, True), (2**63, False)):
        signature = WITNESS._key.sign(ed25519_message(BODY, at)).signature
        assert good == WITNESS.verifier.has_signed(BODY, at.to_bytes(8, "big") + signature)


def test_the_message_of_a_post_quantum_cosignature():
    """c2sp.org/tlog-cosignature, "ML-DSA-44 signed message", byte by byte."""
    said = ml_dsa_message("w", Checkpoint("log", 5, b"r" * 32), 7)
    numbers = [number.to_bytes(8, "big") for number in (7, 0, 5)]
    assert (
        said
        == b"subtree/v1\n\0" + b"\1w" + numbers[0] + b"\3log" + b"".join(numbers[1:]) + b"r" * 32
    )


@pytest.mark.parametrize("signer", [WITNESS, LATER])
@pytest.mark.parametrize(
    ("text", "at"), [(BODY, 0), (BODY, -1), (BODY, 2**63), ("a\nb\n", AT), ("hello\n", AT)]
)
def test_nothing_but_a_checkpoint_is_cosigned_and_never_without_a_time(signer, text, at):
    with pytest.raises(RecordRejected):
        signer.cosign(text, at)


def test_a_name_of_more_than_255_bytes_is_not_cosigned():
    """Its length stands in one byte."""
    with pytest.raises(RecordRejected, match="cannot be cosigned"):
        LATER.cosign(Checkpoint("ж" * 128, 0, EMPTY_ROOT).body, AT)


def test_a_checkpoint_counts_when_its_own_log_has_signed_it():
    """A key belongs to the log that has its name."""
    kg = LogSigner("referral.ledger/KG", b"k" * 32)
    keys = [LOG.verifier, kg.verifier]
    good = Checkpoint(LOG.name, 0, EMPTY_ROOT)
    assert good == signed_checkpoint(good.signed_by(LOG), keys)
    with pytest.raises(RecordRejected) as foreign:
        signed_checkpoint(good.signed_by(kg), keys)
    assert foreign.value.rule == "note_signature"


def test_a_checkpoint_is_three_lines():
    """The example of c2sp.org/tlog-checkpoint, and extension lines that others may write."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = Checkpoint.parse(text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.body == text
    assert Checkpoint.parse(text + "more\nand more\n") == found


ROOT_LINE = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n1\n",
        f"log\n1\n{ROOT_LINE}",
        f"\n1\n{ROOT_LINE}\n",
        f"log\n\n{ROOT_LINE}\n",
        f"log\n01\n{ROOT_LINE}\n",
        f"log\n+1\n{ROOT_LINE}\n",
        f"log\n-1\n{ROOT_LINE}\n",
        f"log\n1 \n{ROOT_LINE}\n",
        f"log\n1_0\n{ROOT_LINE}\n",
        f"log\n١\n{ROOT_LINE}\n",
        f"log\n{2**63}\n{ROOT_LINE}\n",
        f"log\n{10**30}\n{ROOT_LINE}\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n",
        f"log\n1\n{ROOT_LINE}\n\n",
        f"log\n1\n{ROOT_LINE}\n\nmore\n",
        f"log\n1\n{ROOT_LINE}\r\n",
    ],
)
def test_what_is_no_checkpoint_is_not_read(text):
    with pytest.raises(RecordRejected):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "made", [("", 0, EMPTY_ROOT), ("a\nb", 0, EMPTY_ROOT), ("a", -1, EMPTY_ROOT), ("a", 0, b"")]
)
def test_no_checkpoint_is_made_that_could_not_be_read(made):
    with pytest.raises(RecordRejected):
        Checkpoint(*made)
