"""Filters: whatever `matches` says of a chunk's attributes, the engine must find."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stack.apis.filters import MAX_DEPTH, Attribute, ComparisonFilter, CompoundFilter, matches
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, VectorIO, VectorQuery
from stack.testing.vector_io.reference import attributed, chunk, ids, vector
from stack.testing.vector_io.settings import MakeStore, Settings

AnyFilter = ComparisonFilter | CompoundFilter

KEYS = ("n", "tag", "a.b", 'quo"te', "it's", "$x", "ключ", "with space", "a[0]", "\\", "%", "id", "content", "chunk_id")
VALUES: tuple[Attribute, ...] = (
    *(0, 1, -1, 2, 10, 2**53, -(2**53), 1_700_000_000),
    *(0.5, 1.0, -1.5, 2.0, 1e-9, 1e15, 0.1),
    *("", "a", "A", "b", "ab", "ä", "☂", "1", "true", "null", "a%", "a_", "a*", "o'clock", 'say "hi"', "\\n", "zz top"),
    *(True, False),
)
BOOLS = ("eq", "ne")
ORDERED = ("gt", "gte", "lt", "lte")


def compare(type: str, key: str, value: Any) -> ComparisonFilter:
    return ComparisonFilter.model_validate({"type": type, "key": key, "value": value})


def join(type: str, *filters: AnyFilter) -> CompoundFilter:
    return CompoundFilter.model_validate({"type": type, "filters": list(filters)})


def attributed_chunks() -> list[EmbeddedChunk]:
    """Every value under `n`, some under the other keys, and a chunk without any attribute."""
    made = [chunk(f"v{index}", n=value) for index, value in enumerate(VALUES)]
    made += [
        attributed(f"k{index}", {"tag": "even" if index % 2 else "odd", key: index}) for index, key in enumerate(KEYS)
    ]
    return [*made, chunk("bare")]


def comparisons() -> st.SearchStrategy[AnyFilter]:
    keys = st.sampled_from((*KEYS, "nobody has this"))
    ordered = st.sampled_from([value for value in VALUES if not isinstance(value, bool)])
    return st.one_of(
        st.builds(compare, st.sampled_from(BOOLS), keys, st.sampled_from(VALUES)),
        st.builds(compare, st.sampled_from(ORDERED), keys, ordered),
        st.builds(compare, st.sampled_from(("in", "nin")), keys, st.lists(st.sampled_from(VALUES), max_size=4)),
    )


def filters() -> st.SearchStrategy[AnyFilter]:
    several = st.lists(comparisons(), min_size=1, max_size=3)
    nested = st.builds(lambda type, inner: join(type, *inner), st.sampled_from(("and", "or")), several)
    deeper = st.lists(st.one_of(comparisons(), nested), min_size=1, max_size=3)
    return st.one_of(
        comparisons(), nested, st.builds(lambda t, inner: join(t, *inner), st.sampled_from(("and", "or")), deeper)
    )


class Filtering(Settings):
    async def assert_as_the_reference(
        self, provider: VectorIO, store: str, chunks: list[EmbeddedChunk], filter: AnyFilter
    ) -> None:
        found = await provider.query_chunks(store, VectorQuery(vector(1, 0, 0), 1_000, filter))
        assert sorted(ids(found)) == sorted(each.chunk_id for each in chunks if matches(filter, each.metadata))

    @pytest.mark.asyncio
    @pytest.mark.parametrize("operator", [*BOOLS, *ORDERED, "in", "nin"])
    async def test_every_operator_with_every_value(
        self, operator: str, provider: VectorIO, make_store: MakeStore
    ) -> None:
        chunks = attributed_chunks()
        store = await make_store(chunks)
        for value in VALUES:
            if operator in ORDERED and isinstance(value, bool):
                continue
            asked = [value] if operator in ("in", "nin") else value
            await self.assert_as_the_reference(provider, store, chunks, compare(operator, "n", asked))

    @pytest.mark.asyncio
    @pytest.mark.parametrize("operator", [*BOOLS, "gte", "in", "nin"])
    @pytest.mark.parametrize("key", [*KEYS, "nobody has this"])
    async def test_every_key(self, key: str, operator: str, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = attributed_chunks()
        store = await make_store(chunks)
        index = KEYS.index(key) if key in KEYS else 0
        asked = [index, "odd"] if operator in ("in", "nin") else index
        await self.assert_as_the_reference(provider, store, chunks, compare(operator, key, asked))

    @pytest.mark.asyncio
    @pytest.mark.parametrize("operator", ["in", "nin"])
    async def test_lists_empty_mixed_and_long(self, operator: str, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = attributed_chunks()
        store = await make_store(chunks)
        for value in ([], list(VALUES), ["a", 1, True, 0.5], [f"x{n}" for n in range(1_000)] + ["b"]):
            await self.assert_as_the_reference(provider, store, chunks, compare(operator, "n", value))

    @pytest.mark.asyncio
    async def test_the_deepest_filter(self, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = attributed_chunks()
        store = await make_store(chunks)
        nested: AnyFilter = compare("eq", "tag", "odd")
        for level in range(MAX_DEPTH - 1):
            nested = join("and" if level % 2 else "or", nested, compare("ne", "n", level))
        await self.assert_as_the_reference(provider, store, chunks, nested)

    @pytest.mark.asyncio
    async def test_the_widest_filter(self, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = attributed_chunks()
        store = await make_store(chunks)
        wide = [compare("eq", key, index) for index in range(18) for key in KEYS][:256]
        await self.assert_as_the_reference(provider, store, chunks, join("or", *wide))

    @pytest.mark.asyncio
    async def test_generated_filters(self, provider: VectorIO, make_store: MakeStore) -> None:
        chunks = attributed_chunks()
        store = await make_store(chunks)
        for filter in generated_filters():
            await self.assert_as_the_reference(provider, store, chunks, filter)

    @pytest.mark.asyncio
    async def test_a_filter_that_nothing_passes(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", n=1)])
        assert await provider.query_chunks(store, VectorQuery(vector(1, 0, 0), filter=compare("gt", "n", 1))) == []

    @pytest.mark.asyncio
    async def test_replaced_attributes_count(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", n=1, gone="x")])
        later = chunk("a", n=2)
        await provider.insert_chunks(store, [later])
        for filter in (compare("eq", "n", 1), compare("eq", "n", 2), compare("eq", "gone", "x")):
            await self.assert_as_the_reference(provider, store, [later], filter)

    @pytest.mark.asyncio
    async def test_keyword_queries_are_filtered_too(self, provider: VectorIO, make_store: MakeStore) -> None:
        if not self.keywords:
            pytest.skip("this provider has no keyword queries")
        store = await make_store([chunk(f"c{n}", content="one apple a day", n=n) for n in range(20)])
        query = KeywordQuery("apple", top_k=2, filter=compare("gte", "n", 18))
        assert sorted(ids(await provider.query_chunks(store, query))) == ["c18", "c19"]


def generated_filters(count: int = 150) -> list[AnyFilter]:
    """Filters as hypothesis makes them, the same in every run: one store serves them all."""
    found: list[AnyFilter] = []

    @settings(max_examples=count, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(filters())
    def collect(filter: AnyFilter) -> None:
        found.append(filter)

    collect()
    return found
