"""A well-behaved upstream answers in OpenAI's shapes."""

from __future__ import annotations

import base64
import struct

import pytest

from stack.apis.chat import ChatCompletion, ChatCompletionChunk
from stack.apis.completions import Completion
from stack.apis.embeddings import EmbeddingsResponse
from stack.testing.answers import Answer, api_of, embeddings


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/v1/chat/completions", "chat"),
        ("/openai/deployments/x/chat/completions", "chat"),
        ("/v1/completions", "completion"),
        ("/v1/embeddings", "embeddings"),
        ("/v1/models", "models"),
        ("/v1/models/acme/chat", "models"),
        ("/v1/files", "other"),
    ],
)
def test_a_path_addresses_an_api_under_any_prefix(path, api):
    assert api_of(path) == api


@pytest.mark.parametrize(
    ("api", "whole", "part"), [("chat", ChatCompletion, ChatCompletionChunk), ("completion", Completion, Completion)]
)
def test_answers_have_the_types_of_the_api(api, whole, part):
    answer = Answer(api, "req-1", "m", {"stream_options": {"include_usage": True}}, ["a", "b"])
    whole.model_validate(answer.document())
    *_, finish, usage = [part.model_validate_json(event.removeprefix(b"data: ")) for event in answer.events()]
    assert (finish.choices[0].finish_reason, usage.choices, usage.usage.completion_tokens) == ("stop", [], 2)


def test_usage_is_streamed_only_if_asked_for():
    assert b"usage" not in b"".join(Answer("chat", "req-1", "m", {}).events())


@pytest.mark.parametrize(
    ("given", "count"), [("one", 1), (["one", "two"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2), (["same", "same"], 2)]
)
def test_each_input_has_its_vector(given, count):
    reply = EmbeddingsResponse.model_validate(embeddings({"input": given, "dimensions": 16}, "m"))
    assert [(item.index, len(item.embedding)) for item in reply.data] == [(i, 16) for i in range(count)]


def test_equal_inputs_have_equal_vectors_and_others_do_not():
    one, two, three = (item["embedding"] for item in embeddings({"input": ["a", "a", "b"]}, "m")["data"])
    assert one == two != three


def test_base64_holds_the_same_numbers():
    request = {"input": "hi", "dimensions": 4}
    (plain,) = embeddings(request, "m")["data"]
    (packed,) = embeddings({**request, "encoding_format": "base64"}, "m")["data"]
    assert list(struct.unpack("<4f", base64.b64decode(packed["embedding"]))) == plain["embedding"]
