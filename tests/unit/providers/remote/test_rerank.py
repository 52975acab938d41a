"""Reranking by the services that have it."""

from __future__ import annotations

import pytest

from stack.apis.rerank import RerankRequest
from stack.errors import BadUpstreamReply, Unsupported

BODY = b'{"model": "ok", "query": "red cat", "documents": ["a dog", "a red cat"], "top_n": 1, "knob": 3}'


@pytest.mark.parametrize("name", ["vllm", "together", "fireworks", "llama-cpp-server", "openai-compatible"])
async def test_the_request_goes_up_as_it_is_and_the_order_comes_back(provider, upstream, name):
    reply = await provider(name, base_url=upstream.base_url).rerank(RerankRequest.from_body(BODY))
    assert [(result.index, result.relevance_score) for result in reply.value.results] == [(1, 1.0)]
    [sent] = upstream.requests("ok")
    assert (sent.target, sent.body) == ("/v1/rerank", BODY)


async def test_cohere_is_asked_by_its_native_api(provider, upstream):
    cohere = provider("cohere", base_url=f"{upstream.origin}/compatibility/v1", api_key="k")
    await cohere.rerank(RerankRequest.from_body(BODY))
    assert upstream.requests("ok")[0].target == "/v2/rerank"


async def test_a_service_without_it_is_not_asked(provider, upstream):
    with pytest.raises(Unsupported):
        await provider("groq", base_url=upstream.base_url, api_key="k").rerank(RerankRequest.from_body(BODY))
    assert not upstream.requests("ok")


@pytest.mark.parametrize("fault", ["fault-malformed-json", "fault-wrong-schema", "fault-empty-200"])
async def test_an_answer_that_orders_nothing_is_refused(provider, upstream, fault):
    vllm = provider("vllm", base_url=upstream.base_url_with(fault))
    with pytest.raises(BadUpstreamReply):
        await vllm.rerank(RerankRequest.from_body(BODY))
