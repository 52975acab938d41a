"""The packaged model gives the vectors of sentence-transformers; `write_reference.py` says how they came about."""

from __future__ import annotations

import base64
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from stack.apis.embeddings import EmbeddingsRequest
from stack.providers.inline.onnx_embeddings.weights import PACKAGE

MODEL = "all-MiniLM-L6-v2"
REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_bytes())
TEXTS = [row["text"] for row in REFERENCE]


@pytest.fixture
async def packaged(embedder):
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"`{PACKAGE}` is not installed: run `stack build --distro starter --in-place`")
    return await embedder()


def difference(reply, rows):
    """The largest one between the numbers of a reply and those of the reference."""
    expected = [np.frombuffer(base64.b64decode(row["vector"]), "<f4") for row in rows]
    return np.abs(np.array([one.embedding for one in reply.value.data]) - expected).max()


async def test_a_batch_of_all_texts_gives_the_reference(packaged):
    reply = await packaged.openai_embeddings(EmbeddingsRequest(model=MODEL, input=TEXTS))
    assert difference(reply, REFERENCE) < 1e-5
    assert reply.value.usage.prompt_tokens == sum(min(row["tokens"], 256) for row in REFERENCE)
    assert reply.meta.headers == {"x-stack-truncated-inputs": str(sum(row["tokens"] > 256 for row in REFERENCE))}


@pytest.mark.parametrize("row", [row for row in REFERENCE if row["text"]], ids=lambda row: row["text"][:20])
async def test_a_text_by_itself_gives_the_reference(packaged, row):
    assert difference(await packaged.openai_embeddings(EmbeddingsRequest(model=MODEL, input=row["text"])), [row]) < 1e-5


async def test_the_model_is_listed_with_its_sizes(packaged):
    [model] = await packaged.list_models()
    assert (model.provider_model_id, model.model_type) == (MODEL, "embedding")
    assert model.metadata == {"embedding_dimension": 384, "context_length": 256}
