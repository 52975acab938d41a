"""Models: listed, told one by one, and refused when they are unknown or of the wrong type."""

from __future__ import annotations

import openai
import pytest
from integration.wire import asking, error_in


def test_both_models_are_listed_with_type_and_provider(client, text_model, embedding_model):
    listed = {model.id: model for model in client.models.list()}
    assert (listed[text_model].model_type, listed[embedding_model].model_type) == ("llm", "embedding")
    assert listed[text_model].custom_metadata["provider_id"] == listed[text_model].provider_id


def test_every_listed_model_can_be_retrieved_as_it_was_listed(client):
    for model in client.models.list():
        assert client.models.retrieve(model.id) == model


def test_a_model_tells_the_same_to_clients_of_openai_ogx_and_llama_stack(wire, text_model):
    model = wire.get(f"/v1/models/{text_model}").json()
    assert (model["id"], model["object"], model["identifier"], model["type"]) == (
        text_model,
        "model",
        text_model,
        "model",
    )
    both = ("model_type", "provider_id", "provider_resource_id")
    assert {name: model[name] for name in both} == {name: model["custom_metadata"][name] for name in both}
    assert model["metadata"].items() <= model["custom_metadata"].items()


@pytest.mark.parametrize("wrong", [lambda model: model + "x", lambda model: model.upper(), lambda model: model[:-1]])
@pytest.mark.parametrize("call", ["retrieve", "chat"])
def test_an_unknown_model_is_named_in_a_404(client, text_model, wrong, call):
    name = wrong(text_model.replace("/", "-", 1))
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve(name) if call == "retrieve" else client.chat.completions.create(**asking(name))
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert f"`{name}`" in caught.value.message


@pytest.mark.parametrize("call", ["retrieve", "chat"])
def test_a_misspelt_model_is_answered_with_the_right_id(client, text_model, call):
    name = text_model.replace("/", "-", 1)
    with pytest.raises(openai.NotFoundError, match=f"did you mean `{text_model}`"):
        client.models.retrieve(name) if call == "retrieve" else client.chat.completions.create(**asking(name))


def test_a_name_like_no_other_gets_the_way_to_the_list(client):
    with pytest.raises(openai.NotFoundError, match="GET /v1/models"):
        client.chat.completions.create(**asking("zzzzzzzzzzzzzzzz"))


@pytest.mark.parametrize(
    ("path", "request_", "kind"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, "embedding_model"),
        ("completions", {"prompt": "hi"}, "embedding_model"),
        ("embeddings", {"input": "hi"}, "text_model"),
    ],
)
def test_a_model_of_the_wrong_type_is_refused(wire, request, path, request_, kind):
    answer = wire.post(f"/v1/{path}", json={"model": request.getfixturevalue(kind), **request_})
    error = error_in(answer.content)
    assert (answer.status_code, error["code"], error["param"]) == (400, "wrong_model_type", "model")
