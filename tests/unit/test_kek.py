"""Key-encryption keys: read strictly, known by name, shown to nobody."""

import base64
import os
import sys

import pytest

from events.errors import KekWrong, Misconfigured
from ledger.keys.kek import Kek, KekChain, KekCommand, KekFile, KekVariable, decode

KEY = bytes(range(7, 39))
FORMS = {
    "base64": base64.b64encode(KEY),
    "base64 line": base64.b64encode(KEY) + b"\n",
    "hexadecimal": KEY.hex().encode() + b"\r\n",
    "capitals": KEY.hex().upper().encode(),
    "raw": KEY,
}


def file_of(tmp_path, content: bytes, mode: int = 0o400) -> KekFile:
    path = tmp_path / "kek"
    path.write_bytes(content)
    path.chmod(mode)
    return KekFile(path)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_holds_the_key_in_one_of_three_forms(tmp_path, form):
    assert KEY == file_of(tmp_path, FORMS[form]).read().key


def test_raw_bytes_that_end_like_a_line_are_all_key(tmp_path):
    """Stripping them would leave 31 bytes, or another key."""
    key = KEY[:31] + b"\n"
    assert key == file_of(tmp_path, key).read().key


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no key of 32"),
        (KEY[:31], "is no key of 32"),
        (KEY + b"\0", "is no key of 32"),
        (base64.b64encode(KEY[:16]), "is no key of 32"),
        (b"correct horse battery staple abcd", "is no key of 32"),
        (b"correct horse battery staple abc", "is text or a pattern"),
        (b"0" * 64, "is text or a pattern"),
        (base64.b64encode(b"change-me-change-me-change-me-ch"), "is text or a pattern"),
    ],
)
def test_what_is_no_random_key_is_refused_without_being_quoted(tmp_path, content, why):
    with pytest.raises(Misconfigured, match=why) as caught:
        file_of(tmp_path, content).read()
    assert str(tmp_path / "kek") in str(caught.value)
    if content:
        assert content.decode(errors="replace") not in str(caught.value)


@pytest.mark.parametrize("mode", [0o440, 0o604, 0o644])
def test_a_key_file_that_others_can_read_is_refused(tmp_path, mode):
    with pytest.raises(Misconfigured, match="open to other accounts"):
        file_of(tmp_path, KEY, mode).read()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Misconfigured, match="No such file"):
        KekFile(tmp_path / "none").read()
    with pytest.raises(Misconfigured, match=str(tmp_path)):
        KekFile(tmp_path).read()


def test_a_variable_holds_the_key(monkeypatch):
    monkeypatch.setenv("LEDGER_TEST_KEK", FORMS["base64"].decode())
    assert KEY == KekVariable("LEDGER_TEST_KEK").read().key
    monkeypatch.delenv("LEDGER_TEST_KEK")
    with pytest.raises(Misconfigured, match="LEDGER_TEST_KEK is not set"):
        KekVariable("LEDGER_TEST_KEK").read()


def command(program: str, **more) -> KekCommand:
    return KekCommand((sys.executable, "-c", program), **more)


def test_a_command_prints_the_key():
    """How a KMS or an HSM is asked."""
    assert KEY == command(f"print({FORMS['base64'].decode()!r})").read().key


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; print('s3cret'); print('s3cret', file=sys.stderr); sys.exit(3)", "code 3"),
        ("print('s3cret')", "is no key of 32"),
        ("pass", "is no key of 32"),
    ],
)
def test_a_command_that_fails_is_named_and_its_words_are_not_repeated(program, why):
    with pytest.raises(Misconfigured, match=why) as caught:
        command(program).read()
    assert "s3cret" not in str(caught.value)


def test_a_command_that_does_not_answer_is_given_up():
    with pytest.raises(Misconfigured, match=r"no answer within 0\.2 s"):
        command("import sys; sys.stdin.read(); import time; time.sleep(60)", timeout_s=0.2).read()


@pytest.mark.parametrize("argv", [(), ("",), ("no-such-program-here",)])
def test_a_command_that_cannot_be_run_is_named(argv):
    with pytest.raises(Misconfigured, match="key-encryption key command"):
        KekCommand(argv).read()


def test_the_present_key_comes_first_and_older_ones_are_known_by_name(tmp_path):
    old = Kek(os.urandom(32))
    chain = KekChain([file_of(tmp_path, KEY).read(), old])
    assert chain.current.key == KEY
    assert chain.by_id(old.id) is old
    assert old.id in chain
    stranger = Kek(os.urandom(32))
    assert stranger.id not in chain
    with pytest.raises(KekWrong, match=stranger.id.hex()):
        chain.by_id(stranger.id)


def test_a_vault_needs_a_key():
    with pytest.raises(Misconfigured, match="no key-encryption key is named"):
        KekChain.read([])


def test_a_key_is_shown_by_its_name_only():
    kek = decode(KEY, "x")
    for shown in (repr(kek), str(KekChain([kek])), f"{kek}", repr([kek])):
        assert kek.id.hex() in shown
        assert KEY.hex() not in shown
        assert repr(KEY) not in shown
