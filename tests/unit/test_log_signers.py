"""Key files of any kind, by the names in them."""

import pytest

from events.contract import order_name, witness_name
from events.errors import Misconfigured
from ledger.keys.national import NationalKeys
from ledger.log.cosignature import Ed25519Cosigner, MlDsaCosigner
from ledger.log.signature import LogSigner
from ledger.log.signers import load_signers
from node.note_keys import NOTE_KEYS, ensure_note_keys, note_key_files


def test_each_key_is_read_as_what_it_was_made_for(tmp_path):
    made = {}
    for kind in (LogSigner, Ed25519Cosigner, MlDsaCosigner):
        made[kind.__name__] = kind.create(kind.__name__, tmp_path / kind.__name__)
    found = load_signers(tmp_path / name for name in made)
    assert {name: type(one) for name, one in made.items()} == {
        name: type(one) for name, (one,) in found.items()
    }
    for name, one in made.items():
        assert one.verifier.render() == found[name][0].verifier.render()


def test_a_key_and_the_one_that_follows_have_one_name(tmp_path):
    both = [LogSigner.create("x", tmp_path / name).verifier.render() for name in ("a", "b")]
    found = load_signers([tmp_path / "a", tmp_path / "b"])
    assert both == [one.verifier.render() for one in found["x"]]


def test_one_key_in_two_files_is_refused(tmp_path):
    LogSigner.create("x", tmp_path / "a")
    (tmp_path / "b").write_text((tmp_path / "a").read_text())
    with pytest.raises(Misconfigured, match="the same key is in another file"):
        load_signers([tmp_path / "a", tmp_path / "b"])


def test_what_is_no_key_for_notes_is_refused_by_its_file(tmp_path):
    NationalKeys.create(tmp_path / "national")
    (tmp_path / "odd").write_text("name other-use " + "A" * 43 + "=\n")
    for name in ("national", "odd", "missing"):
        with pytest.raises(Misconfigured, match=name):
            load_signers([tmp_path / name])


def test_a_country_has_every_key_once_and_keeps_it(tmp_path):
    first = ensure_note_keys(tmp_path, "p", "KZ")
    assert first == ensure_note_keys(tmp_path, "p", "KZ")
    assert len(first) == len(set(first)) == len(NOTE_KEYS)
    names = [key.partition("+")[0] for key in first]
    assert {
        "p.ledger/KZ",
        "p.national.KZ/KZ",
        witness_name("p", "KZ"),
        order_name("p", "KZ"),
    } < set(names)
    files = [*note_key_files(tmp_path, "sealer"), *note_key_files(tmp_path, "witness")]
    assert {0o400} == {file.stat().st_mode & 0o777 for file in files}
    assert set(files) == set(tmp_path.iterdir())
