"""The app of a real stack with a real upstream, asked in process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from stack.apis.completions import CompletionChoice
from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Completion,
    CompletionRequest,
    Inference,
    Model,
)
from stack.apis.wire import Reply, ReplyMeta, Stream
from stack.client.transport import AppTransport
from stack.config.load import parse_run_config
from stack.registry.spec import ProviderSpec
from stack.routing.instance import Instance
from stack.runtime import Runtime
from stack.server.app import create_app
from stack.server.requests import CALLER_LEFT
from stack.testing.upstream import FaultUpstream

KEY = "sk-a-key-of-this-server"
RUN = """
version: 2
providers:
  inference:
    - provider_id: up
      provider_type: remote::openai-compatible
      config: {{base_url: "{base_url}", api_key: up-key}}
server: {server}
"""
Ask = Callable[..., Any]


class Stack:
    """A running stack, and a client of its app."""

    def __init__(self, base_url: str, server: str, runtime: type[Runtime] = Runtime) -> None:
        self.runtime = runtime(parse_run_config(RUN.format(base_url=base_url, server=server), "run.yaml", {}))
        self.app = create_app(self.runtime)
        self.client = httpx2.AsyncClient(transport=AppTransport(self.app), base_url="http://stack")

    async def chat(self, model: str = "up/ok", headers: Any = None, **more: Any) -> httpx2.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        return await self.client.post("/v1/chat/completions", json=body, headers=headers)


@pytest.fixture
async def stack(upstream: FaultUpstream, request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    made = Stack(upstream.base_url, getattr(request, "param", "{}"))
    async with made.runtime, made.client:
        yield made


@pytest.mark.parametrize("stack", [f"{{auth: {{api_keys: [{KEY}]}}}}"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "open_to_all"),
    [
        ("GET", "/v1/health", True),
        ("GET", "/v1/health/ready", True),
        ("GET", "/v1alpha/admin/health/ready", True),
        ("GET", "/v1/version", True),
        ("GET", "/v1alpha/admin/health", True),
        ("GET", "/v1/models", False),
        ("GET", "/v1/providers", False),
        ("GET", "/openapi.json", False),
        ("GET", "/nothing", False),
        ("POST", "/v1/chat/completions", False),
        ("POST", "/v1/health", True),
    ],
)
async def test_only_health_and_version_answer_without_a_key(stack: Stack, method: str, path: str, open_to_all: bool):
    without = await stack.client.request(method, path)
    with_key = await stack.client.request(method, path, headers={"authorization": f"Bearer {KEY}"})
    assert (without.status_code == 401) is not open_to_all
    assert with_key.status_code != 401


async def test_the_callers_request_id_is_used_everywhere(stack: Stack, upstream: FaultUpstream):
    for model in ("up/ok@traced", "up/fault-503", "unknown"):
        answer = await stack.chat(model, {"x-request-id": "mine-1"})
        assert answer.headers.get_list("x-request-id") == ["mine-1"]
    assert upstream.requests("ok@traced")[-1].headers["x-request-id"] == "mine-1"
    assert (await stack.client.get("/v1/nothing", headers={"x-request-id": "mine-2"})).json()["error"][
        "request_id"
    ] == "mine-2"


async def test_the_callers_deadline_ends_the_call_and_does_not_blame_the_provider(stack: Stack):
    answer = await stack.chat("up/fault-hang", {"x-stack-timeout-ms": "50"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert stack.runtime.instances[0].status == "available"


@pytest.mark.parametrize("model", ["up/fault-hang", "up/fault-hang-midstream-1"])
async def test_a_caller_who_leaves_cancels_the_upstream_at_once(stack: Stack, upstream: FaultUpstream, model: str):
    name = model.removeprefix("up/")
    call = asyncio.create_task(stack.chat(model, stream=True))
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.requests[name] == 1)
    call.cancel()
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.aborted[name] == 1)
    await asyncio.wait({call})
    assert call.cancelled()


@pytest.mark.parametrize("stack", ["{max_in_flight: 1}"], indirect=True)
async def test_more_requests_at_once_than_set_are_refused_after_a_moment(stack: Stack, upstream: FaultUpstream):
    first = asyncio.create_task(stack.chat("up/fault-hang"))
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.requests["fault-hang"] == 1)
    second = await stack.chat()
    assert (second.status_code, second.json()["error"]["code"]) == (503, "overloaded")
    assert second.headers["retry-after"] == "1"
    assert (await stack.client.get("/v1/health")).status_code == 200
    first.cancel()
    await asyncio.wait({first})
    assert (await stack.chat()).status_code == 200


@pytest.mark.parametrize(("stack", "status"), [("{metrics: true}", 200), ("{metrics: false}", 404)], indirect=["stack"])
async def test_metrics_can_be_turned_off(stack: Stack, status: int):
    assert (await stack.chat()).status_code == 200
    assert (await stack.client.get("/metrics")).status_code == status


async def test_the_deadline_holds_for_a_body_that_trickles(stack: Stack):
    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {"x-stack-timeout-ms": "50", "content-type": "application/json"}
    answer = await stack.client.post("/v1/chat/completions", content=trickle(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "request_timeout")


class Wrong(Inference):
    """Lists a model that is none."""

    async def list_models(self) -> list[Model]:
        return [Model.model_construct(model_id="m", provider_id="w", provider_model_id="m", created="never")]


async def test_a_bug_is_told_once_in_the_envelope_and_not_what_it_was(stack: Stack):
    spec = ProviderSpec("inference", "inline::wrong", "", module="none")
    wrong: Instance[Any] = Instance("inference", "wrong", spec, None, Wrong())
    stack.runtime.inference.routes.instances["wrong"] = wrong  # type: ignore[attr-defined]
    answer = await stack.client.get("/v1/models")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "internal_error")
    assert error["request_id"] == answer.headers["x-request-id"]
    assert "never" not in answer.text


async def stuck() -> AsyncIterator[ChatCompletionChunk]:
    yield ChatCompletionChunk(id="1", object="chat.completion.chunk", created=1, model="m", choices=[])
    await asyncio.Event().wait()


class Odd(Inference):
    """Fails in its own ways, and answers whole where a stream is asked for."""

    async def openai_chat_completion(self, request: ChatCompletionRequest) -> Any:
        if request.model == "bug":
            raise KeyError("sk-secret")
        if request.model == "slow":
            await asyncio.Event().wait()
        if request.model == "stuck":
            return Stream.of(ChatCompletionChunk, stuck())
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        message = {"role": "assistant", "content": "whole", "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        document = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return Reply(ChatCompletion, ReplyMeta(), body=json.dumps(document).encode())

    async def openai_completion(self, request: CompletionRequest) -> Any:
        choice = CompletionChoice(index=0, text="whole", finish_reason="stop", logprobs=None)
        return Reply.of(Completion(id="1", object="text_completion", created=1, model="m", choices=[choice]))


@pytest.fixture
def odd(stack: Stack) -> Stack:
    spec = ProviderSpec("inference", "inline::odd", "", module="none")
    routes = stack.runtime.inference.routes  # type: ignore[attr-defined]
    routes.instances["odd"] = Instance("inference", "odd", spec, None, Odd())
    routes.instances["down"] = down = Instance("inference", "down", spec, None)
    down.fail("no luck")
    return stack


async def test_a_whole_answer_where_a_stream_was_asked_for_is_a_stream_of_one_chunk(odd: Stack):
    answer = await odd.chat("odd/m", stream=True)
    chunk, done = answer.text.removesuffix("\n\n").split("\n\n")
    delta = json.loads(chunk[6:])["choices"][0]["delta"]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (delta["content"], delta["tool_calls"][0]["index"], done) == ("whole", 0, "data: [DONE]")
    assert json.loads(chunk[6:])["model"] == "odd/m"
    assert "message" not in chunk


async def test_a_whole_completion_is_one_too(odd: Stack):
    body = {"model": "odd/m", "prompt": "a", "stream": True}
    answer = await odd.client.post("/v1/completions", json=body)
    chunk, done = answer.text.removesuffix("\n\n").split("\n\n")
    assert (json.loads(chunk[6:])["choices"][0]["text"], done) == ("whole", "data: [DONE]")


@pytest.mark.parametrize(
    ("model", "status", "provider", "attempts", "should_retry"),
    [
        ("odd/m", 200, "odd", "1", None),
        ("up/ok", 200, "up", "1", None),
        ("up/fault-503", 503, "up", "1", None),
        ("up/fault-429-quota", 429, "up", "1", "false"),
        ("odd/bug", 500, "odd", "1", "false"),
        ("down/m", 503, "down", "0", "false"),
        ("nobody", 404, None, "0", "false"),
    ],
)
async def test_every_answer_tells_who_was_asked_and_how_often(
    odd: Stack, model: str, status: int, provider: str | None, attempts: str, should_retry: str | None
):
    for stream in (False, True):
        answer = await odd.chat(model, stream=stream)
        assert (answer.status_code, answer.headers.get("x-stack-provider")) == (status, provider)
        assert answer.headers["x-stack-attempts"] == attempts
        assert answer.headers.get("x-should-retry") == should_retry
        assert "sk-secret" not in answer.text


@pytest.mark.parametrize("model", ["odd/slow", "odd/stuck"])
async def test_the_deadline_holds_for_providers_that_do_not_keep_it(odd: Stack, model: str):
    answer = await odd.chat(model, {"x-stack-timeout-ms": "50"}, stream=True)
    error = json.loads(answer.text.removesuffix("\n\n").rpartition("data: ")[2])["error"]
    assert answer.status_code == (504 if model == "odd/slow" else 200)
    assert (error["code"], error["upstream"]["provider"]) == ("deadline_exceeded", "odd")


async def ready(stack: Stack, **headers: str) -> httpx2.Response:
    return await stack.client.get("/v1/health/ready", headers=headers)


async def test_a_stack_whose_providers_work_is_ready(stack: Stack):
    answer = await ready(stack)
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "providers": []})


@pytest.mark.parametrize("stack", ["{}", f"{{auth: {{api_keys: [{KEY}]}}}}"], indirect=True)
@pytest.mark.parametrize("authorization", ["", f"Bearer {KEY}"])
async def test_a_provider_that_does_not_work_degrades_it_and_those_with_a_key_are_told_which(
    stack: Stack, authorization: str
):
    stack.runtime.instances[0].fail("no luck")
    answer = await ready(stack, authorization=authorization)
    may_know = bool(authorization) or not stack.runtime.config.server.auth.api_keys
    told = [{"provider_id": "up", "status": "failed", "reason": "no luck"}]
    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded"} | ({"providers": told} if may_know else {})


async def test_a_server_that_was_told_to_stop_is_not_ready_and_still_answers(stack: Stack):
    stack.app.stop_soon()
    answer = await ready(stack)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_shutting_down")
    assert (await stack.chat()).status_code == 200


class Reluctant(Runtime):
    """Takes until `may_start` to start."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.may_start = asyncio.Event()

    async def start(self, *, strict: bool = False) -> None:
        await self.may_start.wait()
        await super().start(strict=strict)


@pytest.fixture
async def starting(upstream: FaultUpstream) -> AsyncIterator[Stack]:
    """A stack whose server has begun to start it."""
    stack = Stack(upstream.base_url, "{}", Reluctant)
    is_up, may_stop = asyncio.Event(), asyncio.Event()

    async def receive() -> Any:
        if is_up.is_set():
            await may_stop.wait()
        return {"type": "lifespan.shutdown" if is_up.is_set() else "lifespan.startup"}

    async def send(message: Any) -> None:
        is_up.set()

    living = asyncio.create_task(stack.app({"type": "lifespan"}, receive, send))
    await is_up.wait()
    async with stack.client:
        yield stack
    may_stop.set()
    await living


async def test_before_the_start_is_complete_it_lives_and_is_not_ready(starting: Stack):
    assert (await starting.client.get("/v1/health")).status_code == 200
    answer = await ready(starting)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_starting")
    assert answer.headers["retry-after"] == "1"


async def test_requests_wait_for_the_start(starting: Stack):
    early = asyncio.create_task(starting.chat())
    assert (await starting.chat(headers={"x-stack-timeout-ms": "20"})).json()["error"]["code"] == "server_starting"
    assert not early.done()
    assert isinstance(starting.runtime, Reluctant)
    starting.runtime.may_start.set()
    assert (await early).status_code == 200
    assert (await ready(starting)).status_code == 200


class Broken(Runtime):
    """Has a bug in its start."""

    async def start(self, *, strict: bool = False) -> None:
        raise KeyError("bug")


async def test_a_start_that_breaks_ends_the_server_instead_of_waiting_for_ever(upstream: FaultUpstream):
    stack = Stack(upstream.base_url, "{}", Broken)
    assert await lifespan(stack, strict=True) == ["lifespan.startup.failed"]


@pytest.mark.parametrize("has_started", [True, False])
async def test_whom_a_stopping_server_cancels_is_told_so(starting: Stack, has_started: bool):
    assert isinstance(starting.runtime, Reluctant)
    if has_started:
        starting.runtime.may_start.set()
        assert (await ready(starting)).status_code in (200, 503)
    entered, sent = asyncio.Event(), []

    async def receive() -> Any:
        entered.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/shields", "query_string": b"", "headers": []}
    answering = asyncio.create_task(starting.app({**scope, CALLER_LEFT: False}, receive, send))
    await (entered.wait() if has_started else asyncio.sleep(0))
    answering.cancel()
    await answering
    assert sent[0]["status"] == 503
    assert b'"server_shutting_down"' in sent[1]["body"]


async def lifespan(stack: Stack, strict: bool) -> list[str]:
    app = create_app(stack.runtime, strict=strict)
    told: list[str] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup" if not told else "lifespan.shutdown"}

    async def send(message: Any) -> None:
        told.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return told


@pytest.mark.parametrize(
    ("strict", "told"),
    [
        (False, ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
        (True, ["lifespan.startup.failed"]),
    ],
)
async def test_the_stack_starts_and_stops_with_the_server(upstream: FaultUpstream, strict: bool, told: list[str]):
    stack = Stack(upstream.base_url, "{}")
    stack.runtime.instances[0].fail("no luck")
    assert await lifespan(stack, strict) == told
