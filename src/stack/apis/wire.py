"""Values on the wire: a request keeps the bytes it came in, an answer is bytes with a typed view on demand.

The server only ever asks for bytes, Python callers ask for values; nothing here parses what nobody looks at.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import pydantic_core
from pydantic import BaseModel, ConfigDict

T = TypeVar("T", bound=BaseModel)
C = TypeVar("C", bound=BaseModel)

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"

# Inside a JSON string a quote is escaped, so `"model"` followed by a colon is always a key.
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
_MODEL_KEY = re.compile(rb'"model"\s*:')
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ESCAPED_LETTER = rb"\u006"  # a key may spell `model` with escapes


_set = object.__setattr__


class WireModel(BaseModel):
    """A JSON object of an API: exact types, unknown fields kept."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
        defer_build=True,  # most processes use few of the types; whoever is in a hurry builds them beforehand
    )


class WireRequest(WireModel):
    """A request addressed to a model. The bytes it was parsed from are what goes upstream."""

    model_config = ConfigDict(allow_inf_nan=False)
    __slots__ = ("_wire",)  # the JSON that it stands for; a private attribute of pydantic's costs several microseconds

    if TYPE_CHECKING:
        _wire: bytes

    model: str

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Validate a JSON body and keep its bytes. Raises pydantic's ValidationError."""
        request = cls.model_validate_json(body)
        _set(request, "_wire", body)
        return request

    def for_model(self, model: str) -> Self:
        """The same request, addressed to `model`."""
        body = self._body()
        # Readers differ in which of two models they take.
        if model == self.model and not (body and (body.count(b'"model"') > 1 or _ESCAPED_LETTER in body)):
            return self
        copy = self._named(model)
        if body is not None:
            _set(copy, "_wire", replace_model(body, model))
        return copy

    def _named(self, model: str) -> Self:
        """What `model_copy` makes, in a third of its time: all but the name is shared with this one."""
        copy = object.__new__(type(self))
        _set(copy, "__dict__", {**self.__dict__, "model": model})
        _set(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        _set(copy, "__pydantic_extra__", self.__pydantic_extra__)
        _set(copy, "__pydantic_private__", None)
        return copy

    def body(self) -> bytes:
        """The JSON to send: the caller's own bytes where there are any, else the fields that were set."""
        body = self._body()
        return self.model_dump_json(exclude_unset=True).encode() if body is None else body

    def _body(self) -> bytes | None:
        try:
            return self._wire
        except AttributeError:
            return None


@dataclass(slots=True)
class ReplyMeta:
    """What is known about an answer besides its content. headers: those to pass on to the caller, lower case.

    attempts: how often a provider was asked for it. The tokens are known once the answer is complete, and 0 if nobody
    tells.
    """

    provider_id: str = ""
    upstream_model: str = ""
    upstream_request_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    attempts: int = 1


class Reply(Generic[T]):
    """A whole answer: bytes as they came, parsed on demand, or a value, encoded on demand."""

    __slots__ = ("_body", "_value", "_value_type", "meta")

    def __init__(
        self, value_type: type[T], meta: ReplyMeta, *, body: bytes | None = None, value: T | None = None
    ) -> None:
        self._value_type = value_type
        self._body = body
        self._value = value
        self.meta = meta

    @classmethod
    def of(cls, value: T, meta: ReplyMeta | None = None) -> Reply[T]:
        """An answer made in this process."""
        return cls(type(value), meta or ReplyMeta(), value=value)

    @property
    def body(self) -> bytes:
        """The JSON document."""
        if self._body is None:
            assert self._value is not None
            self._body = self._value.model_dump_json(exclude_unset=True).encode()
        return self._body

    @property
    def value(self) -> T:
        """The typed answer."""
        if self._value is None:
            self._value = self._value_type.model_validate_json(self.body)
        return self._value

    def as_stream(self, chunk_type: type[C]) -> Stream[C]:
        """This answer as a stream of one chunk, for callers who asked for a stream."""
        return Stream(chunk_type, self.meta, _once(b"data: " + as_chunk(self.body) + b"\n\n" + DONE))

    def replaced(self, body: bytes) -> Reply[T]:
        """This answer with another document."""
        return Reply(self._value_type, self.meta, body=body)

    def renamed(self, model: str) -> Reply[T]:
        """This answer under the model id that the caller used."""
        return Reply(self._value_type, self.meta, body=replace_model(self.body, model))


class Stream(Generic[T]):
    """An answer in parts. Iterating gives typed chunks; `blocks()` gives bytes. One of the two, once.

    A stream that ends without an exception was complete. Whoever does not iterate to the end calls `aclose()`,
    which reaches the socket.
    """

    __slots__ = ("_blocks", "_close", "_value_type", "meta")

    def __init__(
        self,
        value_type: type[T],
        meta: ReplyMeta,
        blocks: AsyncGenerator[bytes, None],
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._value_type = value_type
        self._blocks = blocks
        self._close = close
        self.meta = meta

    @classmethod
    def of(cls, value_type: type[T], values: AsyncIterator[T], meta: ReplyMeta | None = None) -> Stream[T]:
        """A stream made in this process from chunks."""
        close = values.aclose if isinstance(values, AsyncGenerator) else None
        return cls(value_type, meta or ReplyMeta(), _encode(values), close)

    def blocks(self) -> AsyncGenerator[bytes, None]:
        """Bytes of one or more whole SSE events each; the last block ends with `data: [DONE]`."""
        return self._blocks

    async def __aiter__(self) -> AsyncIterator[T]:
        async for block in self._blocks:
            for data in event_data(block):
                if data != b"[DONE]":
                    yield self._value_type.model_validate_json(data)

    async def aclose(self) -> None:
        """Stop, and release what feeds the stream."""
        try:
            await self._blocks.aclose()
        finally:
            # A generator that was never started runs none of its own clean-up: `close` does it.
            if self._close is not None:
                await self._close()

    def through(self, blocks: AsyncGenerator[bytes, None]) -> Stream[T]:
        """This stream with other blocks, which are made from its own."""
        return Stream(self._value_type, self.meta, blocks, self.aclose)

    def renamed(self, model: str) -> Stream[T]:
        """This stream under the model id that the caller used."""
        return Stream(self._value_type, self.meta, _rename(self._blocks, model), self.aclose)


async def _once(block: bytes) -> AsyncGenerator[bytes, None]:
    yield block


def as_chunk(document: bytes) -> bytes:
    """A whole answer as the only chunk of a stream: each message becomes a delta, and its tool calls get an index.

    document: a JSON object with `choices`. A completion, which streams as it answers, keeps its fields; what has not
    the shape of a message stays as it is, for the reader to judge.
    """
    answer = pydantic_core.from_json(document)
    for choice in answer["choices"]:
        message = choice.pop("message", None)
        if isinstance(message, dict):
            choice["delta"] = message
            calls = message.get("tool_calls")
            for index, call in enumerate(calls if isinstance(calls, list) else ()):
                if isinstance(call, dict):
                    call.setdefault("index", index)
    if answer.get("object") == "chat.completion":
        answer["object"] = "chat.completion.chunk"
    return pydantic_core.to_json(answer)


async def _encode(values: AsyncIterator[Any]) -> AsyncGenerator[bytes, None]:
    async for value in values:
        yield b"data: " + value.model_dump_json(exclude_unset=True).encode() + b"\n\n"
    yield DONE


async def _rename(blocks: AsyncIterator[bytes], model: str) -> AsyncGenerator[bytes, None]:
    """Replace the value of `model` in each event, many events at a time where they all begin alike up to it."""
    beginning = old = new = b""
    async for block in blocks:
        if not beginning:
            beginning, old, new = _beginning(block[: block.find(b"\n\n") + 2], model)
        # A line end is escaped inside a JSON string, so each match is an event.
        events = block.startswith(b"data: {") + block.count(b"\n\ndata: {")
        if beginning and events == block.count(b'"model"') == block.count(beginning):
            block = block.replace(old, new)
        else:
            block = b"".join(_rename_event(event, model) for event in split_events(block))
        yield block  # the one that came is not kept: a slow caller may hold on to this one for long


def _beginning(event: bytes, model: str) -> tuple[bytes, bytes, bytes]:
    """An event up to the end of its `model`, that member, and the member renamed; empty if that cannot be told."""
    renamed = _rename_event(event, model)
    was, now = _MODEL.search(event), _MODEL.search(renamed)
    if was and now and was.start() == now.start():
        return event[: was.end()], was[0], now[0]
    return b"", b"", b""


def _rename_event(event: bytes, model: str) -> bytes:
    lines = event.split(b"\n")
    return b"\n".join(
        b"data: " + replace_model(line[5:].strip(), model) if line.startswith(b"data:") else line for line in lines
    )


def split_events(block: bytes) -> Iterator[bytes]:
    """Each SSE event of a block with the blank line that ends it."""
    start = 0
    while (end := block.find(b"\n\n", start)) >= 0:
        yield block[start : end + 2]
        start = end + 2
    if start < len(block):
        yield block[start:]


def event_data(block: bytes) -> Iterator[bytes]:
    """The `data` of each SSE event in a block of whole events; comments and events without data are left out."""
    for event in block.split(b"\n\n"):
        if event.startswith(b"data: ") and b"\n" not in event:
            yield event[6:]
        elif event:
            lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
            if lines:
                yield b"\n".join(lines)


def _model_member(model: str) -> bytes:
    return b'"model":' + pydantic_core.to_json(model)


def replace_model(document: bytes, model: str) -> bytes:
    """A JSON object with the text of its top-level `model` replaced, and no other byte where that can be known.

    Only a document that names `model` in several places, or spells keys with escapes, is decoded and encoded
    again. One that is no object, or has no such text, stays as it is.
    """
    match = _MODEL.search(document)
    once = document.count(b'"model"') == 1 or len(_MODEL_KEY.findall(document)) == 1
    if match and once and _ESCAPED_LETTER not in document:
        if not _is_top_level(document, match.start(), match.end()):
            return document
        return document[: match.start()] + _model_member(model) + document[match.end() :]
    try:
        value = pydantic_core.from_json(document)
    except ValueError:
        return document
    if not isinstance(value, dict) or not isinstance(value.get("model"), str):
        return document
    value["model"] = model
    return pydantic_core.to_json(value)


def _is_top_level(document: bytes, start: int, end: int) -> bool:
    """Whether one brace is open at a member, counted outside of texts on its shorter side if need be."""
    if document.count(b"{", 0, start) == 1 or document.count(b"}", end) == 1:
        return True
    before = start <= len(document) - end
    bare = _TEXT.sub(b"", document[:start] if before else document[end:])
    depth = bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
    return depth == (1 if before else -1)
