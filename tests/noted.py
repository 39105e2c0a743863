"""Notes about logs, signed as sealers and witnesses sign them, for agreements made by `Pens`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from events.agreement import Agreement
from events.contract import domestic_witness_name, witness_name
from ledger.case.case import Topic
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.heads import Head
from ledger.log.merkle import root_of
from ledger.log.note import Note
from ledger.log.signature import LogSigner
from tests.wire import Pens

AT = 1_800_000_000


def sealer(agreement: Agreement, topic: Topic, origin: str) -> LogSigner:
    """Return the key that signs checkpoints of a country's log."""
    return LogSigner(*_key(agreement.log(topic.value, origin)))


def witness(agreement: Agreement, country: str) -> Ed25519Cosigner:
    """Return the key under which a country cosigns the others' shared logs."""
    return Ed25519Cosigner(*_key(witness_name(agreement.prefix, country)))


def domestic_witness(agreement: Agreement, country: str) -> Ed25519Cosigner:
    """Return the key under which somebody in a country cosigns its national log."""
    return Ed25519Cosigner(*_key(domestic_witness_name(agreement.prefix, country)))


def with_notes(pens: Pens) -> Pens:
    """Pin the keys of every sealer and witness in the pens' agreement."""
    agreement = pens.agreement
    countries = {
        code: replace(
            country,
            note_keys=(
                *(sealer(agreement, topic, code).verifier.render() for topic in Topic),
                witness(agreement, code).verifier.render(),
                domestic_witness(agreement, code).verifier.render(),
            ),
        )
        for code, country in agreement.countries.items()
    }
    pens.agreement = replace(agreement, countries=countries)
    return pens


def head_of(leaves: Iterable[bytes]) -> Head:
    """Return the head of a whole log."""
    leaves = list(leaves)
    return Head(len(leaves), root_of(leaves))


def note(
    agreement: Agreement,
    origin: str,
    head: Head,
    *,
    topic: Topic = Topic.SHARED,
    by: Sequence[Ed25519Cosigner] = (),
) -> Note:
    """Return a checkpoint of a country's log, signed by its sealer and cosigned by these."""
    log = agreement.log(topic.value, origin)
    signed = Checkpoint(log, *head).signed_by(sealer(agreement, topic, origin))
    return signed.with_signatures([one.cosign(signed.text, AT) for one in by])


def _key(name: str) -> tuple[str, bytes]:
    return name, sha256(name.encode()).digest()
