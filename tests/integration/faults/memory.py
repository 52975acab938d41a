"""How much memory a process uses, in KiB. Linux only: it reads /proc (proc_pid_status(5))."""

from __future__ import annotations

import re
from pathlib import Path


def resident(pid: int) -> int:
    """What it holds now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most that it has held since `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> int:
    """Measure the peak anew from here; what is held now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return resident(pid)


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])
