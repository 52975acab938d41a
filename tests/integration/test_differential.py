"""The same request gives the same status, headers and JSON over HTTP and in process, on every route."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from integration.lab import LAB
from integration.reaching import in_process, over_http, server_process
from integration.wire import CHAT, asking, events

# What belongs to a connection, not to an answer.
OF_THE_CONNECTION = {"date", "server", "connection", "keep-alive", "transfer-encoding", "content-length"}
NEW_EACH_TIME = {"x-request-id", "x-stack-upstream-request-id"}
# Ids that are made for one answer; those of models and tools are the same each time.
MADE_ID = re.compile(r"req[-_]\w+")

CHATS = "playground/not-an-llm"
EMBEDS = "playground/lexical-embedding"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}}
SOON = {"x-stack-timeout-ms": "300"}


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        told = self.body.decode("latin-1") if isinstance(self.body, bytes) else json.dumps(self.body)
        return f"{self.method} {self.path} {told[:60]} {self.headers or ''}".strip()

    def of(self, wire):
        content = self.body if isinstance(self.body, bytes | None) else json.dumps(self.body).encode()
        return wire.request(self.method, self.path, content=content, headers=self.headers)


def get(*paths, **headers):
    return [Ask("GET", path, None, headers) for path in paths]


def chats(*bodies, **headers):
    return [Ask("POST", CHAT, body, headers) for body in bodies]


RERANK = {"model": "playground/lexical-reranker", "query": "red cat", "documents": ["a dog", "a red cat"]}
GOOD = [
    *get("/v1/models", "/v1/openai/v1/models", "/v1/models/alias", f"/v1/openai/v1/models/{CHATS}"),
    *get("/v1/health", "/v1/version", "/v1/providers", "/v1/providers/faulty", "/v1/providers/unpacked"),
    *get("/v1/inspect/routes", "/v1alpha/admin/health", "/v1alpha/admin/version", "/v1alpha/admin/providers"),
    *get("/v1alpha/admin/providers/closed", "/v1alpha/admin/inspect/routes", "/openapi.json", "/docs"),
    *get("/docs/oauth2-redirect", "/v1/models?limit=1", "/v1/health/ready", "/v1alpha/admin/health/ready"),
    *chats(
        asking(CHATS),
        asking(CHATS, stream=True),
        asking(CHATS, stream=True, stream_options={"include_usage": True}),
        asking(CHATS, n=2, logprobs=True, top_logprobs=1),
        asking(CHATS, tools=[TOOL], tool_choice="required"),
        asking(CHATS, tools=[TOOL], tool_choice="required", stream=True),
        asking(CHATS, response_format=SCHEMA),
        asking(CHATS, "\U0001f680 caf\u00e9 \u2028"),
        asking(CHATS, "word " * 5000, stream=True),
        asking("not-an-llm"),
        asking("alias"),
        asking("alias", stream=True),
        asking("faulty/ok", stream=True, stream_options={"include_usage": True}),
        asking("faulty/fault-odd-sse", stream=True),
        asking("faulty/stream-3000", stream=True),
        asking("faulty/size-500000"),
        asking("azure/ok"),
        asking("tiny/any"),
    ),
    Ask("POST", "/v1/openai/v1/chat/completions", asking(CHATS)),
    Ask("POST", "/v1/completions", {"model": CHATS, "prompt": ["a", "b"]}),
    Ask("POST", "/v1/openai/v1/completions", {"model": CHATS, "prompt": "a", "stream": True}),
    Ask("POST", "/v1/completions", {"model": "alias", "prompt": "a", "stream": True}),
    Ask("POST", "/v1/embeddings", {"model": EMBEDS, "input": ["a", "b"], "dimensions": 8}),
    Ask("POST", "/v1/openai/v1/embeddings", {"model": EMBEDS, "input": "a", "encoding_format": "base64"}),
    Ask("POST", "/v1/embeddings", {"model": "alias-embedding", "input": [[1, 2], [3]]}),
    *(Ask("POST", f"{prefix}/rerank", RERANK) for prefix in ("/v1", "/v1/openai/v1")),
]
BAD = [
    *get("/", "/v1", "/v1/nothing", "/v1/models/nothing", "/v1/providers/nothing", "/v1/models/", "/openapi.yaml"),
    *get(CHAT, "/v1/%00", "/v1/models/caf%C3%A9/..%2f", "/V1/MODELS"),
    Ask("DELETE", "/v1/models"),
    Ask("OPTIONS", CHAT),
    Ask("HEAD", "/v1/health"),
    Ask("PATCH", "/v1/providers/faulty", {}),
    *chats(
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"model": 1}',
        b"[" * 70_000,
        b" " * 65_537,
        {"model": CHATS},
        asking("unknown-model"),
        asking("playground/not-an-lm"),
        asking("nobody/x"),
        asking(EMBEDS),
        asking(CHATS, stream="yes"),
        asking(CHATS, temperature="hot"),
        asking(CHATS, vendor_knob=1),
        asking(CHATS, n=1000),
        asking("unpacked/any"),
        asking("bugged/any"),
        asking("closed/any"),
        asking("self-signed/any"),
        asking("tiny/bug"),
    ),
    *(
        ask
        for fault in (
            "fault-400-context",
            "fault-401-echo-key",
            "fault-404",
            "fault-429-retry-after-2",
            "fault-429-quota",
            "fault-500",
            "fault-503-empty",
            "fault-502-html",
            "fault-504",
            "fault-reset",
            "fault-close",
            "fault-malformed-json",
            "fault-wrong-schema",
            "fault-redirect",
            "fault-huge-64",
            "fault-garbage",
        )
        for ask in chats(asking(f"faulty/{fault}"))
    ),
    *(
        ask
        for fault in ("fault-reset-midstream", "fault-no-done", "fault-json-for-stream", "fault-invalid-utf8")
        for ask in chats(asking(f"faulty/{fault}", stream=True))
    ),
    Ask("POST", CHAT, asking("faulty/fault-hang"), SOON),
    Ask("POST", CHAT, asking("faulty/fault-hang-midstream-3", stream=True), SOON),
    Ask("POST", CHAT, asking(CHATS), {"content-type": "text/plain"}),
    Ask("POST", CHAT, asking(CHATS), {"content-encoding": "br"}),
    Ask("POST", CHAT, asking(CHATS), {"x-stack-provider-data": "no JSON"}),
    Ask("POST", CHAT, asking("faulty/fault-401-echo-key"), {"x-ogx-provider-data": '{"faulty": {"api_key": "own"}}'}),
    Ask("POST", CHAT, asking(CHATS), {"x-stack-timeout-ms": "never"}),
    Ask("POST", "/v1/completions", {"model": CHATS, "prompt": {}}),
    Ask("POST", "/v1/completions", {"model": EMBEDS, "prompt": "a"}),
    Ask("POST", "/v1/embeddings", {"model": CHATS, "input": "a"}),
    Ask("POST", "/v1/embeddings", {"model": EMBEDS, "input": []}),
    Ask("POST", "/v1/embeddings", {"model": "tiny/any", "input": "a"}),
    Ask("POST", "/v1/health", {}),
]


@pytest.fixture(scope="module")
def over_a_socket(lab_variables):
    with server_process(LAB, variables=lab_variables) as server, over_http(server.origin) as reached:
        reached.client.models.list()
        yield reached.wire


@pytest.fixture(scope="module")
def inside(lab_variables):
    with in_process(LAB, lab_variables) as reached:
        reached.client.models.list()
        yield reached.wire


def without_what_is_new(value):
    """A JSON value without the ids and times that each answer makes anew."""
    if isinstance(value, dict):
        kept = {name: without_what_is_new(inner) for name, inner in value.items() if name != "created"}
        return {name: "" if _is_new(name, inner) else inner for name, inner in kept.items()}
    return [without_what_is_new(inner) for inner in value] if isinstance(value, list) else value


def _is_new(name, value):
    return name in ("id", "request_id") and isinstance(value, str) and MADE_ID.fullmatch(value) is not None


def headers_of(answer):
    return sorted(
        (name, "" if name in NEW_EACH_TIME else value)
        for name, value in answer.headers.multi_items()
        if name not in OF_THE_CONNECTION
    )


def content_of(answer):
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        return [each if each == b"[DONE]" else without_what_is_new(json.loads(each)) for each in events(answer.content)]
    return without_what_is_new(answer.json()) if kind == "application/json" and answer.content else answer.text


@pytest.mark.parametrize("ask", [*GOOD, *BAD], ids=str)
def test_status_headers_and_content_are_equal(over_a_socket, inside, ask):
    outer, inner = ask.of(over_a_socket), ask.of(inside)
    assert inner.status_code == outer.status_code
    assert headers_of(inner) == headers_of(outer)
    assert content_of(inner) == content_of(outer)


@pytest.mark.parametrize("ask", GOOD, ids=str)
def test_good_requests_are_answered_with_200(inside, ask):
    assert ask.of(inside).status_code == 200


@pytest.mark.parametrize("ask", [ask for ask in BAD if "faulty" not in str(ask)], ids=str)
def test_bad_requests_are_not(inside, ask):
    assert ask.of(inside).status_code >= 400


# This stack has no providers of them; their own tests go both ways.
OTHER_APIS = re.compile("/(files|moderations|safety|shields|vector-io|vector_stores)")


def test_every_route_is_among_the_good_requests(inside):
    everything = inside.get("/v1/inspect/routes").json()["data"]
    listed = [each for each in everything if not OTHER_APIS.search(each["route"])]
    asked = [(ask.method, ask.path) for ask in GOOD]
    patterns = {(each["method"], re.sub(r"\{\w+(:path)?\}", ".+", each["route"])) for each in listed}
    unasked = [
        (method, pattern)
        for method, pattern in patterns - {("GET", "/metrics")}  # each stack counts what it was asked itself
        if not any(method == way and re.fullmatch(pattern, path) for way, path in asked)
    ]
    assert len(listed) >= 20
    assert unasked == []
