"""Order notes: what they say, and where two orders differ."""

from __future__ import annotations

import pytest

from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger.log import order
from ledger.log.heads import Head
from ledger.log.lines import encoded
from ledger.log.merkle import EMPTY_ROOT, root_of
from ledger.log.order import HeardOrder, OrderNote
from ledger.log.signature import LogSigner

NAME = "referral.order/KG"
SIGNER = LogSigner(NAME, b"o" * 32)
LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]
NOTE = OrderNote(NAME, (Head(3, root_of(LEAVES[:3])), Head(0, EMPTY_ROOT)))
GOOD = NOTE.body


def test_a_note_has_a_line_for_each_partition():
    lines = [f"0 3 {encoded(root_of(LEAVES[:3]))}", f"1 0 {encoded(EMPTY_ROOT)}"]
    assert "\n".join([NAME, *lines, ""]) == GOOD
    assert NOTE == OrderNote.parse(GOOD, 2)
    signed = NOTE.signed_by(SIGNER)
    assert signed.verified_by([SIGNER.verifier])
    assert GOOD == signed.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{NAME}\n",
        GOOD.replace("\n1 0", "\n2 0"),
        GOOD.replace("\n1 0", "\n0 0"),
        GOOD.replace("\n1 0", "\n1  0"),
        GOOD.replace("\n1 0", "\n01 0"),
        GOOD.replace("\n1 0", "\n1 -0"),
        GOOD.replace("\n1 0 ", "\n1 0 x "),
        GOOD.replace("\n1 0 ", "\n1 "),
        GOOD + GOOD.split("\n")[2] + "\n",
        GOOD[:-1],
        GOOD.replace("\n1 0 ", "\n1 0 AAAA"),
        GOOD.replace("\n0 3", f"\n0 {2**63}"),
    ],
)
def test_what_is_no_order_note_is_refused(text):
    with pytest.raises(RecordRejected):
        OrderNote.parse(text, 2)


def test_a_root_of_before_is_known_for_a_while(monkeypatch):
    monkeypatch.setattr(order, "RECENT", 8)
    heard = HeardOrder()
    for leaf in LEAVES:
        heard.append(leaf)
    known = range(len(LEAVES) - 8, len(LEAVES) + 1)
    assert {size: root_of(LEAVES[:size]) for size in known} == heard.roots_at(range(50))


def test_of_what_is_said_ahead_only_so_much_is_remembered(monkeypatch):
    """A country that signs a note for every size to come fills nobody's memory."""
    monkeypatch.setattr(order, "RECENT", 8)
    heard = HeardOrder()
    for size in range(1, 100):
        heard.waits_for("KZ", Head(size, bytes(32)))
    heard.waits_for("KG", Head(50, bytes(32)))
    assert 8 == len(heard._said["KZ"])
    assert 99 in heard._said["KZ"]
    assert [50] == list(heard._said["KG"]), "nobody makes another one's be forgotten"


def test_a_difference_says_between_which_sizes():
    """One event apart names the event."""
    heard = HeardOrder()
    for leaf in LEAVES[:10]:
        heard.append(leaf)
    assert heard.compared("KZ", Head(7, root_of(LEAVES[:7])), root_of(LEAVES[:7])) is None
    found = heard.compared("KZ", Head(9, bytes(32)), root_of(LEAVES[:9]))
    assert ("KZ", 9, 7) == found
