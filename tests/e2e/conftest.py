"""The installed program, as a person uses it. One `ledger up` serves the whole run."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).parents[2]
LEDGER = Path(sys.executable).with_name("ledger")
HERE = Path(__file__).parent
#: Far longer than anything takes: a hang is found, slowness is not judged.
PATIENCE = 120


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The refusal that --json puts on stderr, in its last line."""
        return json.loads(self.err.splitlines()[-1])["error"]


def environment(**given: str) -> dict[str, str]:
    """What a person's shell has, without settings of ours that happen to be there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return {**kept, "COLUMNS": "200", **given}


def ledger(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Done:
    done = subprocess.run(
        [LEDGER, *map(str, arguments)],
        env=env or environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Typist:
    """Types commands faster than a shell: forks each from a process that has the program loaded.

    A command is its own process with its own streams and environment, as ever; only the start of
    Python is paid once. Started before any thread, so forking it is safe.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.typist"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: object, env: dict[str, str], folder: Path) -> Done:
        out, err = folder / "out", folder / "err"
        asked = {"arguments": [*map(str, arguments)], "env": env, "out": str(out), "err": str(err)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Done(code, out.read_text(), err.read_text())

    def close(self) -> None:
        if self._process.returncode is None:
            self._process.communicate(timeout=PATIENCE)


@dataclass
class Up:
    """A running `ledger up`."""

    process: subprocess.Popen[str]
    said: IO[str]
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def start(cls, *arguments: object, env: dict[str, str]) -> "Up":
        said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the program's, as long as it lives
        process = subprocess.Popen(
            [LEDGER, "up", "--json", *map(str, arguments)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=said,  # not a pipe: nobody reads on, and a full one would stop the supervisor
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:  # one document, printed when everything is ready
            return cls(process, said, json.loads(line))
        with said:
            said.seek(0)
            raise AssertionError(said.read())

    @property
    def pids(self) -> set[int]:
        """Every process that it has started."""
        found = {
            self.document[name]["pid"]
            for name in ("kafka", "postgresql")
            if "pid" in self.document[name]
        }
        for programs in self.document["countries"].values():
            found |= {one["pid"] for one in (programs["relay"], *programs["workers"])}
        return found

    def stop(self) -> int:
        if self.process.returncode is not None:
            return self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.said.close()
        return code


@dataclass
class Nodes:
    """The nodes of KZ and KG, and a person who types commands for one of them."""

    home: Path
    up: Up
    typist: Typist
    folder: Path

    def __call__(self, *arguments: object, country: str = "KZ") -> Done:
        env = environment(LEDGER_DIR=str(self.home), LEDGER_COUNTRY=country)
        return self.typist(*arguments, env=env, folder=self.folder)

    def does(self, *arguments: object, country: str = "KZ") -> Any:
        """Run a command that has to succeed; return its JSON document."""
        done = self(*arguments, "--json", country=country)
        assert done.code == 0, done.err
        return done.json

    def close(self) -> None:
        self.typist.close()
        self.up.stop()

    def opened(self) -> str:
        return self.does("case", "open", "--wait")["case_id"]

    def referred(self) -> str:
        """A case for which KZ has asked KG for a service, and KG knows it."""
        case = self.opened()
        grant = ("--recipient", "KG", "--purpose", "service", "--scopes", "health")
        self.does("consent", "grant", case, *grant, "--expires", "+90d")
        asked = ("--recipient", "KG", "--scopes", "health", "--due", "+9d")
        sent = self.does("referral", "send", case, *asked, "--wait")
        self.hears(case, sent["events"][-1]["event_id"])
        return case

    def hears(self, case: str, event_id: str, country: str = "KG") -> None:
        """Wait until the other country has an event: its own place in the order may come later."""
        for _ in range(200):
            done = self("case", "history", case, "--json", country=country)
            if done.code == 0 and event_id in done.out:
                return
        raise AssertionError(f"{country} never heard of {event_id}")


#: What keeps a machine busy even if nobody asks it anything: one at a time is enough.
STANDING: list[Nodes] = []
#: Tests with servers of their own come first, then those of `nodes`, then those of `ruled`; last
#: comes what makes it a busy place.
ORDER = ("nodes", "ruled", "simulated")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        asked = getattr(item, "fixturenames", ())
        return max((number for number, name in enumerate(ORDER, 1) if name in asked), default=0)

    mine = [item for item in items if item.path.is_relative_to(HERE)]
    others = [item for item in items if not item.path.is_relative_to(HERE)]
    items[:] = [*sorted(mine, key=place), *others]


@contextmanager
def standing(make: Callable[[str], Path], postgres: str, kafka: str, name: str, countries: str):
    """Run nodes until others are asked for."""
    for other in STANDING:
        other.close()
    home, typist = make(name), Typist()
    env = environment(LEDGER_KAFKA=kafka, LEDGER_PG=postgres)
    up = Up.start("--countries", countries, "--dir", home, "--prefix", name, env=env)
    STANDING.append(Nodes(home, up, typist, make("typed")))
    try:
        yield STANDING[-1]
    finally:
        STANDING.pop().close()


@pytest.fixture(scope="package")
def nodes(tmp_path_factory, kafka, postgres) -> Iterator[Nodes]:
    with standing(tmp_path_factory.mktemp, postgres, kafka, "e2e", "KZ,KG,UZ") as found:
        yield found


@pytest.fixture(scope="package")
def ruled(tmp_path_factory, kafka, postgres) -> Iterator[Nodes]:
    """Nodes of their own: rules that are in force direct every case of a country."""
    from tests.e2e.ruling import put_in_force

    with standing(tmp_path_factory.mktemp, postgres, kafka, "ruled", "KZ,KG") as found:
        for country in ("KZ", "KG"):
            put_in_force(found, country)
        yield found
