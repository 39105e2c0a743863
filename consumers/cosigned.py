"""Which checkpoints prove a range: signed by the log's sealer, and by a witness from outside.

A log key that signs events and a sealer's key that signs roots are two keys of one country. If the
second alone were enough, whoever steals it could write events without the first. A witness signs a
root only if it is that of events whose signatures its own country has checked, so with a witness
from outside a root says no less than the signatures it stands for (ADR 0034).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from events.agreement import Agreement
from events.contract import domestic_witness_name, witness_name
from events.errors import Misconfigured, RecordRejected
from ledger.case.case import Topic
from ledger.log.checkpoint import Checkpoint
from ledger.log.heads import Head
from ledger.log.note import Note, Verifier
from ledger.log.verifiers import log_verifier, witness_verifier

#: With so many heads of a log there is one below whatever was cut off or is on its way.
MOST_HEADS = 16


@dataclass(frozen=True, slots=True)
class Trust:
    """Who has to have signed a log's checkpoint: its sealer, and one of its witnesses."""

    log: str
    sealers: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...]

    @classmethod
    def of(cls, agreement: Agreement, topic: Topic, origin: str) -> Trust:
        """Return whom a country's log is believed from, by the pinned keys.

        Of a shared log every other country's witness counts; of a national one the domestic one.
        """
        country = agreement.countries[origin]
        log = agreement.log(topic.value, origin)
        if topic is Topic.SHARED:
            keys = [
                key
                for other in agreement.countries.values()
                if other.code != origin
                for key in other.keys_named(witness_name(agreement.prefix, other.code))
            ]
        else:
            keys = list(country.keys_named(domestic_witness_name(agreement.prefix, origin)))
        sealers = tuple(log_verifier(key) for key in country.keys_named(log))
        return cls(log, sealers, tuple(witness_verifier(key) for key in keys))


def cosigned(
    notes: Iterable[bytes], trusts: Sequence[Trust], *, most: int = MOST_HEADS
) -> Mapping[str, list[Head]]:
    """Return the heads of each log that both have signed, smallest first; the newest `most`.

    `notes` come newest first, and are read as far as is needed. Both may have signed apart, as they
    put their notes on the topic; what joins them is the text. What is no note, or has a false
    signature in a trusted name, says nothing.
    """
    known = {trust.log: trust for trust in trusts}
    signed: dict[str, set[str]] = {}
    heads: dict[str, dict[str, Head]] = {log: {} for log in known}
    for data in notes:
        if all(len(found) >= most for found in heads.values()):
            break
        try:
            note = Note.parse(data)
            checkpoint = Checkpoint.parse(note.text)
            trust, found = known[checkpoint.origin], heads[checkpoint.origin]
            if note.text in found or len(found) >= most:
                continue
            lines = note.verified_by([*trust.sealers, *trust.witnesses])
        except (RecordRejected, Misconfigured, KeyError):
            continue
        names = signed.setdefault(note.text, set())
        names.update(line.name for line in lines)
        if names & _names(trust.sealers) and names & _names(trust.witnesses):
            found[note.text] = Head(checkpoint.size, checkpoint.root)
    return {log: sorted(found.values()) for log, found in heads.items()}


def _names(keys: Iterable[Verifier]) -> set[str]:
    return {key.name for key in keys}
