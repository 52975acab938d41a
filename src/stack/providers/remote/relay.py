"""An upstream's event stream, made trustworthy: whole events only, each checked, and an end that tells the truth.

Events pass on as the bytes they came in. A stream is complete when it sent `[DONE]`, or ended after a finish reason
(`[DONE]` is then added); any other end, an event that is no chunk, or an error event raises.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any, Literal

import msgspec

from stack.apis.wire import DONE, event_data
from stack.errors import BadUpstreamReply, StackError, Unreachable

MAX_EVENT_BYTES = 1 << 20
DRAIN_S = 0.25


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    """The part of a chunk that is checked; decoding it also proves the event to be JSON in UTF-8."""

    choices: list[_Choice] | None = None
    error: msgspec.Raw = msgspec.Raw()
    usage: dict[str, Any] | None = None


class _Item(msgspec.Struct):
    index: int = 0


class _Completion(msgspec.Struct):
    choices: list[_Item]


class _Embeddings(msgspec.Struct):
    data: list[_Item]


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_DECODE_ANSWER = {"choices": msgspec.json.Decoder(_Completion).decode, "data": msgspec.json.Decoder(_Embeddings).decode}
# A raw line break cannot stand inside a JSON string, so this is never text of the answer.
_DONE_LINE = re.compile(rb"^data: ?\[DONE\]$", re.MULTILINE)


class EventStreamError(Exception):
    """An error event in a stream: `error` is the upstream's own object."""

    def __init__(self, error: Any) -> None:
        super().__init__("error event")
        self.error = error


class Relay:
    """Checks one stream; `feed` takes bytes as they arrive and gives whole events, `end` is called at their end."""

    def __init__(self, provider_id: str) -> None:
        self.provider_id = provider_id
        self.done = False
        self._finished = False
        self._pending = b""
        self._seen_cr = False

    def feed(self, data: bytes) -> bytes:
        """The whole events that `data` completes, possibly none. Raises: BadUpstreamReply, EventStreamError."""
        data = self._pending + data if self._pending else data
        if self._seen_cr or b"\r" in data:
            data = self._normalised(data)
        cut = data.rfind(b"\n\n") + 2
        if cut < 2:
            cut = 0
        block, self._pending = data[:cut], data[cut:]
        if len(self._pending) > MAX_EVENT_BYTES:
            raise self._bad("sent an event of more than 1 MiB", "upstream_too_large")
        return self._checked(block) if block else b""

    def end(self) -> bytes:
        """What is still to be sent when the upstream has closed. Raises: Unreachable."""
        rest = b""
        if self._pending.strip() and not self.done:
            # The last event may lack its blank line; it counts if it is whole.
            rest = self._checked(self._pending.replace(b"\r", b"").rstrip(b"\n") + b"\n\n")
        if self.done:
            return rest
        if self._finished:
            return rest + DONE
        message = f"provider `{self.provider_id}` ended the stream before the answer was complete"
        raise Unreachable(message, provider_id=self.provider_id, phase="read", code="upstream_truncated")

    def _normalised(self, data: bytes) -> bytes:
        # SSE allows \r\n and \r as line ends; a trailing \r may be half of one.
        # https://html.spec.whatwg.org/multipage/server-sent-events.html
        self._seen_cr = True
        held = b"\r" if data.endswith(b"\r") else b""
        data = data.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data + held

    def _checked(self, block: bytes) -> bytes:
        try:
            block.decode()  # the decoder below does not look into text that it skips
        except UnicodeDecodeError as error:
            raise self._bad("sent text that is not UTF-8") from error
        for data in event_data(block):
            if data == b"[DONE]":
                self.done = True
                line = _DONE_LINE.search(block)
                return block[: line.start() if line else 0] + DONE
            try:
                chunk = _decode_chunk(data)
            except msgspec.DecodeError as error:
                raise self._bad("sent an event that is not a chunk") from error
            if chunk.error and chunk.error != b"null":
                raise EventStreamError(msgspec.json.decode(chunk.error))
            if chunk.choices:
                if not self._finished:
                    self._finished = any(choice.finish_reason for choice in chunk.choices)
            elif chunk.choices is None and chunk.usage is None:
                raise self._bad("sent an event that is not a chunk")
        return block

    def _bad(self, what: str, code: str | None = None) -> StackError:
        message = f"provider `{self.provider_id}` {what}"
        return BadUpstreamReply(message, provider_id=self.provider_id, phase="parse", code=code)


async def relay(provider_id: str, source: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Blocks of whole checked events from bytes as they arrive; the last block ends with `[DONE]`."""
    checker = Relay(provider_id)
    async for data in source:
        if block := checker.feed(data):
            yield block
        if checker.done:
            # Read to the end of the body, so that the connection can serve the next call.
            with suppress(StackError, TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    async for _ in source:
                        pass
            return
    if rest := checker.end():
        yield rest


def check_answer(provider_id: str, body: bytes, items: Literal["choices", "data"]) -> None:
    """Refuse an answer that is not a JSON object with a list of `items`. Raises: BadUpstreamReply."""
    try:
        body.decode()
        _DECODE_ANSWER[items](body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"provider `{provider_id}` sent an answer that is no JSON object with `{items}`"
        raise BadUpstreamReply(message, provider_id=provider_id, phase="parse") from error


def as_single_chunk(body: bytes) -> bytes:
    """A whole answer sent where a stream was asked for, as a stream of one chunk."""
    answer = msgspec.json.decode(body)
    for choice in answer["choices"]:
        if "message" in choice:
            choice["delta"] = choice.pop("message")
            for index, call in enumerate(choice["delta"].get("tool_calls") or ()):
                call.setdefault("index", index)
    if answer.get("object") == "chat.completion":
        answer["object"] = "chat.completion.chunk"
    return b"data: " + msgspec.json.encode(answer) + b"\n\n" + DONE
