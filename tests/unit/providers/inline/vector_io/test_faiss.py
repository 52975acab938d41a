"""`inline::faiss` against the contract suite, with each kind of index, and what is its own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import InvalidRequest
from stack.testing.vector_io import VectorIOContract
from stack.testing.vector_io.reference import assert_best, chunk, ids, random_chunks, score
from stack.testing.vector_io.vectors import Vectors


class TestFaiss(VectorIOContract):
    @pytest.fixture
    async def provider(self, start: Any) -> VectorIO:
        return await start("faiss")

    @pytest.fixture
    async def other(self, start: Any, provider: VectorIO) -> VectorIO:
        return await start("faiss")


class TestFaissInHalfPrecision(Vectors):
    @pytest.fixture
    async def provider(self, start: Any) -> VectorIO:
        return await start("faiss", index="fp16")


class TestFaissInBytes(Vectors):
    @pytest.fixture
    async def provider(self, start: Any, sizes: Any) -> VectorIO:
        sizes("settings", LEAST_INT8=5)
        return await start("faiss", index="int8")


class TestFaissWithGraphs(Vectors):
    recall: ClassVar[float] = 0.95

    @pytest.fixture
    async def provider(self, start: Any) -> VectorIO:
        return await start("faiss", index="hnsw")


@pytest.fixture
async def graphs(start: Any, sizes: Any) -> Any:
    """A provider that builds graphs of anything."""
    sizes("index", LEAST_SCANNED=50)
    return await start("faiss", index="hnsw")


def graph_of(provider: Any, store: str = "vs") -> Any:
    return provider._indexes._index(store).graph


async def filled(provider: Any, chunks: Any, metric: str = "cosine", dimension: int = 16) -> None:
    await provider.create_store(VectorStoreSpec("vs", dimension, metric))
    await provider.insert_chunks("vs", chunks)
    await provider.settled()


async def recall(provider: Any, chunks: Any, metric: str = "cosine") -> float:
    """Part of the true 10 nearest that is found, over 40 queries."""
    hits = 0
    for asked in chunks[::-1][:40]:
        ranked = sorted(chunks, key=lambda each: score(metric, each.embedding, asked.embedding), reverse=True)
        hits += len({*ids(await provider.query_chunks("vs", VectorQuery(asked.embedding)))} & {*ids(ranked[:10])})
    return hits / 400


@pytest.mark.parametrize("metric", ["cosine", "l2"])
async def test_a_graph_finds_what_a_scan_does(metric, graphs):
    chunks = random_chunks(3_000, 16)
    await filled(graphs, chunks, metric)
    assert len(graph_of(graphs)) == 3_000
    assert await recall(graphs, chunks, metric) >= 0.95


async def test_what_comes_after_a_graph_is_found_at_once_and_joins_it_when_it_is_much(graphs):
    chunks = random_chunks(1_500, 16)
    await filled(graphs, chunks[:1_000])
    await graphs.insert_chunks("vs", chunks[1_000:1_100])
    assert await recall(graphs, chunks[:1_100]) >= 0.95
    await graphs.settled()
    assert len(graph_of(graphs)) == 1_000
    await graphs.insert_chunks("vs", chunks[1_100:])
    await graphs.settled()
    assert len(graph_of(graphs)) == 1_500
    assert await recall(graphs, chunks) >= 0.95


async def test_what_is_deleted_is_not_found_in_a_graph_which_is_built_anew_when_it_is_much(graphs):
    chunks = random_chunks(2_000, 16)
    await filled(graphs, chunks)
    await graphs.delete_chunks("vs", ids(chunks[:300]))
    assert await recall(graphs, chunks[300:]) >= 0.95
    await graphs.delete_chunks("vs", ids(chunks[300:600]))
    await graphs.insert_chunks("vs", [chunk("new", chunks[0].embedding)])
    await graphs.settled()
    assert (len(graph_of(graphs).rows), len(graph_of(graphs).dead)) == (1_401, 0)


async def test_what_is_deleted_while_a_graph_is_built_stays_away(graphs):
    chunks = random_chunks(3_000, 16)
    await graphs.create_store(VectorStoreSpec("vs", 16))
    await graphs.insert_chunks("vs", chunks)
    await graphs.query_chunks("vs", VectorQuery(chunks[0].embedding))
    graphs._indexes.follow_soon("vs")
    await graphs.delete_chunks("vs", ids(chunks[:40]))
    await graphs.settled()
    found = await graphs.query_chunks("vs", VectorQuery(chunks[0].embedding, 2_960))
    assert sorted(ids(found)) == sorted(ids(chunks[40:]))


@pytest.mark.parametrize("passing", [3, 700, 1_900])
async def test_filters_hold_in_a_graph(passing, graphs):
    chunks = random_chunks(2_000, 16)
    await filled(graphs, chunks)
    only = ComparisonFilter(type="lt", key="number", value=passing)
    found = await graphs.query_chunks("vs", VectorQuery(chunks[1].embedding, 10, only))
    assert len(found) == min(10, passing)
    assert all(one.chunk.metadata["number"] < passing for one in found)
    assert found[0].chunk.chunk_id == "c1"


async def test_an_index_grows_from_floats_to_bytes_to_a_graph(start, sizes):
    sizes("settings", INT8_FROM=300, GRAPH_FROM={"cosine": 1_200})
    provider, chunks = await start("faiss"), random_chunks(1_400, 16)
    await provider.create_store(VectorStoreSpec("vs", 16))
    kinds = []
    for at in range(0, 1_400, 200):
        await provider.insert_chunks("vs", chunks[at : at + 200])
        await provider.settled()
        kinds.append("hnsw" if graph_of(provider) else provider._indexes._index("vs").kind)
        assert await recall(provider, chunks[: at + 200]) >= 0.95
    assert kinds == ["flat", *["int8"] * 5, "hnsw"]


async def test_bytes_make_room_for_larger_numbers(start):
    chunks = random_chunks(1_200, 64)
    peaked = [chunk(f"p{n}", [1.0 if at == n else 0.01 for at in range(64)]) for n in range(64)]
    provider = await start("faiss", index="int8")
    await filled(provider, chunks, dimension=64)
    await provider.insert_chunks("vs", peaked)
    for each in peaked:
        found = await provider.query_chunks("vs", VectorQuery(each.embedding, 5))
        assert_best(found, [*chunks, *peaked], each.embedding, "cosine", 5, 1e-5)


async def test_a_provider_that_fell_far_behind_reads_all_anew(start, monkeypatch):
    monkeypatch.setattr("stack.providers.inline.chunk_store.rows.KEPT_REMOVALS", 5)
    one, two = await start("faiss"), await start("faiss")
    chunks = random_chunks(60, 16)
    await filled(one, chunks)
    assert len(await two.query_chunks("vs", VectorQuery(chunks[0].embedding, 100))) == 60
    for each in chunks[:30]:
        await one.delete_chunks("vs", [each.chunk_id])
    found = await two.query_chunks("vs", VectorQuery(chunks[0].embedding, 100))
    assert sorted(ids(found)) == sorted(ids(chunks[30:]))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"index": "ivf"}, "params.index"),
        ({"m": 2}, "params.m"),
        ({"ef_search": "64"}, "params.ef_search"),
        ({"ef_construction": True}, "params.ef_construction"),
        ({"lists": 3}, "params.lists"),
    ],
)
async def test_odd_settings_of_a_store_are_refused(params, field, start):
    provider = await start("faiss")
    with pytest.raises(InvalidRequest) as raised:
        await provider.create_store(VectorStoreSpec("vs", 3, params=params))
    assert raised.value.param == field
    assert await provider.list_stores() == []


@pytest.mark.parametrize(("index", "metric"), [("fp16", "l2"), ("int8", "inner_product"), ("hnsw", "inner_product")])
async def test_a_kind_that_is_not_for_the_metric_is_refused(index, metric, start):
    with pytest.raises(InvalidRequest, match=metric):
        await (await start("faiss")).create_store(VectorStoreSpec("vs", 3, metric, params={"index": index}))
