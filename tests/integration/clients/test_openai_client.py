"""OpenAI's own client, as it comes, pointed at the server; it checks every answer against its types."""

from __future__ import annotations

import openai
import pytest

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def client(origin):
    with openai.OpenAI(base_url=f"{origin}/v1", api_key="unused", _strict_response_validation=True) as made:
        yield made


@pytest.fixture
def lenient(origin):
    """For what OpenAI sends and the client's own types do not have: a null `finish_reason`, vectors as base64."""
    with openai.OpenAI(base_url=f"{origin}/v1", api_key="unused") as made:
        yield made


def test_chat(client, says):
    answer = client.chat.completions.create(model=says, messages=HI)
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens > 0


def test_streamed_chat(client, says):
    chunks = list(client.chat.completions.create(model=says, messages=HI, stream=True))
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_the_stream_helper_puts_the_answer_together(client, says):
    with client.chat.completions.stream(model=says, messages=HI) as stream:
        whole = stream.get_final_completion()
    assert whole.choices[0].message.content
    assert whole.choices[0].finish_reason == "stop"


def test_completions(client, lenient, says):
    assert client.completions.create(model=says, prompt="Once").choices[0].text
    assert list(lenient.completions.create(model=says, prompt="Once", stream=True))[-1].choices[0].finish_reason


def test_embeddings_come_as_numbers_though_the_client_asks_for_base64(lenient, embeds):
    answer = lenient.embeddings.create(model=embeds, input=["a", "b"])
    assert all(isinstance(number, float) for item in answer.data for number in item.embedding)


def test_models(client, says):
    listed = {model.id: model for model in client.models.list()}
    assert client.models.retrieve(says) == listed[says]


async def test_the_asynchronous_client(origin, says):
    async with openai.AsyncOpenAI(
        base_url=f"{origin}/v1", api_key="unused", _strict_response_validation=True
    ) as client:
        stream = await client.chat.completions.create(model=says, messages=HI, stream=True)
        assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client, says: client.models.retrieve("none"), openai.NotFoundError),
        (lambda client, says: client.chat.completions.create(model="none", messages=HI), openai.NotFoundError),
        (lambda client, says: client.chat.completions.create(model=says, messages=[]), openai.BadRequestError),
        (lambda client, says: client.embeddings.create(model=says, input="a"), openai.BadRequestError),
        (lambda client, says: client.batches.list(), openai.NotFoundError),
    ],
    ids=["retrieve", "chat", "messages", "embeddings", "batches"],
)
def test_errors_are_of_the_classes_that_users_catch(client, says, call, error):
    with pytest.raises(error) as caught:
        call(client, says)
    assert caught.value.code
    assert caught.value.request_id == caught.value.body["request_id"]
