"""Watsonx exchanges its key for tokens, and answers as it was recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from asking import chat

from stack.apis.context import RequestContext, request_context
from stack.apis.wire import Reply
from stack.errors import UpstreamError
from stack.testing.recordings import Recording, read_recordings
from stack.testing.replay import ReplayUpstream
from stack.testing.upstream import FaultUpstream

RECORDED = Path(__file__).parent / "recordings/watsonx"
CHATS = [each for each in read_recordings(RECORDED) if each.endpoint == "/v1/chat/completions"]
CHAT = "/ml/v1/chat/completions"
KEY = "ibm-key-0123456789"
ANSWER = {"choices": []}


def token(value: str, expires_in: int = 3600) -> dict[str, Any]:
    return {"access_token": value, "expires_in": expires_in, "token_type": "Bearer"}


@pytest.fixture
def watsonx(provider: Any, service: Any) -> Any:
    service.on("/identity/token", token("t1"))
    service.on(CHAT, ANSWER)
    iam = f"{service.origin}/identity/token"
    return provider("watsonx", base_url=service.origin, iam_url=iam, api_key=KEY, project_id="p1")


def sent_tokens(service: Any) -> list[str]:
    return [request.headers["authorization"] for request in service.requests(CHAT)]


async def test_the_key_becomes_a_bearer_token(watsonx: Any, service: Any):
    await watsonx.openai_chat_completion(chat())
    assert service.received[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert service.received[0].body.decode() == (
        f"grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey={KEY}"
    )
    assert sent_tokens(service) == ["Bearer t1"]


async def test_fifty_calls_at_once_fetch_one_token(watsonx: Any, service: Any):
    await asyncio.gather(*(watsonx.openai_chat_completion(chat()) for _ in range(50)))
    assert (len(service.requests("/identity/token")), len(service.requests(CHAT))) == (1, 50)


async def test_a_token_that_is_over_is_fetched_anew(watsonx: Any, service: Any):
    service.on("/identity/token", token("short", 0), token("long"))
    for _ in range(3):
        await watsonx.openai_chat_completion(chat())
    assert sent_tokens(service) == ["Bearer short", "Bearer long", "Bearer long"]


async def test_a_refused_token_is_replaced_once(watsonx: Any, service: Any):
    service.on("/identity/token", token("revoked"), token("good"))
    service.on(CHAT, ANSWER, (401, {}), ANSWER)
    for _ in range(2):
        await watsonx.openai_chat_completion(chat())
    assert sent_tokens(service) == ["Bearer revoked", "Bearer revoked", "Bearer good"]


async def test_a_second_refusal_is_the_answer(watsonx: Any, service: Any):
    service.on(CHAT, (401, {"error": {"message": "who are you"}}))
    with pytest.raises(UpstreamError) as raised:
        await watsonx.openai_chat_completion(chat())
    assert (raised.value.status, raised.value.code) == (502, "upstream_auth_failed")
    assert len(service.requests(CHAT)) == 2


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [({}, 502, "upstream_auth_failed"), ({"watsonx": {"api_key": "own-key"}}, 401, "invalid_api_key")],
)
async def test_a_key_that_iam_does_not_know_is_told(watsonx: Any, service: Any, data: Any, status: int, code: str):
    service.on("/identity/token", (400, {"errorMessage": f"{KEY} own-key could not be found"}))
    context = request_context.set(RequestContext(provider_data=data))
    with pytest.raises(UpstreamError) as raised:
        await watsonx.openai_chat_completion(chat())
    request_context.reset(context)
    assert (raised.value.status, raised.value.code) == (status, code)
    assert not any(secret in json.dumps(raised.value.envelope()) for secret in (KEY, "own-key"))
    assert (len(service.received), service.requests(CHAT)) == (1, [])


async def test_an_answer_without_a_token_is_refused(watsonx: Any, service: Any):
    service.on("/identity/token", ["no token"])
    with pytest.raises(UpstreamError, match="sent no token for its key"):
        await watsonx.openai_chat_completion(chat())


async def test_each_caller_has_a_token_of_its_own(watsonx: Any, service: Any):
    service.on("/identity/token", token("ours"), token("theirs"))
    for data in ({}, {"watsonx_api_key": "own"}, {}):
        context = request_context.set(RequestContext(provider_data=data))
        await watsonx.openai_chat_completion(chat())
        request_context.reset(context)
    assert sent_tokens(service) == ["Bearer ours", "Bearer theirs", "Bearer ours"]


async def test_a_silent_token_service_is_given_up(provider: Any, upstream: FaultUpstream):
    iam = f"{upstream.base_url_with('fault-hang')}/token"
    hurried = provider("watsonx", base_url=upstream.origin, iam_url=iam, api_key=KEY, first_byte_timeout_s=0.1)
    with pytest.raises(UpstreamError) as raised:
        await hurried.openai_chat_completion(chat())
    assert (raised.value.status, raised.value.code) == (504, "upstream_timeout")


async def test_without_a_key_nothing_is_fetched(provider: Any, service: Any):
    service.on(CHAT, ANSWER)
    await provider("watsonx", base_url=service.origin).openai_chat_completion(chat())
    assert [request.path for request in service.received] == [CHAT]


@pytest.mark.parametrize("own", [{}, {"project_id": "mine"}, {"space_id": "mine"}])
async def test_calls_name_version_and_project(watsonx: Any, service: Any, own: Any):
    await watsonx.openai_chat_completion(chat(**own))
    sent = service.requests(CHAT)[-1]
    assert sent.query == {"version": "2023-10-25"}
    assert {name: sent.json[name] for name in ("project_id", "space_id") if name in sent.json} == (
        own or {"project_id": "p1"}
    )


async def test_the_recorded_list_has_times_in_seconds(watsonx: Any, service: Any):
    service.on("/ml/v1/models", json.loads((RECORDED / "models.json").read_bytes())["response"]["body"])
    found = {model.provider_model_id: model for model in await watsonx.list_models()}
    assert service.requests("/ml/v1/models")[-1].query == {"version": "2023-10-25", "project_id": "p1"}
    assert found["ibm/granite-4-h-small"].created == 1759363200
    assert found["ibm/granite-embedding-278m-multilingual"].model_type == "embedding"


@pytest.mark.parametrize("recorded", CHATS, ids=lambda recorded: recorded.scenario)
async def test_recorded_answers_pass_unchanged(provider: Any, service: Any, recorded: Recording):
    service.on("/identity/token", token("t1"))
    async with ReplayUpstream([recorded.path]) as upstream:
        watsonx = provider(
            "watsonx", base_url=f"{upstream.origin}/ml", iam_url=f"{service.origin}/identity/token", api_key=KEY
        )
        if recorded.status == 200:
            answer = await watsonx.openai_chat_completion(type(chat()).model_validate(recorded.request))
            assert not isinstance(answer, Reply)
            assert b"".join([block async for block in answer.blocks()]) == b"".join(recorded.events())
        else:
            with pytest.raises(UpstreamError) as raised:
                await watsonx.openai_chat_completion(type(chat()).model_validate(recorded.request))
            assert (raised.value.status, raised.value.code) == (recorded.status, recorded.body["error"]["code"])
        upstream.check()
