"""Inserting, reading, replacing, deleting and counting chunks."""

from __future__ import annotations

import math
from array import array

import pytest

from stack.apis.filters import Attribute
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, VectorIO, VectorQuery
from stack.testing.vector_io.reference import chunk, ids, random_chunks, vector
from stack.testing.vector_io.settings import MakeStore, Settings

NESTED = {"file_id": "file-1", "spans": [{"start": 0, "end": 12}, None], "ratio": 0.1, "deep": {"☂": ["a", True, 3]}}
ODD_IDS = ("a b", "ünï/cødé", 'quo"te', "it's", "☂️", "../up", "0", "-1", "NULL", "x" * 500, "{a}", "日本語", " edge ")


class Chunks(Settings):
    @pytest.mark.asyncio
    async def test_a_chunk_comes_back_as_it_went_in(self, provider: VectorIO, make_store: MakeStore) -> None:
        metadata: dict[str, Attribute] = {
            "text": "ünï ☂",
            "whole": 3,
            "real": 0.1,
            "true": True,
            "false": False,
            "none": "",
            "a.b": "c",
        }
        given = EmbeddedChunk("a", "line one\nline two ☂", vector(0.6, 0, 0.8), dict(metadata), dict(NESTED))
        store = await make_store([given])
        [kept] = await provider.get_chunks(store, ["a"])
        assert (kept.chunk_id, kept.content, kept.metadata) == ("a", given.content, metadata)
        assert kept.chunk_metadata == NESTED
        assert {key: type(value) for key, value in kept.metadata.items()} == {k: type(v) for k, v in metadata.items()}
        self.assert_same_embedding(kept.embedding, given.embedding)

    @pytest.mark.asyncio
    async def test_a_query_gives_whole_chunks(self, provider: VectorIO, make_store: MakeStore) -> None:
        given = EmbeddedChunk("a", "some text", vector(1, 2, 2), {"page": 3}, dict(NESTED))
        store = await make_store([given])
        [found] = await provider.query_chunks(store, VectorQuery(vector(1, 2, 2)))
        kept = found.chunk
        assert (kept.chunk_id, kept.content, kept.metadata) == ("a", "some text", {"page": 3})
        assert kept.chunk_metadata == NESTED
        self.assert_same_embedding(kept.embedding, given.embedding)

    def assert_same_embedding(self, kept: array[float], given: array[float]) -> None:
        """Equal in every number, or in direction where the engine keeps no lengths."""
        assert (kept.typecode, len(kept)) == ("f", len(given))
        length = 1.0 if self.keeps_length else math.hypot(*given) / math.hypot(*kept)
        assert [x * length for x in kept] == pytest.approx(list(given), rel=1e-5)

    @pytest.mark.asyncio
    async def test_an_empty_text_is_kept(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([EmbeddedChunk("a", "", vector(1, 0, 0))])
        assert [each.content for each in await provider.get_chunks(store, ["a"])] == [""]

    @pytest.mark.asyncio
    async def test_a_huge_text_is_kept(self, provider: VectorIO, make_store: MakeStore) -> None:
        content = "wörd " * 10_000
        store = await make_store([EmbeddedChunk("a", content, vector(1, 0, 0))])
        [kept] = await provider.get_chunks(store, ["a"])
        assert kept.content == content

    @pytest.mark.asyncio
    async def test_any_text_is_an_id_of_a_chunk(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk(each) for each in ODD_IDS])
        assert ids(await provider.get_chunks(store, ODD_IDS)) == list(ODD_IDS)
        assert sorted(ids(await provider.query_chunks(store, VectorQuery(vector(1, 0, 0), 50)))) == sorted(ODD_IDS)
        await provider.delete_chunks(store, ODD_IDS)
        assert await provider.count_chunks(store) == 0

    @pytest.mark.asyncio
    async def test_ids_that_differ_in_case_or_edges_are_two(self, provider: VectorIO, make_store: MakeStore) -> None:
        spellings = ["a", "A", " a", "a ", "á", "a\u0301"]
        store = await make_store([chunk(each) for each in spellings])
        assert await provider.count_chunks(store) == len(spellings)

    @pytest.mark.asyncio
    async def test_chunks_are_read_in_the_order_asked(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk(each) for each in "abcdef"])
        assert ids(await provider.get_chunks(store, ["f", "nowhere", "a", "c"])) == ["f", "a", "c"]

    @pytest.mark.asyncio
    async def test_more_ids_are_read_and_deleted_than_a_statement_takes(
        self, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("c1"), chunk("c39999")])
        many = [f"c{index}" for index in range(40_000)]
        assert ids(await provider.get_chunks(store, many)) == ["c1", "c39999"]
        await provider.delete_chunks(store, many)
        assert await provider.count_chunks(store) == 0

    @pytest.mark.asyncio
    async def test_no_chunks_are_nothing_to_do(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a")])
        await provider.insert_chunks(store, [])
        await provider.delete_chunks(store, [])
        assert await provider.get_chunks(store, []) == []
        assert await provider.count_chunks(store) == 1

    @pytest.mark.asyncio
    async def test_many_chunks_go_in_one_call(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store(random_chunks(2_500, 8), dimension=8)
        assert await provider.count_chunks(store) == 2_500

    @pytest.mark.asyncio
    async def test_an_id_that_is_there_is_replaced(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="first words", old=1), chunk("b", (0, 1, 0))])
        await provider.insert_chunks(store, [chunk("a", (0, 0, 1), "later text", new=2)])
        assert await provider.count_chunks(store) == 2
        [kept] = await provider.get_chunks(store, ["a"])
        assert (kept.content, kept.metadata) == ("later text", {"new": 2})
        [nearest] = await provider.query_chunks(store, VectorQuery(vector(1, 0, 0), top_k=1, score_threshold=-1))
        assert nearest.score == pytest.approx(0, abs=self.tolerance)

    @pytest.mark.asyncio
    async def test_replaced_text_is_not_found_any_more(self, provider: VectorIO, make_store: MakeStore) -> None:
        if not self.keywords:
            pytest.skip("this provider has no keyword queries")
        store = await make_store([chunk("a", content="first words")])
        await provider.insert_chunks(store, [chunk("a", content="later text")])
        assert await provider.query_chunks(store, KeywordQuery("first words")) == []
        assert ids(await provider.query_chunks(store, KeywordQuery("later"))) == ["a"]

    @pytest.mark.asyncio
    async def test_the_last_of_equal_ids_in_one_call_wins(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="one"), chunk("b"), chunk("a", (0, 1, 0), "two")])
        assert await provider.count_chunks(store) == 2
        [kept] = await provider.get_chunks(store, ["a"])
        assert (kept.content, list(kept.embedding)) == ("two", [0, 1, 0])
        found = await provider.query_chunks(store, VectorQuery(vector(1, 0, 0)))
        assert ids(found) == ["b", "a"]

    @pytest.mark.asyncio
    async def test_a_deleted_chunk_is_gone_everywhere(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="apple"), chunk("b", content="banana", kind="fruit")])
        await provider.delete_chunks(store, ["b", "nowhere"])
        assert await provider.get_chunks(store, ["b"]) == []
        assert ids(await provider.query_chunks(store, VectorQuery(vector(1, 0, 0)))) == ["a"]
        assert await provider.count_chunks(store) == 1
        if self.keywords:
            assert await provider.query_chunks(store, KeywordQuery("banana")) == []

    @pytest.mark.asyncio
    async def test_a_deleted_chunk_may_come_back(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a")])
        await provider.delete_chunks(store, ["a"])
        await provider.insert_chunks(store, [chunk("a", (0, 1, 0))])
        [found] = await provider.query_chunks(store, VectorQuery(vector(0, 1, 0)))
        assert found.score == pytest.approx(1, abs=self.tolerance)
