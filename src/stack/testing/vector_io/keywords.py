"""Keyword queries: any text is one, and what shares a word with it is found."""

from __future__ import annotations

import pytest

from stack.apis.vector_io import KeywordQuery, VectorIO
from stack.errors import Unsupported
from stack.testing.vector_io.reference import assert_descending, chunk, ids
from stack.testing.vector_io.settings import MakeStore, Settings

NO_WORDS = ("", " ", "\n\t", "!!! ??? ...", '"', "()", "*", "-", "☂ 🎉", "\x00", "%_", ":", "' OR 1=1 --")
ODD_TEXTS = (
    *('apple"', '"apple', "apple*", "apple AND", "NOT apple", "apple OR", "NEAR(apple)", "apple:", "content:apple"),
    *("(apple", "apple)", "^apple", "apple -", "-apple", "+apple", "apple & | !", "apple <-> x", "apple:*", "'apple'"),
    *(
        "apple\x00",
        "\x00apple",
        "apple 🎉",
        "apple \ud800",
        "{apple}",
        "apple\\",
        "apple;drop table chunks",
        "apple " * 2_000,
    ),
)


class Keywords(Settings):
    @pytest.fixture(autouse=True)
    def _keywords_are_answered(self, request: pytest.FixtureRequest) -> None:
        inside = request.function.__qualname__.startswith("Keywords.")
        if inside and not self.keywords and "refused" not in request.function.__name__:
            pytest.skip("this provider has no keyword queries")

    @pytest.mark.asyncio
    async def test_keyword_queries_are_answered_or_refused(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="apple")])
        if self.keywords:
            assert ids(await provider.query_chunks(store, KeywordQuery("apple"))) == ["a"]
        else:
            with pytest.raises(Unsupported):
                await provider.query_chunks(store, KeywordQuery("apple"))

    @pytest.mark.asyncio
    async def test_any_word_is_enough(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store(
            [chunk("a", content="red apple"), chunk("b", content="red brick"), chunk("c", content="x")]
        )
        assert ids(await provider.query_chunks(store, KeywordQuery("apple zeppelin"))) == ["a"]
        assert sorted(ids(await provider.query_chunks(store, KeywordQuery("red zeppelin")))) == ["a", "b"]

    @pytest.mark.asyncio
    async def test_more_words_score_higher(self, provider: VectorIO, make_store: MakeStore) -> None:
        texts = {"none": "green pear", "one": "green apple", "two": "crunchy red apple"}
        store = await make_store([chunk(each, content=text) for each, text in texts.items()])
        found = await provider.query_chunks(store, KeywordQuery("crunchy apple"))
        assert ids(found) == ["two", "one"]
        assert found[0].score > found[1].score > 0

    @pytest.mark.asyncio
    async def test_common_words_score_above_zero(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk(f"c{n}", content=f"apple number{n}") for n in range(30)])
        found = await provider.query_chunks(store, KeywordQuery("apple", top_k=30))
        assert len(found) == 30
        assert min(one.score for one in found) > 0

    @pytest.mark.asyncio
    async def test_the_best_come_first_and_no_more_than_asked(self, provider: VectorIO, make_store: MakeStore) -> None:
        texts = ["apple " * (n % 5 + 1) + "filler " * (n % 7) for n in range(40)]
        store = await make_store([chunk(f"c{n}", content=text) for n, text in enumerate(texts)])
        every = await provider.query_chunks(store, KeywordQuery("apple", top_k=100))
        few = await provider.query_chunks(store, KeywordQuery("apple", top_k=7))
        assert (len(every), len(few)) == (40, 7)
        assert_descending(every)
        assert [one.score for one in few] == pytest.approx([one.score for one in every[:7]])

    @pytest.mark.asyncio
    async def test_case_does_not_matter(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="Crunchy APPLE"), chunk("b", content="ÄRGER und Übermut")])
        assert ids(await provider.query_chunks(store, KeywordQuery("apple"))) == ["a"]
        assert ids(await provider.query_chunks(store, KeywordQuery("ärger ÜBERMUT"))) == ["b"]

    @pytest.mark.asyncio
    async def test_the_threshold_leaves_out_weaker_texts(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store(
            [chunk("a", content="apple pie"), chunk("b", content="apple with much else around it")]
        )
        best, least = await provider.query_chunks(store, KeywordQuery("apple pie"))
        between = (best.score + least.score) / 2
        found = await provider.query_chunks(store, KeywordQuery("apple pie", score_threshold=between))
        assert ids(found) == [best.chunk.chunk_id]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    async def test_operators_are_just_text(self, text: str, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="one apple a day"), chunk("b", content="brick")])
        assert ids(await provider.query_chunks(store, KeywordQuery(text))) == ["a"]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("text", NO_WORDS, ids=range(len(NO_WORDS)))
    async def test_a_text_that_shares_no_word_finds_nothing(
        self, text: str, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("a", content="apple"), chunk("b", content="brick")])
        assert await provider.query_chunks(store, KeywordQuery(text)) == []

    @pytest.mark.asyncio
    @pytest.mark.parametrize("word", ["東京タワー", "яблоко", "תפוח", "μήλο", "naïve", "42", "v1"])
    async def test_words_of_every_script_are_found(self, word: str, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content=f"before {word} after"), chunk("b", content="brick")])
        assert ids(await provider.query_chunks(store, KeywordQuery(word))) == ["a"]

    @pytest.mark.asyncio
    async def test_a_chunk_without_words_is_never_found(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("a", content="🎉 !!!"), chunk("b", content="brick")])
        assert ids(await provider.query_chunks(store, KeywordQuery("brick party"))) == ["b"]

    @pytest.mark.asyncio
    async def test_an_empty_store_has_nothing(self, provider: VectorIO, make_store: MakeStore) -> None:
        assert await provider.query_chunks(await make_store(), KeywordQuery("apple")) == []
