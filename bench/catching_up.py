"""catch-up: a new node on a full topic, by cosigned roots, against the same worker by signatures.

Both are the real worker: examine, admit, mirror, fold, all read models. Ours finds on the topic of
notes a checkpoint of each log, signed and cosigned, hashes the topic beside its work, and checks no
signature of what is proven by then. The baseline knows nobody's key of notes, and checks them all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kafka import KafkaProducer

from bench.harness import BASELINE, OURS, Effort, Figure, compare, say
from bench.pair import Pair
from bench.progress import rate_until
from bench.projecting import READ, counting
from bench.servers import Servers
from events.agreement import Agreement
from events.contract import witness_name
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.merkle import CompactRange
from ledger.log.signature import LogSigner

_COUNTRY = "KG"


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure events per second."""
    count = effort.events_or(60_000, quick=600)
    pair = Pair(servers)
    known = _noted(pair, pair.fill(count))
    contenders = {
        OURS: lambda: _worker(pair, known, count),
        BASELINE: lambda: _worker(pair, _without(known), count),
    }
    say(f"catch-up: {count:,} events on the topic")
    yield compare("catch-up", contenders, unit="events/s", effort=effort, goal="reported")


def _worker(pair: Pair, agreement: Agreement, count: int) -> float:
    pair.home.agreement_file.write_text(agreement.render())
    with (
        pair.database(_COUNTRY) as dsn,
        pair.running(_COUNTRY, "worker") as program,
        counting(dsn, READ) as reached,
    ):
        began = len(program.log.read_bytes())
        rate = rate_until(count, reached)
        said = program.log.read_bytes()[began:].count(b"range_proven")
        say(f"catch-up: {rate:,.0f} events/s, {said} logs proven on the way")
        return rate


def _noted(pair: Pair, trees: Mapping[str, CompactRange]) -> Agreement:
    """Put a cosigned checkpoint of each log on its topic; return the agreement that knows them."""
    agreement = pair.agreement
    sealers = {code: LogSigner(agreement.shared_log(code), code.encode() * 16) for code in trees}
    witnesses = {
        code: Ed25519Cosigner(witness_name(agreement.prefix, code), code.encode() * 16)
        for code in agreement.countries
    }
    producer = KafkaProducer(bootstrap_servers=pair.bootstrap, acks="all")
    for code, tree in trees.items():
        log = agreement.shared_log(code)
        note = Checkpoint(log, tree.size, tree.root).signed_by(sealers[code])
        lines = [
            one.cosign(note.text, int(time.time()))
            for other, one in witnesses.items()
            if other != code
        ]
        value = note.with_signatures(lines).render()
        producer.send(agreement.checkpoints_topic, key=log.encode(), value=value)
    producer.close()
    keys = {code: [witnesses[code].verifier.render()] for code in agreement.countries}
    for code, sealer in sealers.items():
        keys[code].append(sealer.verifier.render())
    return _pinned(agreement, keys)


def _without(agreement: Agreement) -> Agreement:
    return _pinned(agreement, dict.fromkeys(agreement.countries, ()))


def _pinned(agreement: Agreement, keys: Mapping[str, Sequence[str]]) -> Agreement:
    countries = {
        code: replace(country, note_keys=tuple(keys[code]))
        for code, country in agreement.countries.items()
    }
    return replace(agreement, countries=countries)
