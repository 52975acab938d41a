"""Bad input: refused with the name of the field, and nothing is half written."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from stack.apis.filters import ComparisonFilter
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, Metric, VectorIO, VectorQuery
from stack.errors import InvalidRequest
from stack.testing.vector_io.reference import attributed, chunk, vector
from stack.testing.vector_io.settings import MakeStore, Settings

BAD_NUMBERS = {"NaN": math.nan, "infinite": math.inf, "minus infinite": -math.inf, "huge": 1e30}
BAD_CHUNKS: dict[str, tuple[EmbeddedChunk, str]] = {
    "no id": (chunk(""), "chunk_id"),
    "a long id": (chunk("x" * 600), "chunk_id"),
    "NUL in the id": (chunk("a\x00b"), "chunk_id"),
    "half a surrogate in the id": (chunk("\ud83d"), "chunk_id"),
    "NUL in the text": (chunk("z", content="a\x00b"), "content"),
    "half a surrogate in the text": (chunk("z", content="a \udc00"), "content"),
    "NUL in an attribute": (chunk("z", tag="a\x00b"), "metadata.tag"),
    "half a surrogate in an attribute": (chunk("z", tag="\ud800"), "metadata.tag"),
    "an attribute without a name": (attributed("z", {"": 1}), "metadata"),
    "NUL in a key": (attributed("z", {"a\x00b": 1}), "metadata"),
    "a long key": (attributed("z", {"k" * 300: 1}), "metadata"),
    "a nested attribute": (chunk("z", tag={"a": 1}), "metadata.tag"),
    "a list attribute": (chunk("z", tag=["a"]), "metadata.tag"),
    "an attribute that is None": (chunk("z", tag=None), "metadata.tag"),
    "NaN as an attribute": (chunk("z", tag=math.nan), "metadata.tag"),
    "an infinite attribute": (chunk("z", tag=math.inf), "metadata.tag"),
    "an integer beyond 64 bits": (chunk("z", tag=2**63), "metadata.tag"),
}


class BadInput(Settings):
    async def assert_refused(self, provider: VectorIO, store: str, bad: EmbeddedChunk, field: str) -> None:
        """Whether a batch with `bad` in it is refused by the field's name, and leaves the store as it was."""
        before = await provider.count_chunks(store)
        with pytest.raises(InvalidRequest) as raised:
            await provider.insert_chunks(store, [chunk("first"), bad, chunk("last")])
        assert raised.value.param == f"chunks[1].{field}"
        assert await provider.count_chunks(store) == before
        assert await provider.get_chunks(store, ["first", "last"]) == []

    @pytest.mark.asyncio
    @pytest.mark.parametrize("case", BAD_CHUNKS)
    async def test_a_bad_chunk_is_refused_and_its_batch_with_it(
        self, case: str, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("kept")])
        await self.assert_refused(provider, store, *BAD_CHUNKS[case])

    @pytest.mark.asyncio
    @pytest.mark.parametrize("case", BAD_NUMBERS)
    async def test_a_bad_number_in_an_embedding_is_refused(
        self, case: str, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("kept")])
        await self.assert_refused(provider, store, chunk("z", (1, BAD_NUMBERS[case], 0)), "embedding")
        with pytest.raises(InvalidRequest) as raised:
            await provider.query_chunks(store, VectorQuery(vector(1, BAD_NUMBERS[case], 0)))
        assert raised.value.param == "embedding"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("length", [0, 2, 4, 1_536])
    async def test_another_length_is_refused_with_both_numbers(
        self, length: int, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("kept")])
        await self.assert_refused(provider, store, chunk("z", [1.0] * length), "embedding")
        with pytest.raises(InvalidRequest, match=rf"{length}\b.*\b3\b") as raised:
            await provider.query_chunks(store, VectorQuery(array("f", [1.0] * length)))
        assert raised.value.param == "embedding"

    @pytest.mark.asyncio
    async def test_a_zero_vector_has_no_direction_under_cosine(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("kept")])
        await self.assert_refused(provider, store, chunk("z", (0, 0, 0)), "embedding")
        await self.assert_refused(provider, store, chunk("z", (0, 1e-30, -0.0)), "embedding")
        with pytest.raises(InvalidRequest, match="direction"):
            await provider.query_chunks(store, VectorQuery(vector(0, 0, 0)))

    @pytest.mark.asyncio
    async def test_a_bad_chunk_does_not_touch_what_it_would_replace(
        self, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("a", content="old")])
        with pytest.raises(InvalidRequest):
            await provider.insert_chunks(store, [chunk("a", content="new"), chunk("b", (1, math.nan, 0))])
        assert [each.content for each in await provider.get_chunks(store, ["a"])] == ["old"]

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        "odd", [{1, 2}, b"x", object(), math.nan, {"a": [math.inf]}, "a\x00b", {"\ud800": 1}, {1: 2}]
    )
    async def test_what_is_no_json_is_refused(self, odd: Any, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store()
        bad = chunk("z")
        bad.chunk_metadata["odd"] = odd
        await self.assert_refused(provider, store, bad, "chunk_metadata")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("top_k", [0, -1, 10_001, 2**70])
    async def test_an_impossible_top_k_is_refused(self, top_k: int, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("kept")])
        for query in (VectorQuery(vector(1, 0, 0), top_k), KeywordQuery("kept", top_k)):
            with pytest.raises(InvalidRequest) as raised:
                await provider.query_chunks(store, query)
            assert raised.value.param == "top_k"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("threshold", [math.nan, math.inf])
    async def test_an_impossible_threshold_is_refused(
        self, threshold: float, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("kept")])
        with pytest.raises(InvalidRequest) as raised:
            await provider.query_chunks(store, VectorQuery(vector(1, 0, 0), score_threshold=threshold))
        assert raised.value.param == "score_threshold"

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("key", "value"), [("a\x00b", 1), ("tag", "a\x00b"), ("tag", 10**400), ("tag", -(2**63) - 1)]
    )
    async def test_an_impossible_filter_is_refused(
        self, key: str, value: Any, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("kept")])
        query = VectorQuery(vector(1, 0, 0), filter=ComparisonFilter(type="eq", key=key, value=value))
        with pytest.raises(InvalidRequest) as raised:
            await provider.query_chunks(store, query)
        assert raised.value.param == "filters"

    @pytest.mark.asyncio
    async def test_an_unknown_metric_is_refused(self, provider: VectorIO) -> None:
        metric: Metric = "hamming"  # type: ignore[assignment]  # what a caller may say all the same
        with pytest.raises(InvalidRequest) as raised:
            await provider.create_store(self.spec("vs_odd", metric=metric))
        assert raised.value.param == "metric"
