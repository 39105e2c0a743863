"""What a country says abroad of its national log: a hash a day, which tells nothing by itself."""

from datetime import date

import pytest

from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import Commitment, committed
from ledger.log.signature import LogSigner

LOG = "t.national.KZ/KZ"
DAY = date(2026, 11, 26)
POINT = Checkpoint(LOG, 7, b"r" * 32)
SALT = b"s" * 32


def test_a_commitment_is_read_back_and_signed_by_the_log_s_key():
    said = Commitment(LOG, DAY, committed(DAY, POINT, SALT))
    assert said == Commitment.parse(said.body)
    signer = LogSigner(LOG, b"k" * 32)
    assert said.signed_by(signer).verified_by([signer.verifier])


@pytest.mark.parametrize(("day", "point", "salt"), [
    (date(2026, 11, 27), POINT, SALT),
    (DAY, Checkpoint(LOG, 8, POINT.root), SALT),
    (DAY, Checkpoint(LOG, 7, b"q" * 32), SALT),
    (DAY, Checkpoint("t.national.KG/KG", 7, POINT.root), SALT),
    (DAY, POINT, b"t" * 32),
])  # fmt: skip
def test_it_opens_to_nothing_else(day, point, salt):
    assert committed(DAY, POINT, SALT) != committed(day, point, salt)


def test_it_is_the_hash_that_is_written_down():
    """Anybody can compute it: docs/wire-format.md."""
    from hashlib import sha256

    text = b"referral/day/v1\0" + SALT + b"2026-11-26\n" + POINT.body.encode()
    assert sha256(text).digest() == committed(DAY, POINT, SALT)


HASH = "c" * 43 + "="


@pytest.mark.parametrize("text", [
    "", "x\n", f"{LOG}\n2026-11-26\n{HASH}\n", f"/day\n2026-11-26\n{HASH}\n",
    f"{LOG}/day\n20261126\n{HASH}\n", f"{LOG}/day\n2026-13-01\n{HASH}\n",
    f"{LOG}/day\n2026-11-26\nxx\n",
    f"{LOG}/day\n2026-11-26\n{HASH}\nmore\n", f"{LOG}/day\n2026-11-26\n{HASH}",
])  # fmt: skip
def test_another_text_is_none(text):
    with pytest.raises(RecordRejected):
        Commitment.parse(text)
