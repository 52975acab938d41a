"""Where code is in a text: fences of Markdown with their language, and what stands between them.

Source: https://spec.commonmark.org/0.31.2/#fenced-code-blocks; a fence may also follow words on its line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([A-Za-z0-9+#_.-]*)[^\n`]*(?:\n|$)")
PYTHON = frozenset({"python", "py", "python3", "py3", "ipython", "pycon", "jupyter"})


@dataclass(frozen=True, slots=True)
class Block:
    """language: in small letters, empty where the fence tells none, None outside of fences."""

    language: str | None
    text: str
    start: int


def blocks(text: str) -> Iterator[Block]:
    """The text in parts, in order; a fence that is not closed goes on to the end."""
    at = 0
    while (opening := _FENCE.search(text, at)) is not None:
        if text[at : opening.start()].strip():
            yield Block(None, text[at : opening.start()], at)
        closing = text.find(opening[1], opening.end())
        end = len(text) if closing < 0 else closing
        yield Block(opening[2].lower(), text[opening.end() : end], opening.end())
        if closing < 0:
            return
        at = closing + len(opening[1])
        while at < len(text) and text[at] == opening[1][0]:
            at += 1
    if text[at:].strip():
        yield Block(None, text[at:], at)
