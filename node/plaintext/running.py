"""What the servers and programs of a folder say while they run, as far as a search needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg

from node.home import Home
from node.plaintext.parts import Unreadable
from node.told import TOLD

_PACKS_PAGES = "its WAL may hold packed pages (wal_compression): turn it off, then make new ones"
_KAFKA = "this Kafka keeps its files elsewhere: name its data folder with --also"
_POSTGRES = "this PostgreSQL keeps its files elsewhere: name its data folder with --also"


def metrics(running: Mapping[str, Any] | None) -> Iterator[tuple[str, bytes] | Unreadable]:
    """Return what each program tells at /metrics, under the name it is found by."""
    for country, programs in sorted(((running or {}).get("countries") or {}).items()):
        named = {name: programs[name] for name in TOLD if name != "worker"}
        for number, worker in enumerate(programs["workers"], 1):
            named[f"worker-{number}"] = worker
        for name, program in named.items():
            shown = f"{country}/{name}/metrics"
            try:
                with urlopen(program["metrics"], timeout=10) as answer:  # noqa: S310 - our own
                    yield shown, answer.read()
            except (OSError, HTTPException):
                yield Unreadable(shown, "the program does not answer")


def server_folders(home: Home, running: Mapping[str, Any] | None, also: bool) -> list[Any]:
    """Return folders outside that belong to servers of this folder, and what cannot be reached.

    Only a person can name the files of a server that `ledger up` did not start: `also` says that
    this was done.
    """
    found: list[Any] = []
    if not also and not (home.path / "kafka" / "data").is_dir():
        found.append(Unreadable("kafka", _KAFKA))
    data = home.path / "postgresql" / "data"
    asked = _ask_postgres(running)
    if not data.is_dir() and not also:
        own = "pid" in ((running or {}).get("postgresql") or {})
        where = Path(asked["data_directory"]) if own and asked else None
        found.append(where if where and where.is_dir() else Unreadable("postgresql", _POSTGRES))
    packs = asked["wal_compression"] if asked else _configured(data)
    if packs != "off":
        found.append(Unreadable("postgresql", _PACKS_PAGES))
    return found


def _ask_postgres(running: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return settings of the running PostgreSQL, after it has written everything to its files."""
    dsns = [one["postgresql"] for one in ((running or {}).get("countries") or {}).values()]
    if not dsns:
        return None
    try:
        with psycopg.connect(dsns[0], autocommit=True, connect_timeout=5) as connection:
            connection.execute("CHECKPOINT")
            rows = connection.execute(
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('data_directory', 'wal_compression')"
            ).fetchall()
    except psycopg.Error:
        return None
    return dict(rows)


def _configured(data: Path) -> str:
    """Return wal_compression of a server that does not run, from the files it would read."""
    said = "off"
    for name in ("postgresql.conf", "postgresql.auto.conf"):
        try:
            lines = (data / name).read_text(errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition("#")[0].partition("=")
            if key.strip() == "wal_compression":
                said = value.strip().strip("'")
    return said
