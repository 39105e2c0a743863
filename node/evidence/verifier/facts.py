"""A bundle while it is checked: what its files are called, and what was read from them so far."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from node.evidence.verifier.container import Container, Faulty
from node.evidence.verifier.notes import NoteKey, SignedTree
from node.evidence.verifier.quorum import Trust

MANIFEST = "MANIFEST.sha256"
REPORT = "REPORT.json"
_LOG, _NUMBER, _UUID = (
    r"[A-Za-z0-9_./-]+",
    r"(?:0|[1-9][0-9]{0,18})",
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
)
_TILE_NAME = rf"(?:x[0-9]{{3}}/)*[0-9]{{3}}(?:\.p/{_NUMBER})?"
#: Every file that a bundle may have.
_KINDS = {
    "single": r"verify\.py|report\.pdf|vkeys|REPORT\.json|what-this-proves\.(?:en|ru|kk|ky)\.html",
    "policy": rf"policy/(?P<log>{_LOG})\.policy",
    "checkpoint": rf"checkpoints/(?P<log>{_LOG})/(?P<index>{_NUMBER})\.note",
    "consistency": rf"consistency/(?P<log>{_LOG})/(?P<old>{_NUMBER})-(?P<new>{_NUMBER})\.txt",
    "entry": rf"entries/(?P<log>{_LOG})/(?P<index>{_NUMBER})\.avro",
    "proof": rf"proofs/(?P<log>{_LOG})/(?P<index>{_NUMBER})\.tlog-proof",
    "signature": rf"signatures/(?P<log>{_LOG})/(?P<index>{_NUMBER})\.sig",
    "range": rf"ranges/(?P<log>{_LOG})\.range",
    "tile": rf"logs/(?P<log>{_LOG})/tile/entries/(?P<tile>{_TILE_NAME})",
    "schema": r"schemas/(?P<sha256>[0-9a-f]{64})\.avsc",
    "signers": r"signers/(?P<country>[A-Z]{2})\.vkeys",
    "key": rf"keys/(?P<event>{_UUID})\.(?P<scope>[a-z_]+)\.key",
}
_OF_A_CASE = ("entry", "proof", "signature", "signers", "key")
_MANIFEST_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>\S+)")


class Facts:
    """What the checks have found out; each check adds to it."""

    def __init__(self, bundle: Container) -> None:
        self.bundle = bundle
        #: File -> SHA-256, as the manifest says.
        self.digests: dict[str, str] = {}
        #: The file that is looked at: it is named if anything at all goes wrong.
        self.current = MANIFEST
        self.report: dict[str, Any] = {}
        self.trusts: dict[str, Trust] = {}
        #: Log -> size -> checkpoint that counts, and when its witnesses cosigned it.
        self.trees: dict[str, dict[int, tuple[SignedTree, tuple[int, ...]]]] = {}
        #: Log -> index -> bytes of an event that was proven.
        self.entries: dict[str, dict[int, bytes]] = {}
        #: What events begin with, of every range that was replayed: header -> file it was seen in.
        self.headers: dict[bytes, str] = {}
        #: (event, scope) -> what its entry says, of every key that is here.
        self.opened: dict[tuple[str, str], bytes] = {}

    def take(self, name: str) -> bytes:
        """Return the bytes of a file that are those of the manifest; Faulty if they are not."""
        if name not in self.digests:
            raise Faulty(name, "it is missing")
        self.current = name
        data = self.bundle.read(name)
        if hashlib.sha256(data).hexdigest() != self.digests[name]:
            raise Faulty(name, f"it was changed: its SHA-256 is not that in {MANIFEST}")
        return data

    def of_kind(self, kind: str) -> dict[str, re.Match[str]]:
        """Return the files of a kind, and what their names say."""
        found = {name: re.fullmatch(_KINDS[kind], name) for name in self.digests}
        return {name: match for name, match in found.items() if match}

    def at(self, kind: str) -> dict[tuple[str, int], str]:
        """Return (log, index) -> file of a kind that has them in its names."""
        found: dict[tuple[str, int], str] = {}
        for name, match in self.of_kind(kind).items():
            if found.setdefault((match["log"], int(match["index"])), name) != name:
                raise Faulty(name, "another file is of the same place")
        return found

    def read_manifest(self) -> None:
        """Read which files there are, with which bytes; Faulty if it was changed itself."""
        if MANIFEST not in self.bundle.names:
            raise Faulty(MANIFEST, "it is missing")
        lines = self.bundle.read(MANIFEST).decode("utf-8", "replace").split("\n")
        body = "".join(f"{line}\n" for line in lines[:-2])
        if lines[-2:] != [f"# {hashlib.sha256(body.encode()).hexdigest()}", ""]:
            raise Faulty(MANIFEST, "it was changed: its last line is not the hash of the others")
        for line in lines[:-2]:
            match = _MANIFEST_LINE.fullmatch(line)
            if match is None or match["name"] in self.digests:
                raise Faulty(MANIFEST, "it holds a line that is none, or one twice")
            self.digests[match["name"]] = match["digest"]

    def require_known_files(self) -> None:
        """Refuse files that are missing, not in the manifest, or no part of any bundle: Faulty."""
        there = set(self.bundle.names) - {MANIFEST}
        for name in sorted(there ^ self.digests.keys()):
            raise Faulty(name, "it is missing" if name in self.digests else "not in the manifest")
        for name in sorted(self.digests):
            if not any(re.fullmatch(pattern, name) for pattern in _KINDS.values()):
                raise Faulty(name, "such a file is no part of a bundle")

    def read_report(self) -> None:
        """Read what the bundle is about."""
        try:
            said = json.loads(self.take(REPORT))
        except ValueError:
            raise Faulty(REPORT, "it is no JSON document") from None
        if not isinstance(said, dict) or not isinstance(said.get("subject"), dict):
            raise Faulty(REPORT, "it does not say what the bundle is about")
        self.report = said

    def require_kinds(self) -> None:
        """Refuse files that belong to a bundle about something else: Faulty."""
        others = ("range", "tile") if self.case is not None else _OF_A_CASE
        for kind in others:
            for name in self.of_kind(kind):
                raise Faulty(name, "it does not belong into a bundle about this")

    def keys_in(self, name: str) -> list[NoteKey]:
        """Return the verifier keys of a file, one a line."""
        try:
            return [NoteKey.parse(line) for line in self.take(name).decode().splitlines()]
        except ValueError as error:
            raise Faulty(name, str(error)) from None

    @property
    def case(self) -> str | None:
        """The case that it is about; None if it is about a range."""
        found = self.report["subject"].get("case")
        return found if isinstance(found, str) else None

    def newest(self, log: str) -> SignedTree:
        """Return the newest checkpoint of a log."""
        return self.trees[log][max(self.trees[log])][0]
