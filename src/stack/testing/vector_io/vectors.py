"""Vector queries: compared with every vector in turn."""

from __future__ import annotations

import random
from array import array

import pytest

from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import Metric, VectorIO, VectorQuery
from stack.testing.vector_io.reference import assert_best, chunk, ids, random_chunks, score, vector
from stack.testing.vector_io.settings import MakeStore, Settings

METRICS = ("cosine", "l2", "inner_product")


def random_vector(dimension: int, seed: int) -> array[float]:
    source = random.Random(seed)  # noqa: S311 - the same in every run, and no secret
    return array("f", [source.gauss(0, 1) for _ in range(dimension)])


class Vectors(Settings):
    @pytest.mark.asyncio
    @pytest.mark.parametrize("top_k", [1, 5, 60, 1_000])
    @pytest.mark.parametrize("metric", METRICS)
    async def test_the_nearest_come_best_first(
        self, metric: Metric, top_k: int, provider: VectorIO, make_store: MakeStore
    ) -> None:
        self.require(metric)
        chunks = random_chunks(60, 12)
        store = await make_store(chunks, dimension=12, metric=metric)
        for seed in range(5):
            query = random_vector(12, seed)
            found = await provider.query_chunks(store, VectorQuery(query, top_k))
            assert_best(found, chunks, query, metric, top_k, self.tolerance)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("metric", METRICS)
    async def test_a_vector_finds_itself(self, metric: Metric, provider: VectorIO, make_store: MakeStore) -> None:
        self.require(metric)
        store = await make_store([chunk("a", (0.6, 0.8, 0)), chunk("b", (-0.6, 0, 0.1))], metric=metric)
        found = await provider.query_chunks(store, VectorQuery(vector(0.6, 0.8, 0)))
        assert ids(found) == ["a", "b"]
        assert found[0].score == pytest.approx(1, abs=self.tolerance)

    @pytest.mark.asyncio
    async def test_embeddings_come_where_they_are_wanted(self, provider: VectorIO, make_store: MakeStore) -> None:
        stored = chunk("a", (0.6, 0.8, 0), page=1)
        store = await make_store([stored])
        (full,) = await provider.query_chunks(store, VectorQuery(stored.embedding))
        assert full.chunk.embedding.tolist() == pytest.approx(stored.embedding.tolist(), abs=self.tolerance)
        (found,) = await provider.query_chunks(store, VectorQuery(stored.embedding, include_embeddings=False))
        assert (found.chunk.content, found.chunk.metadata) == (full.chunk.content, {"page": 1})
        assert found.chunk.embedding in (array("f"), full.chunk.embedding)
        assert found.score == pytest.approx(full.score, abs=self.tolerance)

    @pytest.mark.asyncio
    async def test_opposites_score_least_under_cosine(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", (3, 0, 0)), chunk("b", (-2, 0, 0)), chunk("c", (0, 9, 0))])
        found = await provider.query_chunks(store, VectorQuery(vector(0.5, 0, 0)))
        assert ids(found) == ["a", "c", "b"]
        assert [one.score for one in found] == pytest.approx([1, 0, -1], abs=self.tolerance)

    @pytest.mark.asyncio
    async def test_length_counts_in_the_inner_product(self, provider: VectorIO, make_store: MakeStore) -> None:
        self.require("inner_product")
        chunks = [chunk("a", (1, 0, 0)), chunk("b", (5, 5, 0)), chunk("c", (-4, 0, 0))]
        store = await make_store(chunks, metric="inner_product")
        found = await provider.query_chunks(store, VectorQuery(vector(2, 0, 0)))
        assert [(one.chunk.chunk_id, round(one.score, 2)) for one in found] == [("b", 10), ("a", 2), ("c", -8)]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("metric", ["l2", "inner_product"])
    async def test_a_zero_vector_is_a_vector(self, metric: Metric, provider: VectorIO, make_store: MakeStore) -> None:
        self.require(metric)
        chunks = [chunk("a", (0, 0, 0)), chunk("b", (1, 2, 2))]
        store = await make_store(chunks, metric=metric)
        for query in (vector(0, 0, 0), vector(1, 2, 2)):
            found = await provider.query_chunks(store, VectorQuery(query))
            assert_best(found, chunks, query, metric, 10, self.tolerance)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("scale", [1e-6, 1e6])
    async def test_small_and_large_numbers_keep_their_order(
        self, scale: float, metric: Metric, provider: VectorIO, make_store: MakeStore
    ) -> None:
        self.require(metric)
        chunks = [chunk(f"c{n}", (n * scale, scale, 0)) for n in range(4)]
        store = await make_store(chunks, metric=metric)
        query = vector(3 * scale, scale, 0)
        found = await provider.query_chunks(store, VectorQuery(query, top_k=4))
        assert [one.score for one in found] == pytest.approx(
            sorted((score(metric, each.embedding, query) for each in chunks), reverse=True), rel=1e-3, abs=1e-5
        )

    @pytest.mark.asyncio
    async def test_equals_are_all_found(self, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = [chunk(f"same{n}", (1, 1, 0)) for n in range(12)] + [chunk("far", (0, 0, 1))]
        store = await make_store(chunks)
        found = await provider.query_chunks(store, VectorQuery(vector(1, 1, 0), top_k=12))
        assert sorted(ids(found)) == sorted(f"same{n}" for n in range(12))
        found = await provider.query_chunks(store, VectorQuery(vector(1, 1, 0), top_k=5))
        assert_best(found, chunks, vector(1, 1, 0), "cosine", 5, self.tolerance)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("top_k", [1, 10, 10_000])
    async def test_an_empty_store_has_an_empty_answer(
        self, top_k: int, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store()
        assert await provider.query_chunks(store, VectorQuery(vector(1, 0, 0), top_k)) == []

    @pytest.mark.asyncio
    async def test_an_emptied_store_has_an_empty_answer(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a"), chunk("b")])
        await provider.delete_chunks(store, ["a", "b"])
        assert await provider.query_chunks(store, VectorQuery(vector(1, 0, 0))) == []

    @pytest.mark.asyncio
    @pytest.mark.parametrize(("threshold", "expected"), [(-1, 3), (0.5, 2), (0.99, 1), (1.5, 0)])
    async def test_the_threshold_leaves_out_what_scores_less(
        self, threshold: float, expected: int, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("a", (1, 0, 0)), chunk("b", (1, 1, 0)), chunk("c", (-1, 0.2, 0))])
        query = VectorQuery(vector(1, 0, 0), score_threshold=threshold)
        assert len(await provider.query_chunks(store, query)) == expected

    @pytest.mark.asyncio
    async def test_the_threshold_is_a_score_of_l2(self, provider: VectorIO, make_store: MakeStore) -> None:
        self.require("l2")
        store = await make_store([chunk("a", (0, 0, 0)), chunk("b", (3, 0, 0)), chunk("c", (9, 0, 0))], metric="l2")
        found = await provider.query_chunks(store, VectorQuery(vector(0, 0, 0), score_threshold=0.2))
        assert [(one.chunk.chunk_id, round(one.score, 3)) for one in found] == [("a", 1), ("b", 0.25)]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("dimension", [1, 2, 384, 1_536])
    async def test_dimensions_small_and_large(self, dimension: int, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = random_chunks(20, dimension)
        store = await make_store(chunks, dimension=dimension, metric=self.metrics[0])
        found = await provider.query_chunks(store, VectorQuery(chunks[3].embedding, 20))
        assert_best(found, chunks, chunks[3].embedding, self.metrics[0], 20, self.tolerance)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("metric", METRICS)
    async def test_recall_of_the_ten_nearest(self, metric: Metric, provider: VectorIO, make_store: MakeStore) -> None:
        self.require(metric)
        chunks = random_chunks(2_000, 32)
        store = await make_store(chunks, dimension=32, metric=metric)
        hits = 0
        for seed in range(20):
            query = chunks[seed * 97].embedding
            ranked = sorted(chunks, key=lambda each: score(metric, each.embedding, query), reverse=True)
            found = ids(await provider.query_chunks(store, VectorQuery(query, 10)))
            hits += len(set(found) & set(ids(ranked[:10])))
        assert hits / 200 >= self.recall - 0.01  # two in 200 may be equals in single precision

    @pytest.mark.asyncio
    @pytest.mark.parametrize("passing", [1, 10, 1_000])
    async def test_the_filter_holds_before_the_best_are_taken(
        self, passing: int, provider: VectorIO, make_store: MakeStore
    ) -> None:
        chunks = random_chunks(2_000, 16)
        store = await make_store(chunks, dimension=16)
        # The query lies where chunk 0 is; those that pass are the last, wherever they are.
        only = ComparisonFilter(type="gte", key="number", value=2_000 - passing)
        query = VectorQuery(chunks[0].embedding, 10, only)
        found = await provider.query_chunks(store, query)
        assert len(found) == min(10, passing)
        if self.recall == 1:
            assert_best(found, chunks[-passing:], query.embedding, "cosine", 10, self.tolerance)
