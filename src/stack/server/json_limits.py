"""How deep the JSON of a request may nest, and how many values it may hold.

Parsing and validating holds the whole process, in a thread as well, and takes up to half a microsecond for each value:
20 MiB of token ids would take three seconds. Pydantic's own parser stops at 200 levels.
"""

from __future__ import annotations

from stack.errors import InvalidRequest
from stack.server.json_places import deep_place

MAX_DEPTH = 64
MAX_VALUES = 400_000  # more than the 300,000 tokens that OpenAI embeds at once
OBJECT = 5  # values that an object counts as: that is how much longer validating it takes

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NEITHER = bytes(byte for byte in range(256) if byte not in b'[]{},"')


def check_values(body: bytes) -> None:
    """Refuse a body with too many values, before it is parsed. Raises: InvalidRequest.

    A body of fewer bytes costs nothing; each value but the first of its array or object follows a comma, and each of
    those a bracket.
    """
    if len(body) <= MAX_VALUES or _values(body) < MAX_VALUES:
        return
    # Texts are values or their keys. An escaped quote is none of theirs; so many that end with a backslash count half.
    if body.count(b'"') - body.count(rb"\"") > 4 * MAX_VALUES or _values(_without_texts(body)) >= MAX_VALUES:
        raise InvalidRequest(
            f"the request body holds more than {MAX_VALUES} JSON values (an object counts as {OBJECT}):"
            " send less at once, or text instead of tokens"
        )


def _values(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + OBJECT * body.count(b"{")


def check_json(body: bytes) -> None:
    """Refuse a body that nests deeply; one that is not JSON is left to the parser. Raises: InvalidRequest.

    A body with few brackets costs two counts (0.6 us per kB), any other two thirds of its validation.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH or not _is_deeper(_without_texts(body), MAX_DEPTH):
        return
    # Brackets of what is not JSON need not match.
    if (place := deep_place(body, MAX_DEPTH)) is not None:
        message = f"the request body is not valid JSON: it nests deeper than {MAX_DEPTH} levels, in `{place}`"
        raise InvalidRequest(message, param=place, code="invalid_json")


def _without_texts(body: bytes) -> bytes:
    # A backslash stands only inside a text: without escaped ones and escaped quotes, every other quote begins a text.
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(body.translate(None, _NEITHER).split(b'"')[::2])


def _is_deeper(bare: bytes, levels: int) -> bool:
    """Whether brackets nest deeper, in a document without texts: each turn takes the innermost pairs away."""
    rest = bare.translate(_BRACKETS, _OTHERS)
    for _ in range(levels):
        if not rest:
            return False
        rest = rest.replace(b"[]", b"")
    return bool(rest)
