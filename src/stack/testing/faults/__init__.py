"""Every behaviour of the fake upstream, right and wrong, by name."""

from __future__ import annotations

from functools import lru_cache

from stack.testing.faults import bodies, correct, framing, sockets, statuses, streams
from stack.testing.faults.table import Behaviour, describe, name_at

FAULTS: tuple[Behaviour, ...] = tuple(
    row for module in (correct, statuses, sockets, framing, bodies, streams) for row in module.TABLE.rows
)

__all__ = ["FAULTS", "Behaviour", "describe", "find", "name_at"]


@lru_cache(maxsize=4096)
def find(name: str) -> Behaviour | None:
    """The behaviour of that name: None for an unknown fault; any other unknown name behaves as `ok`."""
    named = next((row for row in FAULTS if row.pattern.fullmatch(name)), None)
    return named if named or name.startswith("fault-") else find("ok")
