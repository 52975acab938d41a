"""A Chroma that is down, crashes, is slow or refuses: an error each time, never an empty answer."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from array import array
from typing import Any

import pytest
from vector_calls import CALLS, STORE, chunk, with_a_chunk

from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import VectorQuery, VectorStoreSpec
from stack.errors import InvalidRequest, Unreachable, UpstreamRejected, UpstreamTimeout
from stack.testing.engines import EngineServer
from stack.testing.http import HOST


async def test_a_server_that_crashes_is_missed_and_has_lost_nothing(own_chroma: EngineServer, make_provider: Any):
    provider = await with_a_chunk(await make_provider(url=f"http://{HOST}:{own_chroma.port}"))
    await provider.insert_chunks(STORE, [chunk(f"c{n}") for n in range(500)])
    own_chroma.stop(signal.SIGKILL)
    for call in CALLS.values():
        with pytest.raises(Unreachable) as raised:
            await call(provider)
        assert (raised.value.status, raised.value.code) == (503, "storage_unavailable")
        assert raised.value.headers()["retry-after"] == "1"
    await asyncio.to_thread(own_chroma.start)
    assert await provider.count_chunks(STORE) == 501
    # Every one is read: that the index finds all of 500 equal vectors is not promised.
    assert len(await provider.get_chunks(STORE, ["a", *(f"c{n}" for n in range(500))])) == 501
    assert await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0])))


async def test_a_server_that_is_not_there_at_the_start_may_come_later(own_chroma: EngineServer, make_provider: Any):
    own_chroma.stop()
    provider = await make_provider(url=f"http://{HOST}:{own_chroma.port}")
    with pytest.raises(Unreachable):
        await provider.list_stores()
    await asyncio.to_thread(own_chroma.start)
    assert await provider.list_stores() == []


async def test_a_port_that_takes_connections_and_says_nothing_is_a_timeout(make_provider: Any):
    with socket.create_server((HOST, 0)) as silent:
        provider = await make_provider(url=f"http://{HOST}:{silent.getsockname()[1]}", request_timeout_s=0.2)
        with pytest.raises(UpstreamTimeout):
            await provider.list_stores()


async def test_a_certificate_that_nobody_vouches_for_is_refused(make_provider: Any, answering: Any):
    from stack.testing.tls import server_context

    server = await answering(b"", tls=server_context())
    provider = await make_provider(url=f"https://localhost:{server.port}")
    with pytest.raises(Unreachable, match="no valid TLS certificate") as raised:
        await provider.list_stores()
    assert (raised.value.status, raised.value.retryable) == (503, False)


@pytest.mark.parametrize(("header", "expected"), [("x-chroma-token", "the key"), ("authorization", "Bearer the key")])
async def test_the_key_is_sent_and_a_refused_one_not_shown(
    header: str, expected: str, make_provider: Any, answering: Any
):
    seen: list[Any] = []

    async def answer(connection: Any, request: Any) -> None:
        seen.append(request)
        await connection.send(refusal(401, "AuthError", "no such key: the key"))

    server = await answering(answer)
    with pytest.raises(UpstreamRejected) as raised:
        await make_provider(url=f"http://{HOST}:{server.port}", api_key="the key", api_key_header=header)
    assert seen[0].headers[header] == expected
    assert (raised.value.status, raised.value.code) == (502, "upstream_auth_failed")
    assert "the key" not in str(raised.value.envelope())


def refusal(status: int, kind: str, message: str) -> bytes:
    body = json.dumps({"error": kind, "message": message})
    return (
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )


async def test_what_chroma_says_of_a_failure_is_told(make_provider: Any, answering: Any):
    server = await answering(refusal(500, "InternalError", "the disk is gone"))
    with pytest.raises(UpstreamRejected, match="the disk is gone") as raised:
        await make_provider(url=f"http://{HOST}:{server.port}")
    assert (raised.value.status, raised.value.upstream.code) == (502, "InternalError")


async def test_an_answer_that_is_no_json_is_told(make_provider: Any, answering: Any):
    server = await answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
    with pytest.raises(Exception, match="not JSON"):
        await make_provider(url=f"http://{HOST}:{server.port}")


async def test_an_insert_of_more_than_one_call_takes_arrives(make_provider: Any):
    provider = await make_provider()
    provider._server._max_batch = 64  # as a smaller server says of itself
    await provider.create_store(VectorStoreSpec(STORE, 3))
    for attempt in range(2):  # the second replaces them
        await provider.insert_chunks(STORE, [chunk(f"c{n}", attempt=attempt) for n in range(300)])
    assert await provider.count_chunks(STORE) == 300
    only = ComparisonFilter(type="eq", key="attempt", value=0)
    assert await provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]), 10, only)) == []


async def test_databases_do_not_meet(make_provider: Any):
    one, two = await make_provider(), await make_provider(database="another")
    await with_a_chunk(one)
    assert await two.list_stores() == []
    await with_a_chunk(two)
    await one.delete_store(STORE)
    assert await two.count_chunks(STORE) == 1
    await two.delete_store(STORE)


async def test_more_stores_than_one_listing_holds_are_listed_with_their_settings(make_provider: Any):
    provider = await make_provider()
    for n in range(103):
        await provider.create_store(VectorStoreSpec(f"vs_{n}", n + 1, "l2", params={"ef_search": n + 1}))
    listed = {each.vector_store_id: each for each in await provider.list_stores()}
    assert len(listed) == 103
    assert (listed["vs_102"].dimension, listed["vs_102"].metric, listed["vs_102"].params) == (
        103,
        "l2",
        {"ef_search": 103},
    )


@pytest.mark.parametrize("params", [{"ef_search": 0}, {"nonsense": 1}, {"index": "flat"}])
async def test_an_impossible_setting_is_refused_by_name(params: dict[str, Any], make_provider: Any):
    provider = await make_provider()
    with pytest.raises(InvalidRequest) as raised:
        await provider.create_store(VectorStoreSpec(STORE, 3, params=params))
    assert raised.value.param == f"params.{next(iter(params))}"
