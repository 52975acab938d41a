"""What this process has opened since a test began, whatever tests before it left for the garbage collector."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable


def still_open() -> Callable[[], set[object]]:
    """Call what it gives for the threads and the file descriptors that were not there before."""
    gc.collect()
    before = _all()
    return lambda: _all() - before


def _all() -> set[object]:
    with os.scandir("/proc/self/fd") as listed:  # of which the list itself is one
        descriptors = {int(entry.name) for entry in listed}
    return {*threading.enumerate(), *(number for number in descriptors if _is_open(number))}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
