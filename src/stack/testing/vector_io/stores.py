"""Making, listing and deleting stores."""

from __future__ import annotations

import uuid

import pytest

from stack.apis.vector_io import KeywordQuery, Metric, VectorIO, VectorQuery
from stack.errors import Conflict, InvalidRequest, NotFound
from stack.testing.vector_io.reference import chunk, ids, vector
from stack.testing.vector_io.settings import MakeStore, Settings, needs

ODD_STORE_IDS = ("my notes", 'a "quoted" store', "o'clock; drop table chunks; --", "märchen/☂/..", "x" * 300, "%s{0}$1")
CALLS = {
    "insert": lambda provider, store: provider.insert_chunks(store, [chunk("a")]),
    "query": lambda provider, store: provider.query_chunks(store, VectorQuery(vector(1, 0, 0))),
    "keyword query": lambda provider, store: provider.query_chunks(store, KeywordQuery("a")),
    "get": lambda provider, store: provider.get_chunks(store, ["a"]),
    "delete": lambda provider, store: provider.delete_chunks(store, ["a"]),
    "count": lambda provider, store: provider.count_chunks(store),
}


class Stores(Settings):
    @pytest.mark.asyncio
    async def test_a_new_store_is_listed_as_it_was_made(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store(dimension=7)
        [listed] = [each for each in await provider.list_stores() if each.vector_store_id == store]
        assert (listed.dimension, listed.metric) == (7, "cosine")
        assert {key: listed.params.get(key) for key in self.params} == self.params

    @pytest.mark.asyncio
    @pytest.mark.parametrize("metric", ["l2", "inner_product"])
    async def test_the_metric_is_listed(self, metric: Metric, provider: VectorIO, make_store: MakeStore) -> None:
        self.require(metric)
        store = await make_store(metric=metric)
        assert {each.vector_store_id: each.metric for each in await provider.list_stores()}[store] == metric

    @pytest.mark.asyncio
    async def test_making_a_store_again_keeps_what_it_holds(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a")])
        await provider.create_store(self.spec(store))
        assert await provider.count_chunks(store) == 1

    @pytest.mark.asyncio
    async def test_another_dimension_is_a_conflict_that_names_both(
        self, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store(dimension=3)
        with pytest.raises(Conflict, match=r"3.*5|5.*3") as raised:
            await provider.create_store(self.spec(store, dimension=5))
        assert raised.value.param == "dimension"

    @pytest.mark.asyncio
    async def test_another_metric_is_a_conflict_that_names_both(
        self, provider: VectorIO, make_store: MakeStore
    ) -> None:
        self.require("l2")
        store = await make_store()
        with pytest.raises(Conflict, match=r"cosine.*l2|l2.*cosine") as raised:
            await provider.create_store(self.spec(store, metric="l2"))
        assert raised.value.param == "metric"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("dimension", [0, -1, 100_000])
    async def test_an_impossible_dimension_is_refused(self, dimension: int, provider: VectorIO) -> None:
        with pytest.raises(InvalidRequest) as raised:
            await provider.create_store(self.spec(f"vs_{uuid.uuid4().hex}", dimension))
        assert raised.value.param == "dimension"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("store_id", ["", "a\x00b", "\ud800", "x" * 10_000], ids=["empty", "nul", "half", "long"])
    async def test_an_impossible_id_is_refused(self, store_id: str, provider: VectorIO) -> None:
        with pytest.raises(InvalidRequest) as raised:
            await provider.create_store(self.spec(store_id))
        assert raised.value.param == "vector_store_id"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", ODD_STORE_IDS)
    async def test_any_text_is_an_id_of_a_store(self, name: str, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a")], vector_store_id=f"{name} {uuid.uuid4().hex}")
        assert store in [each.vector_store_id for each in await provider.list_stores()]
        assert ids(await provider.query_chunks(store, VectorQuery(vector(1, 0, 0)))) == ["a"]

    @pytest.mark.asyncio
    async def test_ids_that_differ_a_little_are_two_stores(self, provider: VectorIO, make_store: MakeStore) -> None:
        name = uuid.uuid4().hex
        spellings = [f"a b{name}", f"a_b{name}", f"A B{name}", f"a-b{name}"]
        for each in spellings:
            await make_store([chunk(each)], vector_store_id=each)
        found = [ids(await provider.query_chunks(each, VectorQuery(vector(1, 0, 0)))) for each in spellings]
        assert found == [[each] for each in spellings]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("call", CALLS)
    async def test_an_unknown_store_is_not_found(self, call: str, provider: VectorIO) -> None:
        with pytest.raises(NotFound) as raised:
            await CALLS[call](provider, "vs_nowhere")
        assert "vs_nowhere" in str(raised.value)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("call", CALLS)
    async def test_a_deleted_store_is_not_found(self, call: str, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a")])
        await provider.delete_store(store)
        assert store not in [each.vector_store_id for each in await provider.list_stores()]
        with pytest.raises(NotFound):
            await CALLS[call](provider, store)

    @pytest.mark.asyncio
    async def test_deleting_a_store_that_is_not_there_is_no_error(self, provider: VectorIO) -> None:
        await provider.delete_store("vs_nowhere")
        await provider.delete_store("vs_nowhere")

    @pytest.mark.asyncio
    async def test_a_store_made_again_is_empty_and_may_differ(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a")])
        await provider.delete_store(store)
        await make_store(dimension=2, vector_store_id=store)
        assert await provider.count_chunks(store) == 0
        await provider.insert_chunks(store, [chunk("b", (0, 1))])
        assert ids(await provider.query_chunks(store, VectorQuery(vector(0, 1)))) == ["b"]

    @pytest.mark.asyncio
    async def test_stores_do_not_see_each_other(self, provider: VectorIO, make_store: MakeStore) -> None:
        one, two = await make_store([chunk("a")]), await make_store([chunk("a", content="other words")])
        await provider.delete_chunks(one, ["a"])
        assert await provider.query_chunks(one, VectorQuery(vector(1, 0, 0))) == []
        assert [each.content for each in await provider.get_chunks(two, ["a"])] == ["other words"]

    @pytest.mark.asyncio
    async def test_another_provider_sees_what_was_acknowledged(
        self, provider: VectorIO, make_store: MakeStore, other: VectorIO | None
    ) -> None:
        second = needs(other)
        store = await make_store([chunk("a"), chunk("b", (0, 1, 0))])
        assert ids(await second.query_chunks(store, VectorQuery(vector(0, 1, 0), top_k=1))) == ["b"]
        await provider.delete_chunks(store, ["b"])
        assert ids(await second.query_chunks(store, VectorQuery(vector(0, 1, 0)))) == ["a"]

    @pytest.mark.asyncio
    async def test_another_provider_sees_a_store_go_and_come_back(
        self, provider: VectorIO, make_store: MakeStore, other: VectorIO | None
    ) -> None:
        second = needs(other)
        store = await make_store([chunk("a")])
        assert await second.count_chunks(store) == 1
        await provider.delete_store(store)
        with pytest.raises(NotFound):
            await second.query_chunks(store, VectorQuery(vector(1, 0, 0)))
        await make_store([chunk("b", (0, 1))], dimension=2, vector_store_id=store)
        assert ids(await second.query_chunks(store, VectorQuery(vector(0, 1)))) == ["b"]
