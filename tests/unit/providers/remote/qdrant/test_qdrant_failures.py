"""What Qdrant's client sends to a server, and what becomes of a server's failures."""

from __future__ import annotations

import asyncio
import json
import socket
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from vector_calls import CALLS, STORE

from stack.apis.context import RequestContext, request_context
from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import EmbeddedChunk, VectorQuery, VectorStoreSpec
from stack.errors import (
    InvalidRequest,
    ProviderUnavailable,
    RateLimited,
    Unreachable,
    UpstreamRejected,
    UpstreamTimeout,
)
from stack.testing.deps import provider_deps
from stack.testing.http import HOST
from stack.testing.server_process import free_port
from stack.testing.tls import server_context

pytest.importorskip("qdrant_client", reason="needs `pip install 'qdrant-client>=1.16'`")

TOLD = json.dumps([STORE, 3, "cosine", "", {}])
COLLECTION = {
    "status": "green",
    "optimizer_status": "ok",
    "segments_count": 1,
    "config": {
        "params": {"vectors": {"embedding": {"size": 3, "distance": "Cosine"}}},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
        "optimizer_config": {
            "deleted_threshold": 0.2,
            "vacuum_min_vector_number": 1,
            "default_segment_number": 0,
            "flush_interval_sec": 5,
        },
        "metadata": {"stack_store": TOLD},
    },
    "payload_schema": {},
}


@pytest.fixture
async def make_provider() -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    from stack.providers.remote.vector_io.qdrant import Config, Qdrant

    made: list[Qdrant] = []

    async def make(**config: Any) -> Qdrant:
        made.append(Qdrant(Config(**config), provider_deps("qdrant")))
        await made[-1].initialize()
        return made[-1]

    yield make
    for each in made:
        await each.shutdown()


def answer_of(status: int, document: Any, *headers: str) -> bytes:
    body = json.dumps(document)
    head = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def server_that_knows(collection: dict[str, Any], seen: list[Any]) -> Any:
    """Answers as a server that holds nothing but one collection."""

    async def answer(connection: Any, request: Any) -> None:
        seen.append(request)
        result: Any = True
        if request.path.endswith("/points/query"):
            result = {"points": []}
        elif request.path == "/collections":
            result = {"collections": []}
        elif request.method == "GET":
            result = collection
        elif request.path.endswith(("/points", "/index")):
            result = {"operation_id": 1, "status": "completed"}
        await connection.send(answer_of(200, {"result": result, "status": "ok", "time": 0.1}))

    return answer


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_is_down_is_an_error(call: str, make_provider: Any):
    provider = await make_provider(url=f"http://{HOST}:{free_port()}")
    with pytest.raises(Unreachable) as raised:
        await CALLS[call](provider)
    assert (raised.value.status, raised.value.code) == (503, "storage_unavailable")
    assert raised.value.headers()["retry-after"] == "1"


async def test_a_server_that_says_nothing_is_a_timeout(make_provider: Any):
    with socket.create_server((HOST, 0)) as silent:
        provider = await make_provider(url=f"http://{HOST}:{silent.getsockname()[1]}", request_timeout_s=1)
        token = request_context.set(RequestContext(deadline=asyncio.get_running_loop().time() + 0.1))
        try:
            with pytest.raises(UpstreamTimeout) as raised:
                await provider.list_stores()
        finally:
            request_context.reset(token)
        assert raised.value.code == "deadline_exceeded"
        with pytest.raises(UpstreamTimeout, match="in time"):
            await provider.list_stores()


async def test_a_certificate_that_nobody_vouches_for_is_refused(make_provider: Any, answering: Any):
    server = await answering(b"", tls=server_context())
    provider = await make_provider(url=f"https://localhost:{server.port}")
    with pytest.raises(Unreachable, match="no valid TLS certificate") as raised:
        await provider.list_stores()
    assert not raised.value.retryable


async def test_the_key_is_sent_and_a_refused_one_not_shown(make_provider: Any, answering: Any):
    seen: list[Any] = []

    async def answer(connection: Any, request: Any) -> None:
        seen.append(request)
        await connection.send(answer_of(403, {"status": {"error": "no such key: the key"}}))

    server = await answering(answer)
    with pytest.raises(UpstreamRejected) as raised:
        await make_provider(url=f"http://{HOST}:{server.port}", api_key="the key")
    assert seen[0].headers["api-key"] == "the key"
    assert (raised.value.status, raised.value.code) == (502, "upstream_auth_failed")
    assert "the key" not in str(raised.value.envelope())


async def test_what_qdrant_says_of_a_failure_is_told(make_provider: Any, answering: Any):
    server = await answering(answer_of(500, {"status": {"error": "No space left on device"}}))
    with pytest.raises(UpstreamRejected, match="No space left") as raised:
        await make_provider(url=f"http://{HOST}:{server.port}")
    assert (raised.value.status, raised.value.retryable) == (502, True)


async def test_a_server_that_wants_less_is_rate_limited(make_provider: Any, answering: Any):
    server = await answering(answer_of(429, {"status": {"error": "slow down"}}, "retry-after: 7"))
    with pytest.raises(RateLimited) as raised:
        await make_provider(url=f"http://{HOST}:{server.port}")
    assert raised.value.headers()["retry-after"] == "7"


@pytest.mark.parametrize("document", [{"hello": 1}, {"result": 1}, "hello"])
async def test_an_answer_that_is_not_qdrants_is_told(document: Any, make_provider: Any, answering: Any):
    server = await answering(answer_of(200, document))
    with pytest.raises(UpstreamRejected) as raised:
        await make_provider(url=f"http://{HOST}:{server.port}")
    assert raised.value.code == "upstream_bad_response"


async def test_a_server_too_old_to_keep_metadata_is_refused(make_provider: Any, answering: Any):
    seen: list[Any] = []
    config = {key: value for key, value in COLLECTION["config"].items() if key != "metadata"}
    server = await answering(server_that_knows(COLLECTION | {"config": config}, seen))
    provider = await make_provider(url=f"http://{HOST}:{server.port}")
    with pytest.raises(ProviderUnavailable, match=r"older than 1\.16"):
        await provider.create_store(VectorStoreSpec(STORE, 3))
    assert seen[-1].method == "DELETE"


async def test_settings_of_a_store_reach_the_server(make_provider: Any, answering: Any):
    seen: list[Any] = []
    server = await answering(server_that_knows(COLLECTION, seen))
    provider = await make_provider(url=f"http://{HOST}:{server.port}", store_defaults={"ef_search": 300})
    await provider.create_store(VectorStoreSpec(STORE, 3, params={"m": 8, "indexed": ["year"]}))
    made = next(each.json for each in seen if each.method == "PUT")
    assert made["vectors"]["embedding"]["hnsw_config"]["m"] == 8
    indexed = {each.json["field_name"]: each.json["field_schema"] for each in seen if each.path.endswith("/index")}
    assert indexed.items() >= {"t_year": "keyword", "n_year": "float", "b_year": "bool", "o5_year": "float"}.items()
    only = ComparisonFilter(type="gt", key="year", value=1999)
    assert await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 5, only)) == []
    assert seen[-1].json["params"] == {"hnsw_ef": 300, "exact": False}
    assert seen[-1].json["filter"] == {"should": [{"key": "n_year", "range": {"gt": 1999.0}}]}


async def test_an_insert_of_more_than_one_call_takes_goes_in_several(
    make_provider: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stack.providers.remote.vector_io.qdrant._MAX_CHUNKS", 64)
    provider = await make_provider(path=":memory:")
    await provider.create_store(VectorStoreSpec(STORE, 3))
    chunks = [EmbeddedChunk(f"c{n}", "text", array("f", [1, n, 0])) for n in range(300)]
    await provider.insert_chunks(STORE, chunks)
    assert await provider.count_chunks(STORE) == 300


async def test_a_folder_keeps_stores(tmp_path: Path, make_provider: Any):
    provider = await make_provider(path=str(tmp_path / "qdrant"))
    await CALLS["create"](provider)
    await CALLS["insert"](provider)
    await provider.shutdown()
    again = await make_provider(path=str(tmp_path / "qdrant"))
    assert [each.vector_store_id for each in await again.list_stores()] == [STORE]
    assert [one.chunk.chunk_id for one in await CALLS["keyword"](again)] == ["b"]


async def test_deployments_with_prefixes_of_their_own_do_not_meet(tmp_path: Path, make_provider: Any):
    one = await make_provider(path=str(tmp_path))
    await CALLS["create"](one)
    await one.shutdown()
    two = await make_provider(path=str(tmp_path), collection_prefix="two")
    assert await two.list_stores() == []


@pytest.mark.parametrize("params", [{"ef_search": 0}, {"nonsense": 1}, {"indexed": "year"}])
async def test_an_impossible_setting_is_refused_by_name(params: dict[str, Any], make_provider: Any):
    provider = await make_provider(path=":memory:")
    with pytest.raises(InvalidRequest) as raised:
        await provider.create_store(VectorStoreSpec(STORE, 3, params=params))
    assert raised.value.param == f"params.{next(iter(params))}"
