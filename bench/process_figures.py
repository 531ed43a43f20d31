"""What a running process takes, by the kernel's own count: CPU, memory, file handles, threads."""

import os
from pathlib import Path
from typing import Final

NANO: Final = 1e-9


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """By the scheduler's own count, in nanoseconds, of each thread; `stat` has steps of 10 ms."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")) * NANO


def memory_mib(pid: int, kind: str = "VmRSS") -> float:
    """`kind`: of /proc/PID/status; 'VmHWM' is the most that it ever was."""
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{kind}:")[2].split()[0]) / 1024


def handles(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))
