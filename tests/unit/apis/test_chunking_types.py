"""Chunking strategies have OpenAI's fields, and refuse others by name."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from openai.types import StaticFileChunkingStrategyObjectParam, StaticFileChunkingStrategyParam
from pydantic import ValidationError

from stack.apis.chunking import AUTO, ChunkingStrategy, StaticChunking
from stack.apis.validation import invalid_request


def strategy(**static: int) -> ChunkingStrategy:
    return ChunkingStrategy.model_validate({"type": "static", "static": static})


def test_the_fields_are_openais():
    assert StaticChunking.model_fields.keys() == get_type_hints(StaticFileChunkingStrategyParam).keys()
    assert ChunkingStrategy.model_fields.keys() == get_type_hints(StaticFileChunkingStrategyObjectParam).keys()


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        (AUTO, (800, 400)),
        (strategy(), (800, 400)),
        (strategy(max_chunk_size_tokens=100), (100, 50)),
        (strategy(max_chunk_size_tokens=4096), (4096, 400)),
        (strategy(max_chunk_size_tokens=200, chunk_overlap_tokens=0), (200, 0)),
    ],
)
def test_answers_show_the_numbers(given: ChunkingStrategy, sizes: tuple[int, int]):
    size, overlap = sizes
    shown = {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}}
    assert given.resolved().model_dump() == shown


@pytest.mark.parametrize(
    ("value", "param", "message"),
    [
        ({}, "type", "is required"),
        ({"type": "semantic"}, "type", "must be `auto` or `static`"),
        ({"type": "static"}, "static", "is required"),
        ({"type": "auto", "static": {}}, "static", "is not a known field"),
        ({"type": "auto", "size": 1}, "size", "is not a known field"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 99}}, "static.max_chunk_size_tokens", "at least 100"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 4097}}, "static.max_chunk_size_tokens", "at most 4096"),
        ({"type": "static", "static": {"max_chunk_size_tokens": "9"}}, "static.max_chunk_size_tokens", "an integer"),
        ({"type": "static", "static": {"chunk_overlap_tokens": 401}}, "static.chunk_overlap_tokens", "at most 400"),
        ({"type": "static", "static": {"chunk_overlap_tokens": -1}}, "static.chunk_overlap_tokens", "at least 0"),
        (
            {"type": "static", "static": {"max_chunk_size_tokens": 600, "chunk_overlap_tokens": 400}},
            "static.chunk_overlap_tokens",
            "at most 300",
        ),
        ({"type": "static", "static": {"overlap": 1}}, "static.overlap", "is not a known field"),
    ],
)
def test_an_error_names_the_field(value: object, param: str, message: str):
    with pytest.raises(ValidationError) as failed:
        ChunkingStrategy.model_validate(value)
    error = invalid_request(failed.value)
    assert error.param == param
    assert message in error.message
