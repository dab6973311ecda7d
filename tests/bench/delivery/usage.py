"""What processes have used so far, as the Linux kernel counts it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12  # fields of /proc/<pid>/stat after the name, see proc(5)


@dataclass(frozen=True)
class Usage:
    """Of some processes together."""

    cpu_seconds: float
    peak_mb: float
    """Largest resident set of each, added up; MB of 10^6 bytes."""


def of(pids: Iterable[int | None]) -> Usage:
    """Return what these running processes have used, all their threads included."""
    found = [pid for pid in pids if pid is not None]
    return Usage(sum(map(_cpu_seconds, found)), sum(map(_peak_mb, found)))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_SECOND


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
