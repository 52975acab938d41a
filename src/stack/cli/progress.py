"""How far files have come: a bar in a terminal, else a line for each that is done."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from typing import TYPE_CHECKING, TextIO

from stack.cli.table import visible

if TYPE_CHECKING:
    from stack.client.ingest import Outcome
    from stack.client.sources import Source

BAR = 24


class Progress:
    """Counts what it is told, and shows it on `out`."""

    def __init__(self, total: int, out: TextIO) -> None:
        self._total = total
        self._out = out
        self._is_terminal = out.isatty()
        self._counts: Counter[str] = Counter()
        self._chunks = 0
        self._running: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def done(self) -> int:
        """Files that are done, one way or another."""
        return self._counts.total()

    def working(self, source: Source, chunks: int) -> None:
        with self._lock:
            self._running[source.key] = chunks
            self._draw()

    def finished(self, outcome: Outcome) -> None:
        with self._lock:
            self._running.pop(outcome.source.key, None)
            self._counts[outcome.result] += 1
            self._chunks += outcome.chunks
            if outcome.result == "failed" or not self._is_terminal:
                told = f"{outcome.result} {outcome.source.key}: {outcome.error or f'chunks: {outcome.chunks}'}"
                self._say(visible(told))
            self._draw()

    def close(self) -> None:
        """Leave the line of the bar."""
        if self._is_terminal:
            self._out.write("\n")
            self._out.flush()

    def _say(self, line: str) -> None:
        self._out.write(f"\r\033[K{line}\n" if self._is_terminal else f"{line}\n")
        self._out.flush()

    def _draw(self) -> None:
        if not self._is_terminal:
            return
        filled = BAR * self.done // max(1, self._total)
        counts = "".join(f", {self._counts[each]} {each}" for each in ("unchanged", "failed") if self._counts[each])
        chunks = self._chunks + sum(self._running.values())
        line = f"[{'#' * filled}{'.' * (BAR - filled)}] {self.done}/{self._total} files{counts}, {chunks} chunks"
        self._out.write(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}")
        self._out.flush()
