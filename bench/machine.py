"""What the machine does meanwhile: how much of it others used, how large a process grew."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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


def peak_rss_mb(pid: int) -> float:
    """Return the largest resident size that a running process has had, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(f"process {pid} has ended")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a running process and its waited-for children have used."""
    return _ticks(Path(f"/proc/{pid}/stat"))[1] / _TICKS_PER_S


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
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = _ticks(folder / "stat")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
    family = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in found.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(found[pid][1] for pid in family if pid in found)


def _ticks(stat: Path) -> tuple[int, int]:
    """Return (parent, ticks of it and of its children that were waited for)."""
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15]))
