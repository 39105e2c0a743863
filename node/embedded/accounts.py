"""Whose account PostgreSQL runs under: it refuses root, and we make no account and no chmod.

An ordinary user runs it directly. Root runs it in a user namespace, where PostgreSQL sees the
uid of `nobody` and the files stay root's; where namespaces are refused (chroot, many containers),
as the real `nobody`, from a copy of the programs that `nobody` can reach.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .child import Account
from .errors import StageRefused

_NOBODY = 65534
# initdb looks its account up in the system's list: `nobody` is on every list, uid 1000 is not.
_IN_NAMESPACE = ("-U", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
# Survives a reboot and is open to every account, as /tmp may not be (noexec, tmpfs).
_OPEN_TO_ALL = Path("/var/tmp")  # noqa: S108 - what we put there is checked before it is used


@dataclass(frozen=True)
class Lodging:
    """An account, the programs it can run and the data folder it can reach."""

    account: Account
    programs: Path
    data: Path


def lodge(installed: Path, version: str, folder: Path) -> Lodging:
    """Choose how PostgreSQL runs here; `installed` is the folder of the wheel's package."""
    if os.geteuid() != 0:
        return directly(installed, folder)
    return in_namespace(installed, folder) or as_nobody(installed, version, folder)


def directly(installed: Path, folder: Path) -> Lodging:
    """An ordinary user needs nothing."""
    return Lodging(Account(), installed / "pginstall" / "bin", folder / "data")


def in_namespace(installed: Path, folder: Path) -> Lodging | None:
    """Root behind `unshare`, or None where the system refuses user namespaces."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    prefix = (unshare, *_IN_NAMESPACE)
    tried = subprocess.run([*prefix, "/bin/true"], capture_output=True, check=False)
    if tried.returncode != 0:
        return None
    return Lodging(Account(prefix), installed / "pginstall" / "bin", folder / "data")


def as_nobody(installed: Path, version: str, folder: Path) -> Lodging:
    """Root gives the programs' copy and the data folder to `nobody`, and nothing else."""
    stage = _OPEN_TO_ALL / f"referral-ledger-pg-{version}"
    if not stage.exists():
        _fill(stage, installed)
    check_stage(stage)
    programs = stage / installed.name / "pginstall" / "bin"
    return Lodging(Account(uid=_NOBODY), programs, _reachable_data(folder))


def check_stage(stage: Path) -> None:
    """Refuse a staged copy that anybody but root could have written."""
    found = stage.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise StageRefused(f"{stage} is not a folder that only root can write: remove it")


def _fill(stage: Path, installed: Path) -> None:
    part = Path(tempfile.mkdtemp(prefix=f"{stage.name}.", dir=stage.parent))
    part.chmod(0o755)
    # The libraries lie beside the package; without them initdb does not find libpq.
    for source in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(source, part / source.name)
    try:
        part.rename(stage)
    except OSError:  # another run was quicker; what it made is checked like ours
        shutil.rmtree(part)


def _reachable_data(folder: Path) -> Path:
    if all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents)):
        return _given(folder / "data")
    # A parent is closed to `nobody` and stays so: the data lie outside, under a name that only
    # this folder gives, and a note says whose they are.
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    outside = _OPEN_TO_ALL / f"referral-ledger-data-{mark}"
    outside.mkdir(mode=0o755, exist_ok=True)
    check_stage(outside)
    (outside / "belongs-to").write_text(f"{folder}\n")
    _sweep()
    return _given(outside / "data")


def _given(data: Path) -> Path:
    data.mkdir(mode=0o700, exist_ok=True)
    os.chown(data, _NOBODY, _NOBODY)
    return data


def _sweep() -> None:
    """Remove data whose folder was deleted: nothing else would ever do it."""
    for note in _OPEN_TO_ALL.glob("referral-ledger-data-*/belongs-to"):
        if note.lstat().st_uid == 0 and not Path(note.read_text().strip()).exists():
            shutil.rmtree(note.parent, ignore_errors=True)
