"""What a well-behaved OpenAI-compatible upstream says: whole documents and streamed events, without any I/O."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Api = Literal["chat", "completion", "embeddings", "models", "rerank", "other"]
Json = dict[str, Any]

# Beyond ASCII on purpose: two, three and four bytes of UTF-8, so that a cut between bytes shows.
WORDS = ("All ", "is ", "well ", "here: ", "caf\u00e9, ", "\u2014 ", "\U0001f680 ", "done.")
DONE = b"data: [DONE]\n\n"

_ENDPOINTS: Mapping[str, Api] = {
    "/chat/completions": "chat",
    "/completions": "completion",
    "/embeddings": "embeddings",
    "/models": "models",
    "/rerank": "rerank",
}
_ENDPOINT = re.compile(r"(/chat/completions|/completions|/embeddings|/models|/rerank)(?:/.*)?")


def api_of(path: str) -> Api:
    """Which API a path addresses, whatever prefix it carries."""
    found = _ENDPOINT.search(path)
    return _ENDPOINTS[found[1]] if found else "other"


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(data: object) -> bytes:
    """One SSE event that carries a JSON value."""
    return b"data: " + encode(data) + b"\n\n"


def error_body(status: int, message: str, code: str | None = None) -> Json:
    """OpenAI's error object; `code` and `type` are those that OpenAI sends with this status."""
    codes = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
    types = {403: "permission_error", 429: "requests"}
    kind = types.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code or codes.get(status)}}


@dataclass(frozen=True)
class Answer:
    """A correct answer to one request, in parts (`pieces` of text), to be sent whole or streamed.

    request: the decoded body; its `input`, `dimensions`, `stream` and `stream_options` shape the answer.
    listed: the ids of a models list, where no one model is asked for.
    """

    api: Api
    id: str
    model: str
    request: Json
    pieces: Iterable[str] = WORDS
    listed: Sequence[str] = ()

    @property
    def streamed(self) -> bool:
        """Whether the caller asked for a stream, where a stream exists."""
        return self.api in ("chat", "completion") and self.request.get("stream") is True

    def document(self) -> Json:
        """The whole answer."""
        if self.api == "embeddings":
            return embeddings(self.request, self.model)
        if self.api == "rerank":
            return reranked(self.request, self.model)
        if self.api == "models":
            objects = [model_object(name) for name in self.listed]
            return {"object": "list", "data": objects} if objects else model_object(self.model)
        text = "".join(self.pieces)
        said: Json = {"message": {"role": "assistant", "content": text}} if self.api == "chat" else {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": "stop"}
        kind = "chat.completion" if self.api == "chat" else "text_completion"
        return {**self._envelope(kind), "choices": [choice], "usage": self._usage(len(text.split()))}

    def events(self) -> Iterator[bytes]:
        """The SSE events of the stream: one per piece, the finish, the usage if it was asked for; no `[DONE]`."""
        count = 0
        encoded: dict[str, bytes] = {}
        for count, piece in enumerate(self.pieces, 1):
            if count == 1:
                yield self.chunk(piece, role=True)
            else:
                yield encoded.get(piece) or encoded.setdefault(piece, self.chunk(piece))
        yield self.chunk("", finish="stop")
        if (self.request.get("stream_options") or {}).get("include_usage"):
            yield event({**self._envelope(self._chunk_kind), "choices": [], "usage": self._usage(count)})

    def chunk(self, text: str, *, role: bool = False, finish: str | None = None) -> bytes:
        """One event of a stream."""
        if self.api == "chat":
            delta = {"role": "assistant"} if role else {}
            said: Json = {"delta": {**delta, "content": text} if text else delta}
        else:
            said = {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish}
        return event({**self._envelope(self._chunk_kind), "choices": [choice]})

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self.api == "chat" else "text_completion"

    def _envelope(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": 1700000000, "model": self.model}

    def _usage(self, completion: int) -> Json:
        prompt = len(str(self.request.get("messages") or self.request.get("prompt") or "").split())
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def embeddings(request: Json, model: str) -> Json:
    """Vectors that depend on the input alone: equal inputs, equal vectors; 8 numbers unless `dimensions` says more."""
    given = request.get("input", "")
    inputs = given if isinstance(given, list) and not all(isinstance(item, int) for item in given) else [given]
    size = int(request.get("dimensions") or 8)
    numbers = [_vector(item, size) for item in inputs]
    vectors = [base64_floats(v) for v in numbers] if request.get("encoding_format") == "base64" else numbers
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    tokens = sum(len(item) if isinstance(item, list) else len(str(item).split()) for item in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def reranked(request: Json, model: str) -> Json:
    """Documents ordered by how many words of the query they hold, the longer share first."""
    wanted = set(str(request.get("query", "")).lower().split())
    held = [len(wanted & set(str(text).lower().split())) for text in request.get("documents", ())]
    order = sorted(range(len(held)), key=lambda index: (-held[index], index))[: request.get("top_n")]
    scores = [{"index": index, "relevance_score": held[index] / max(1, len(wanted))} for index in order]
    return {"id": "rerank-1", "model": model, "results": scores}


def _vector(item: object, size: int) -> list[float]:
    # Steps of 1/128 are exact in float32: the base64 form and the list hold the very same numbers.
    return [byte / 128 - 1 for byte in hashlib.shake_256(encode(item)).digest(size)]


def base64_floats(numbers: Sequence[float]) -> str:
    """Little-endian float32, as OpenAI encodes embeddings for `encoding_format: base64`."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def model_object(model: str) -> Json:
    """One entry of the models list."""
    return {"id": model, "object": "model", "created": 1700000000, "owned_by": "stack-testing"}
