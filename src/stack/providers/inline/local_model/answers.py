"""Answers of a model in this process as OpenAI's documents, whole and in chunks."""

from __future__ import annotations

import base64
import json
import time
import uuid
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from stack.apis.embeddings import EmbeddingsRequest, EmbeddingsResponse
from stack.apis.wire import DONE, Reply, ReplyMeta, Stream
from stack.errors import UnsupportedParameter

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Piece:
    """A part of an answer: a delta of the message (a text for completions); finish: in the last one that has one."""

    delta: dict[str, Any] | str
    finish: str | None = None


@dataclass(slots=True)
class Usage:
    """Tokens; filled in while the answer is made."""

    prompt: int = 0
    completion: int = 0

    def document(self) -> dict[str, int]:
        """OpenAI's `usage`."""
        total = self.prompt + self.completion
        return {"prompt_tokens": self.prompt, "completion_tokens": self.completion, "total_tokens": total}


@dataclass(slots=True)
class Chunks:
    """The chunks of one stream. is_chat: of a conversation; with_usage: one more at the end tells the tokens."""

    model: str
    is_chat: bool
    with_usage: bool
    usage: Usage
    created: int = field(default_factory=lambda: int(time.time()))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def blocks(self, first: Piece, rest: AsyncIterator[Piece], meta: ReplyMeta) -> AsyncGenerator[bytes, None]:
        """SSE events; the tokens are in `meta` at the end."""
        yield self._event(first)
        async for piece in rest:
            yield self._event(piece)
        meta.prompt_tokens, meta.completion_tokens = self.usage.prompt, self.usage.completion
        if self.with_usage:
            yield _sse({**self._head(), "choices": [], "usage": self.usage.document()})
        yield DONE

    def _head(self) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        prefix = "chatcmpl" if self.is_chat else "cmpl"
        return {"id": f"{prefix}-{self.id}", "object": kind, "created": self.created, "model": self.model}

    def _event(self, piece: Piece) -> bytes:
        part = "delta" if self.is_chat else "text"
        choice = {"index": 0, part: piece.delta, "finish_reason": piece.finish, "logprobs": None}
        return _sse({**self._head(), "choices": [choice]})


async def streamed(kind: type[M], chunks: Chunks, pieces: AsyncGenerator[Piece, None], meta: ReplyMeta) -> Stream[M]:
    """A stream that has begun: what is wrong with a request is raised here, before any byte. Raises: StackError."""
    try:
        first = await anext(pieces)
    except BaseException:
        await pieces.aclose()
        raise
    return Stream(kind, meta, chunks.blocks(first, pieces, meta), pieces.aclose)


def whole(kind: type[M], model: str, choice: dict[str, Any], usage: Usage, meta: ReplyMeta) -> Reply[M]:
    """A whole answer. choice: `message` or `text`, and `finish_reason`."""
    is_chat = "message" in choice
    document = {
        "id": f"{'chatcmpl' if is_chat else 'cmpl'}-{uuid.uuid4().hex}",
        "object": "chat.completion" if is_chat else "text_completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "logprobs": None, **choice}],
        "usage": usage.document(),
    }
    meta.prompt_tokens, meta.completion_tokens = usage.prompt, usage.completion
    return Reply(kind, meta, body=json.dumps(document, ensure_ascii=False).encode())


def embedded(
    request: EmbeddingsRequest, vectors: Sequence[Sequence[float]], tokens: int, meta: ReplyMeta
) -> Reply[EmbeddingsResponse]:
    """The vectors in the order of the input. Raises: UnsupportedParameter for another length than they have."""
    if request.dimensions not in (None, len(vectors[0])):
        message = f"`dimensions` is {request.dimensions}: the vectors of this model have {len(vectors[0])}"
        raise UnsupportedParameter(message, param="dimensions")
    as_base64 = request.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    document = {"object": "list", "data": data, "model": request.model, "usage": usage}
    meta.prompt_tokens = tokens
    return Reply(EmbeddingsResponse, meta, body=json.dumps(document).encode())


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(array("f", vector).tobytes()).decode()


def _sse(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
