"""The ASGI app. Each route is a lookup away; FastAPI describes them, and answers what no route does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import structlog
from fastapi import Request
from pydantic import ValidationError

from stack.apis.context import request_context
from stack.apis.inference import ChatCompletionRequest, CompletionRequest, EmbeddingsRequest, RerankRequest
from stack.apis.wire import Reply, Stream, WireRequest
from stack.errors import ProviderBug, ShuttingDown, StackError, UpstreamError
from stack.runtime import Runtime
from stack.server.answers import internal_error, send_error, send_reply, send_stream
from stack.server.json_limits import check_json, check_values
from stack.server.json_places import unreadable
from stack.server.metrics import Meter, Uncounted
from stack.server.readiness import Readiness
from stack.server.requests import CALLER_LEFT, REQUEST_ID, ClientGone, Gate, Receive, Scope, Send, request_id
from stack.server.room import Room
from stack.server.route_table import RouteTable
from stack.server.routes import LLAMA_STACK_PREFIX, PREFIXES, PUBLIC, rest_app

log = structlog.get_logger("stack.server")


class Call(NamedTuple):
    """An inference route: its name in logs and metrics, what it reads, and who answers."""

    name: str
    request_type: type[WireRequest]
    ask: Callable[[Any], Awaitable[Reply[Any] | Stream[Any]]]


class App:
    """Answers for one runtime, over HTTP and in process alike. refusal: why the runtime did not start, if so."""

    def __init__(self, runtime: Runtime, strict: bool, announce: Callable[[], object]) -> None:
        self._runtime = runtime
        self._strict = strict
        self._announce = announce
        inference = runtime.inference
        calls = (
            Call("chat/completions", ChatCompletionRequest, inference.openai_chat_completion),
            Call("completions", CompletionRequest, inference.openai_completion),
            Call("embeddings", EmbeddingsRequest, inference.openai_embeddings),
            Call("rerank", RerankRequest, inference.rerank),
        )
        for call in calls:
            call.request_type.model_rebuild()  # now, not at the first request
        self._calls = {f"{prefix}/{call.name}": call for prefix in PREFIXES for call in calls}
        self._gate = Gate(runtime.config.server)
        self._room = Room(runtime.config.server.max_in_flight)
        self._meter = Meter(self._room) if runtime.config.server.metrics else Uncounted(self._room)
        self._readiness = Readiness(runtime.instances)
        self.refusal: StackError | None = None
        self._rest = rest_app(runtime, self._gate, self._meter, self._readiness)
        self._table = RouteTable(self._rest.routes)

    def stop_soon(self) -> None:
        """Say from now on that this server is not ready: it was told to stop."""
        self._readiness.stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._live(receive, send)
            return
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        rid = request_id(headers)
        try:
            await self._serve(scope, receive, send, headers, rid)
        except ClientGone:
            return
        except asyncio.CancelledError:
            if scope.get(CALLER_LEFT) is None:
                raise

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes], rid: str
    ) -> None:
        began = asyncio.get_running_loop().time()
        path = scope["path"]
        call = self._calls.get(path) if scope["method"] == "POST" else None
        try:
            if path not in PUBLIC:
                self._gate.authenticate(headers)
            # Each request runs in a context of its own, so there is nothing to reset.
            request_context.set(self._gate.context(headers, rid))
            if not self._readiness.started.is_set() and path not in PUBLIC:
                with _ToldIfStopped(scope):
                    await self._readiness.until_started()
            if call is None:
                await self._other(scope, receive, send, rid)
            else:
                await self._infer(call, scope, headers, receive, send, rid, began)
        except StackError as error:
            if call is not None:
                self._failed(call, error, rid, began)
            await send_error(send, error, rid)

    async def _infer(
        self,
        call: Call,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        rid: str,
        began: float,
    ) -> None:
        """Answer an inference request. Raises: StackError, before anything is sent."""
        with_done = not scope["path"].startswith(LLAMA_STACK_PREFIX)
        entered = False
        try:
            with _ToldIfStopped(scope):
                await self._room.enter()
                entered = True
                answer = await self._ask(call, headers, receive, rid)
            meta = answer.meta
            series = self._meter.answered(call.name, meta, asyncio.get_running_loop().time() - began)
            if isinstance(answer, Reply):
                await send_reply(send, answer, rid)
            elif broken := await send_stream(send, answer, rid, with_done=with_done):
                broken.asked(meta.provider_id, meta.upstream_model, meta.attempts)
                self._failed(call, broken, rid, began)
            series.count_tokens(meta)
        except asyncio.CancelledError:
            self._meter.left(call.name)
            raise
        finally:
            if entered:
                self._room.leave()

    def _failed(self, call: Call, error: StackError, rid: str, began: float) -> None:
        self._meter.failed(call.name, error)
        if isinstance(error, UpstreamError):
            # Only a refused key of ours waits for somebody to mend it.
            tell = log.error if error.code == "upstream_auth_failed" else log.warning
            took_ms = round((asyncio.get_running_loop().time() - began) * 1000, 1)
            tell("upstream error", request_id=rid, call=call.name, duration_ms=took_ms, **error.log_fields())

    async def _other(self, scope: Scope, receive: Receive, send: Send, rid: str) -> None:
        """Answer any other request. Raises: StackError, before anything is sent."""
        scope[REQUEST_ID] = rid
        send = _with_request_id(send, rid)
        answering = self._table.answer(Request(scope, receive))
        if answering is None:  # documentation, and refusals
            await self._rest(scope, receive, send)
            return
        try:
            with _ToldIfStopped(scope):
                answer = await answering
        except (StackError, ClientGone):
            raise
        except Exception as error:
            log.exception("internal error", path=scope["path"], request_id=rid)
            raise internal_error() from error
        try:
            await answer(scope, receive, send)
        except Exception:  # the connection ends before the answer does, which tells the caller
            log.exception("answer cut", path=scope["path"], request_id=rid)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and stop the runtime with the server process.

        Who wants every provider waits for them; otherwise the server tells that it is not ready while they start.
        """
        await receive()
        self._readiness.started.clear()
        starting = asyncio.create_task(self._start())
        if self._strict:
            await starting
            if self.refusal is not None:
                await send({"type": "lifespan.startup.failed"})  # whoever runs the server says why
                return
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        except asyncio.CancelledError:  # told twice to end, the server does not wait for anything
            starting.cancel()
            return
        self.stop_soon()
        starting.cancel()
        await asyncio.wait({starting})
        if self.refusal is None:
            await self._runtime.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        try:
            await self._runtime.start(strict=self._strict)
            self._announce()
        except StackError as error:
            self.refusal = error
        except Exception:
            log.exception("the stack did not start")
            self.refusal = internal_error()
        if self.refusal is not None:
            self.stop_soon()
        self._readiness.started.set()  # who waits is answered in either case

    async def _ask(
        self, call: Call, headers: Mapping[bytes, bytes], receive: Receive, rid: str
    ) -> Reply[Any] | Stream[Any]:
        body = await self._gate.json_body(headers, receive)
        try:
            check_values(body)
            request = call.request_type.from_body(body)
            check_json(body)
            return await call.ask(request)
        except ValidationError as error:
            raise unreadable(error, body) from None
        except ProviderBug as bug:
            told = {"provider": bug.provider_id, "model": bug.model, "exc_info": bug.__cause__}
            log.error("internal error", call=call.name, request_id=rid, **told)
            raise
        except (StackError, ClientGone):
            raise
        except Exception as error:
            log.exception("internal error", call=call.name, request_id=rid)
            raise internal_error() from error


class _ToldIfStopped:
    """Around what comes before an answer: whom the stopping server cancels hears why. Raises: ShuttingDown."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is asyncio.CancelledError and self._scope.get(CALLER_LEFT) is False:
            raise ShuttingDown("the server stopped before there was an answer") from None


def _with_request_id(send: Send, rid: str) -> Send:
    async def wrapped(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", rid.encode())]
        await send(message)

    return wrapped


def create_app(runtime: Runtime, *, strict: bool = False, announce: Callable[[], object] = lambda: None) -> App:
    """The ASGI app of a runtime, which ASGI's lifespan starts and stops, or the caller.

    strict: a provider that does not start stops the server. announce: called once the server has started.
    """
    return App(runtime, strict, announce)
