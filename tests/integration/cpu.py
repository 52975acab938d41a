"""How long a process has worked, which says more than how long it took: no stall of the machine adds to it.

Linux only: it reads /proc (proc_pid_stat(5)).
"""

from __future__ import annotations

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Seconds of CPU time so far, in the process and in the kernel for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
