"""The nodes of one machine, running: servers, and a relay and workers for every country."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from events.errors import ServiceUnavailable
from node.embedded.folder import ServerFolder
from node.home import CountryFolder, Home, write_private
from node.program import PythonProgram
from node.provision import ensure_agreement, ensure_database, ensure_keys, ensure_topics
from node.servers import KafkaServer, PostgresServer
from node.settings import KafkaSettings, UpSettings
from node.supervisor import Supervisor
from node.told import TOLD, environment

#: A start that fails says so at once; this is for a machine that is busy with something else.
_READY_SECONDS = 120.0


@dataclass
class CountryPrograms:
    """The programs of one country."""

    workers: list[PythonProgram]
    #: The others, by their names: there is one of each.
    others: Mapping[str, PythonProgram]
    #: Connection URL of the database's owner.
    database: str

    @property
    def all(self) -> list[PythonProgram]:
        """Every program."""
        return [*self.workers, *self.others.values()]


@dataclass
class Nodes:
    """Everything that `ledger up` runs, in one folder that it holds alone."""

    home: Home
    settings: UpSettings
    prefix: str = "referral"
    workers: int = 1
    say: Callable[[str], None] = print
    _programs: dict[str, CountryPrograms] = field(default_factory=dict, init=False)
    _holds: bool = field(default=False, init=False)
    _is_told: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._folder = ServerFolder(self.home.path)
        self._writing = threading.Lock()
        self._kafka = KafkaServer(self.home.path / "kafka", self.settings)
        self._postgres = PostgresServer(self.home.path / "postgresql", self.settings)
        self._supervisor = Supervisor(self.say, changed=self._write_running)

    def start(self, countries: Sequence[str]) -> Mapping[str, Any]:
        """Start everything; return what runs once every program is ready."""
        self._folder.hold()
        self._holds = True
        agreement = ensure_agreement(self.home, countries, prefix=self.prefix)
        chosen = tuple(countries) or tuple(agreement.countries)
        with ThreadPoolExecutor() as pool:
            kafka = pool.submit(self._start_kafka)
            databases = pool.submit(self._start_postgres, chosen).result()
            kafka.result()
            ensure_topics(agreement, self._kafka.bootstrap, self.settings.client)
            for country in chosen:
                self._programs[country] = self._country(country, databases[country])
            list(pool.map(self._launch, self._all()))
        self._wait_until_ready()
        self._is_told = True
        self._write_running()
        return self._describe()

    def stop(self) -> None:
        """Stop everything, programs first, and let go of the folder if it is ours."""
        if not self._holds:
            return
        self._supervisor.stop()
        self.home.running_file.unlink(missing_ok=True)  # after those who might write it anew
        self._folder.release()

    def _start_kafka(self) -> None:
        self._kafka.start()
        if self._kafka.broker is not None:
            self._supervisor.keep("Kafka", self._kafka.broker, is_server=True)

    def _start_postgres(self, countries: Sequence[str]) -> Mapping[str, str]:
        self._postgres.start()
        if self._postgres.server is not None:
            self._supervisor.keep("PostgreSQL", self._postgres.server, is_server=True)
        owner = self._postgres.owner_dsn
        return {
            country: ensure_database(self.home.country(country), owner, prefix=self.prefix)
            for country in countries
        }

    def _country(self, country: str, database: str) -> CountryPrograms:
        folder = self.home.country(country)
        ensure_keys(folder)
        folder.write(
            agreement=str(self.home.agreement_file.absolute()),
            kafka=self._kafka.bootstrap,
            keystore=str(folder.keystore),
        )
        return CountryPrograms(
            workers=[self._program(folder, "worker", at + 1) for at in range(self.workers)],
            others={noun: self._program(folder, noun) for noun in TOLD if noun != "worker"},
            database=database,
        )

    def _launch(self, program: PythonProgram) -> None:
        program.start()
        self._supervisor.keep(program.what, program)

    def _program(self, folder: CountryFolder, noun: str, number: int = 0) -> PythonProgram:
        given = {
            **{key: value for key, value in os.environ.items() if key.startswith("LEDGER_KAFKA")},
            "LEDGER_AGREEMENT": str(self.home.agreement_file.absolute()),
            "LEDGER_KAFKA": self._kafka.bootstrap,
            "LEDGER_INSECURE_DEV": str(int(self.settings.insecure_dev)),
            **environment(folder, noun),
        }
        if not issubclass(TOLD[noun].settings, KafkaSettings):  # no business on the topics
            given = {name: value for name, value in given.items() if "KAFKA" not in name}
        name = f"{noun}-{number}" if number else noun
        what = f"{folder.country} {name}"
        return PythonProgram(what, folder.path / name, f"node.run_{noun}", given)

    def _all(self) -> list[PythonProgram]:
        return [program for programs in self._programs.values() for program in programs.all]

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + _READY_SECONDS
        for program in self._all():
            while (waiting := waits_for(program.address)) is not None:
                if time.monotonic() > end:
                    raise ServiceUnavailable(
                        f"{program.what} is not ready ({waiting}); its log is {program.log}"
                    )
                time.sleep(0.03)

    def _write_running(self) -> None:
        with self._writing:  # several programs start again at once
            if self._is_told:  # before, some have not been started yet
                said = json.dumps(self._describe(), indent=2)
                write_private(self.home.running_file, f"{said}\n")

    def _describe(self) -> Mapping[str, Any]:
        return {
            "pid": os.getpid(),
            "dir": str(self.home.path.absolute()),
            "kafka": self._kafka.describe(),
            "postgresql": self._postgres.describe(),
            "countries": {
                country: {
                    "postgresql": programs.database,
                    "worker": _program_entry(programs.workers[0]),
                    "workers": [_program_entry(worker) for worker in programs.workers],
                    **{noun: _program_entry(one) for noun, one in programs.others.items()},
                }
                for country, programs in self._programs.items()
            },
        }


def _program_entry(program: PythonProgram) -> Mapping[str, Any]:
    return {"metrics": f"{program.address}/metrics", "pid": program.pid, "log": str(program.log)}


def waits_for(address: str) -> str | None:
    """Return None if the program at this address is ready, else what it says it waits for."""
    try:
        with urlopen(f"{address}/health/ready", timeout=5):  # noqa: S310 - our own address
            return None
    except HTTPError as refused:
        with refused:
            reasons = json.loads(refused.read()).get("waiting_for", {})
        return ", ".join(f"{name}: {why}" for name, why in reasons.items())
    except (OSError, HTTPException):
        return "it does not answer yet"
