"""What is checked of every request before anything else: key, deadline, provider data, id, and the body's limits."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import pytest

from stack.config.models import AuthConfig, ServerConfig
from stack.errors import InvalidRequest, PayloadTooLarge, Unauthorized, UnsupportedMediaType
from stack.server.requests import ClientGone, Gate, request_id

KEYS = [f"sk-{letter * 40}" for letter in "abc"]


@pytest.fixture
def gate() -> Gate:
    return Gate(ServerConfig(auth=AuthConfig(api_keys=KEYS), max_body_bytes=10, timeout_s=60))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("key", KEYS)
def test_each_configured_key_passes(gate: Gate, scheme: str, key: str):
    gate.authenticate({b"authorization": f"{scheme} {key}".encode()})


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, "missing_api_key"),
        (b"", "missing_api_key"),
        (b"Bearer", "missing_api_key"),
        (b"Bearer ", "missing_api_key"),
        (b"Basic " + KEYS[0].encode(), "missing_api_key"),
        (KEYS[0].encode(), "missing_api_key"),
        (b"Bearer " + KEYS[0][:-1].encode(), "invalid_api_key"),
        (b"Bearer " + KEYS[0].encode() + b"a", "invalid_api_key"),
        (b"Bearer \xff\xfe", "invalid_api_key"),
        (b"Bearer " + b"x" * 60_000, "invalid_api_key"),
    ],
)
def test_anything_else_is_unauthorized_and_not_repeated(gate: Gate, sent: bytes | None, code: str):
    with pytest.raises(Unauthorized) as raised:
        gate.authenticate({} if sent is None else {b"authorization": sent})
    assert (raised.value.status, raised.value.code) == (401, code)
    assert "sk-" not in raised.value.message


def test_without_configured_keys_everybody_passes():
    Gate(ServerConfig()).authenticate({})


@pytest.mark.parametrize("key", [*KEYS, "wrong"])
def test_every_key_is_compared_whichever_matches(gate: Gate, key: str, monkeypatch: pytest.MonkeyPatch):
    compared: list[bool] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(len(a) == len(b)) or compare(a, b))
    try:
        gate.authenticate({b"authorization": f"Bearer {key}".encode()})
    except Unauthorized:
        assert key == "wrong"
    assert compared == [True, True, True]


@pytest.mark.parametrize(("asked", "seconds"), [(None, 60), (b"1500", 1.5), (b"1", 0.001), (b"999999999", 60)])
async def test_a_caller_may_shorten_the_deadline(gate: Gate, asked: bytes | None, seconds: float):
    clock = asyncio.get_running_loop().time
    before = clock()
    context = gate.context({} if asked is None else {b"x-stack-timeout-ms": asked}, "req_1")
    assert context.deadline is not None
    assert before + seconds <= context.deadline <= clock() + seconds
    assert context.request_id == "req_1"


@pytest.mark.parametrize("asked", [b"", b"0", b"-1", b"1.5", b"1e3", b"soon", b" 1", b"\xb2", b"9" * 10, b"9" * 5000])
async def test_a_deadline_that_is_none_is_refused(gate: Gate, asked: bytes):
    with pytest.raises(InvalidRequest, match="x-stack-timeout-ms"):
        gate.context({b"x-stack-timeout-ms": asked}, "req_1")


@pytest.mark.parametrize("name", [b"x-stack-provider-data", b"x-llamastack-provider-data", b"x-ogx-provider-data"])
async def test_provider_data_is_read_by_each_name(gate: Gate, name: bytes):
    context = gate.context({name: b'{"up": {"api_key": "k"}}'}, "req_1")
    assert context.provider_data == {"up": {"api_key": "k"}}


async def test_our_name_of_provider_data_comes_first(gate: Gate):
    headers = {b"x-ogx-provider-data": b'{"a": 1}', b"x-stack-provider-data": b'{"b": 2}'}
    assert gate.context(headers, "").provider_data == {"b": 2}


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b'{"sk-secret":' * 500])
async def test_provider_data_that_is_no_object_is_refused_and_not_repeated(gate: Gate, sent: bytes):
    with pytest.raises(InvalidRequest, match="`x-stack-provider-data` must be a JSON object") as raised:
        gate.context({b"x-stack-provider-data": sent}, "req_1")
    assert "sk-secret" not in raised.value.message


@pytest.mark.parametrize("sent", [b"req-1", b"a", b"A_b-9", b"x" * 64])
def test_a_plain_request_id_of_the_caller_is_kept(sent: bytes):
    assert request_id({b"x-request-id": sent}).encode() == sent


@pytest.mark.parametrize("sent", [None, b"", b"x" * 65, b"a b", b"a\nb", b"a\n", b"<script>", b"\xc3\xa9"])
def test_any_other_request_id_is_replaced_by_a_new_one(sent: bytes | None):
    headers = {} if sent is None else {b"x-request-id": sent}
    first, second = request_id(headers), request_id(headers)
    assert first.startswith("req_")
    assert first != second


def received(*parts: bytes, gone: bool = False) -> Any:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if not gone:
        messages[-1]["more_body"] = False
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    return receive


@pytest.mark.parametrize(
    "kind", [None, b"application/json", b"Application/JSON; charset=utf-8", b"application/problem+json"]
)
async def test_a_json_body_is_put_together(gate: Gate, kind: bytes | None):
    headers = {} if kind is None else {b"content-type": kind}
    assert await gate.json_body(headers, received(b'{"a"', b"", b":1}")) == b'{"a":1}'


@pytest.mark.parametrize(
    "headers",
    [
        {b"content-type": b"text/plain"},
        {b"content-type": b""},
        {b"content-type": b"multipart/form-data; boundary=x"},
        {b"content-encoding": b"gzip"},
        {b"content-encoding": b"br, gzip"},
    ],
)
async def test_a_body_of_another_kind_is_refused(gate: Gate, headers: dict[bytes, bytes]):
    with pytest.raises(UnsupportedMediaType):
        await gate.json_body(headers, received(b"{}"))


@pytest.mark.parametrize("parts", [(b"x" * 11,), (b"x" * 10, b"x"), (b"x" * 11, b"")])
async def test_a_body_over_the_limit_is_refused_when_it_is_reached(gate: Gate, parts: tuple[bytes, ...]):
    with pytest.raises(PayloadTooLarge, match="10 bytes"):
        await gate.json_body({}, received(*parts))


async def test_a_length_over_the_limit_is_refused_before_the_body(gate: Gate):
    with pytest.raises(PayloadTooLarge):
        await gate.json_body({b"content-length": b"11"}, None)  # type: ignore[arg-type]  # not to be called


async def test_a_body_of_just_the_limit_passes(gate: Gate):
    assert await gate.json_body({b"content-length": b"10"}, received(b"x" * 5, b"x" * 5)) == b"x" * 10


@pytest.mark.parametrize("parts", [(), (b"{",)])
async def test_a_caller_who_leaves_within_the_body_is_not_answered(gate: Gate, parts: tuple[bytes, ...]):
    with pytest.raises(ClientGone):
        await gate.json_body({}, received(*parts, gone=True))
