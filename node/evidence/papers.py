"""Files that bundles of both kinds have: policies, checkpoints, keys, schemas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

from events.codec import schema_of
from events.registry import Schema
from ledger.log.policy_text import render_policy
from node.evidence.proven import ProvenLog
from node.evidence.trust import keys_of


def trust_files(
    logs: Sequence[ProvenLog], signers: Iterable[str] = ()
) -> Iterator[tuple[str, bytes]]:
    """Yield checkpoints, proofs between them, policies, and all keys that are believed.

    `signers` are the keys of the events.
    """
    for log in logs:
        yield f"policy/{log.name}.policy", render_policy(log.policy)
        yield from log.files()
    yield "vkeys", vkeys_of(logs, signers)


def vkeys_of(logs: Iterable[ProvenLog], signers: Iterable[str] = ()) -> bytes:
    """Return every key that the policies of some logs believe, and others, one a line."""
    keys = sorted({*signers, *(key for log in logs for key in keys_of(log.policy))})
    return "".join(f"{key}\n" for key in keys).encode()


def schema_files(values: Iterable[bytes]) -> dict[str, bytes]:
    """Return the schemas that events are written in, under their SHA-256."""
    heads = {value[:10] for value in values}
    return dict(map(schema_file, (schema_of(head) for head in sorted(heads))))


def schema_file(schema: Schema) -> tuple[str, bytes]:
    """Return a released schema as a file of a bundle."""
    return f"schemas/{schema.sha256}.avsc", _released(schema.sha256)


def _released(sha256: str) -> bytes:
    folder = files("events") / "schemas"
    for line in (folder / "RELEASED").read_text().splitlines():
        digest, name = line.split()
        if digest == sha256:
            return (folder / name).read_bytes()
    raise AssertionError(sha256)  # the registry was read from this very list
