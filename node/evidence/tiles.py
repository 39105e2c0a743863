"""A whole log as a folder of plain files that outside tools read: c2sp.org/tlog-tiles."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from psycopg import Connection

from events.errors import BadInput
from ledger.log.policy_text import render_policy
from ledger.log.tiles import tiled
from node.evidence.packing import Content
from node.evidence.papers import vkeys_of
from node.evidence.proven import ProvenLog
from node.evidence.range_bundle import entries


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
    for file in tiled(entries(connection, log, 0, log.newest.size)):
        yield f"{log.name}/{file.path}", file.content


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
