"""Whose signatures make a checkpoint count: C2SP tlog-policy."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from node.evidence.verifier.notes import COSIGNATURE, PLAIN, NoteKey, SignedTree, decimal

#: A group of groups of groups; a policy of ours has two levels.
_DEEPEST = 8


class Trust(NamedTuple):
    """A policy: the log's keys, the witnesses, and which of them are enough."""

    logs: tuple[NoteKey, ...]
    witnesses: dict[str, NoteKey]
    #: Name of a group -> how many of which members.
    groups: dict[str, tuple[int, tuple[str, ...]]]
    quorum: str

    @classmethod
    def parse(cls, text: str) -> Trust:
        """Read a policy file; ValueError names the line that is wrong."""
        draft = _TrustDraft()
        for number, line in enumerate(text.split("\n"), 1):
            words = line.split()
            if words and not words[0].startswith("#"):
                try:
                    draft.take(words)
                except (ValueError, IndexError) as error:
                    raise ValueError(f"line {number}: {error}") from None
        if draft.quorum is None:
            raise ValueError("no quorum line")
        return cls(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        """Every key that this policy believes."""
        return (*self.logs, *self.witnesses.values())

    def check(self, tree: SignedTree) -> tuple[int, ...]:
        """Return when which witnesses cosigned, oldest first; ValueError if it is not enough."""
        if not any(key.name == tree.origin and tree.signed_by(key) == 0 for key in self.logs):
            raise ValueError(f"no key of the log {tree.origin} has signed it")
        said = {name: tree.signed_by(key) for name, key in self.witnesses.items()}
        times = {name: at for name, at in said.items() if at is not None}
        if self.quorum == "none":  # whoever made the bundle may have chosen that
            raise ValueError(
                "its policy asks for no witness, so nobody but its country stands for it"
            )
        if not self._has(self.quorum, times.keys()):
            raise ValueError(f"too few witnesses have cosigned it: {sorted(times) or 'none'}")
        return tuple(sorted(times.values()))

    def require_countries(self, tree: SignedTree, trusted: Collection[NoteKey]) -> None:
        """Require that more than half of those have cosigned who may, of the trusted keys.

        The policy came with the bundle, so it may ask for too few, or for the log's own country.
        A shared log is for the witnesses of other countries, a national one for its domestic one.
        ValueError.
        """
        topic, _, country = tree.origin.rpartition("/")
        home, abroad = f"{topic}.witness", f"{topic.rpartition('.')[0]}.witness/"
        may = {
            key
            for key in trusted
            if key.kind == COSIGNATURE
            and key.name != abroad + country
            and (key.name == home or key.name.startswith(abroad))
        }
        have = {key.name for key in may if tree.signed_by(key) is not None}
        if 2 * len(have) <= len({key.name for key in may}):
            raise ValueError(f"of those whom you trust too few have cosigned it: {sorted(have)}")

    def _has(self, name: str, cosigned: AbstractSet[str]) -> bool:
        if name == "none":
            return True
        if name in self.witnesses:
            return name in cosigned
        needed, members = self.groups[name]
        return sum(self._has(member, cosigned) for member in members) >= needed


class _TrustDraft:
    def __init__(self) -> None:
        self.logs: list[NoteKey] = []
        self.witnesses: dict[str, NoteKey] = {}
        self.groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()
        self._publics: set[bytes] = set()
        #: Group -> how many groups stand in each other, with it.
        self._depths: dict[str, int] = {}

    def take(self, words: list[str]) -> None:
        match words[0]:
            case "log":
                self.logs.append(self._fresh(NoteKey.parse(words[1]), PLAIN))
            case "witness":
                self._new_name(words[1])
                self.witnesses[words[1]] = self._fresh(NoteKey.parse(words[2]), COSIGNATURE)
            case "group":
                self._group(words[1], words[2], words[3:])
            case "quorum" if self.quorum is None:
                if words[1] != "none":
                    self._known(words[1])
                self.quorum = words[1]
            case _:
                raise ValueError("not a line of a policy")

    def _fresh(self, key: NoteKey, kind: int) -> NoteKey:
        if key.kind != kind or key.public in self._publics:
            raise ValueError("the key is of another kind, or named twice")
        self._publics.add(key.public)
        return key

    def _group(self, name: str, needed: str, members: list[str]) -> None:
        self._new_name(name)
        for member in members:
            self._known(member)
            if member in self._members:
                raise ValueError(f"{member} is a member twice")
            self._members.add(member)
        least = {"any": 1, "all": len(members)}.get(needed)
        least = decimal(needed) if least is None else least
        if not 1 <= least <= len(members):
            raise ValueError("a group asks for more members than it has, or for none")
        self._depths[name] = 1 + max(self._depths.get(member, 0) for member in members)
        if self._depths[name] > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} groups stand in each other")
        self.groups[name] = (least, tuple(members))

    def _new_name(self, name: str) -> None:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {name} is taken")

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"{name} is not defined above")
