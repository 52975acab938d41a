"""Embeddings: as numbers and as base64, of one text or many."""

from __future__ import annotations

import base64
import struct

import openai
import pytest


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_each_text_has_its_vector_in_order(embed, embedding_model):
    answer = embed("a cat", "a dog", "a cat")
    vectors = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert (answer.object, answer.model) == ("list", embedding_model)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0


def test_a_text_alone_is_a_batch_of_one(embed):
    alone = embed(input="a cat").data
    assert len(alone) == 1
    assert alone[0].embedding == embed("a cat").data[0].embedding


def test_base64_holds_the_same_numbers(wire, embedding_model):
    asked = {"model": embedding_model, "input": "a cat"}
    as_text, as_numbers = (
        wire.post("/v1/embeddings", json={**asked, "encoding_format": form}).json()["data"][0]["embedding"]
        for form in ("base64", "float")
    )
    decoded = struct.unpack(f"<{len(as_numbers)}f", base64.b64decode(as_text))
    assert decoded == pytest.approx(as_numbers, abs=1e-6)


@pytest.mark.parametrize("dimensions", [8, 256])
def test_dimensions_shorten_the_vector(embed, dimensions):
    assert len(embed("a cat", dimensions=dimensions).data[0].embedding) == dimensions


def test_related_texts_are_closer_than_others(embed):
    cat, cats, tax = (item.embedding for item in embed("a sleeping cat", "sleeping cats", "income tax law").data)
    assert dot(cat, cats) > dot(cat, tax)


def test_token_ids_are_embedded(embed):
    assert len(embed(input=[[1, 2, 3], [4, 5]]).data) == 2


def test_a_large_batch_comes_back_whole(embed):
    assert [item.index for item in embed(*(f"text {n}" for n in range(300))).data] == list(range(300))


async def test_the_asynchronous_client_embeds(async_client, embedding_model):
    answer = await async_client.embeddings.create(model=embedding_model, input=["a", "b"])
    assert len(answer.data) == 2


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": None}, "input"),
        ({"input": "a", "dimensions": "8"}, "dimensions"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_request_of_another_shape_is_refused_by_name(client, embedding_model, request_, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=embedding_model, **{"encoding_format": "float", **request_})
    assert caught.value.param.startswith(param)
