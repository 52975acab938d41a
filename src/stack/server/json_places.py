"""In which field a body is at fault that could not be read as JSON, or nests too deep: by reading what comes before."""

from __future__ import annotations

import re
from typing import Any

import pydantic_core
from pydantic import ValidationError

from stack.apis.validation import Path, dotted, invalid_request
from stack.errors import InvalidRequest

_STEPS = 4  # of the path into what nests too deep: enough to know the field
_LINES = 10_000  # that are counted to find a position
# What pydantic's parser says of text that is none; of other errors, the last field before them is not the one at fault.
_NO_TEXT = re.compile(r"(surrogate|escape|unicode code point|control character).* at line \d+ column \d+$")
_POSITION = re.compile(r" at line (\d+) column (\d+)$")


def unreadable(error: ValidationError, body: bytes) -> InvalidRequest:
    """The error for a body that has not the shape of the API; it names the field also where a text is not Unicode."""
    refusal = invalid_request(error)
    if refusal.code == "invalid_json" and _NO_TEXT.search(refusal.message):
        place = dotted(_end(_before(body, refusal.message)))
        if place:
            refusal = InvalidRequest(f"{refusal.message}, in `{place}`", param=place, code=refusal.code)
    return refusal


def deep_place(body: bytes, levels: int) -> str | None:
    """The field in which a body first nests deeper than so many levels; None where what can be read of it does not."""
    try:
        document = pydantic_core.from_json(body)
    except ValueError as error:  # also of pydantic's own limit
        document = _before(body, str(error))
    path = _deep(document, levels)
    return None if path is None else dotted(path[:_STEPS])


def _before(body: bytes, message: str) -> Any:
    """What can be read of a document before the position that an error tells, in bytes of a line."""
    found = _POSITION.search(message)
    line, column = map(int, found.groups()) if found else (0, 0)
    if not 1 <= line <= _LINES:
        return None
    start = 0
    for _ in range(line - 1):
        start = body.index(b"\n", start) + 1
    try:
        return pydantic_core.from_json(body[: start + column - 1], allow_partial="trailing-strings")
    except ValueError:
        return None


def _end(document: Any) -> Path:
    """The path to what comes last in a document."""
    path: Path = ()
    while isinstance(document, dict | list) and document:
        step = next(reversed(document)) if isinstance(document, dict) else len(document) - 1
        path, document = (*path, step), document[step]
    return path


def _deep(value: Any, levels: int) -> Path | None:
    """The path of the first value that is so many levels down and holds others."""
    if not isinstance(value, dict | list):
        return None
    if levels == 0:
        return ()
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if (path := _deep(inner, levels - 1)) is not None:
            return (step, *path)
    return None
