"""What OpenAIMixin sends and what it makes of every way an upstream can fail, over a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from asking import chat

from stack.apis.context import RequestContext, request_context
from stack.apis.inference import CompletionRequest, EmbeddingsRequest
from stack.apis.wire import Reply, Stream
from stack.errors import StackError, UpstreamError
from stack.testing.upstream import FaultUpstream

KEY = "sk-configured-key-0123456789"
Make = Callable[..., Any]


@pytest.fixture
def vendor(provider: Make, upstream: FaultUpstream) -> Any:
    return provider("openai", base_url=upstream.base_url, api_key=KEY)


async def test_bytes_reach_the_upstream_as_they_came(vendor: Any, upstream: FaultUpstream):
    body = b'{ "model":"ok",  "messages":[{"role":"user","content":"\\u00e9"}], "vendor_knob": 1e3 }'
    await vendor.openai_chat_completion(type(chat()).from_body(body))
    assert upstream.requests("ok")[-1].body == body


async def test_unknown_fields_reach_the_upstream(vendor: Any, upstream: FaultUpstream):
    await vendor.openai_chat_completion(chat(vendor_knob={"deep": [1]}))
    assert upstream.requests("ok")[-1].json["vendor_knob"] == {"deep": [1]}


async def test_the_key_is_a_bearer_token_and_nothing_of_the_caller_is_forwarded(vendor: Any, upstream: FaultUpstream):
    await vendor.openai_chat_completion(chat())
    headers = upstream.requests("ok")[-1].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert set(headers) <= {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
    }


async def test_no_key_sends_no_credential(provider: Make, upstream: FaultUpstream):
    await provider("openai", base_url=upstream.base_url).openai_chat_completion(chat())
    assert "authorization" not in upstream.requests("ok")[-1].headers


@pytest.mark.parametrize("data", [{"openai": {"api_key": "sk-mine"}}, {"openai_api_key": "sk-mine"}])
async def test_the_callers_own_key_wins_and_shares_no_connection(vendor: Any, upstream: FaultUpstream, data: Any):
    await vendor.openai_chat_completion(chat())
    token = request_context.set(RequestContext(provider_data=data))
    await vendor.openai_chat_completion(chat())
    request_context.reset(token)
    assert upstream.requests("ok")[-1].headers["authorization"] == "Bearer sk-mine"
    assert upstream.counts.accepted == 2


async def test_connections_are_reused(vendor: Any, upstream: FaultUpstream):
    for stream in (False, True) * 5:
        answer = await vendor.openai_chat_completion(chat(stream=stream))
        if isinstance(answer, Stream):
            assert [chunk async for chunk in answer]
    assert upstream.counts.accepted == 1


async def test_a_reply_has_the_upstreams_bytes_and_a_typed_view(vendor: Any):
    reply = await vendor.openai_chat_completion(chat())
    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == reply.value.choices[0].message.content
    assert reply.meta.provider_id == "openai"


async def test_a_stream_has_the_same_text_as_the_reply(vendor: Any):
    whole = (await vendor.openai_chat_completion(chat(model="stream-5"))).value
    chunks = [c async for c in await vendor.openai_chat_completion(chat(model="stream-5", stream=True))]
    streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert streamed == whole.choices[0].message.content


async def test_completions_pass_token_arrays_and_every_parameter(vendor: Any, upstream: FaultUpstream):
    sent = {"model": "ok", "prompt": [[1, 2], [3]], "suffix": "s", "echo": True, "logprobs": 2, "n": 2, "best_of": 3}
    reply = await vendor.openai_completion(CompletionRequest.model_validate(sent))
    assert upstream.requests("ok")[-1].json == sent
    assert reply.value.choices[0].text


async def test_embeddings_pass_dimensions_and_base64(vendor: Any):
    sent: dict[str, Any] = {"model": "ok", "input": ["a", "b"], "dimensions": 3}
    floats = (await vendor.openai_embeddings(EmbeddingsRequest.model_validate(sent))).value
    packed = (
        await vendor.openai_embeddings(EmbeddingsRequest.model_validate({**sent, "encoding_format": "base64"}))
    ).value
    unpacked = [list(struct.unpack("<3f", base64.b64decode(item.embedding))) for item in packed.data]
    assert unpacked == [pytest.approx(item.embedding, abs=1e-6) for item in floats.data]


FAULTS = [
    ("fault-400-context", 400, "context_length_exceeded"),
    ("fault-400-content-filter", 400, "content_filter"),
    ("fault-401-echo-key", 502, "upstream_auth_failed"),
    ("fault-404", 404, "model_not_found"),
    ("fault-408", 504, "upstream_timeout"),
    ("fault-413", 413, None),
    ("fault-422", 422, None),
    ("fault-429-retry-after-2", 429, "rate_limit_exceeded"),
    ("fault-429-quota", 429, "insufficient_quota"),
    ("fault-500", 502, "upstream_error"),
    ("fault-502-html", 502, "upstream_error"),
    ("fault-503-empty", 503, "upstream_error"),
    ("fault-529", 503, "upstream_error"),
    ("fault-504", 504, "upstream_timeout"),
    ("fault-reset", 502, "upstream_reset"),
    ("fault-close", 502, "upstream_reset"),
    ("fault-reset-midheaders", 502, "upstream_reset"),
    ("fault-reset-midbody", 502, "upstream_reset"),
    ("fault-short-body", 502, "upstream_reset"),
    ("fault-malformed-json", 502, "upstream_bad_response"),
    ("fault-empty-200", 502, "upstream_bad_response"),
    ("fault-wrong-schema", 502, "upstream_bad_response"),
    ("fault-json-array", 502, "upstream_bad_response"),
    ("fault-invalid-utf8-json", 502, "upstream_bad_response"),
    ("fault-error-200", 502, "upstream_error"),
    ("fault-huge-64", 502, "upstream_too_large"),
    ("fault-header-bomb-256", 502, "upstream_too_large"),
    ("fault-garbage", 502, "upstream_bad_response"),
    ("fault-bad-chunked", 502, None),
    ("fault-redirect", 502, "upstream_redirect"),
]


@pytest.mark.parametrize(("fault", "status", "code"), FAULTS)
async def test_each_fault_has_its_status_and_code(
    vendor: Any, upstream: FaultUpstream, fault: str, status: int, code: str | None
):
    with pytest.raises(UpstreamError) as raised:
        await vendor.openai_chat_completion(chat(model=fault))
    error = raised.value
    assert (error.status, error.code) == (status, code or error.code)
    assert error.provider_id == "openai"
    assert upstream.counts.requests[fault] == 1
    assert not upstream.counts.redirect_followed
    assert KEY not in json.dumps(error.envelope())


@pytest.mark.parametrize(
    ("fault", "header"),
    [("fault-429-retry-after-2", "2"), ("fault-429-retry-after-ms-250", "1")],
)
async def test_retry_after_is_kept(vendor: Any, fault: str, header: str):
    with pytest.raises(UpstreamError) as raised:
        await vendor.openai_chat_completion(chat(model=fault))
    assert raised.value.headers()["retry-after"] == header


async def test_the_upstreams_own_words_and_request_id_are_kept(vendor: Any):
    with pytest.raises(UpstreamError) as raised:
        await vendor.openai_chat_completion(chat(model="fault-400-context"))
    seen = raised.value.envelope()["error"]["upstream"]
    assert (seen["status"], seen["code"], seen["phase"]) == (400, "context_length_exceeded", "status")
    assert seen["message"]
    assert seen["request_id"]


STREAM_FAULTS = [
    ("fault-reset-midstream", "upstream_reset"),
    ("fault-close-midstream", "upstream_reset"),
    ("fault-truncated-stream", "upstream_truncated"),
    ("fault-stream-error", "upstream_error"),
    ("fault-invalid-sse", "upstream_bad_response"),
    ("fault-invalid-utf8", "upstream_bad_response"),
    ("fault-huge-event-16", "upstream_too_large"),
    ("fault-empty-stream", "upstream_truncated"),
]


@pytest.mark.parametrize(("fault", "code"), STREAM_FAULTS)
async def test_a_broken_stream_raises_and_never_says_done(vendor: Any, fault: str, code: str):
    got = b""
    with pytest.raises(UpstreamError) as raised:  # noqa: PT012  # the failure may come with the head or within
        async for block in (await vendor.openai_chat_completion(chat(model=fault, stream=True))).blocks():
            got += block
    assert raised.value.code == code
    assert b"[DONE]" not in got


@pytest.mark.parametrize(
    "fault", ["fault-split-sse", "fault-crlf-sse", "fault-sse-comments", "fault-no-done", "fault-json-for-stream"]
)
async def test_odd_but_legal_streams_are_whole(vendor: Any, fault: str):
    chunks = [c async for c in await vendor.openai_chat_completion(chat(model=fault, stream=True))]
    plain = [c async for c in await vendor.openai_chat_completion(chat(model="ok", stream=True))]

    def text(parts: Any) -> str:
        return "".join(c.choices[0].delta.content or "" for c in parts if c.choices)

    assert text(chunks) == text(plain)
    assert any(c.choices and c.choices[0].finish_reason for c in chunks)


@pytest.mark.usefixtures("no_names")
@pytest.mark.parametrize(
    ("config", "code", "phase"),
    [
        ({"base_url": "http://127.0.0.1:1/v1"}, "upstream_unreachable", "connect"),
        ({"base_url": "http://host.invalid/v1"}, "upstream_dns", "dns"),
    ],
)
async def test_no_connection_is_told_apart_by_phase(provider: Make, config: Any, code: str, phase: str):
    with pytest.raises(UpstreamError) as raised:
        await provider("openai", **config).openai_chat_completion(chat())
    assert (raised.value.code, raised.value.phase, raised.value.status) == (code, phase, 502)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hanging_upstream_is_given_up(provider: Make, upstream: FaultUpstream, stream: bool):
    impatient = provider("openai", base_url=upstream.base_url, first_byte_timeout_s=0.1)
    with pytest.raises(UpstreamError) as raised:
        await impatient.openai_chat_completion(chat(model="fault-hang", stream=stream))
    assert (raised.value.status, raised.value.code) == (504, "upstream_timeout")


async def test_a_pause_within_a_stream_is_given_up(provider: Make, upstream: FaultUpstream):
    impatient = provider("openai", base_url=upstream.base_url, idle_timeout_s=0.2)
    stream = await impatient.openai_chat_completion(chat(model="fault-hang-midstream-3", stream=True))
    with pytest.raises(UpstreamError) as raised:
        assert [c async for c in stream]
    assert (raised.value.status, raised.value.code) == (504, "upstream_idle")


async def test_the_requests_deadline_holds(vendor: Any):
    deadline = asyncio.get_running_loop().time() + 0.1
    token = request_context.set(RequestContext(deadline=deadline))
    with pytest.raises(UpstreamError) as raised:
        await vendor.openai_chat_completion(chat(model="fault-hang"))
    request_context.reset(token)
    assert raised.value.code == "deadline_exceeded"


@pytest.mark.parametrize("started", [False, True])
async def test_an_abandoned_stream_closes_its_upstream(vendor: Any, upstream: FaultUpstream, started: bool):
    stream = await vendor.openai_chat_completion(chat(model="fault-endless", stream=True))
    if started:
        await anext(stream.blocks())
    await stream.aclose()
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.aborted["fault-endless"] == 1)


async def test_a_cancelled_call_closes_its_upstream(vendor: Any, upstream: FaultUpstream):
    call = asyncio.ensure_future(vendor.openai_chat_completion(chat(model="fault-hang")))
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.active == 1)
    call.cancel()
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.aborted["fault-hang"] == 1)


async def test_models_are_listed_and_cut_to_the_allowed(provider: Make, upstream: FaultUpstream):
    every = await provider("openai", base_url=upstream.base_url).list_models()
    some = await provider("openai", base_url=upstream.base_url, allowed_models=["ok"]).list_models()
    assert len(every) > 1
    assert [model.provider_model_id for model in some] == ["ok"]


@pytest.mark.parametrize(
    ("model", "base", "status"), [("ok", "", "available"), ("fault-404", "", "absent"), ("ok", "fault-500", "unknown")]
)
async def test_availability_tells_absent_from_unknown(
    provider: Make, upstream: FaultUpstream, model: str, base: str, status: str
):
    base_url = upstream.base_url_with(base) if base else upstream.base_url
    availability = await provider("openai", base_url=base_url).check_model_availability(model)
    assert availability.status == status
    assert bool(availability) == (status == "available")


async def test_many_callers_keys_keep_few_connections(vendor: Any, upstream: FaultUpstream):
    for number in range(600):
        token = request_context.set(RequestContext(provider_data={"openai": {"api_key": f"sk-{number}"}}))
        await vendor.openai_chat_completion(chat())
        request_context.reset(token)
    async with asyncio.timeout(60):
        while upstream.counts.connections > 256:
            await asyncio.sleep(0)


async def test_the_client_is_one_per_credential_and_closed_at_shutdown(vendor: Any):
    client = vendor.client
    assert vendor.client is client
    assert client.api_key == KEY
    assert client.max_retries == 0
    await vendor.shutdown()
    assert client.is_closed()


async def test_a_missing_key_error_is_not_confused_with_the_callers(vendor: Any):
    token = request_context.set(RequestContext(provider_data={"openai": {"api_key": "sk-callers-own-key"}}))
    with pytest.raises(StackError) as raised:
        await vendor.openai_chat_completion(chat(model="fault-401-echo-key"))
    request_context.reset(token)
    assert (raised.value.status, raised.value.code) == (401, "invalid_api_key")
    assert "sk-callers-own-key" not in json.dumps(raised.value.envelope())
