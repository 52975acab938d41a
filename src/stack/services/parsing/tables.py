"""Rows of tables as Markdown writes them."""

from __future__ import annotations

from collections.abc import Sequence

from stack.services.parsing.writing import Writing, one_line


class TableWriting:
    """Writes the rows of one table; the first one is its head. Rows without text are left out."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._is_first = True

    def row(self, cells: Sequence[str]) -> None:
        """Write a row. Cells at the end that are empty are left out."""
        texts = [one_line(cell).replace("|", "\\|") for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            return
        if self._is_first:
            self._writing.gap()
        self._writing.line(f"| {' | '.join(texts)} |")
        if self._is_first:
            self._writing.line("|" + " --- |" * len(texts))
        self._is_first = False
