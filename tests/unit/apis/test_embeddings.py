from __future__ import annotations

import json

import pytest
from openai.types import CreateEmbeddingResponse
from pydantic import ValidationError

from stack.apis.embeddings import Embedding, EmbeddingsRequest, EmbeddingsResponse, EmbeddingsUsage
from stack.apis.validation import invalid_request


def read(**fields) -> EmbeddingsRequest:
    return EmbeddingsRequest.from_body(json.dumps({"model": "m", **fields}).encode())


@pytest.mark.parametrize("texts", ["a", ["a", ""], [1, 2], [[1], [2, 3]]])
def test_input_is_text_or_token_ids_or_an_array_of_either(texts):
    assert read(input=texts).input == texts


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [[]]}, "input[0]"),
        ({"input": ["a", None]}, "input[1]"),
        ({"input": [[1], ["a"]]}, "input[1][0]"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": 8.0}, "dimensions"),
        ({"input": "a", "encoding_format": 64}, "encoding_format"),
    ],
)
def test_a_wrong_shape_is_refused_where_it_is_wrong(fields, param):
    with pytest.raises(ValidationError) as caught:
        read(**fields)
    assert invalid_request(caught.value).param == param


def test_optional_fields_accept_null_and_unknown_ones_are_kept():
    request = read(input="a", dimensions=None, encoding_format=None, user=None, input_type="query")
    assert request.model_extra == {"input_type": "query"}


@pytest.mark.parametrize("vector", [[0.5, 1, -1e-7], "AAAAPw=="])
def test_a_vector_is_floats_or_base64(vector):
    answer = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": vector}], "model": "m"}
    assert EmbeddingsResponse.model_validate_json(json.dumps(answer)).data[0].embedding == vector


def test_a_built_answer_is_what_openai_reads():
    answer = EmbeddingsResponse(
        object="list",
        data=[Embedding(object="embedding", index=0, embedding=[0.5])],
        model="m",
        usage=EmbeddingsUsage(prompt_tokens=1, total_tokens=1),
    )
    theirs = CreateEmbeddingResponse.model_validate_json(answer.model_dump_json(exclude_unset=True), strict=True)
    assert theirs.data[0].embedding == [0.5]
