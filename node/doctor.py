"""What is wrong with a node, and how to repair it: each finding is one line for a person."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.errors import LedgerError, Misconfigured
from node.home import CountryFolder
from node.nodes import waits_for
from node.place import Place
from node.told import TOLD

if TYPE_CHECKING:
    from ledger.topics import Found

_ENOUGH_BYTES = 1_000_000_000
#: Roles, generations and `uuidv7()` are used as PostgreSQL has them from here on.
_OLDEST_POSTGRESQL = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    #: What a person does about it; empty if there is nothing to do.
    repair: str = ""


Check = Callable[[Place], Iterator[Finding]]


def examine(where: Place) -> Iterator[Finding]:
    """Look at everything, in the order in which things depend on each other."""
    for check in (_schemas, _folder, _key, _national_key, _database, _topics, _keystore, _programs):
        try:
            yield from check(where)
        except LedgerError as error:
            name = check.__name__.removeprefix("_")
            repair = _SETTINGS if isinstance(error, Misconfigured) else _START
            yield Finding(name, ok=False, found=str(error), repair=repair)


_SETTINGS = "starting again changes nothing: put right what this line says"
_START = "start the node: ledger up, or see the log of the server"


def _schemas(_where: Place) -> Iterator[Finding]:
    from events.registry import SCHEMAS  # refuses by itself if a file differs from RELEASED

    yield Finding("schemas", ok=True, found=f"{len(SCHEMAS)} released, each as its SHA-256 says")


def _folder(where: Place) -> Iterator[Finding]:
    if where.home is None:
        return
    free = shutil.disk_usage(where.home.path).free
    yield Finding(
        "disk",
        ok=free > _ENOUGH_BYTES,
        found=f"{free // 1_000_000_000} GB free",
        repair="make room: a node that cannot write stops, and loses nothing",
    )


def _key(where: Place) -> Iterator[Finding]:
    if where.home is None:
        return
    from ledger.log.signature import LogSigner

    folder = where.home.country(where.country)
    yield _closed("log key", folder.log_key)
    public = LogSigner.load(folder.log_key).verifier.render()
    yield Finding(
        "agreement",
        ok=public in where.agreement.countries[where.country].log_keys,
        found=f"{where.agreement.name}: {', '.join(where.agreement.countries)}",
        repair="the log key is not pinned in agreement.toml: other countries would refuse our"
        " events; put the right key back",
    )


def _closed(name: str, file: Path) -> Finding:
    """Say whether a file with a key can be read by this account only."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        raise Misconfigured(f"{name} {file}: {error.strerror}") from None
    return Finding(
        name,
        ok=mode & 0o077 == 0,
        found=f"mode {mode:04o}",
        repair=f"nobody else may read it: chmod 400 {file}",
    )


def _national_key(where: Place) -> Iterator[Finding]:
    file = where.national_key
    if file is None:
        if where.home is not None:
            file = where.home.country(where.country).national_key
            raise Misconfigured(f"national key {file}: not there; events of the country stay shut")
        return
    yield _closed("national key", file)
    assert where.keys is not None, "its file is named"


def _keystore(where: Place) -> Iterator[Finding]:
    """Look at the keystore, from where it can be asked; at its tables, where they may be read."""
    if where.keystore is None:
        return
    with closing(where.require_keystore()) as asked:
        replicas = asked.replicas()
    if where.home is None:
        yield _slot_files(replicas)
        return
    from node import keeping

    kept = keeping.look(replicas, where.dsn("keystore"))
    yield _slot_files(kept.replicas, kept.replicas_known)
    yield Finding(
        "erasures",
        ok=not kept.erasing,
        found=f"{kept.erasing} cases whose keys are not destroyed yet",
        repair="bring the missing slot file back: docs/runbooks/erasure-stuck.md",
    )
    yield _key_encryption_key(where.home.country(where.country), kept.sets)


def _slot_files(replicas: int, known: int = 2) -> Finding:
    return Finding(
        "slot files",
        ok=replicas >= max(known, 2),
        found=f"{replicas} of {max(known, 2)} can be read",
        repair="mend it from a good one: docs/runbooks/keystore-replica-lost.md",
    )


def _key_encryption_key(folder: CountryFolder, sets: Mapping[str, int]) -> Finding:
    from ledger.keys.kek import KekFile

    name = KekFile(folder.kek).read().id.hex()
    others = {kek: count for kek, count in sets.items() if kek != name}
    return Finding(
        "key-encryption key",
        ok=name in sets and not others,
        found=f"{sets.get(name, 0)} key sets under the present one"
        + (f", {sum(others.values())} under {len(others)} other" if others else ""),
        repair="finish its change, or put the right key back: docs/runbooks/kek-rotation.md",
    )


def _database(where: Place) -> Iterator[Finding]:
    import psycopg

    try:
        with psycopg.connect(where.dsn("audit"), connect_timeout=5) as database:
            yield _version_of(database)
            yield _migrations_of(database)
            yield _waiting_in(database)
    except psycopg.OperationalError as error:
        why = str(error).splitlines()[0]
        yield Finding("postgresql", ok=False, found=why, repair=_START)


def _version_of(database: Any) -> Finding:
    number = database.info.server_version
    return Finding(
        "postgresql",
        ok=number >= _OLDEST_POSTGRESQL * 10_000,
        found=database.execute("SHOW server_version").fetchone()[0],
        repair=f"use PostgreSQL {_OLDEST_POSTGRESQL} or newer",
    )


def _migrations_of(database: Any) -> Finding:
    from ledger.database import migrations

    wanted = {**migrations("ledger"), **migrations("projections")}
    applied = {name for (name,) in database.execute("SELECT name FROM ledger.migration")}
    missing = sorted(set(wanted) - applied)
    return Finding(
        "migrations",
        ok=not missing,
        found=f"{len(applied)} applied" + (f", missing {', '.join(missing)}" if missing else ""),
        repair="ledger up applies them at its start",
    )


def _waiting_in(database: Any) -> Finding:
    statement = "SELECT count(*) FROM mirror.record WHERE effect_offset IS NULL"
    held = database.execute(statement).fetchone()[0]
    strays = database.execute("SELECT outcome, count(*) FROM mirror.stray GROUP BY 1").fetchall()
    said = [f"{held} held", *(f"{count} {outcome}" for outcome, count in sorted(strays))]
    return Finding(
        "mirror",
        ok=not held and not any(outcome == "equivocation" for outcome, _ in strays),
        found=", ".join(said),
        repair="ledger quarantine list",
    )


def _topics(where: Place) -> Iterator[Finding]:
    from ledger import topics

    began = time.monotonic()
    with topics.admin(where.require_kafka(), where.client) as cluster:
        took = time.monotonic() - began
        yield Finding("kafka", ok=True, found=f"{where.kafka}, answered in {took:.2f} s")
        agreement = where.agreement
        yield _topic(cluster, agreement.shared_topic, agreement.partitions)
        yield _topic(cluster, agreement.national_topic(where.country), agreement.partitions)
        yield _topic(cluster, agreement.grants_topic, agreement.partitions, of_grants=True)


def _topic(cluster: Any, name: str, partitions: int, *, of_grants: bool = False) -> Finding:
    from events.contract import GRANT_SETTINGS, TOPIC_SETTINGS
    from ledger import topics

    settings = GRANT_SETTINGS if of_grants else TOPIC_SETTINGS
    try:
        topic = topics.require_topic(cluster, name, partitions=partitions, settings=settings)
    except Misconfigured as wrong:
        repair = "set it as docs/wire-format.md says; never make the topic anew"
        return Finding(f"topic {name}", ok=False, found=str(wrong), repair=repair)
    keeps = "forgets what was erased" if of_grants else "keeps everything"
    found = f"{topic.partitions} partitions, {keeps}, {_copies(topic)}"
    return Finding(f"topic {name}", ok=True, found=found)


def _copies(topic: Found) -> str:
    from events.contract import in_sync_replicas

    needed = in_sync_replicas(topic.replicas)
    if needed > 1:
        return f"{topic.replicas} replicas, {needed} before a record counts"
    return f"replicas: {topic.replicas}, enough for development only"


def _programs(where: Place) -> Iterator[Finding]:
    running = where.home.running() if where.home is not None else None
    if running is None:
        yield Finding("programs", ok=False, found="nothing runs from this folder", repair=_START)
        return
    country = running["countries"].get(where.country, {})
    for name in TOLD:
        program = country[name]
        waiting = waits_for(program["metrics"].removesuffix("/metrics"))
        yield Finding(
            name,
            ok=waiting is None,
            found=f"process {program['pid']}" + (f": {waiting}" if waiting else ""),
            repair=f"see {program['log']}",
        )
