"""Requests are answered in OpenAI's form and in their order; what cannot be honoured is refused by name."""

from __future__ import annotations

import asyncio
import base64
import struct

import numpy as np
import pytest
from openai.types import CreateEmbeddingResponse

from stack.apis.embeddings import EmbeddingsRequest
from stack.errors import InvalidRequest, NotFound, ShuttingDown, UnsupportedParameter

TEXTS = ["a cat", "the mat.", "a", "the cat sat on the mat", "sat"]


async def test_the_reply_is_openais(ask):
    reply = await ask(TEXTS)
    parsed = CreateEmbeddingResponse.model_validate_json(reply.body)
    assert [one.index for one in parsed.data] == [0, 1, 2, 3, 4]
    assert (parsed.model, parsed.object, parsed.data[0].object) == ("tiny", "list", "embedding")
    assert parsed.usage.prompt_tokens == parsed.usage.total_tokens == 4 + 5 + 3 + 8 + 3


async def test_each_vector_belongs_to_its_input(vectors):
    alone = [await vectors(text) for text in TEXTS]
    np.testing.assert_allclose(await vectors(TEXTS), [vector for [vector] in alone], atol=1e-6)


async def test_base64_holds_the_same_floats(vectors):
    (floats,) = await vectors("a cat", encoding_format="float")
    (text,) = await vectors("a cat", encoding_format="base64")
    assert list(struct.unpack("<8f", base64.b64decode(text))) == floats


async def test_the_models_own_dimensions_may_be_asked_for(vectors):
    assert [len(vector) for vector in await vectors("a", dimensions=8)] == [8]


async def test_what_was_cut_is_told(ask, tiny):
    reply = await ask(["the cat sat on the mat", "a", "the cats sat"], {"max_tokens": 5})
    assert reply.meta.headers == {"x-stack-truncated-inputs": "2"}
    assert reply.value.usage.prompt_tokens == 5 + 3 + 5
    np.testing.assert_allclose(reply.value.data[0].embedding, tiny.vector([2, 9, 5, 8, 3]), atol=1e-6)


async def test_of_an_endless_text_only_the_beginning_is_read(ask, tiny):
    reply = await ask([f"a{' ' * 100_000}cat", *["a"] * 64, "the cat"])
    assert reply.meta.headers == {"x-stack-truncated-inputs": "1"}
    np.testing.assert_allclose(reply.value.data[0].embedding, tiny.vector([2, 4, 3]), atol=1e-6)
    np.testing.assert_allclose(reply.value.data[65].embedding, tiny.vector([2, 9, 5, 3]), atol=1e-6)


async def test_what_was_not_cut_needs_no_header(ask):
    assert (await ask(TEXTS)).meta.headers == {}


async def test_a_long_text_is_refused_where_none_is_to_be_cut(ask):
    with pytest.raises(InvalidRequest, match=r"`input\[1\]` is longer than the 5 tokens") as caught:
        await ask(["a", "the cat sat on the mat"], {"max_tokens": 5, "truncate": False})
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("error", "param", "given", "options"),
    [
        (UnsupportedParameter, "dimensions", "a", {"dimensions": 4}),
        (UnsupportedParameter, "encoding_format", "a", {"encoding_format": "int8"}),
        (UnsupportedParameter, "input_type", "a", {"input_type": "query"}),
        (UnsupportedParameter, "input", [5, 6], {}),
        (UnsupportedParameter, "input", [[5, 6], [7]], {}),
        (InvalidRequest, "input", ["a", "a", "a"], {"config": {"max_inputs": 2}}),
        (NotFound, "model", "a", {"model": "large"}),
    ],
)
async def test_what_cannot_be_is_refused(ask, error, param, given, options):
    with pytest.raises(error) as caught:
        await ask(given, **options)
    assert caught.value.param == param


async def test_a_model_is_available_or_not(embedder, tiny):
    made = await embedder(model_dir=tiny.path, model_id="mine")
    assert (await made.check_model_availability("mine")).status == "available"
    assert (await made.check_model_availability("tiny")).status == "absent"


async def test_concurrent_requests_get_their_own_vectors(embedder, tiny):
    made = await embedder(model_dir=tiny.path, threads=3, batch_tokens=16)
    requests = [EmbeddingsRequest(model="tiny", input=[text, "a"]) for text in TEXTS * 20]
    replies = await asyncio.gather(*map(made.openai_embeddings, requests))
    found = [reply.value.data[0].embedding for reply in replies]
    expected = (await made.openai_embeddings(EmbeddingsRequest(model="tiny", input=TEXTS))).value.data
    np.testing.assert_allclose(found, [one.embedding for one in expected] * 20, atol=1e-6)


async def test_after_shutdown_nothing_is_computed(embedder, tiny):
    made = await embedder(model_dir=tiny.path)
    await made.shutdown()
    with pytest.raises(ShuttingDown):
        await made.openai_embeddings(EmbeddingsRequest(model="tiny", input="a"))
