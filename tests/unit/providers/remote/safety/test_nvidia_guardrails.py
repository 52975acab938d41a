"""NeMo Guardrails and NVIDIA's models."""

from __future__ import annotations

import pytest
from judged import KEY, MINE, PHRASE, user

from stack.apis.safety import CheckedMessage, Shield
from stack.errors import BadUpstreamReply, InvalidRequest
from stack.testing.judging import chat
from stack.testing.safety import SafetyContract
from stack.testing.safety.inputs import PIXEL


class TestModel(SafetyContract):
    violating = PHRASE
    has_spans = False

    @pytest.fixture
    async def provider(self, provider_of):
        return provider_of("nvidia")


class TestServer(SafetyContract):
    violating = PHRASE
    has_spans = False

    @pytest.fixture
    async def provider(self, provider_of, service):
        return provider_of("nvidia", guardrails_service_url=service.origin)


@pytest.fixture
def provider(provider_of):
    return provider_of("nvidia")


@pytest.fixture
def server(provider_of, service):
    return provider_of("nvidia", guardrails_service_url=f"{service.origin}/v1/")


async def test_a_server_is_asked_for_checks_by_a_configuration(service, server):
    await server.run_shield(Shield("mine", "", "meta/llama", {"config_id": "strict"}), user("hello"))
    [sent] = service.requests
    assert sent.path == "/v1/guardrail/checks"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    told = [{"role": "user", "content": "hello"}]
    assert sent.json == {"model": "meta/llama", "messages": told, "guardrails": {"config_id": "strict"}}


async def test_an_answer_goes_with_what_it_answers(service, server):
    spoken = [*user("one", "two"), CheckedMessage("assistant", PHRASE)]
    [found] = (await server.run_shield(MINE, spoken)).findings
    told = [(each["role"], each["content"]) for each in service.requests[-1].json["messages"]]
    assert told == [("user", "two"), ("assistant", PHRASE)]
    assert (found.message, found.category, found.provider_code) == (2, "nvidia/self-check-input", "self check input")


async def test_a_model_is_asked_without_chance(service, provider):
    await provider.run_shield(MINE, user("hello"))
    [sent] = service.requests
    assert (sent.path, sent.json["temperature"]) == ("/v1/chat/completions", 0)
    assert sent.json["model"] == "nvidia/llama-3.1-nemotron-safety-guard-8b-v3"
    assert "user: hello" in sent.json["messages"][0]["content"]


@pytest.mark.parametrize("answer", [chat("fine"), chat(None), chat('{"User Safety": "maybe"}'), {"choices": []}, {}])
async def test_what_is_no_rating_is_an_error(service, provider, answer):
    service.script = [answer]
    with pytest.raises(BadUpstreamReply):
        await provider.run_shield(MINE, user("hello"))


@pytest.mark.parametrize("answer", [{}, {"status": "unknown"}, {"status": "allowed"}, [], b"ok"])
async def test_what_is_no_result_of_checks_is_an_error(service, server, answer):
    service.script = [answer]
    with pytest.raises(BadUpstreamReply):
        await server.run_shield(MINE, user("hello"))


@pytest.mark.parametrize(
    ("message", "code"),
    [(CheckedMessage("user", "look", (PIXEL,)), "unreadable_content"), (user("x" * 100_001)[0], "invalid_request")],
)
async def test_what_cannot_be_judged_is_refused(service, provider, message, code):
    with pytest.raises(InvalidRequest) as raised:
        await provider.run_shield(MINE, [message])
    assert (raised.value.code, service.requests) == (code, [])
