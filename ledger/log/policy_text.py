"""Trust policies as text (c2sp.org/tlog-policy, "Policy file syntax and structure")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from events.errors import LedgerError, Misconfigured
from ledger.log.lines import decimal
from ledger.log.policy import NONE, Group, Log, Policy, Witness
from ledger.log.verifiers import log_verifier, witness_verifier

#: Room for some hundred post-quantum keys; the specification asks for 32 of each kind.
LARGEST_POLICY = 2**20

_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")


def parse_policy(data: bytes) -> Policy:
    """Read a policy; Misconfigured, rule `policy`, names the line that is wrong."""
    if len(data) > LARGEST_POLICY:
        raise Misconfigured(f"a policy of {len(data)} bytes is too large", rule="policy")
    *lines, rest = data.split(b"\n")
    reading = _Reading()
    for number, line in enumerate(lines, 1):
        with_number = _Numbered(number)
        if _FORBIDDEN.search(line):
            raise with_number.wrong("a control character")
        # Lossless, so that equal names are equal octets and nothing else.
        words = re.split("[ \t]+", line.decode(errors="surrogateescape").strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            try:
                reading.take(words)
            except (_Wrong, LedgerError) as error:
                raise with_number.wrong(str(error)) from None
    if rest:
        raise _Numbered(len(lines) + 1).wrong("the last line does not end in a newline")
    if reading.quorum is None:
        raise Misconfigured("policy: no quorum line; `quorum none` asks for nobody", rule="policy")
    return Policy(
        tuple(reading.logs), tuple(reading.witnesses), tuple(reading.groups), reading.quorum
    )


def render_policy(policy: Policy) -> bytes:
    """Return a policy as text that reads back as the same; Misconfigured if it would not."""
    rows = [
        *(["log", one.verifier.render(), one.url or ""] for one in policy.logs),
        *(["witness", one.name, one.verifier.render(), one.url or ""] for one in policy.witnesses),
        *(["group", one.name, _words(one), *one.members] for one in policy.groups),
        ["quorum", policy.quorum],
    ]
    text = "".join(" ".join(row).rstrip(" ") + "\n" for row in rows)
    data = text.encode(errors="surrogateescape")
    if parse_policy(data) != policy:
        raise Misconfigured("policy: a name or an address in it cannot be written", rule="policy")
    return data


def _words(group: Group) -> str:
    if group.threshold == len(group.members):
        return "all"
    return "any" if group.threshold == 1 else str(group.threshold)


class _Wrong(Exception):
    """What is wrong with a line; it becomes Misconfigured where the number is known."""


@dataclass(frozen=True, slots=True)
class _Numbered:
    number: int

    def wrong(self, words: str) -> Misconfigured:
        return Misconfigured(f"policy line {self.number}: {words}", rule="policy")


@dataclass(slots=True)
class _Reading:
    """What the lines so far have defined."""

    logs: list[Log] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    _names: set[str] = field(default_factory=set)
    _members: set[str] = field(default_factory=set)

    def take(self, words: list[str]) -> None:
        keyword, *rest = words
        kinds: Mapping[str, tuple[Callable[[list[str]], None], int, int | None]] = {
            "log": (self._log, 1, 2),
            "witness": (self._witness, 2, 3),
            "group": (self._group, 3, None),
            "quorum": (self._quorum, 1, 1),
        }
        if keyword not in kinds:
            raise _Wrong("it begins with none of log, witness, group, quorum")
        reads, least, most = kinds[keyword]
        if len(rest) < least or (most is not None and len(rest) > most):
            raise _Wrong(f"too few or too many words for {keyword}")
        reads(rest)

    def _log(self, words: list[str]) -> None:
        key = log_verifier(words[0])
        if any(one.verifier.public == key.public for one in self.logs):
            raise _Wrong("the same public key as another log's")
        self.logs.append(Log(key, _url(words[1:])))

    def _witness(self, words: list[str]) -> None:
        name = self._new(words[0])
        key = witness_verifier(words[1])
        if any(one.verifier.public == key.public for one in self.witnesses):
            raise _Wrong("the same public key as another witness's")
        self.witnesses.append(Witness(name, key, _url(words[2:])))

    def _group(self, words: list[str]) -> None:
        name, threshold, *members = words
        for member in members:
            if member not in self._names:
                raise _Wrong("a member that no line before it defines")
            if member in self._members:
                raise _Wrong("a member that is already one, here or of another group")
            self._members.add(member)
        many = {"all": len(members), "any": 1}.get(threshold)
        least = decimal(threshold, "the threshold") if many is None else many
        if not 1 <= least <= len(members):
            raise _Wrong(f"{least} of {len(members)} members is no threshold")
        self.groups.append(Group(self._new(name), least, tuple(members)))

    def _quorum(self, words: list[str]) -> None:
        if self.quorum is not None:
            raise _Wrong("a second quorum line")
        if words[0] != NONE and words[0] not in self._names:
            raise _Wrong("a quorum that no line before it defines")
        self.quorum = words[0]

    def _new(self, name: str) -> str:
        if name == NONE or name in self._names:
            raise _Wrong("a name that is taken")
        self._names.add(name)
        return name


def _url(words: list[str]) -> str | None:
    return words[0] if words else None
