"""Replies, streams and errors as messages to a server: whole headers, and an end that tells the truth."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from stack.apis.inference import ChatCompletion, ChatCompletionChunk
from stack.apis.wire import DONE, Reply, ReplyMeta, Stream
from stack.errors import RateLimited, StackError, Unreachable
from stack.server.answers import send_error, send_reply, send_stream


class Sent:
    """What was sent to the server, which may be gone after some messages."""

    def __init__(self, gone_after: int | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.gone_after = gone_after

    async def __call__(self, message: Any) -> None:
        if len(self.messages) == self.gone_after:
            raise asyncio.CancelledError
        self.messages.append(message)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


class Source:
    """A stream of one event and then of what `end` says; `closed` once it was released."""

    def __init__(self, end: BaseException | None = None) -> None:
        self.end = end
        self.closed = 0

    def stream(self) -> Stream[ChatCompletionChunk]:
        return Stream(ChatCompletionChunk, ReplyMeta("up", "m"), self._blocks(), self._close)

    async def _blocks(self) -> Any:
        yield b"data: {}\n\n"
        if self.end is not None:
            raise self.end
        yield DONE

    async def _close(self) -> None:
        self.closed += 1


@pytest.fixture
def sent() -> Sent:
    return Sent()


async def test_a_reply_goes_out_as_it_came_with_what_is_known_of_it(sent: Sent):
    meta = ReplyMeta("up", "m", "req-up", {"x-extra": "yes"})
    await send_reply(sent, Reply(ChatCompletion, meta, body=b'{"a": 1}'), "req_1")
    assert (sent.messages[0]["status"], sent.body) == (200, b'{"a": 1}')
    assert sent.headers == {
        "content-type": "application/json",
        "x-request-id": "req_1",
        "x-stack-attempts": "1",
        "x-stack-provider": "up",
        "x-stack-upstream-model": "m",
        "x-stack-upstream-request-id": "req-up",
        "x-extra": "yes",
        "content-length": "8",
    }


@pytest.mark.parametrize("odd", ["a\r\nx-forged: 1", "a\nb", "a\0b", "a\x01b", "a\x7fb", "a\tb"])
async def test_no_text_of_others_makes_another_header(sent: Sent, odd: str):
    await send_reply(sent, Reply(ChatCompletion, ReplyMeta("up", odd, odd), body=b"{}"), "req_1")
    for name in ("x-stack-upstream-model", "x-stack-upstream-request-id"):
        assert sent.headers[name].isprintable()


async def test_a_model_name_beyond_latin_1_is_shown_as_far_as_it_can_be(sent: Sent):
    await send_reply(sent, Reply(ChatCompletion, ReplyMeta("up", "é🦙"), body=b"{}"), "req_1")
    assert sent.headers["x-stack-upstream-model"] == "é?"


async def test_a_stream_goes_out_block_by_block_and_is_released(sent: Sent):
    source = Source()
    assert await send_stream(sent, source.stream(), "req_1") is None
    assert [message.get("body") for message in sent.messages] == [None, b"data: {}\n\n", DONE, b""]
    assert [message.get("more_body", False) for message in sent.messages] == [False, True, True, False]
    assert sent.headers["content-type"].startswith("text/event-stream")
    assert source.closed == 1


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (Unreachable("gone", provider_id="up", phase="read", code="upstream_reset"), "upstream_reset"),
        (ZeroDivisionError("sk-secret"), "internal_error"),
    ],
)
async def test_a_stream_that_breaks_ends_with_an_error_and_not_as_done(sent: Sent, end: Exception, code: str):
    source = Source(end)
    broken = await send_stream(sent, source.stream(), "req_1")
    events = sent.body.split(b"\n\n")
    error = json.loads(events[1][6:])["error"]
    assert isinstance(broken, StackError)
    assert (error["code"], error["request_id"], broken.code) == (code, "req_1", code)
    assert b"[DONE]" not in sent.body
    assert b"sk-secret" not in sent.body
    assert (sent.messages[-1].get("more_body", False), source.closed) == (False, 1)


async def test_a_stream_that_is_cancelled_says_that_the_server_stopped(sent: Sent):
    source = Source(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await send_stream(sent, source.stream(), "req_1")
    assert json.loads(sent.body.split(b"\n\n")[1][6:])["error"]["code"] == "server_shutting_down"
    assert source.closed == 1


@pytest.mark.parametrize("gone_after", [0, 1, 2])
async def test_a_stream_whose_caller_is_gone_is_released(gone_after: int):
    source = Source()
    with pytest.raises(asyncio.CancelledError):
        await send_stream(Sent(gone_after), source.stream(), "req_1")
    assert source.closed == 1


async def test_an_error_goes_out_with_its_status_headers_and_envelope(sent: Sent):
    await send_error(sent, RateLimited("slow down", provider_id="up", phase="status", retry_after="2"), "req_1")
    assert sent.messages[0]["status"] == 429
    assert (sent.headers["retry-after"], sent.headers["x-request-id"]) == ("2", "req_1")
    assert "x-should-retry" not in sent.headers
    assert json.loads(sent.body)["error"]["request_id"] == "req_1"
