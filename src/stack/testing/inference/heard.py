"""A stream that was read to its end, put together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stack.apis.wire import event_data
from stack.testing.answers import DONE, Json


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, put together from its pieces."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Heard:
    """chunks: the JSON of each event, `[DONE]` left out."""

    chunks: list[Json] = field(default_factory=list)

    @property
    def choices(self) -> list[Json]:
        """The first choice's pieces, in order."""
        found = [choice for chunk in self.chunks for choice in chunk.get("choices") or ()]
        return [choice for choice in found if choice.get("index", 0) == 0]

    @property
    def text(self) -> str:
        """What the first choice says, of chats and completions."""
        return "".join((each.get("delta") or each).get("content") or each.get("text") or "" for each in self.choices)

    @property
    def finish_reasons(self) -> list[str]:
        return [each["finish_reason"] for each in self.choices if each.get("finish_reason")]

    @property
    def calls(self) -> list[Call]:
        """The tool calls of the first choice, by their index."""
        pieces: dict[Any, list[Json]] = {}
        for choice in self.choices:
            for piece in (choice.get("delta") or {}).get("tool_calls") or ():
                pieces.setdefault(piece.get("index"), []).append(piece)
        return [_call(each) for _, each in sorted(pieces.items())]


def heard(blocks: Sequence[bytes]) -> Heard:
    """Raises AssertionError for blocks that are no whole events, events that are no JSON, and a missing `[DONE]`."""
    for block in blocks:
        if not block.endswith(b"\n\n"):
            raise AssertionError(f"a block ends within an event: `{block[-40:]!r}`")
    whole = b"".join(blocks)
    if not whole.endswith(DONE):
        raise AssertionError("the stream does not end with `data: [DONE]`")
    data = list(event_data(whole))
    if data.count(b"[DONE]") != 1:
        raise AssertionError("`data: [DONE]` is there more than once")
    try:
        chunks = [json.loads(each) for each in data[:-1]]
    except ValueError as error:
        raise AssertionError(f"an event is no JSON: {error}") from error
    if not all(isinstance(chunk, dict) for chunk in chunks):
        raise AssertionError("an event is JSON, but no object")
    return Heard(chunks)


def _call(pieces: list[Json]) -> Call:
    functions = [piece.get("function") or {} for piece in pieces]
    ids = [piece["id"] for piece in pieces if piece.get("id")]
    names = [function["name"] for function in functions if function.get("name")]
    arguments = "".join(function.get("arguments") or "" for function in functions)
    return Call(ids[0] if ids else "", names[0] if names else "", arguments)
