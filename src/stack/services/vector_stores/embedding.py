"""Texts as vectors, through the inference router; which model a store gets, and how long its vectors are."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Sequence

from stack.apis.embeddings import EmbeddingsRequest
from stack.apis.inference import Inference, TextLimit
from stack.config.vector_stores import EmbeddingChoice
from stack.errors import (
    BadUpstreamReply,
    InvalidRequest,
    NotFound,
    ProviderUnavailable,
    RequestError,
    StackError,
    shortened,
)
from stack.services.vector_stores.records import StoreRecord

_PROBE = "How long is a vector?"


class Embedder:
    """Embeds for stores. default: the model of stores that name none."""

    def __init__(self, inference: Inference, default: EmbeddingChoice | None) -> None:
        self._inference = inference
        self._default = default
        self._lengths: dict[str, int] = {}

    async def texts(self, store: StoreRecord, texts: Sequence[str]) -> list[array[float]]:
        """A vector per text, (dimension,) float32 each. Raises: ProviderUnavailable where the store's model is gone."""
        if not store.embedding_model:
            message = f"vector store `{store.id}` has no embedding model: send embeddings, or make another store"
            raise InvalidRequest(message, code="no_embedding_model")
        asked = store.dimension if store.asks_dimension else None
        try:
            vectors = await self._embed(store.embedding_model, texts, asked)
        except NotFound as error:
            message = (
                f"vector store `{store.id}` was made with the model `{store.embedding_model}`, which no provider of"
                " this stack serves: bring it back, or make another store"
            )
            raise ProviderUnavailable(message, code="vector_store_unavailable") from error
        return vectors

    async def limit(self, model: str) -> TextLimit | None:
        """How much of a text a model reads, where that is known."""
        try:
            return await self._inference.text_limit(model) if model else None
        except StackError:  # whoever embeds will tell
            return None

    async def choose(self, model: str | None, dimension: int | None) -> tuple[str, int, bool]:
        """Model and dimension of a new store, and whether the model must be asked for that dimension.

        Without any embedding model in the stack, a dimension is enough: callers bring the vectors, and the model is
        empty. Raises: RequestError naming the field.
        """
        if model is None and self._default is not None:
            model, dimension = self._default.name, dimension or self._default.embedding_dimensions
        model = model or await self._first()
        if model is None:
            if dimension is None:
                message = "this stack has no embedding model: add one, or say `embedding_dimension` and send embeddings"
                raise InvalidRequest(message, param="embedding_model", code="no_embedding_model")
            return "", dimension, False
        try:
            length = await self._length(model)
            if dimension in (None, length):
                return model, length, False
            await self._check_shortening(model, length, dimension or length)
        except RequestError as error:
            error.param = error.param if error.param == "embedding_dimension" else "embedding_model"
            raise
        return model, dimension or length, True

    async def _check_shortening(self, model: str, length: int, dimension: int) -> None:
        try:
            made = len((await self._embed(model, [_PROBE], dimension))[0])
        except InvalidRequest:
            made = length
        if made != dimension:
            message = f"`embedding_dimension` is {dimension}, and `{shortened(model)}` makes vectors of {made} numbers"
            raise InvalidRequest(message, param="embedding_dimension")

    async def _first(self) -> str | None:
        models = await self._inference.list_models()
        return next((model.model_id for model in models if model.model_type == "embedding"), None)

    async def _length(self, model: str) -> int:
        if model not in self._lengths:
            self._lengths[model] = len((await self._embed(model, [_PROBE], None))[0])
        return self._lengths[model]

    async def _embed(self, model: str, texts: Sequence[str], dimension: int | None) -> list[array[float]]:
        request = EmbeddingsRequest(model=model, input=list(texts), encoding_format="float")
        if dimension is not None:
            request.dimensions = dimension
        reply = await self._inference.openai_embeddings(request)
        data = sorted(reply.value.data, key=lambda each: each.index)
        vectors = [array("f", each.embedding) for each in data if isinstance(each.embedding, list)]
        lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or len(lengths) != 1 or 0 in lengths:
            message = (
                f"`{model}` was asked for {len(texts)} vectors of one length, and gave {len(vectors)} of {lengths}"
            )
            raise BadUpstreamReply(message, provider_id=reply.meta.provider_id, phase="parse")
        return vectors


def vector_of(numbers: list[float] | str, param: str) -> array[float]:
    """A caller's own vector as float32: of numbers, or of base64 of little-endian float32. Raises: InvalidRequest."""
    if not isinstance(numbers, str):
        return array("f", numbers)
    vector: array[float] = array("f")
    try:
        vector.frombytes(base64.b64decode(numbers, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"`{param}` must be numbers, or base64 of float32 numbers", param=param) from error
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
