"""Slot files: one share of every key set, overwritten in place when its keys are destroyed.

A file is N slots of 32 random bytes; slot 0 is the file's mark and no share. Every replica holds
the same bytes. Slots are filled chunk by chunk before any row may name one of them, so that making
keys writes nothing here, and nothing here ever tells which slots are in use. The files belong in
no backup and no snapshot: a copy of a share is a share that no erasure reaches (ADR 0021).

A file is opened anew for every use: whoever replaces one must not leave us writing to a file that
has lost its name while the new one keeps old shares. Whoever extends or mends holds the lock of
the row that knows these files (ledger/keys/rows.py).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from events.errors import KeystoreDamaged, Misconfigured

SLOT_BYTES: Final = 32
#: Slots that are filled at a time.
CHUNK: Final = 4096
#: Fewer replicas hold no new keys: one broken disk would lose them.
LEAST: Final = 2

_CHUNK_BYTES: Final = CHUNK * SLOT_BYTES
_COPY_BYTES: Final = 1 << 20


class Slots:
    """The replicas of one country's slot file, each in a folder (better: a disk) of its own."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Name the files; they need not be there yet. Misconfigured unless there are enough."""
        # A folder under two names is one folder; a file that is a link is found out later.
        self.paths = tuple(path.parent.resolve() / path.name for path in paths)
        folders = {path.parent for path in self.paths}
        if len(self.paths) < LEAST or len(folders) < len(self.paths):
            raise Misconfigured(
                f"{len(self.paths)} slot files in {len(folders)} folders: name at least {LEAST},"
                " each in a folder of its own"
            )
        self._mark: bytes | None = None

    def __repr__(self) -> str:
        """Say how many there are."""
        return f"Slots({len(self.paths)} replicas)"

    def bind(self, mark: bytes) -> None:
        """From now on take only files with this mark for ours."""
        self._mark = mark

    def mark(self) -> bytes:
        """Return the SHA-256 of slot 0 by which these files are known; KeystoreDamaged."""
        return sha256(self.read(0)).digest()

    def missing(self) -> list[Path]:
        """Return the files that are not there at all."""
        return [path for path in self.paths if not os.path.lexists(path)]

    def good(self) -> int:
        """Return how many replicas can be read and are ours: fewer than two is an alarm."""
        return len(self._each_good(0)[0])

    def read(self, slot: int, *, least: int = 1) -> bytes:
        """Return the share of a slot.

        KeystoreDamaged if fewer than `least` replicas have it; with rule `slot_replicas` if two
        of them differ: somebody changed one, or an erasure stopped halfway.
        """
        shares, wrong = self._each_good(slot)
        if len(shares) < least:
            raise self._too_few(slot, wrong)
        if len(set(shares)) > 1:
            raise KeystoreDamaged(
                f"slot {slot} differs between {len(shares)} replicas: one was changed or is an old"
                " copy; stop the keystore and find out which before anything else",
                rule="slot_replicas",
            )
        return shares[0]

    def each(self, slot: int) -> list[bytes]:
        """Return the share of a slot as every replica has it; KeystoreDamaged if one has none."""
        shares, wrong = self._each_good(slot)
        if wrong:
            raise self._too_few(slot, wrong)
        return shares

    def overwrite(self, slot: int) -> int:
        """Overwrite a share with new random bytes on every replica; return how many there are.

        KeystoreDamaged if one could not be written or does not read back; the others are done
        all the same, and it may be called again.
        """
        if slot < 1:
            raise Misconfigured(f"slot {slot} is no share")
        fresh, wrong = os.urandom(SLOT_BYTES), []
        for path in self.paths:
            try:
                with self._opened(path, os.O_RDWR) as file:
                    _share(file, slot)
                    _write(file, fresh, slot * SLOT_BYTES)
                    os.fdatasync(file)
                with self._opened(path, os.O_RDONLY) as file:
                    _require(_share(file, slot) == fresh, "did not keep what was written")
            except (OSError, _Unfit) as error:
                wrong.append(_said(path, error))
        if wrong:
            raise KeystoreDamaged(
                f"slot {slot} is not overwritten on every replica ({'; '.join(wrong)}): bring back"
                " or mend that file, then erase again; until then nothing counts as destroyed"
            )
        return len(self.paths)

    def make(self) -> None:
        """Make every file with its first chunk; a file that is there is never touched.

        With some there and some not, the missing ones become copies.
        """
        there = [path for path in self.paths if path not in self.missing()]
        if there:
            self.mend()
            return
        first = os.urandom(_CHUNK_BYTES)
        for path in self.paths:
            with _new(path) as file:
                _write(file, first, 0)

    def mend(self) -> list[Path]:
        """Make the missing replicas anew from a good one; return them. KeystoreDamaged if none is.

        Nobody may overwrite a slot meanwhile, or the copy would bring an old share back.
        """
        missing = self.missing()
        good = [path for path in self.paths if self._is_good(path)]
        if missing and not good:
            raise KeystoreDamaged("no replica of the slot file is left to mend the others from")
        for path in missing:
            with self._opened(good[0], os.O_RDONLY) as source, _new(path) as file:
                end = os.fstat(source).st_size
                for offset in range(0, end, _COPY_BYTES):
                    _write(file, os.pread(source, _COPY_BYTES, offset), offset)
        return missing

    def end(self) -> int:
        """Return the number of slots of the longest replica that is good."""
        ends = [0]
        for path in self.paths:
            with suppress(OSError, _Unfit), self._opened(path, os.O_RDONLY) as file:
                ends.append(-(-os.fstat(file).st_size // SLOT_BYTES))
        return max(ends)

    def extend(self, ready: int) -> int:
        """Add a chunk to every replica, and return how many slots stand on all of them then.

        Nothing that is there is overwritten. What a killed run left on one replica only is copied
        to the others. KeystoreDamaged if a replica is not there or ends before `ready` slots, or
        if there is no room; nothing has grown then.
        """
        sizes = self._sizes(ready)
        longest = max(self.paths, key=lambda path: sizes[path])
        least, most = min(sizes.values()), max(sizes.values())
        end = -(-most // _CHUNK_BYTES) * _CHUNK_BYTES + _CHUNK_BYTES
        with self._opened(longest, os.O_RDONLY) as file:
            tail = os.pread(file, most - least, least) + os.urandom(end - most)
        try:
            for path in self.paths:
                with self._opened(path, os.O_RDWR) as file:
                    _write(file, tail[sizes[path] - least :], sizes[path])
                    os.fsync(file)
        except (OSError, _Unfit) as error:
            self._shrink(sizes)
            raise KeystoreDamaged(
                f"no new slots: {_said(path, error)}; make room, then try again", rule="slot_space"
            ) from None
        return end // SLOT_BYTES

    def _sizes(self, ready: int) -> dict[Path, int]:
        sizes: dict[Path, int] = {}
        for path in self.paths:
            try:
                with self._opened(path, os.O_RDONLY) as file:
                    sizes[path] = os.fstat(file).st_size
                enough = sizes[path] >= ready * SLOT_BYTES
                _require(enough, f"ends before slot {ready - 1}, which may be in use")
            except (OSError, _Unfit) as error:
                raise KeystoreDamaged(f"no new slots: {_said(path, error)}") from None
        return sizes

    def _shrink(self, sizes: dict[Path, int]) -> None:
        for path, size in sizes.items():
            with suppress(OSError, _Unfit), self._opened(path, os.O_RDWR) as file:
                os.ftruncate(file, size)

    def _is_good(self, path: Path) -> bool:
        try:
            with self._opened(path, os.O_RDONLY):
                return True
        except (OSError, _Unfit):
            return False

    def _each_good(self, slot: int) -> tuple[list[bytes], list[str]]:
        shares, wrong = [], []
        for path in self.paths:
            try:
                with self._opened(path, os.O_RDONLY) as file:
                    shares.append(_share(file, slot))
            except (OSError, _Unfit) as error:
                wrong.append(_said(path, error))
        return shares, wrong

    @contextmanager
    def _opened(self, path: Path, flags: int) -> Iterator[int]:
        """Give a file that is a slot file of ours; OSError or _Unfit."""
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(file)
            _require(stat.S_ISREG(found.st_mode), "is no file")
            _require(not found.st_mode & 0o077, "is open to other accounts: give it mode 0600")
            _require(found.st_nlink == 1, "has a second name: one file is no two replicas")
            ours = self._mark in {None, sha256(os.pread(file, SLOT_BYTES, 0)).digest()}
            _require(ours, "belongs to another keystore")
            yield file
        finally:
            os.close(file)

    def _too_few(self, slot: int, wrong: Sequence[str]) -> KeystoreDamaged:
        return KeystoreDamaged(
            f"slot {slot} cannot be read from enough replicas ({'; '.join(wrong)}): bring back the"
            " files, or mend the keystore from one that is good"
        )


class _Unfit(Exception):
    """A file that is there and is not what it must be."""


def _require(fit: bool, why: str) -> None:
    if not fit:
        raise _Unfit(why)


def _share(file: int, slot: int) -> bytes:
    share = os.pread(file, SLOT_BYTES, slot * SLOT_BYTES)
    _require(len(share) == SLOT_BYTES, f"ends before slot {slot}")
    return share


def _said(path: Path, error: Exception) -> str:
    return f"{path}: {error.strerror if isinstance(error, OSError) else error}"


def _write(file: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written


@contextmanager
def _new(path: Path) -> Iterator[int]:
    """Give a file that gets its name only when all of it is on the disk."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            yield file
            os.fsync(file)
        finally:
            os.close(file)
        part.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeystoreDamaged(f"slot file {path}: {error.strerror}", rule="slot_space") from None
