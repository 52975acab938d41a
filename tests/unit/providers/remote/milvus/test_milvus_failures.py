"""A Milvus that is down, crashes, is slow or refuses: an error each time, never an empty answer."""

from __future__ import annotations

import asyncio
import signal
import socket
from array import array
from typing import Any

import pytest
from vector_calls import CALLS, STORE, chunk, with_a_chunk

from stack.apis.context import RequestContext, request_context
from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import EmbeddedChunk, VectorQuery, VectorStoreSpec
from stack.errors import InvalidRequest, Unreachable, UpstreamTimeout
from stack.testing.engines import EngineServer
from stack.testing.http import HOST


async def test_a_server_that_crashes_is_missed_and_has_lost_nothing(own_milvus: EngineServer, make_provider: Any):
    provider = await with_a_chunk(await make_provider(url=f"http://{HOST}:{own_milvus.port}"))
    await provider.insert_chunks(STORE, [chunk(f"c{n}") for n in range(500)])
    own_milvus.stop(signal.SIGKILL)
    for call in CALLS.values():
        with pytest.raises(Unreachable) as raised:
            await call(provider)
        assert (raised.value.status, raised.value.code) == (503, "storage_unavailable")
        assert raised.value.headers()["retry-after"] == "1"
    await asyncio.to_thread(own_milvus.start)
    assert await provider.count_chunks(STORE) == 501
    assert len(await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 1000))) == 501


async def test_a_server_that_is_not_there_at_the_start_may_come_later(own_milvus: EngineServer, make_provider: Any):
    own_milvus.stop()
    provider = await make_provider(url=f"http://{HOST}:{own_milvus.port}")
    with pytest.raises(Unreachable):
        await provider.list_stores()
    await asyncio.to_thread(own_milvus.start)
    assert await provider.list_stores() == []


async def test_a_port_that_takes_connections_and_says_nothing_is_an_error_in_time(make_provider: Any):
    with socket.create_server((HOST, 0)) as silent:
        provider = await make_provider(url=f"http://{HOST}:{silent.getsockname()[1]}", request_timeout_s=0.3)
        with pytest.raises((UpstreamTimeout, Unreachable)):
            await provider.list_stores()


async def test_the_deadline_of_a_request_ends_a_wait(make_provider: Any):
    with socket.create_server((HOST, 0)) as silent:
        provider = await make_provider(url=f"http://{HOST}:{silent.getsockname()[1]}", request_timeout_s=0.5)
        token = request_context.set(RequestContext(deadline=asyncio.get_running_loop().time() + 0.1))
        try:
            with pytest.raises(UpstreamTimeout) as raised:
                await provider.list_stores()
        finally:
            request_context.reset(token)
    assert raised.value.code == "deadline_exceeded"


async def test_a_prefix_may_begin_with_a_digit_and_keeps_deployments_apart(make_provider: Any):
    one, two = await make_provider(collection_prefix="1st"), await make_provider(collection_prefix="2nd")
    await with_a_chunk(one)
    assert [each.vector_store_id for each in await one.list_stores()] == [STORE]
    assert await two.list_stores() == []
    await one.delete_store(STORE)


async def test_an_insert_of_more_than_one_call_takes_arrives(make_provider: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stack.providers.remote.vector_io.milvus._MAX_CHUNKS", 64)
    provider = await make_provider()
    await provider.create_store(VectorStoreSpec(STORE, 3))
    for attempt in range(2):  # the second replaces them
        await provider.insert_chunks(STORE, [chunk(f"c{n}", attempt=attempt) for n in range(300)])
    assert await provider.count_chunks(STORE) == 300
    only = ComparisonFilter(type="eq", key="attempt", value=0)
    assert await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 10, only)) == []
    await provider.delete_store(STORE)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (chunk("a", "wörd " * 11_000), "content"),
        (chunk("a", tag="x" * 70_000), "metadata"),
        (EmbeddedChunk("a", "", array("f", [1, 0, 0]), {}, {"long": "x" * 70_000}), "chunk_metadata"),
    ],
)
async def test_what_milvus_cannot_keep_is_refused_by_name(bad: EmbeddedChunk, field: str, make_provider: Any):
    provider = await with_a_chunk(await make_provider())
    with pytest.raises(InvalidRequest, match="at most 6553") as raised:
        await provider.insert_chunks(STORE, [chunk("first"), bad])
    assert raised.value.param == f"chunks[1].{field}"
    assert await provider.count_chunks(STORE) == 1
    await provider.delete_store(STORE)


@pytest.mark.parametrize("index", ["FLAT", "HNSW", "IVF_FLAT", "AUTOINDEX"])
async def test_every_index_finds_what_is_nearest(index: str, make_provider: Any):
    provider = await make_provider()
    await provider.create_store(VectorStoreSpec(STORE, 3, params={"index": index, "lists": 4, "probes": 4}))
    await provider.insert_chunks(STORE, [EmbeddedChunk(f"c{n}", "", array("f", [1, n, 0])) for n in range(200)])
    found = await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 3))
    assert [one.chunk.chunk_id for one in found] == ["c0", "c1", "c2"]
    await provider.delete_store(STORE)


async def test_texts_do_not_end_early_in_expressions(make_provider: Any):
    provider = await with_a_chunk(await make_provider())
    for text in ('" or true or "', "\\", '\\"', "a\nb", "{x}", "' or '"):
        for filter in (
            ComparisonFilter(type="eq", key="a", value=text),
            ComparisonFilter(type="eq", key=text, value=1),
        ):
            assert await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 3, filter)) == []
        await provider.insert_chunks(STORE, [chunk(text, a=text)])
        only = ComparisonFilter(type="eq", key="a", value=text)
        [found] = await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 3, only))
        assert found.chunk.chunk_id == text
    await provider.delete_store(STORE)


@pytest.mark.parametrize("params", [{"ef_search": 0}, {"nonsense": 1}, {"index": "flat"}])
async def test_an_impossible_setting_is_refused_by_name(params: dict[str, Any], make_provider: Any):
    provider = await make_provider()
    with pytest.raises(InvalidRequest) as raised:
        await provider.create_store(VectorStoreSpec(STORE, 3, params=params))
    assert raised.value.param == f"params.{next(iter(params))}"
