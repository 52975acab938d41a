"""Texts that share words, word forms or spelling are embedded close together."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
import time

import pytest
from openai.types import CreateEmbeddingResponse

from stack.apis.embeddings import EmbeddingsRequest
from stack.errors import InvalidRequest, Unsupported, UnsupportedParameter
from stack.providers.inline.playground.embedding import embed


@pytest.fixture
def vectors(playground):
    async def ask(given, **options):
        body = {"model": "lexical-embedding", "input": given, **options}
        reply = await playground.openai_embeddings(EmbeddingsRequest.from_body(json.dumps(body).encode()))
        return [one.embedding for one in reply.value.data]

    return ask


def cosine(first, second):
    return sum(a * b for a, b in zip(embed(first), embed(second), strict=True))


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("the cat sat on the mat", "the cats sat on mats", "quarterly revenue grew"),
        ("restaurant booking", "restuarant bookng", "quantum physics"),
        ("What is the weather in Paris?", "Paris weather today", "What is the price of the book?"),
        ("refund policy", "how do I get my money refunded", "shipping address"),
        ("running shoes", "a shoe for a runner", "kitchen table"),
        ("Straße", "STRASSE", "Gasse"),
        ("東京の人口", "東京の人口は多い", "大阪城公園"),
        ("naïve café", "naïve café", "bitter tea"),
    ],
)
def test_like_texts_are_nearer_than_unlike_ones(text, near, far):
    assert cosine(text, near) > cosine(text, far) + 0.1


def test_unrelated_texts_are_nearly_orthogonal():
    assert abs(cosine("the invoice of March is overdue", "zebras graze beside volcanoes")) < 0.2


@pytest.mark.parametrize("text", ["", "   ", "!?", "a", "the of and", "🙂", "x" * 10_000])
@pytest.mark.parametrize("dimensions", [1, 2, 384, 4096])
def test_every_text_has_a_unit_vector(text, dimensions):
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.sqrt(sum(value * value for value in vector)) == pytest.approx(1, abs=1e-6)


def test_the_bits_are_the_same_everywhere():
    data = struct.pack("<384f", *embed("The quick brown fox, the lazy dog; naïve cafés."))
    assert hashlib.sha256(data).hexdigest()[:16] == "1c63052674aa9636"


async def test_base64_holds_the_same_floats(vectors):
    (floats,) = await vectors("Hello world", encoding_format="float")
    (text,) = await vectors("Hello world", encoding_format="base64")
    assert list(struct.unpack("<384f", base64.b64decode(text))) == floats


async def test_each_vector_belongs_to_its_input(vectors):
    both = await vectors(["first text", "second one"])
    assert both == [*await vectors("first text"), *await vectors("second one")]


async def test_dimensions_are_honoured(vectors):
    assert [len(vector) for vector in await vectors(["a", "b"], dimensions=7)] == [7, 7]


async def test_token_ids_are_embedded_as_they_are(vectors):
    (one,) = await vectors([1, 2, 3])
    same, other = await vectors([[1, 2, 3], [7, 8]])
    assert one == same
    assert sum(a * b for a, b in zip(one, other, strict=True)) < 0.5


async def test_usage_counts_tokens_and_the_reply_is_openais(playground):
    reply = await playground.openai_embeddings(EmbeddingsRequest(model="lexical-embedding", input=["one two", "three"]))
    parsed = CreateEmbeddingResponse.model_validate_json(reply.body)
    assert (parsed.usage.prompt_tokens, parsed.usage.total_tokens) == (3, 3)
    assert [one.index for one in parsed.data] == [0, 1]
    assert reply.meta.headers["x-stack-playground"] == "true"


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (InvalidRequest, {"dimensions": 4097}),
        (UnsupportedParameter, {"encoding_format": "int8"}),
        (UnsupportedParameter, {"input_type": "query"}),
    ],
)
async def test_what_cannot_be_is_refused(vectors, error, options):
    with pytest.raises(error):
        await vectors("Hello", **options)


@pytest.mark.parametrize(("count", "dimensions"), [(2_049, 1), (513, 4_096)])
async def test_more_numbers_than_fit_are_refused(vectors, count, dimensions):
    with pytest.raises(InvalidRequest, match=f"holds {count} texts: send at most {count - 1} at a time"):
        await vectors(["a"] * count, dimensions=dimensions)


async def test_the_chat_model_does_not_embed(playground):
    with pytest.raises(Unsupported, match="only answers chats and completions"):
        await playground.openai_embeddings(EmbeddingsRequest(model="not-an-llm", input="x"))


def test_a_batch_of_short_texts_takes_a_few_milliseconds():
    texts = [f"this is short text number {number} about topic {number * 7} and more" for number in range(64)]
    times = []
    for _ in range(5):
        started = time.thread_time()
        for text in texts:
            embed(text)
        times.append(time.thread_time() - started)
    assert min(times) < 0.050
