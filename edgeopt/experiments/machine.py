"""The machine in neutral words, and what a process used of it."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from functools import cache
from pathlib import Path


def cpu_seconds() -> float:
    """Return the CPU seconds of all threads of this process and of its ended children."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def peak_bytes() -> int | None:
    """Return the largest resident memory of this process so far; None where the system does not tell."""
    status = Path("/proc/self/status")  # on Linux getrusage still remembers the parent of a new process
    if status.exists():
        match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return 1024 * int(match[1]) if match else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@cache
def machine() -> str:
    """Return the cores, processor, memory, system and Python of this machine."""
    processor, memory = platform.processor() or platform.machine(), ""
    if Path("/proc/cpuinfo").exists():
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        processor = match[1].strip() if match else processor
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB memory"
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"{cores} cores ({processor}){memory}, {platform.system()}, Python {platform.python_version()}"
