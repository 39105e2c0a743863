"""Kafka's jars: resolved at pinned coordinates by jgo, used only if their SHA-256 is committed.

`python -m node.embedded.jars` resolves the coordinates anew and prints the list to commit.
"""

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import EmbeddedServerFailed, JarRefused

KAFKA_VERSION = "4.3.1"
# Resolved one by one: together, log4j's managed versions would take Kafka's client back to 3.9.
ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # else the broker logs nothing at all
)
LIST = Path(__file__).with_name("kafka_jars.sha256")
_AT_ONCE = 8


def cache_folder() -> Path:
    """Where this machine keeps what was fetched or can be made again."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).absolute() / "referral-ledger"


def listed(file: Path = LIST) -> dict[str, str]:
    """Read the committed list: coordinate → SHA-256."""
    lines = [line.split() for line in file.read_text().splitlines() if line.strip()]
    return {coordinate: digest for digest, coordinate in lines}


def classpath(cache: Path | None = None, file: Path = LIST) -> list[Path]:
    """Give every listed jar, fetched if need be, each one verified in this very run."""
    wanted = {_name(coordinate): digest for coordinate, digest in listed(file).items()}
    # Named by the list, so another release's jars never lie among ours.
    mark = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    folder = (cache or cache_folder()) / f"kafka-{KAFKA_VERSION}-{mark}"
    if any(not (folder / name).exists() for name in wanted):
        _fetch(folder, listed(file))
    strangers = sorted({found.name for found in folder.glob("*.jar")} - set(wanted))
    if strangers:
        raise JarRefused(f"{folder} holds unlisted jars, remove them: {', '.join(strangers)}")
    jars = [folder / name for name in sorted(wanted)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(verify, jars, [wanted[jar.name] for jar in jars]))
    return jars


def verify(jar: Path, digest: str) -> None:
    """Refuse a jar whose bytes are not the committed ones."""
    with jar.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != digest:
        raise JarRefused(f"{jar} has SHA-256 {found}, committed is {digest}: remove it")


def _fetch(folder: Path, coordinates: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "lock"), tempfile.TemporaryDirectory(dir=folder) as incoming:

        def fetch(coordinate: str, digest: str) -> None:
            target = folder / _name(coordinate)
            if not target.exists():  # another run may have fetched it while we waited
                jar = _download(coordinate, Path(incoming))
                verify(jar, digest)
                jar.replace(target)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(fetch, coordinates.keys(), coordinates.values()))


def _download(coordinate: str, repository: Path) -> Path:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    # A mirror in jgo's own settings is used instead of the public repository.
    mirrors = GlobalSettings.load().repositories or None
    context = MavenContext(repo_cache=repository, remote_repos=mirrors, timeout=60)
    try:
        return Path(context.create_dependency(coordinate).artifact.resolve())
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
        raise EmbeddedServerFailed(
            f"the jar {coordinate} cannot be fetched: {type(error).__name__}; a network is needed "
            "once, or set LEDGER_KAFKA=host:port to use a Kafka that runs already"
        ) from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _resolve() -> Iterator[tuple[str, str]]:
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as repository:
        artifacts: dict[str, Any] = {}
        for root in ROOTS:
            context = MavenContext(repo_cache=Path(repository))
            inputs, needed = context.resolver.resolve([context.create_dependency(root)])
            for dependency in (*inputs, *needed):
                if dependency.scope not in {"test", "provided"}:
                    key = f"{dependency.groupId}:{dependency.artifactId}"
                    artifacts.setdefault(key, dependency.artifact)
        for key, artifact in sorted(artifacts.items()):
            digest = hashlib.sha256(Path(artifact.resolve()).read_bytes()).hexdigest()
            yield f"{key}:{artifact.version}", digest


if __name__ == "__main__":
    sys.stdout.writelines(f"{digest}  {coordinate}\n" for coordinate, digest in _resolve())
