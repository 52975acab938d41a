"""What an upstream's refusal becomes: our status and code, its own words without secrets, and Retry-After."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asking import chat

from stack.apis.context import RequestContext, request_context
from stack.errors import StackError, UpstreamError
from stack.providers.remote.upstream_errors import MAX_TEXT, masked, stream_error
from stack.testing.exchange import head

KEY = "0123456789abcdef0123456789abcdef"  # as some vendors make them: nothing tells that it is a key
Refused = Callable[..., Any]


@pytest.fixture
def refused(provider: Callable[..., Any], answering: Callable[..., Any]) -> Refused:
    """`await refused(status, body, headers)`: the error for such an answer to a chat."""

    async def ask(status: int, body: object = b"", **headers: object) -> UpstreamError:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        server = await answering(head(status, {"content-length": len(data), **named}) + data)
        with pytest.raises(UpstreamError) as raised:
            await provider("groq", base_url=server.origin, api_key=KEY).openai_chat_completion(chat(model="m"))
        return raised.value

    return ask


def error(message: str = "the upstream's words", code: object = None, kind: str | None = None) -> Any:
    return {"error": {"message": message, "code": code, "type": kind}}


STATUSES = [
    (400, 400, "upstream_error", False),
    (401, 502, "upstream_auth_failed", False),
    (403, 502, "upstream_auth_failed", False),
    (404, 404, "model_not_found", False),
    (408, 504, "upstream_timeout", True),
    (409, 409, "upstream_error", True),
    (413, 413, "upstream_error", False),
    (418, 418, "upstream_error", False),
    (422, 422, "upstream_error", False),
    (429, 429, "rate_limit_exceeded", True),
    (500, 502, "upstream_error", True),
    (501, 502, "upstream_error", True),
    (502, 502, "upstream_error", True),
    (503, 503, "upstream_error", True),
    (504, 504, "upstream_timeout", True),
    (520, 502, "upstream_error", True),
    (529, 503, "upstream_error", True),
]


@pytest.mark.parametrize(("theirs", "ours", "code", "retryable"), STATUSES)
async def test_each_status_has_its_meaning(refused: Refused, theirs: int, ours: int, code: str, retryable: bool):
    seen = await refused(theirs, error())
    assert (seen.status, seen.code, seen.retryable) == (ours, code, retryable)
    assert (seen.upstream.status, seen.phase) == (theirs, "status")
    assert ("x-should-retry" in seen.headers()) is not retryable


@pytest.mark.parametrize("code", ["context_length_exceeded", "content_filter"])
async def test_a_refusal_keeps_the_upstreams_code_message_and_parameter(refused: Refused, code: str):
    body = {"error": {"message": "too long", "code": code, "type": "invalid_request_error", "param": "messages"}}
    said = (await refused(400, body)).envelope("req_1")["error"]
    assert (said["code"], said["message"], said["param"], said["type"]) == (
        code,
        "too long",
        "messages",
        "invalid_request_error",
    )


async def test_an_unknown_model_is_named_as_callers_name_it(refused: Refused):
    seen = await refused(404, error("no such deployment"))
    assert seen.message == "provider `groq` does not serve `groq/m`: no such deployment"
    assert seen.param == "model"


@pytest.mark.parametrize("body", [error(code="insufficient_quota"), error(kind="insufficient_quota")])
async def test_an_empty_purse_is_not_worth_a_retry(refused: Refused, body: Any):
    seen = await refused(429, body)
    assert (seen.status, seen.code, seen.retryable) == (429, "insufficient_quota", False)


BODIES: list[tuple[Any, str | None]] = [
    ({"error": {"message": "words"}}, "words"),
    ({"error": "words"}, "words"),
    ({"detail": "words"}, "words"),
    ({"message": "words", "code": 3}, "words"),
    ([{"error": {"message": "words"}}], "words"),
    ({"error": {"message": None}}, None),
    ({"error": []}, None),
    ([], None),
    (7, None),
    (b"<h1>Bad Gateway</h1>", None),
    (b"", None),
    (b'{"error": {"message": "cut', None),
    (b"\xff\xfe", None),
    (b'{"error":' * 5000 + b"1" + b"}" * 5000, None),
]


@pytest.mark.parametrize(("body", "message"), BODIES)
async def test_the_upstreams_words_are_found_in_every_usual_shape(refused: Refused, body: Any, message: str | None):
    seen = await refused(500, body)
    assert (seen.status, seen.upstream.message) == (502, message)


@pytest.mark.parametrize(("given", "text"), [(429, "429"), (True, "True"), ({"a": 1}, "{'a': 1}"), (None, None)])
async def test_a_code_of_another_type_becomes_text(refused: Refused, given: object, text: str | None):
    assert (await refused(500, error(code=given))).upstream.code == text


RETRY_AFTER: list[tuple[dict[str, str], str | None]] = [
    ({"retry_after": "2"}, "2"),
    ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Wed, 21 Oct 2026 07:28:00 GMT"),
    ({"retry_after_ms": "1"}, "1"),
    ({"retry_after_ms": "1001"}, "2"),
    ({"retry_after": "7", "retry_after_ms": "1"}, "7"),
    ({"retry_after_ms": "soon"}, None),
    ({"retry_after_ms": "\xb2"}, None),
    ({"retry_after_ms": "9" * 5000}, None),
    ({"retry_after": "x" * 100}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "kept"), RETRY_AFTER)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_kept_if_it_is_one(
    refused: Refused, status: int, headers: dict[str, str], kept: str | None
):
    assert (await refused(status, error(), **headers)).headers().get("retry-after") == kept


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
async def test_the_configured_key_is_never_repeated(refused: Refused, status: int):
    seen = await refused(status, error(f"the key {KEY} is wrong", code=KEY, kind=f"of {KEY}"), x_request_id=KEY)
    assert KEY not in json.dumps(seen.envelope()) + json.dumps(seen.headers()) + str(seen) + json.dumps(
        seen.log_fields()
    )


@pytest.mark.parametrize("status", [200, 400])
async def test_no_configured_header_or_parameter_is_repeated(provider, answering, status: int):
    data = json.dumps(error("the key header-1 and the code query-1 are wrong", "header-1")).encode()
    server = await answering(head(status, {"content-length": len(data)}) + data)
    config = {"base_url": server.origin, "headers": {"x-key": "header-1"}, "query": {"code": "query-1"}}
    with pytest.raises(UpstreamError, match=r"the key \*\*\* and the code \*\*\* are wrong") as raised:
        await provider("openai-compatible", **config).openai_chat_completion(chat(model="m"))
    assert raised.value.upstream.code == "***"


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (403, "permission_denied")])
async def test_the_callers_own_key_is_the_callers_fault(refused: Refused, status: int, code: str):
    token = request_context.set(RequestContext(provider_data={"groq": {"api_key": "mine"}}))
    seen = await refused(status, error("the key mine is wrong"))
    request_context.reset(token)
    assert (seen.status, seen.code, seen.retryable) == (status, code, False)
    assert "mine" not in json.dumps(seen.envelope())


@pytest.mark.parametrize(
    "text",
    ["sk-proj-abcdefgh12345678", "incorrect key sk-ab****wxyz12", "gsk_abcdefgh1234", "Bearer abc.def", "bearer  a/b"],
)
def test_what_looks_like_a_key_is_masked(text: str):
    assert set(masked(text, None).replace("incorrect key ", "")) == {"*"}


def test_text_is_cut_after_it_is_masked():
    key = "k" * 100
    assert masked("x" * (MAX_TEXT - 50) + key, key) == "x" * (MAX_TEXT - 50) + "***"
    assert len(masked("x " * MAX_TEXT, None)) == MAX_TEXT


@pytest.mark.parametrize("said", [{"message": f"at {KEY}", "code": "overloaded"}, f"at {KEY}", None, [KEY], 3])
def test_an_error_within_a_stream_is_the_upstreams_fault_in_any_shape(said: Any):
    seen = stream_error("up", said, KEY)
    assert (seen.status, seen.code, seen.upstream.status) == (502, "upstream_error", 200)
    assert KEY not in json.dumps(seen.envelope())


async def test_an_error_body_without_end_does_not_hide_the_status(
    provider: Callable[..., Any], answering: Callable[..., Any]
):
    server = await answering(head(503, {"content-length": 1 << 20}) + b"x" * (1 << 20))
    with pytest.raises(StackError) as raised:
        await provider("groq", base_url=server.origin).openai_chat_completion(chat())
    assert raised.value.status == 503
