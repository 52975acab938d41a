"""Sizes of chunks, and what an embedding model reads of them: what is behind its limit is in no vector."""

from __future__ import annotations

from collections.abc import Sequence

from stack.apis.chunking import LEAST_SIZE, StaticChunking
from stack.apis.models import TextLimit
from stack.config.vector_stores import IngestionConfig
from stack.services.chunking import Count, TextChunk, estimate_tokens

# Of what a model reads, where its tokens are estimated: code and most languages have more of them than is guessed.
SHARE_OF_ESTIMATES = 0.75


def usual_sizes(config: IngestionConfig, limit: TextLimit | None) -> StaticChunking:
    """The sizes of `auto`: what run.yaml says, or less where the model reads less."""
    size = config.default_chunk_size_tokens
    if limit is not None:
        readable = limit.tokens if limit.count else int(limit.tokens * SHARE_OF_ESTIMATES)
        size = max(LEAST_SIZE, min(size, readable))
    overlap = min(config.default_chunk_overlap_tokens, size // 2)
    return StaticChunking(max_chunk_size_tokens=size, chunk_overlap_tokens=overlap)


def counting(limit: TextLimit | None) -> Count:
    """The model's own tokens, or an estimate."""
    return limit.count if limit is not None and limit.count else estimate_tokens


def truncated(pieces: Sequence[TextChunk], limit: TextLimit | None) -> int:
    """How many chunks have an end that the model does not read."""
    return 0 if limit is None else sum(piece.tokens > limit.tokens for piece in pieces)
