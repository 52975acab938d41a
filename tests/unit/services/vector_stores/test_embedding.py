"""Vectors of texts: each text gets its own, in whichever order a model answers."""

from __future__ import annotations

from typing import Any

from stack.apis.embeddings import Embedding, EmbeddingsRequest, EmbeddingsResponse
from stack.apis.inference import Inference
from stack.apis.wire import Reply
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.records import StoreRecord


class Backwards(Inference):
    """Answers the last text first, as `index` allows."""

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        data = [Embedding(index=at, embedding=[float(len(text))]) for at, text in enumerate(request.input)]
        return Reply.of(EmbeddingsResponse(data=data[::-1]))


def store(**fields: Any) -> StoreRecord:
    known = dict.fromkeys(StoreRecord.__dataclass_fields__) | {"embedding_model": "m", "dimension": 1}
    return StoreRecord(**(known | fields))


async def test_each_text_gets_the_vector_of_its_index():
    vectors = await Embedder(Backwards(), None).texts(store(), ["a", "bb", "ccc"])
    assert [vector.tolist() for vector in vectors] == [[1.0], [2.0], [3.0]]
