"""OpenAI's answer to an embeddings request, as bytes: an object per number and one of JSON around it would be slow."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

import pydantic_core


def answer_body(model: str, vectors: Sequence[bytes], tokens: int, as_base64: bool) -> bytes:
    """The JSON document; each vector is little-endian float32, and stays in its place."""
    data = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%b}' % (index, _base64(vector) if as_base64 else _floats(vector))
        for index, vector in enumerate(vectors)
    )
    usage = b'{"prompt_tokens":%d,"total_tokens":%d}' % (tokens, tokens)
    return b'{"object":"list","model":%b,"data":[%b],"usage":%b}' % (pydantic_core.to_json(model), data, usage)


def _floats(vector: bytes) -> bytes:
    return pydantic_core.to_json(struct.unpack(f"<{len(vector) // 4}f", vector))


def _base64(vector: bytes) -> bytes:
    return b'"%b"' % base64.b64encode(vector)
