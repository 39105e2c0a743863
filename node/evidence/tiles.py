"""A whole log as a folder of plain files that outside tools read: c2sp.org/tlog-tiles."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from psycopg import Connection

from events.errors import BadInput
from events.stamp import leaf_hash
from ledger.log.merkle import root_of
from ledger.log.policy_text import render_policy
from node.evidence.packing import Content
from node.evidence.papers import vkeys_of
from node.evidence.proven import ProvenLog
from node.evidence.range_bundle import WIDTH, entries
from node.evidence.verifier.checks import tile_path


def trust_of(log: ProvenLog) -> dict[str, Content]:
    """Return a log's newest checkpoint, its policy and the keys of it, in the log's folder."""
    return {
        f"{log.name}/checkpoint": log.newest.note,
        f"{log.name}/policy": render_policy(log.policy),
        f"{log.name}/vkeys": vkeys_of([log]),
    }


def log_files(connection: Connection[Any], log: ProvenLog) -> Iterator[tuple[str, Content]]:
    """Yield all files of a log up to its newest checkpoint, in the log's folder."""
    yield from trust_of(log).items()
    for path, data in tiled(entries(connection, log, 0, log.newest.size)):
        yield f"{log.name}/{path}", data


def tiled(values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield entry bundles and hash tiles of a log, each once; memory holds one of each level."""
    bundle: list[bytes] = []
    levels: list[_Row] = [_Row(0)]
    count = 0
    for value in values:
        count += 1
        bundle += (len(value).to_bytes(2, "big"), value)
        if count % WIDTH == 0:
            yield f"tile/entries/{tile_path(count // WIDTH - 1, WIDTH)}", b"".join(bundle)
            bundle.clear()
        yield from _raised(levels, leaf_hash(value))
    if bundle:
        yield f"tile/entries/{tile_path(count // WIDTH, count % WIDTH)}", b"".join(bundle)
    for row in levels:
        if row.hashes:  # a partial tile is not hashed into the level above
            yield row.file(), b"".join(row.hashes)


class _Row:
    """The tile that grows at one level."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.number = 0
        self.hashes: list[bytes] = []

    def file(self) -> str:
        return f"tile/{self.level}/{tile_path(self.number, len(self.hashes))}"


def _raised(levels: list[_Row], found: bytes) -> Iterator[tuple[str, bytes]]:
    """Add a leaf; yield each tile that is full with it."""
    level = 0
    while True:
        row = levels[level]
        row.hashes.append(found)
        if len(row.hashes) < WIDTH:
            return
        yield row.file(), b"".join(row.hashes)
        found = root_of(row.hashes)
        row.number, row.hashes = row.number + 1, []
        level += 1
        if level == len(levels):
            levels.append(_Row(level))


def write_folder(folder: Path, files: Mapping[str, Content] | Iterable[tuple[str, Content]]) -> int:
    """Write files for their owner only, none over an older one; return how many. BadInput."""
    pairs = files.items() if isinstance(files, Mapping) else files
    count = 0
    try:
        for name, content in pairs:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content if isinstance(content, bytes) else content())
            count += 1
    except FileExistsError as error:
        raise BadInput(f"{error.filename} is there already: name an empty folder") from None
    except OSError as error:
        raise BadInput(f"{folder}: {error.strerror}", rule="to") from None
    return count
