"""What leaves: replies, streams and errors as ASGI messages."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pydantic_core
import structlog

from stack.apis.wire import DONE, EVENT_STREAM, JSON, Reply, ReplyMeta, Stream
from stack.errors import INTERNAL_ERROR, ProviderBug, ShuttingDown, StackError
from stack.routing.deadlines import deadline_passed, within_deadline
from stack.server.requests import Send

log = structlog.get_logger("stack.server")

Headers = list[tuple[bytes, bytes]]
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_JSON = (b"content-type", JSON.encode())
_EVENTS = (b"content-type", EVENT_STREAM.encode())


def _value(text: str) -> bytes:
    """A header value: one line of Latin-1."""
    return _CONTROLS.sub(" ", text).encode("latin-1", "replace")


def _meta_headers(meta: ReplyMeta, request_id: str) -> Headers:
    headers = [
        (b"x-request-id", request_id.encode()),
        (b"x-stack-attempts", b"%d" % meta.attempts),
        (b"x-stack-provider", _value(meta.provider_id)),
        (b"x-stack-upstream-model", _value(meta.upstream_model)),
    ]
    if meta.upstream_request_id:
        headers.append((b"x-stack-upstream-request-id", _value(meta.upstream_request_id)))
    headers += [(name.encode("latin-1"), _value(value)) for name, value in meta.headers.items()]
    return headers


async def send_bytes(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole answer."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_reply(send: Send, reply: Reply[Any], request_id: str) -> None:
    """A provider's whole answer."""
    await send_bytes(send, 200, [_JSON, *_meta_headers(reply.meta, request_id)], reply.body)


async def send_stream(send: Send, stream: Stream[Any], request_id: str, *, with_done: bool = True) -> StackError | None:
    """A provider's stream. One that breaks ends with an error event and never with `[DONE]`; the error is returned."""
    headers = [_EVENTS, (b"cache-control", b"no-cache"), *_meta_headers(stream.meta, request_id)]
    broken: StackError | None = None
    limit = within_deadline()
    try:
        async with limit:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for block in stream.blocks():
                if not with_done:
                    block = block.removesuffix(DONE)
                await send({"type": "http.response.body", "body": block, "more_body": True})
    except StackError as error:
        broken = error.with_traceback(None)  # this frame and it would keep each other, and what was read
    except asyncio.CancelledError:
        broken = ShuttingDown("the server stopped before the answer was complete")
        raise
    except Exception:
        meta = stream.meta
        if limit.expired():
            broken = deadline_passed(meta.provider_id)
        else:
            log.exception("internal error", provider=meta.provider_id, model=meta.upstream_model, request_id=request_id)
            broken = ProviderBug()
    finally:
        await stream.aclose()
        await send({"type": "http.response.body", "body": error_event(broken, request_id) if broken else b""})
    return broken


def internal_error() -> StackError:
    """What a caller is told of a bug in this project."""
    return StackError(INTERNAL_ERROR)


def json_of(error: StackError, request_id: str) -> bytes:
    """An error in OpenAI's envelope."""
    return pydantic_core.to_json(error.envelope(request_id))


def error_event(error: StackError, request_id: str) -> bytes:
    """The event that ends a broken stream."""
    return b"data: " + json_of(error, request_id) + b"\n\n"


async def send_error(send: Send, error: StackError, request_id: str) -> None:
    """A refusal."""
    headers = [_JSON, (b"x-request-id", request_id.encode())]
    headers += [(name.encode(), _value(value)) for name, value in error.headers().items()]
    await send_bytes(send, error.status, headers, json_of(error, request_id))
