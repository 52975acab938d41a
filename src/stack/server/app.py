"""The ASGI app. The three inference routes are one dict lookup away; everything else is FastAPI's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from stack.apis.context import request_context
from stack.apis.inference import ChatCompletionRequest, CompletionRequest, EmbeddingsRequest
from stack.apis.validation import invalid_request
from stack.apis.wire import Reply, Stream, WireRequest
from stack.errors import StackError
from stack.runtime import Runtime
from stack.server.answers import internal_error, send_error, send_reply, send_stream
from stack.server.requests import ClientGone, Gate, Receive, Scope, Send, request_id
from stack.server.routes import PREFIXES, PUBLIC, rest_app

log = structlog.get_logger("stack.server")

Ask = Callable[[Any], Awaitable[Reply[Any] | Stream[Any]]]


class App:
    """Answers for one runtime, over HTTP and in process alike."""

    def __init__(self, runtime: Runtime, *, strict: bool = False) -> None:
        self._runtime = runtime
        self._strict = strict
        inference = runtime.inference
        calls: dict[str, tuple[type[WireRequest], Ask]] = {
            "/chat/completions": (ChatCompletionRequest, inference.openai_chat_completion),
            "/completions": (CompletionRequest, inference.openai_completion),
            "/embeddings": (EmbeddingsRequest, inference.openai_embeddings),
        }
        self._calls = {prefix + path: call for prefix in PREFIXES for path, call in calls.items()}
        self._gate = Gate(runtime.config.server)
        self._rest = rest_app(runtime)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        rid = request_id(headers)
        sent = _Sent(send)
        try:
            if scope["path"] not in PUBLIC:
                self._gate.authenticate(headers)
            token = request_context.set(self._gate.context(headers, rid))
            try:
                call = self._calls.get(scope["path"]) if scope["method"] == "POST" else None
                if call is None:
                    scope["stack.request_id"] = rid
                    await self._rest(scope, receive, _with_request_id(sent, rid))
                else:
                    await self._answer(call, headers, receive, sent)
            finally:
                request_context.reset(token)
        except ClientGone:
            return
        except StackError as error:
            if not sent.started:
                await send_error(send, error, rid)
        except Exception:
            log.exception("internal error", path=scope["path"], request_id=rid)
            if not sent.started:
                await send_error(send, internal_error(), rid)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and stop the runtime with the server process."""
        await receive()
        try:
            await self._runtime.start(strict=self._strict)
        except StackError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._runtime.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(
        self, call: tuple[type[WireRequest], Ask], headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        request_type, ask = call
        body = await self._gate.json_body(headers, receive)
        try:
            request = request_type.from_body(body)
        except ValidationError as error:
            raise invalid_request(error) from None
        rid = request_context.get().request_id
        with _CancelOnLeave(receive) as leaving:
            answer = await ask(request)
            if isinstance(answer, Stream):
                await send_stream(send, answer, rid)
            else:
                leaving.ignore()
                await send_reply(send, answer, rid)


class _Sent:
    """`send`, remembering whether an answer has begun."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Any) -> None:
        self.started = True
        await self._send(message)


class _CancelOnLeave:
    """Cancels the current task when the caller leaves, and turns that cancellation into ClientGone."""

    __slots__ = ("_gone", "_ignored", "_receive", "_task", "_watch")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = self._ignored = False

    def __enter__(self) -> _CancelOnLeave:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watch = asyncio.ensure_future(self._wait())
        return self

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._ignored:
            self._gone = True
            self._task.cancel()

    def ignore(self) -> None:
        """From here on the answer is complete: a caller who leaves changes nothing."""
        self._ignored = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ignored = True
        self._watch.cancel()
        if self._gone and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise ClientGone


def _with_request_id(send: Send, rid: str) -> Send:
    async def wrapped(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", rid.encode())]
        await send(message)

    return wrapped


def create_app(runtime: Runtime, *, strict: bool = False) -> App:
    """The ASGI app of a runtime, which ASGI's lifespan starts and stops, or the caller.

    strict: a provider that does not start stops the server.
    """
    return App(runtime, strict=strict)
