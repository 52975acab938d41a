"""What is true of every vendor: where it is, which variables it has, what passes through, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from asking import chat

from stack.apis.context import RequestContext, request_context
from stack.apis.inference import CompletionRequest, EmbeddingsRequest
from stack.errors import Unsupported
from stack.registry.discovery import find_spec, load_config_class
from stack.registry.spec import env_name
from stack.testing.upstream import FaultUpstream

KEY = "configured-key-0123456789"


@dataclass
class Vendor:
    """root: where calls go by default; url and key: the variables; without: what it does not serve."""

    root: str
    url: str
    key: str
    switch: str = "api_key"
    without: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    own_list: bool = False


CHAT_ONLY = ("completions", "embeddings")
VENDORS = {
    "anthropic": Vendor(
        "https://api.anthropic.com/v1", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", without=CHAT_ONLY, own_list=True
    ),
    "cerebras": Vendor("https://api.cerebras.ai/v1", "CEREBRAS_BASE_URL", "CEREBRAS_API_KEY", without=("embeddings",)),
    "cloudflare": Vendor(
        "https://api.cloudflare.com/client/v4/accounts/a1/ai/v1",
        "CLOUDFLARE_BASE_URL",
        "CLOUDFLARE_API_TOKEN",
        "account_id",
        ("completions",),
        {"account_id": "a1"},
        own_list=True,
    ),
    "cohere": Vendor(
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_BASE_URL",
        "COHERE_API_KEY",
        without=("completions",),
        own_list=True,
    ),
    "databricks": Vendor(
        "https://w.example/serving-endpoints",
        "DATABRICKS_HOST",
        "DATABRICKS_TOKEN",
        "base_url",
        config={"base_url": "https://w.example/"},
        own_list=True,
    ),
    "deepseek": Vendor("https://api.deepseek.com", "DEEPSEEK_BASE_URL", "DEEPSEEK_API_KEY", without=("embeddings",)),
    "fireworks": Vendor("https://api.fireworks.ai/inference/v1", "FIREWORKS_BASE_URL", "FIREWORKS_API_KEY"),
    "gemini": Vendor(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_BASE_URL",
        "GEMINI_API_KEY",
        without=("completions",),
    ),
    "github-models": Vendor(
        "https://models.github.ai/inference",
        "GITHUB_MODELS_BASE_URL",
        "GITHUB_MODELS_TOKEN",
        without=("completions",),
        own_list=True,
    ),
    "huggingface": Vendor("https://router.huggingface.co/v1", "HF_BASE_URL", "HF_TOKEN", without=CHAT_ONLY),
    "llama-cpp-server": Vendor(
        "http://localhost:8080/v1", "LLAMA_CPP_SERVER_URL", "LLAMA_CPP_SERVER_API_KEY", "base_url"
    ),
    "lm-studio": Vendor("http://localhost:1234/v1", "LM_STUDIO_URL", "LM_API_TOKEN", "base_url"),
    "mistral": Vendor("https://api.mistral.ai/v1", "MISTRAL_BASE_URL", "MISTRAL_API_KEY", without=("completions",)),
    "moonshot": Vendor("https://api.moonshot.ai/v1", "MOONSHOT_BASE_URL", "MOONSHOT_API_KEY", without=CHAT_ONLY),
    "openrouter": Vendor("https://openrouter.ai/api/v1", "OPENROUTER_BASE_URL", "OPENROUTER_API_KEY"),
    "passthrough": Vendor(
        "https://any.example/v1",
        "PASSTHROUGH_URL",
        "PASSTHROUGH_API_KEY",
        "base_url",
        config={"base_url": "https://any.example/v1"},
    ),
    "perplexity": Vendor(
        "https://api.perplexity.ai", "PERPLEXITY_BASE_URL", "PERPLEXITY_API_KEY", without=CHAT_ONLY, own_list=True
    ),
    "qwen": Vendor("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_BASE_URL", "DASHSCOPE_API_KEY"),
    "runpod": Vendor(
        "https://api.runpod.ai/v2/e1/openai/v1",
        "RUNPOD_BASE_URL",
        "RUNPOD_API_KEY",
        "endpoint_id",
        config={"endpoint_id": "e1"},
    ),
    "sambanova": Vendor("https://api.sambanova.ai/v1", "SAMBANOVA_URL", "SAMBANOVA_API_KEY"),
}
Make = Callable[..., Any]
every = pytest.mark.parametrize("name", VENDORS)


def reaching(provider: Make, name: str, upstream: FaultUpstream, **more: Any) -> Any:
    return provider(name, **(VENDORS[name].config | {"base_url": upstream.base_url, "api_key": KEY} | more))


@every
def test_the_default_address_and_the_variables_are_the_vendors(provider: Make, name: str):
    vendor = VENDORS[name]
    fields = load_config_class(find_spec("inference", f"remote::{name}")).model_fields
    assert provider(name, **vendor.config).get_base_url() == vendor.root
    assert (env_name(fields["base_url"]), env_name(fields["api_key"])) == (vendor.url, vendor.key)


@every
def test_a_variable_of_its_own_switches_it_on(name: str):
    config = load_config_class(find_spec("inference", f"remote::{name}"))
    assert config.switch == VENDORS[name].switch
    assert env_name(config.model_fields[config.switch])


@every
async def test_chat_passes_with_the_key_as_bearer_token(provider: Make, upstream: FaultUpstream, name: str):
    reply = await reaching(provider, name, upstream).openai_chat_completion(chat(vendor_knob={"deep": [1]}))
    sent = upstream.requests("ok")[-1]
    assert sent.path.endswith("/chat/completions")
    assert sent.json == {**chat().model_dump(exclude_unset=True), "vendor_knob": {"deep": [1]}}
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert reply.value.choices[0].message.content


@every
async def test_chat_is_streamed(provider: Make, upstream: FaultUpstream, name: str):
    stream = await reaching(provider, name, upstream).openai_chat_completion(chat(stream=True))
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason == "stop"


@every
async def test_a_callers_own_key_wins(provider: Make, upstream: FaultUpstream, name: str):
    token = request_context.set(RequestContext(provider_data={name: {"api_key": "mine"}}))
    await reaching(provider, name, upstream).openai_chat_completion(chat())
    request_context.reset(token)
    assert upstream.requests("ok")[-1].headers["authorization"] == "Bearer mine"


@every
async def test_embeddings_pass_or_are_refused_unsent(provider: Make, upstream: FaultUpstream, name: str):
    call = reaching(provider, name, upstream).openai_embeddings(EmbeddingsRequest(model="ok", input=["a", "b"]))
    if "embeddings" in VENDORS[name].without:
        with pytest.raises(Unsupported):
            await call
        assert not upstream.requests("ok")
    else:
        assert [item.index for item in (await call).value.data] == [0, 1]


@every
async def test_completions_pass_or_are_refused_unsent(provider: Make, upstream: FaultUpstream, name: str):
    call = reaching(provider, name, upstream).openai_completion(CompletionRequest(model="ok", prompt="a"))
    if "completions" in VENDORS[name].without:
        with pytest.raises(Unsupported):
            await call
        assert not upstream.requests("ok")
    else:
        assert (await call).value.choices[0].text


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if not vendor.own_list])
async def test_models_are_listed_and_found(provider: Make, upstream: FaultUpstream, name: str):
    vendor = reaching(provider, name, upstream, allowed_models=["ok"])
    assert [model.provider_model_id for model in await vendor.list_models()] == ["ok"]
    assert await vendor.check_model_availability("ok")
