"""Embeddings: texts as vectors. Source: https://platform.openai.com/docs/api-reference/embeddings"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stack.apis.shapes import Items
from stack.apis.wire import WireModel, WireRequest

_NotEmpty = Field(min_length=1)


class EmbeddingsRequest(WireRequest):
    """Texts to embed.

    input: one text or one array of token ids, or an array of either. dimensions: length of each vector, where the
    model can shorten it. encoding_format: base64 is of little-endian float32.
    Source: https://platform.openai.com/docs/api-reference/embeddings/create
    """

    input: (
        Annotated[str, _NotEmpty]
        | Annotated[Items[str], _NotEmpty]
        | Annotated[Items[int], _NotEmpty]
        | Annotated[Items[Annotated[Items[int], _NotEmpty]], _NotEmpty]
    )
    dimensions: Annotated[int, Field(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | str | None = None
    user: str | None = None


class Embedding(WireModel):
    """The vector of `input[index]`: floats, or base64 of little-endian float32. Builders set all three fields."""

    index: int = 0
    object: Literal["embedding"] | str = "embedding"
    embedding: Items[float] | str


class EmbeddingsUsage(WireModel):
    """Tokens read; no others are counted for embeddings."""

    prompt_tokens: int = 0
    total_tokens: int = 0


class EmbeddingsResponse(WireModel):
    """One vector per input. Builders set object, data (in the order of the input), model and usage explicitly.

    Source: https://platform.openai.com/docs/api-reference/embeddings/object
    """

    object: Literal["list"] | str = "list"
    data: Items[Embedding]
    model: str = ""
    usage: EmbeddingsUsage | None = None
