"""Whatever asks a guarded model goes through its shields: every route, every name of the model, every service."""

from __future__ import annotations

import openai
import pytest

PREFIXES = ("/v1", "/v1/openai/v1")
CHAT = {"messages": [{"role": "user", "content": "a falcon"}]}
ASKING = {
    "/chat/completions": ("llm", CHAT),
    "/completions": ("llm", {"prompt": "a falcon"}),
    "/embeddings": ("embedding", {"input": ["x", "a falcon"]}),
    "/rerank": ("rerank", {"query": "x", "documents": ["y", "a falcon"]}),
}
NAMES = {
    "llm": ("guarded", "play/not-an-llm", "not-an-llm"),
    "embedding": ("guarded-embedding", "play/lexical-embedding", "lexical-embedding"),
    "rerank": ("guarded-reranker", "play/lexical-reranker", "lexical-reranker"),
}
CASES = [(path, name) for path, (kind, _) in ASKING.items() for name in NAMES[kind]]


def refused(response):
    """Whether shields refused it."""
    return (response.status_code, response.json()["error"]["code"]) == (400, "content_filter")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "name"), CASES)
def test_every_route_and_every_name_leads_through_the_shields(stack, prefix, stream, path, name):
    body = {**ASKING[path][1], "model": name} | ({"stream": True} if stream else {})
    response = stack.wire.post(prefix + path, json=body)
    assert refused(response), response.text
    assert "action=block" in response.headers["x-stack-shields"]


def test_no_other_route_asks_models(stack):
    paths = stack.wire.get("/openapi.json").json()["paths"]
    asking = {path for path, calls in paths.items() if "inference" in calls.get("post", {}).get("tags", ())}
    assert asking == {"/v1" + path for path in ASKING}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/openai/v1/chat/completions"])
def test_another_spelling_of_the_provider_s_name_leads_through_the_shields(stack, path):
    for name in ("play/NOT-AN-LLM", "play/ not-an-llm "):
        assert refused(stack.wire.post(path, json={**CHAT, "model": name}))


def test_a_model_that_was_registered_without_shields_is_open(stack):
    response = stack.wire.post("/v1/chat/completions", json={**CHAT, "model": "open"})
    assert response.status_code == 200
    assert "x-stack-shields" not in response.headers


def test_a_guarded_model_does_not_step_in_for_an_open_one(stack):
    asked = {**CHAT, "model": "open", "models": ["not-an-llm", "Lexical-Embedding"]}
    error = stack.wire.post("/v1/chat/completions", json=asked).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_request", "models")
    assert error["message"].startswith("`models` names `Lexical-Embedding`, which has shields of its own")


def test_vector_stores_embed_through_the_shields(stack):
    store = stack.client.vector_stores.create(name="birds")
    chunk = {"content": "a falcon", "metadata": {"document_id": "d"}}
    with pytest.raises(openai.BadRequestError) as raised:
        stack.client.vector_io.insert(vector_store_id=store.id, chunks=[chunk])
    assert raised.value.code == "content_filter"
    stack.client.vector_io.insert(vector_store_id=store.id, chunks=[{**chunk, "content": "a sparrow"}])
    with pytest.raises(openai.BadRequestError) as raised:
        stack.client.vector_io.query(vector_store_id=store.id, query="a falcon")
    assert raised.value.code == "content_filter"


@pytest.mark.parametrize("more", [{}, {"rewrite_query": True}])
def test_searches_go_through_the_shields(stack, more):
    store = stack.client.vector_stores.create(name="birds")
    stack.client.vector_io.insert(vector_store_id=store.id, chunks=[{"content": "x", "metadata": {}}])
    with pytest.raises(openai.BadRequestError) as raised:
        stack.client.vector_stores.search(store.id, query="a falcon", **more)
    assert raised.value.code == "content_filter"
