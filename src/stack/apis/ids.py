"""Ids that the stack gives: they sort by the time they were made, so that a list can go on after one that is gone."""

from __future__ import annotations

import os
import re
import threading
import time

_MILLISECONDS = 48  # bits of an id: the time, then 16 of a counter, then 64 that nobody can guess
_COUNTER = 16
_made = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """`prefix` and 32 hex digits; within a process, later ids are greater, whatever the clock does."""
    global _last
    with _made:
        _last = max(_last + 1, int(time.time() * 1000) << _COUNTER)
        ordered = _last
    return f"{prefix}{ordered:0{(_MILLISECONDS + _COUNTER) // 4}x}{os.urandom(8).hex()}"


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form that `new_id(prefix)` gives."""
    return text.startswith(prefix) and _DIGITS.fullmatch(text, len(prefix)) is not None


_DIGITS = re.compile(r"[0-9a-f]{32}")
