"""An upstream's event stream, made trustworthy: whole events only, each checked, and an end that tells the truth.

Events pass on as the bytes they came in. A stream is complete when it sent `[DONE]`, or ended after a finish reason
(`[DONE]` is then added); any other end, an event that is no chunk, or an error event raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Literal

import msgspec

from stack.apis.wire import DONE, ReplyMeta, event_data, split_events
from stack.errors import BadUpstreamReply, StackError, Unreachable
from stack.providers.remote.upstream_errors import Secret, stream_error

MAX_EVENT_BYTES = 1 << 20
DRAIN_S = 0.25
TAIL_CHUNKS = 8


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    """The part of an event that is checked; decoding it also proves the event to be JSON."""

    choices: list[_Choice] | None = None
    error: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()


class _PlainChunk(msgspec.Struct, gc=False):
    """The usual event: choices, and no error. What does not decode as this is looked at more closely."""

    choices: list[_Choice]
    error: None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Item(msgspec.Struct):
    index: int = 0


class _Completion(msgspec.Struct):
    choices: list[_Item]
    usage: msgspec.Raw = msgspec.Raw()


class _Embeddings(msgspec.Struct):
    data: list[_Item]
    usage: msgspec.Raw = msgspec.Raw()


_decode_usage = msgspec.json.Decoder(_Usage).decode
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_plain = msgspec.json.Decoder(_PlainChunk).decode
_DECODE_ANSWER: dict[str, Callable[[bytes], _Completion | _Embeddings]] = {
    "choices": msgspec.json.Decoder(_Completion).decode,
    "data": msgspec.json.Decoder(_Embeddings).decode,
}


class Relay:
    """Checks one stream: `feed` it with bytes as they arrive, then with its `end`, and `take` what is good.

    done: `[DONE]` was seen. failure: what is wrong with the event behind the last good one.
    secret: what is masked where the upstream's own words are told.
    """

    def __init__(self, provider_id: str, secret: Secret = None) -> None:
        self.provider_id = provider_id
        self.done = False
        self.failure: StackError | None = None
        self._secret = secret
        self._passed = b""
        self._finished = False
        self._pending = b""
        self._seen_cr = False
        self._usage = msgspec.Raw()

    @property
    def has_events(self) -> bool:
        """Whether there is something to take."""
        return bool(self._passed)

    def take(self) -> bytes:
        """The whole and good events since the last call, possibly none."""
        passed, self._passed = self._passed, b""
        return passed

    def feed(self, data: bytes) -> None:
        """The next bytes of the stream."""
        data = self._pending + data if self._pending else data
        if self._seen_cr or b"\r" in data:
            data = self._normalised(data)
        cut = data.rfind(b"\n\n") + 2
        if cut < 2:
            cut = 0
        block, self._pending = data[:cut], data[cut:]
        if block:
            self._passed += self._checked(block)
        if len(self._pending) > MAX_EVENT_BYTES and self.failure is None:
            self.failure = self._bad("sent an event of more than 1 MiB", "upstream_too_large")

    def end(self) -> None:
        """The upstream has closed: the stream is done or has failed."""
        if self._pending.strip() and not self.done:
            # The last event may lack its blank line; it counts if it is whole.
            self._passed += self._checked(self._pending.replace(b"\r", b"").rstrip(b"\n") + b"\n\n")
        if self.done or self.failure is not None:
            return
        if self._finished:
            self.done = True
            self._passed += DONE
            return
        message = f"provider `{self.provider_id}` ended the stream before the answer was complete"
        self.failure = Unreachable(message, provider_id=self.provider_id, phase="read", code="upstream_truncated")

    def _normalised(self, data: bytes) -> bytes:
        # SSE allows \r\n and \r as line ends; a trailing \r may be half of one.
        # https://html.spec.whatwg.org/multipage/server-sent-events.html
        self._seen_cr = True
        held = b"\r" if data.endswith(b"\r") else b""
        data = data.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data + held

    def _checked(self, block: bytes) -> bytes:
        """The events of a block up to `[DONE]`, or up to the first bad one, which is kept in `failure`."""
        done = block.endswith(DONE)
        rest = block.removesuffix(DONE)
        events = _plain_events(rest)
        try:
            if not block.isascii():
                block.decode()  # the decoder does not look into text that it skips
            chunks = list(map(_decode_plain, events))
        except (UnicodeDecodeError, msgspec.DecodeError):
            return self._one_by_one(block)
        if rest and not chunks:
            return self._one_by_one(block)
        self.done = done
        # Only the other choices' ends and the usage can follow a finish reason.
        for chunk in chunks[-TAIL_CHUNKS:]:
            self._note(chunk)
        return block

    def _one_by_one(self, block: bytes) -> bytes:
        passed: list[bytes] = []
        for event in split_events(block):
            for data in event_data(event):
                if data == b"[DONE]":
                    self.done = True
                    return b"".join(passed) + DONE
                self.failure = self._fault(data)
                if self.failure is not None:
                    return b"".join(passed)
            passed.append(_with_plain_data(event))
        return b"".join(passed)

    def _fault(self, data: bytes) -> StackError | None:
        try:
            data.decode()
            chunk = _decode_chunk(data)
        except (UnicodeDecodeError, msgspec.DecodeError):
            return self._bad("sent an event that is not a chunk")
        if chunk.error and chunk.error != b"null":
            return stream_error(self.provider_id, msgspec.json.decode(chunk.error), self._secret)
        if chunk.choices is None and not chunk.usage:
            return self._bad("sent an event that is not a chunk")
        self._note(chunk)
        return None

    def _note(self, chunk: _Chunk | _PlainChunk) -> None:
        if chunk.usage:
            self._usage = chunk.usage
        if not self._finished and chunk.choices:
            self._finished = any(choice.finish_reason for choice in chunk.choices)

    def count_tokens(self, meta: ReplyMeta) -> None:
        """Put down what the last usage in the stream said."""
        _count(self._usage, meta)

    def _bad(self, what: str, code: str | None = None) -> StackError:
        message = f"provider `{self.provider_id}` {what}"
        return BadUpstreamReply(message, provider_id=self.provider_id, phase="parse", code=code)


def _plain_events(block: bytes) -> list[bytes]:
    """The data of each event if every event is one `data: ` line, as nearly all are; else nothing."""
    events = block[6:-2].split(b"\n\ndata: ")
    return events if block.startswith(b"data: ") and block.count(b"\n") == 2 * len(events) else []


def _with_plain_data(event: bytes) -> bytes:
    """The event with its data on one line. Fields without data are left out: OpenAI's client takes them for a chunk."""
    data = next(event_data(event), None)
    if data is None:
        return event if event.startswith(b":") else b""
    if b"\n" not in data:
        return event
    others = [line for line in event.split(b"\n") if line and not line.startswith(b"data:")]
    # JSON has line breaks only where white space may stand.
    return b"\n".join([*others, b"data: " + data.replace(b"\n", b" ")]) + b"\n\n"


def _count(usage: msgspec.Raw, meta: ReplyMeta) -> None:
    if usage and usage != b"null":
        with suppress(msgspec.DecodeError):  # odd numbers are the caller's to read; here they only count for less
            counted = _decode_usage(usage)
            meta.prompt_tokens, meta.completion_tokens = counted.prompt_tokens, counted.completion_tokens


async def fill(checker: Relay, source: AsyncIterator[bytes]) -> bool:
    """Wait until there are events to take; whether there are. Raises: UpstreamError, behind the last good event."""
    while not checker.has_events:
        if checker.failure is not None:
            raise checker.failure
        if checker.done:
            await _drain(source)
            return False
        try:
            checker.feed(await anext(source))
        except StopAsyncIteration:
            checker.end()
    return True


async def relay(checker: Relay, source: AsyncIterator[bytes], meta: ReplyMeta) -> AsyncGenerator[bytes, None]:
    """Blocks of whole checked events from bytes as they arrive; the last block ends with `[DONE]`.

    meta: the stream's own; it is told the tokens at the end. Raises: UpstreamError, behind the last good event.
    """
    try:
        while await fill(checker, source):
            yield checker.take()  # and not kept here: a slow caller may hold on to it for long
    finally:
        checker.count_tokens(meta)
        checker.failure = None  # it knows this frame, and the two would keep each other and all that was read


async def _drain(source: AsyncIterator[bytes]) -> None:
    """Read to the end of the body, so that the connection can serve the next call."""
    with suppress(StackError, TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in source:
                pass


def check_answer(body: bytes, items: Literal["choices", "data"], meta: ReplyMeta) -> None:
    """Refuse an answer that is not a JSON object with a list of `items`; count its tokens. Raises: BadUpstreamReply."""
    try:
        body.decode()
        _count(_DECODE_ANSWER[items](body).usage, meta)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"provider `{meta.provider_id}` sent an answer that is no JSON object with `{items}`"
        raise BadUpstreamReply(message, provider_id=meta.provider_id, phase="parse") from error
