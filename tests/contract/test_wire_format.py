"""docs/wire-format.md says what the code does: its examples are computed, its promises kept."""

from __future__ import annotations

import re
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

from events import compiled, contract
from events.codec import MAX_EVENT_BYTES, Stamp, decode
from events.registry import SCHEMAS
from events.stamp import leaf_hash
from ledger.case.plane import VoidReason
from ledger.log.order import OrderNote
from ledger.log.signature import LogVerifier
from tests import wire_blocks
from tests.given import consented, opened, proposed, ready
from tests.histories import HISTORIES
from tests.history import signer

TEXT = wire_blocks.DOCUMENT.read_text()
ROOT = Path(__file__).parents[2]


def test_its_computed_parts_are_up_to_date():
    """One real record in hex, partitions and fingerprints, as they come out today."""
    assert list(wire_blocks.blocks(TEXT)) == ["record", "partitions", "types"]
    assert wire_blocks.written(TEXT) == TEXT, "run: python -m tests.wire_blocks"


def test_the_record_it_opens_with_is_whole():
    """Somebody who types the hex in from the page gets the event."""
    block = re.search(r"<!-- computed: record -->\n```\n(.*?)```", TEXT, re.DOTALL)[1]
    head, body = block.split("\n\n")
    lines = body.splitlines()
    pieces = [re.fullmatch(r" {7}([0-9a-f]+)|\s*\d+  ([0-9a-f]+) .*|.*", line) for line in lines]
    value = bytes.fromhex("".join(p[1] or p[2] or "" for p in pieces))
    event = decode(value)

    assert leaf_hash(value).hex() in head
    assert event.case_id.hex in head
    assert f"index 2 in {contract.log_name('referral.ledger', event.origin)}" in head
    assert "98851dce" in TEXT
    assert event.seen.hex().startswith("98851dce")
    signature = bytes.fromhex("".join(re.findall(r"^ {11}([0-9a-f]{64})$", head, re.MULTILINE)))
    assert signer("KZ").verifier.is_signed("referral.ledger/KZ", 2, leaf_hash(value), signature)


def test_its_signature_rule_is_enough_to_verify():
    """Written from rule 8 alone, against a key of a golden history."""
    message = b"referral/event/v1" + b"\0" + b"referral.ledger/KZ" + bytes(7) + b"\5" + bytes(32)
    assert contract.log_message("referral.ledger/KZ", 5, bytes(32)) == message
    key = LogVerifier.parse(HISTORIES[0].vector()["log_keys"]["KZ"])
    assert key.is_signed(
        "referral.ledger/KZ", 5, bytes(32), signer("KZ").sign("referral.ledger/KZ", 5, bytes(32))
    )


def test_its_numbers_and_names_are_those_of_the_code():
    """What is frozen is written once in code and once here, and compared."""
    assert f"{MAX_EVENT_BYTES:,} bytes" in TEXT
    assert f"| `{contract.LOG}` | {contract.LOG_HEADER_BYTES} bytes" in TEXT
    assert f"| `{contract.CE_TYPE}` | ASCII" in TEXT
    assert f"the constant `{contract.NATIONAL_EVENT}`" in TEXT
    assert f"{contract.MAX_BATCH_BYTES:,} bytes" in TEXT
    stamp = [field["name"] for field in SCHEMAS[0].document["fields"][:11]]
    kinds = "uuid|string|int|32|timestamp|record|array"
    assert re.findall(rf"^\| `(\w+)` \| (?:{kinds})", TEXT, re.MULTILINE) == stamp
    assert [field.name for field in fields(Stamp)] == stamp[:7]
    for reason in (VoidReason.UNREADABLE, VoidReason.WRONG_TOPIC):
        assert f"(`{reason}`)" in TEXT
    assert contract.shared_topic("referral") in TEXT
    assert "rule 5" in (compiled.__doc__ or "")


def test_its_order_note_is_one():
    """Rule 19, read as a country's witness reads it."""
    text = re.search(r"```\n(referral\.order/KG\n.*?\n)\n", TEXT, re.DOTALL)[1]
    note = OrderNote.parse(text, 2)
    assert (contract.order_name("referral", "KG"), text) == (note.name, note.body)
    assert [41873, 40022] == [head.size for head in note.heads]


def test_every_rule_has_its_number():
    """Code and tests point at rules by number."""
    numbers = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", TEXT, re.MULTILINE)]
    assert numbers == list(range(1, 21))


def test_the_files_it_names_exist():
    """A page that points nowhere is worse than none."""
    for path in set(re.findall(r"`((?:events|tests|docs)/[\w./]+)`", TEXT)):
        assert (ROOT / path).exists(), path


def test_the_commitment_is_the_one_described():
    """Rule 6: the domain string, 32 random bytes, then the leaf hashes of what was national."""
    story = opened()
    basis = consented(story)
    ready(story)
    before = list(story["KZ"].leaves)
    proposed(story, basis)
    first, _ = story.topic[0]

    salt = bytes(32)
    assert len(before) == 4
    assert '`"referral/history/v1\\0"` ‖ 32 random bytes ‖ leaf hashes' in TEXT
    assert first.history_commitment == (
        sha256(b"referral/history/v1\0" + salt + b"".join(before)).digest()
    )
