"""Each vendor's address, variables and credential, as its own documentation gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asking import chat

from stack.apis.inference import EmbeddingsRequest
from stack.errors import InvalidRequest, NotFound
from stack.registry.discovery import find_spec, load_config_class
from stack.testing.upstream import FaultUpstream

Make = Callable[..., Any]
KEY = "sk-0123456789abcdef"
VENDORS = {
    "azure": (None, "AZURE_API_BASE", "AZURE_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_BASE_URL", "GROQ_API_KEY"),
    "nvidia": ("https://integrate.api.nvidia.com/v1", "NVIDIA_BASE_URL", "NVIDIA_API_KEY"),
    "ollama": ("http://localhost:11434/v1", "OLLAMA_URL", None),
    "openai": ("https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "openai-compatible": (None, "OPENAI_COMPATIBLE_BASE_URL", "OPENAI_COMPATIBLE_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_BASE_URL", "TOGETHER_API_KEY"),
    "vllm": ("http://localhost:8000/v1", "VLLM_URL", "VLLM_API_TOKEN"),
    "xai": ("https://api.x.ai/v1", "XAI_BASE_URL", "XAI_API_KEY"),
}
BEARER = sorted(VENDORS.keys() - {"azure"})


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendor_names_its_address_and_variables(vendor: str):
    base_url, url_variable, key_variable = VENDORS[vendor]
    sample = load_config_class(find_spec("inference", f"remote::{vendor}")).sample_run_config()
    default = f":={base_url}" if base_url else ""
    assert sample["base_url"] == f"${{env.{url_variable}{default}}}"
    assert sample.get("api_key") == (f"${{env.{key_variable}:=}}" if key_variable else None)


@pytest.mark.parametrize("vendor", ["ollama", "vllm"])
async def test_a_server_of_ones_own_is_asked_without_a_credential(provider: Make, upstream: FaultUpstream, vendor: str):
    await provider(vendor, base_url=upstream.base_url).openai_chat_completion(chat())
    assert not {"authorization", "api-key"} & set(upstream.requests("ok")[-1].headers)


@pytest.mark.parametrize("vendor", BEARER)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_key_is_a_bearer_token_below_the_base_url(
    provider: Make, upstream: FaultUpstream, vendor: str, slash: str
):
    made = provider(vendor, base_url=upstream.base_url + slash, api_key=f"{KEY}\n")
    await made.openai_chat_completion(chat())
    await made.openai_embeddings(EmbeddingsRequest(model="ok", input="a"))
    sent = upstream.requests("ok")
    assert [request.target for request in sent] == ["/v1/chat/completions", "/v1/embeddings"]
    assert {request.headers["authorization"] for request in sent} == {f"Bearer {KEY}"}


AZURE = [
    (None, "/openai/v1/chat/completions", "/openai/v1/models"),
    (
        "2024-10-21",
        "/openai/deployments/ok/chat/completions?api-version=2024-10-21",
        "/openai/models?api-version=2024-10-21",
    ),
]


@pytest.mark.parametrize(("version", "chat_target", "models_target"), AZURE)
@pytest.mark.parametrize("given", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
async def test_azure_is_asked_on_the_paths_of_its_version(
    provider: Make, upstream: FaultUpstream, version: str | None, chat_target: str, models_target: str, given: str
):
    azure = provider("azure", base_url=upstream.origin + given, api_key=KEY, api_version=version)
    await azure.openai_chat_completion(chat())
    assert await azure.list_models()
    sent = upstream.requests("ok")
    assert [request.target for request in sent] == [chat_target, models_target]
    assert all(request.headers["api-key"] == KEY and "authorization" not in request.headers for request in sent)


@pytest.mark.parametrize("model", [".", ".."])
async def test_a_name_that_would_be_another_path_of_azure_is_not_asked(
    provider: Make, upstream: FaultUpstream, model: str
):
    azure = provider("azure", base_url=upstream.origin, api_key=KEY, api_version="2024-10-21")
    with pytest.raises(NotFound, match="no deployment can have the name"):
        await azure.openai_chat_completion(chat(model=model))


@pytest.mark.parametrize("version", [None, "2024-10-21"])
async def test_azure_models_have_their_own_endpoints_under_one_key(
    provider: Make, upstream: FaultUpstream, version: str | None
):
    async with FaultUpstream() as east, FaultUpstream() as west:
        own = [{"model": "gpt", "base_url": east.origin}, {"model": "embed", "base_url": west.origin}]
        azure = provider("azure", base_url=upstream.origin, api_key=KEY, api_version=version, models=own)
        for model, endpoint in {"gpt": east, "embed": west, "other": upstream}.items():
            await azure.openai_chat_completion(chat(model=model))
            assert [request.headers["api-key"] for request in endpoint.requests(model)] == [KEY]
        assert [model.model_id for model in await azure.list_models()] == ["gpt", "embed"]


@pytest.mark.parametrize("model", ["a/b", "../x", "x?api-version=1", "x#y", "a b", "%2e"])
async def test_an_azure_deployment_is_one_segment_of_the_path(provider: Make, upstream: FaultUpstream, model: str):
    azure = provider("azure", base_url=upstream.origin, api_key=KEY, api_version="v")
    await azure.openai_chat_completion(chat(model=model))
    path, _, query = upstream.requests(model)[-1].target.partition("?")
    assert (path.count("/"), path.rpartition("/chat")[2], query) == (5, "/completions", "api-version=v")


async def test_a_compatible_service_gets_the_headers_and_query_of_its_config(provider: Make, upstream: FaultUpstream):
    headers, query = {"X-Team": "blue", "Authorization": "Basic abc"}, {"tier": "a b&c", "key": "hidden-key"}
    service = provider(
        "openai-compatible", base_url=upstream.base_url, api_key="not this", headers=headers, query=query
    )
    await service.openai_chat_completion(chat())
    sent = upstream.requests("ok")[-1]
    assert (sent.headers["x-team"], sent.headers["authorization"]) == ("blue", "Basic abc")
    assert (sent.path, sent.query) == ("/v1/chat/completions", query)
    assert "hidden-key" not in json.dumps(service.config.model_dump(mode="json"))


async def test_a_configured_header_cannot_become_two(provider: Make, upstream: FaultUpstream):
    service = provider("openai-compatible", base_url=upstream.base_url, headers={"x-team": "blue\r\nx-forged: 1"})
    with pytest.raises(InvalidRequest, match="line break"):
        await service.openai_chat_completion(chat())
    assert not upstream.counts.accepted
