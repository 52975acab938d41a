"""Files that are text already: as they stand, with sections at Markdown's headings."""

from __future__ import annotations

import re

from stack.services.parsing.writing import Writing, clean

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_NO_TITLE = re.compile(r"\s*(?:[-*+>|#]|\d+[.)]|$|(?: {4}|\t))")
_ESCAPE = re.compile(r"\\(?:\\|u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?)")


def write_text(text: str, writing: Writing) -> None:
    """Text, CSV, source code: not a character is changed that can be read."""
    writing.add(text)


def write_json(text: str, writing: Writing) -> None:
    """JSON, or lines of it: as it stands, but escaped letters as themselves, so that they can be searched.

    It is not parsed: numbers and order stay, nesting does not matter, and a broken document is still a text.
    """
    writing.add(_ESCAPE.sub(_unescaped, text))


def write_markdown(text: str, writing: Writing) -> None:
    """Markdown as it stands; a section per heading, those in fenced code left alone."""
    fence, before = "", ""
    held: list[str] = []
    for line in clean(text).splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip(" \t\n`~") else fence
        elif mark:
            fence = mark[1]
        elif heading := _HEADING.match(line):
            _flush(held, writing)
            writing.section(len(heading[1]), _title(heading[2].strip()))
        elif before and (under := _UNDERLINE.match(line)):
            title = held.pop()
            _flush(held, writing)
            writing.section(1 if under[1][0] == "=" else 2, before)
            held.append(title)
        before = "" if fence or _NO_TITLE.match(line) else line.strip()
        held.append(line)
    _flush(held, writing)


def _title(text: str) -> str:
    """A heading's text without the marks that may close it."""
    words, _, last = text.rpartition(" ")
    return text if last.strip("#") else words.rstrip()


def _flush(held: list[str], writing: Writing) -> None:
    writing.add("".join(held))
    held.clear()


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return match[0]
    code = int(match[1], 16)
    if match[2] and 0xD800 <= code < 0xDC00:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(match[2], 16) - 0xDC00)
    rest = f"\\u{match[2]}" if match[2] else ""
    return (chr(code) if code >= 0xA0 else match[0][:6]) + rest
