"""Chunks are no longer than the embedding model reads, unless somebody wants them so; then it is told."""

from __future__ import annotations

import pytest
import structlog

from stack.apis.models import TextLimit
from stack.config.vector_stores import IngestionConfig
from stack.services.vector_stores.cutting import usual_sizes
from stack.services.vector_stores.schema import _FIRST, DATABASE
from stack.storage import Storage

CATS = "Cats sleep most of the day. " * 200
SHORT = """
models:
- {model_id: short, provider_id: playground, provider_model_id: lexical-embedding, model_type: embedding,
   metadata: {context_length: 200}}
vector_stores: {default_embedding_model: {model_id: short}}
"""
LARGE = {"type": "static", "static": {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 0}}


@pytest.fixture
async def short(open_shelf):
    """A stack whose model reads 200 tokens of a text."""
    return await open_shelf(more=SHORT)


@pytest.mark.parametrize(
    ("limit", "size", "overlap"),
    [
        (None, 800, 400),
        (TextLimit(8191), 800, 400),
        (TextLimit(254, len), 254, 127),
        (TextLimit(512), 384, 192),
        (TextLimit(30, len), 100, 50),
    ],
)
def test_auto_is_what_the_model_reads_with_room_where_tokens_are_estimated(limit, size, overlap):
    sizes = usual_sizes(IngestionConfig(), limit)
    assert (sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens) == (size, overlap)


def test_auto_is_no_more_than_run_yaml_says():
    config = IngestionConfig(default_chunk_size_tokens=200, default_chunk_overlap_tokens=20)
    sizes = usual_sizes(config, TextLimit(254, len))
    assert (sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens) == (200, 20)


@pytest.mark.parametrize("request_", [{}, {"chunking_strategy": {"type": "auto"}}])
async def test_files_are_cut_to_what_the_stores_model_reads(short, request_):
    file = await short.add(await short.create(), CATS, **request_)
    assert (file.chunking_strategy.static.max_chunk_size_tokens, file.chunks_truncated) == (150, 0)


async def test_files_of_a_batch_and_of_a_new_store_are_too(short):
    file_id = await short.upload(CATS)
    store = await short.create(file_ids=[file_id])
    assert (await short.done(store, file_id)).chunking_strategy.static.max_chunk_size_tokens == 150


async def test_larger_chunks_that_are_asked_for_are_made_and_told(short):
    with structlog.testing.capture_logs() as logs:
        file = await short.add(await short.create(), CATS, chunking_strategy=LARGE)
    assert (file.status, file.chunking_strategy.static.max_chunk_size_tokens) == ("completed", 400)
    assert 0 < file.chunks_truncated <= file.chunks_total
    (told,) = [entry for entry in logs if entry["event"] == "chunks longer than the model reads"]
    assert (told["chunks"], told["tokens"], told["model"]) == (file.chunks_truncated, 200, "short")


async def test_a_file_that_is_cut_anew_is_counted_anew(short):
    store = await short.create()
    file = await short.add(store, CATS, chunking_strategy=LARGE)
    await short.attach(store, file.id)
    assert (await short.done(store, file.id)).chunks_truncated == 0


async def test_a_model_without_a_known_limit_gets_openais_sizes(shelf):
    file = await shelf.add(await shelf.create(), CATS)
    assert (file.chunking_strategy.static.max_chunk_size_tokens, file.chunks_truncated) == (800, 0)


async def test_a_database_of_the_first_schema_is_taken_over(tmp_path, open_shelf):
    old = Storage(tmp_path / "state")
    await old.database(DATABASE, migrations=[_FIRST])
    await old.close()
    shelf = await open_shelf()
    assert (await shelf.add(await shelf.create(), CATS)).chunks_truncated == 0
