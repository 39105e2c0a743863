"""What the machine does meanwhile: how much of it others used, how large a process grew."""

from __future__ import annotations

import os
from pathlib import Path


class Foreigners:
    """Measures which share of all processors went to processes that are not ours."""

    def __init__(self) -> None:
        self._ours = _ticks_of_family()
        self._busy, self._all = _ticks_of_machine()

    def share(self) -> float:
        """Return the share since this was made, from 0 to 1."""
        busy, total = _ticks_of_machine()
        foreign = (busy - self._busy) - (_ticks_of_family() - self._ours)
        return round(max(0.0, foreign) / max(1, total - self._all), 3)


def peak_rss_mb_of(words: str) -> float:
    """Return the largest resident size in MB (10^6 bytes) of a child with these words to run it.

    0 if there is none.
    """
    return max((_peak_rss_mb(pid) for pid in _children() if words in _command(pid)), default=0.0)


def _children() -> list[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(pid) for children in listed for pid in _text(children).split()]


def _command(pid: int) -> str:
    return _text(Path(f"/proc/{pid}/cmdline")).replace("\0", " ")


def _peak_rss_mb(pid: int) -> float:
    lines = _text(Path(f"/proc/{pid}/status")).splitlines()
    sizes = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return next(sizes, 0) * 1024 / 1e6


def _text(file: Path) -> str:
    """Return what a file of /proc says; nothing if its process has just ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ticks_of_machine() -> tuple[int, int]:
    """Return (busy, all) ticks of all processors since the machine was started."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, idle, iowait, irq, softirq, steal, *_ = map(int, line.split()[1:])
    busy = user + nice + system + irq + softirq
    return busy, busy + idle + iowait + steal


def _ticks_of_family() -> int:
    """Return the ticks of this process and all that descend from it, the ended ones included."""
    found: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _text(folder / "stat")):
            found[int(folder.name)] = _ticks(stat)
    family = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in found.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(found[pid][1] for pid in family if pid in found)


def _ticks(stat: str) -> tuple[int, int]:
    """Return (parent, ticks of it and of its children that were waited for)."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15]))
