"""verify-1m: `verify.py` on a bundle of 1,000,000 entries, on one core, as a stranger runs it.

Baseline: the bytes of the same file through SHA-256 once, in one process of the same Python. The
goal is a time: `seconds` of the slowest round, and `peak_rss_mb` of the largest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare, rounded
from bench.servers import Servers
from events.codec import MAGIC
from events.registry import NEWEST
from events.stamp import leaf_hash
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.merkle import root_of
from ledger.log.policy import Policy
from ledger.log.policy_text import render_policy
from ledger.log.signature import LogSigner
from ledger.log.tree import Tree
from node.evidence.packing import Content, write_bundle
from node.evidence.papers import schema_file
from node.evidence.range_bundle import range_text, tile_files
from node.evidence.report import report_file
from node.evidence.single import verifier_source

_BYTES = 300
_LOG = "bench.ledger/KZ"
_HASH = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256')"


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure entries per second."""
    count = effort.events_or(1_000_000, quick=2_000)
    work = _Work(servers.folder, count)
    work.write()
    contenders: dict[str, Contender] = {OURS: work.verified, BASELINE: work.hashed}
    yield compare(
        "verify-1m",
        contenders,
        unit="entries/s",
        effort=effort,
        goal="1,000,000 in <= 8 s, < 500 MB",
        extra=work.found,
    )


@dataclass
class _Work:
    folder: Path
    count: int
    _seconds: list[float] = field(default_factory=list)
    _peaks: list[int] = field(default_factory=list)

    def write(self) -> None:
        """Write bundle and verifier. Every entry is of one schema, and random."""
        signer, witness = LogSigner(_LOG, os.urandom(32)), Ed25519Cosigner("w", os.urandom(32))
        root = root_of(map(leaf_hash, self._entries()))
        note = Checkpoint(_LOG, self.count, root).signed_by(signer)
        note = note.with_signatures([witness.cosign(note.text, int(time.time()))])
        policy = Policy.of([signer.verifier], {"w": witness.verifier}, 1)
        keys = f"{signer.verifier.render()}\n{witness.verifier.render()}\n"
        name, schema = schema_file(NEWEST["CaseOpened"])
        files: dict[str, Content] = {
            "REPORT.json": report_file({"subject": {"range": [_LOG, 0, self.count]}}),
            "vkeys": keys.encode(),
            f"policy/{_LOG}.policy": render_policy(policy),
            f"checkpoints/{_LOG}/{self.count}.note": note.render(),
            f"ranges/{_LOG}.range": range_text(Tree(), 0, self.count),
            name: schema,
        }
        write_bundle(files | tile_files(_LOG, 0, self.count, self._entries()), self._bundle)
        self._program.write_text(verifier_source())

    def verified(self) -> float:
        """Run the verifier in a process of its own."""
        seconds, peak, said = _timed([sys.executable, "-I", str(self._program), str(self._bundle)])
        assert f"replay: {self.count} entries" in said, said
        self._seconds.append(seconds)
        self._peaks.append(peak)
        return self.count / seconds

    def hashed(self) -> float:
        """Hash the file."""
        seconds, _, _ = _timed([sys.executable, "-I", "-c", _HASH, str(self._bundle)])
        return self.count / seconds

    def found(self) -> dict[str, object]:
        """Return what belongs on the line."""
        return {
            "entries": self.count,
            "bundle_mb": rounded(self._bundle.stat().st_size / 1e6),
            "seconds": rounded(max(self._seconds)),
            "peak_rss_mb": rounded(max(self._peaks) / 1e3),
        }

    @property
    def _bundle(self) -> Path:
        return self.folder / "evidence.zip"

    @property
    def _program(self) -> Path:
        return self.folder / "verify.py"

    def _entries(self) -> Iterator[bytes]:
        """Yield the same entries each time."""
        chance, head = Random(1), MAGIC + NEWEST["CaseOpened"].fingerprint
        for _ in range(self.count):
            yield head + chance.randbytes(_BYTES - len(head))


def _timed(command: list[str]) -> tuple[float, int, str]:
    """Run a program on one core; return its seconds, its peak in kB, and what it said."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return time.perf_counter() - began, usage.ru_maxrss, said
