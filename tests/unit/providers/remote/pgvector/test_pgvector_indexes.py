"""Which index a store has, that it is used, what it finds, and what filters do to it."""

from __future__ import annotations

import uuid
from array import array
from typing import Any

import numpy as np
import pytest

from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import EmbeddedChunk, VectorQuery, VectorStoreSpec
from stack.errors import InvalidRequest

METRICS = ("cosine", "l2", "inner_product")
ON_ONE = {"max_connections": 1}  # so that counters can be asked of the connection that has them


def vectors_of(count: int, dimension: int) -> np.ndarray:
    """(count, dimension) float32 around fifty centres, as embeddings of texts lie."""
    source = np.random.default_rng(0)
    centres = source.normal(size=(50, dimension))
    return (centres[source.integers(50, size=count)] + source.normal(0, 0.6, (count, dimension))).astype("<f4")


async def filled(provider: Any, vectors: np.ndarray, metric: Any = "cosine", store: str = "", **params: Any) -> str:
    store = store or f"vs_{uuid.uuid4().hex}"
    await provider.create_store(VectorStoreSpec(store, vectors.shape[1], metric, params=params))
    rows = enumerate(vectors)
    chunks = [
        EmbeddedChunk(f"c{n}", f"text {n}", array("f", row.tobytes()), {"n": n, "tenth": n % 10}) for n, row in rows
    ]
    await provider.insert_chunks(store, chunks)
    return store


async def found(provider: Any, store: str, query: np.ndarray, top_k: int = 10, **more: Any) -> list[int]:
    asked = VectorQuery(array("f", query.tobytes()), top_k, **more)
    return [int(one.chunk.metadata["n"]) for one in await provider.query_chunks(store, asked)]


def nearest(vectors: np.ndarray, query: np.ndarray, metric: str, top_k: int = 10) -> list[int]:
    scores = vectors @ query
    if metric == "cosine":
        scores = scores / np.linalg.norm(vectors, axis=1)
    elif metric == "l2":
        scores = -np.linalg.norm(vectors - query, axis=1)
    return [int(place) for place in np.argsort(-scores)[:top_k]]


async def recall(provider: Any, store: str, vectors: np.ndarray, metric: str = "cosine", **more: Any) -> float:
    queries = vectors[::100] + np.float32(0.05)
    hits = [len({*await found(provider, store, q, **more)} & {*nearest(vectors, q, metric)}) for q in queries]
    return sum(hits) / (10 * len(hits))


async def scans(provider: Any, store: str) -> int | None:
    """How often the index of the vectors was used; None: there is none."""

    async def count(connection: Any) -> int | None:
        table = await provider._stores.find(connection, store)
        await connection.execute("select pg_stat_force_next_flush()")
        sql = "select idx_scan from pg_stat_all_indexes where schemaname = $1 and indexrelname = $2"
        return await connection.fetchval(sql, table.schema, f"{table.name}_embedding")

    return await provider._postgres.run(count)


async def definition(provider: Any, store: str) -> str:
    async def look(connection: Any) -> str:
        table = await provider._stores.find(connection, store)
        return await connection.fetchval(
            "select indexdef from pg_indexes where indexname = $1", f"{table.name}_embedding"
        )

    return await provider._postgres.run(look)


@pytest.mark.parametrize("metric", METRICS)
async def test_hnsw_is_used_and_finds_nearly_all(metric: str, make_provider: Any):
    provider, vectors = await make_provider(**ON_ONE), vectors_of(2000, 32)
    store = await filled(provider, vectors, metric)
    assert await recall(provider, store, vectors, metric) >= 0.97
    assert await scans(provider, store) == 20


@pytest.mark.parametrize("metric", METRICS)
async def test_ivfflat_is_built_once_there_is_enough_to_learn_from(metric: str, make_provider: Any):
    provider, vectors = await make_provider(**ON_ONE), vectors_of(2000, 32)
    store = await filled(provider, vectors[:1499], metric, index="ivfflat", lists=50, probes=10)
    assert await scans(provider, store) is None
    assert await recall(provider, store, vectors[:1499], metric) == 1
    more = [EmbeddedChunk(f"c{n}", "", array("f", vectors[n].tobytes()), {"n": n}) for n in range(1499, 2000)]
    await provider.insert_chunks(store, more)
    assert "lists='50'" in await definition(provider, store)
    assert await recall(provider, store, vectors, metric) >= 0.9
    assert await scans(provider, store) > 0


async def test_another_process_may_have_built_the_index(make_provider: Any):
    one, other = await make_provider(), await make_provider()
    store = await filled(one, vectors_of(600, 8), index="ivfflat", lists=20)
    await other.insert_chunks(store, [EmbeddedChunk("x", "", array("f", [1] * 8))])
    assert await other.count_chunks(store) == 601


async def test_more_candidates_find_more(make_provider: Any):
    provider, vectors = await make_provider(), np.random.default_rng(1).normal(size=(1500, 64)).astype("<f4")
    few = await filled(provider, vectors, ef_search=1, m=4, ef_construction=8)
    many = await filled(provider, vectors, ef_search=400, m=24, ef_construction=128)
    assert await recall(provider, few, vectors, top_k=10) < 0.8 < 0.95 < await recall(provider, many, vectors)
    assert "m='24', ef_construction='128'" in await definition(provider, many)


async def test_settings_of_the_provider_hold_for_stores_that_say_nothing(make_provider: Any):
    provider = await make_provider(store_defaults={"m": 8, "ef_construction": 32})
    assert "m='8', ef_construction='32'" in await definition(provider, await filled(provider, vectors_of(5, 4)))
    assert "m='12', ef_construction='32'" in await definition(provider, await filled(provider, vectors_of(5, 4), m=12))


@pytest.mark.parametrize("metric", METRICS)
async def test_beyond_2000_dimensions_16_bits_choose_and_32_bits_rank(metric: str, make_provider: Any):
    provider, vectors = await make_provider(**ON_ONE), vectors_of(300, 2100)
    store = await filled(provider, vectors, metric)
    assert "halfvec(2100)" in await definition(provider, store)
    assert await recall(provider, store, vectors, metric) >= 0.95
    assert await scans(provider, store) == 3


async def test_a_short_vector_keeps_its_direction_in_16_bits(make_provider: Any):
    provider, vectors = await make_provider(), vectors_of(300, 2001) * np.float32(1e-9)
    store = await filled(provider, vectors)
    assert await found(provider, store, vectors[7], 1) == [7]


async def test_a_number_beyond_16_bits_is_refused_and_nothing_is_stored(make_provider: Any):
    provider = await make_provider()
    store = await filled(provider, vectors_of(1, 2001), "l2")
    large = EmbeddedChunk("large", "", array("f", [1e6] + [0] * 2000))
    with pytest.raises(InvalidRequest, match="larger than Postgres can index"):
        await provider.insert_chunks(store, [EmbeddedChunk("small", "", array("f", [1] * 2001)), large])
    assert await provider.count_chunks(store) == 1


async def test_beyond_4000_dimensions_search_is_exact(make_provider: Any):
    provider, vectors = await make_provider(), vectors_of(100, 4100)
    store = await filled(provider, vectors)
    assert await scans(provider, store) is None
    assert await recall(provider, store, vectors) == 1


@pytest.mark.parametrize(
    ("dimension", "params", "param"),
    [
        (16_001, {}, "dimension"),
        (5000, {"index": "hnsw"}, "dimension"),
        (3, {"index": "btree"}, "params.index"),
        (3, {"m": 1}, "params.m"),
        (3, {"m": 50, "ef_construction": 64}, "params.ef_construction"),
        (3, {"ef_search": "many"}, "params.ef_search"),
        (3, {"lists": 0}, "params.lists"),
        (3, {"speed": 11}, "params.speed"),
        (3, {"language": "klingon"}, "params.language"),
        (3, {"language": "x'; drop schema public; --"}, "params.language"),
    ],
)
async def test_what_pgvector_cannot_do_is_refused_by_name(
    dimension: int, params: dict[str, Any], param: str, make_provider: Any
):
    provider = await make_provider()
    with pytest.raises(InvalidRequest) as raised:
        await provider.create_store(VectorStoreSpec("vs_odd", dimension, params=params))
    assert raised.value.param == param
    assert await provider.list_stores() == []


@pytest.fixture
async def shared(make_provider: Any) -> tuple[Any, str, np.ndarray]:
    """A provider, a store that tests share and do not change, and what it holds."""
    provider, vectors, store = await make_provider(**ON_ONE, db_schema="shared"), vectors_of(2000, 16), "vs_shared"
    if store not in [each.vector_store_id for each in await provider.list_stores()]:
        await filled(provider, vectors, store=store)
    return provider, store, vectors


@pytest.mark.parametrize("passing", [1, 9, 50, 700])
async def test_a_selective_filter_is_searched_exactly(passing: int, shared: Any, make_provider: Any):
    _, store, vectors = shared
    provider = await make_provider(**ON_ONE, db_schema="shared", exact_below=1000)
    before, only = await scans(provider, store), ComparisonFilter(type="lt", key="n", value=passing)
    for query in vectors[1500:1510]:
        assert await found(provider, store, query, filter=only) == nearest(vectors[:passing], query, "cosine")
    assert await scans(provider, store) == before


async def test_a_wide_filter_is_searched_by_the_index_further_and_further(shared: Any, make_provider: Any):
    _, store, vectors = shared
    provider, third = await make_provider(**ON_ONE, db_schema="shared", exact_below=10), vectors[:700]
    before, only = await scans(provider, store), ComparisonFilter(type="lt", key="n", value=700)
    queries = vectors[1000:2000:50]
    hits = [len({*await found(provider, store, q, filter=only)} & {*nearest(third, q, "cosine")}) for q in queries]
    assert sum(hits) / 200 >= 0.95
    assert await scans(provider, store) == before + 20


async def test_a_scan_that_ends_early_is_done_again_exactly(shared: Any, make_provider: Any):
    _, store, vectors = shared
    provider = await make_provider(db_schema="shared", exact_below=0, max_scan_tuples=1)
    farthest = nearest(vectors, -vectors[0], "cosine", 20)
    only = ComparisonFilter(type="in", key="n", value=farthest)
    assert await found(provider, store, vectors[0], 20, filter=only) == farthest[::-1]


@pytest.mark.parametrize("top_k", [1500, 2000, 10_000])
async def test_more_than_an_index_gives_at_once_is_given(top_k: int, shared: Any):
    provider, store, vectors = shared
    assert len({*await found(provider, store, vectors[0], top_k)}) == min(top_k, 2000)


async def test_behind_a_pooler_of_transactions_nothing_is_kept_on_a_connection(shared: Any, make_provider: Any):
    _, store, vectors = shared
    provider = await make_provider(**ON_ONE, db_schema="shared", statement_cache_size=0)
    await provider._postgres.run(lambda connection: connection.execute("discard all"))
    before = await scans(provider, store)
    assert await recall(provider, store, vectors) >= 0.97
    assert await scans(provider, store) == before + 20
