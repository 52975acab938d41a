"""Tables as plain text: aligned, one line per row, the longest column last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The header and the rows below it, columns two spaces apart; an empty cell shows as `-`."""
    lines = [header, *([visible(cell or "-") for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def visible(text: str) -> str:
    """Text of anybody on one line: without what a terminal would obey."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
