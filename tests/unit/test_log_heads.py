"""What was signed last stands in a file of its own, and nothing that contradicts it is signed."""

import pytest

from events.errors import Misconfigured, RecordRejected
from ledger.log.heads import Head, Heads

LOG = "t.ledger/KZ"
ONE, TWO = bytes(32), b"2" * 32


def test_a_head_is_known_after_a_restart(tmp_path):
    path = tmp_path / "heads"
    heads = Heads(path)
    assert heads.get(LOG) is None
    heads.advance({LOG: Head(3, ONE), "other": Head(1, TWO)})
    heads.advance({LOG: Head(5, TWO)})
    again = Heads(path)
    assert {LOG: Head(5, TWO), "other": Head(1, TWO)} == dict(again.all)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("head", "rule"),
    [(Head(3, TWO), "fork"), (Head(2, ONE), "rollback"), (Head(0, ONE), "rollback")],
)
def test_no_second_history_is_signed(tmp_path, head, rule):
    heads = Heads(tmp_path / "heads")
    heads.advance({LOG: Head(3, ONE)})
    with pytest.raises(RecordRejected) as refused:
        heads.advance({"other": Head(9, ONE), LOG: head})
    assert rule == refused.value.rule
    assert {LOG: Head(3, ONE)} == dict(Heads(tmp_path / "heads").all)


def test_the_same_head_may_be_signed_again(tmp_path):
    heads = Heads(tmp_path / "heads")
    heads.advance({LOG: Head(3, ONE)})
    heads.advance({LOG: Head(3, ONE)})
    assert Head(3, ONE) == heads.get(LOG)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"x": [1, "AA=="]}', '{"x": [-1, ""]}', '{"x": 1}']
)
def test_a_file_that_cannot_be_read_stops_all_signing(tmp_path, text):
    (tmp_path / "heads").write_text(text)
    with pytest.raises(Misconfigured, match="bring the file back"):
        Heads(tmp_path / "heads")
