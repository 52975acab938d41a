"""The client of Llama Stack, as it comes; it checks every answer against its types."""

from __future__ import annotations

import pytest

llama_stack_client = pytest.importorskip(
    "llama_stack_client", reason="this version of `llama-stack-client` installs on Python 3.11 only"
)

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def client(origin):
    made = llama_stack_client.LlamaStackClient(base_url=origin, _strict_response_validation=True, max_retries=0)
    with made:
        yield made


@pytest.fixture
def lenient(origin):
    """For chunks whose `finish_reason` is null, as OpenAI sends it and the client's types do not have it."""
    with llama_stack_client.LlamaStackClient(base_url=origin, max_retries=0) as made:
        yield made


def test_chat(client, says):
    answer = client.chat.completions.create(model=says, messages=HI)
    assert answer.choices[0].message.content


def test_streamed_chat(lenient, says):
    chunks = list(lenient.chat.completions.create(model=says, messages=HI, stream=True))
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_completions(client, lenient, says):
    assert client.completions.create(model=says, prompt="Once").choices[0].text
    assert list(lenient.completions.create(model=says, prompt="Once", stream=True))[-1].choices[0].finish_reason


def test_embeddings(client, embeds):
    answer = client.embeddings.create(model=embeds, input=["a", "b"], encoding_format="float")
    assert [item.index for item in answer.data] == [0, 1]


def test_models_tell_what_stands_behind_them(client, says, embeds, monkeypatch):
    monkeypatch.setattr(client, "_strict_response_validation", False)  # it is older than models that rerank
    listed = {model.identifier: model for model in client.models.list()}
    assert (listed[says].api_model_type, listed[embeds].api_model_type) == ("llm", "embedding")
    assert says == f"{listed[says].provider_id}/{listed[says].provider_resource_id}"


def test_a_model(client, says):
    assert client.models.retrieve(says).identifier == says


def test_health_and_version(client):
    assert client.inspect.health().status == "OK"
    assert client.inspect.version().version


def test_providers(client):
    provider = client.providers.list()[0]
    assert provider.health["status"] in ("OK", "Error", "Not Implemented")
    assert client.providers.retrieve(provider.provider_id).provider_type == provider.provider_type


def test_routes(client):
    assert {"/v1/chat/completions", "/v1/models"} <= {route.route for route in client.routes.list()}


def test_an_unknown_model_is_a_not_found_error(client):
    with pytest.raises(llama_stack_client.NotFoundError, match="model_not_found"):
        client.chat.completions.create(model="none", messages=HI)


def test_provider_data_is_understood(lab_server, upstream):
    own = {"faulty": {"api_key": "llama-own"}}
    with llama_stack_client.LlamaStackClient(base_url=lab_server.origin, provider_data=own) as client:
        client.chat.completions.create(model="faulty/ok@llama", messages=HI)
    assert upstream.requests("ok@llama")[-1].headers["authorization"] == "Bearer llama-own"
