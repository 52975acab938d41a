"""Searching: modes, rankers, filters, thresholds, several queries, rewriting; and what is refused."""

from __future__ import annotations

import base64
from array import array

import pytest

from stack.apis.vector_search import SearchRequest
from stack.errors import InvalidRequest, NotFound, Unsupported, UpstreamError

TEXTS = {
    "cat": "A cat sleeps on the warm sofa all day.",
    "dog": "A dog barks at the postman in the morning.",
    "tax": "Income tax is due in April, says code 4711.",
}


@pytest.fixture
async def store(shelf):
    made = await shelf.create()
    chunks = [
        {"chunk_id": name, "content": text, "metadata": {"animal": name != "tax", "size": len(text)}}
        for name, text in TEXTS.items()
    ]
    await shelf.insert(made, *chunks)
    return made


def ids(found) -> list[str]:
    return [each.chunk_id for each in found]


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_every_mode_finds_the_best_first(shelf, store, mode):
    found = await shelf.search(store, "income tax", search_mode=mode, max_num_results=3)
    assert ids(found)[0] == "tax"
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert len(await shelf.search(store, "tax", search_mode=mode, max_num_results=1)) == 1


@pytest.mark.parametrize("options", [{"ranker": "rrf"}, {"ranker": "weighted", "alpha": 0.3}, {"ranker": "auto"}])
async def test_hybrid_scores_are_shares(shelf, store, options):
    found = await shelf.search(store, "tax code 4711", ranking_options=options, search_mode="hybrid")
    assert ids(found)[0] == "tax"
    assert all(0 <= each.score <= 1 for each in found)


async def test_what_leads_both_lists_has_score_one(shelf, store):
    (found, *_) = await shelf.search(store, "income tax", ranking_options={"ranker": "rrf", "impact_factor": 10})
    assert (found.chunk_id, found.score) == ("tax", pytest.approx(1.0))


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_the_filter_holds_before_the_best_are_taken(shelf, store, mode):
    animals = {"type": "and", "filters": [{"type": "eq", "key": "animal", "value": True}]}
    found = await shelf.search(store, "a tax in the morning", search_mode=mode, max_num_results=1, filters=animals)
    assert ids(found) == ["dog"]


@pytest.mark.parametrize("mode", ["vector", "hybrid"])
async def test_no_result_is_below_the_threshold(shelf, store, mode):
    every = await shelf.search(store, "income tax", search_mode=mode)
    threshold = (every[0].score + every[1].score) / 2
    options = {"score_threshold": threshold}
    assert ids(await shelf.search(store, "income tax", search_mode=mode, ranking_options=options)) == ["tax"]


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_several_queries_are_looked_for_at_once(shelf, store, mode):
    found = await shelf.search(store, ["cat sleeps", "income tax"], search_mode=mode, max_num_results=2)
    assert sorted(ids(found)) == ["cat", "tax"]


@pytest.mark.parametrize("model", ["playground/lexical-reranker", "up/ok"])
async def test_a_model_orders_the_candidates(shelf, store, model):
    options = {"ranker": "neural", "model": model}
    found = await shelf.search(store, "the postman", ranking_options=options, max_num_results=2)
    assert (ids(found)[0], len(found)) == ("dog", 2)


async def test_the_reranking_model_of_run_yaml_is_taken(open_shelf):
    more = "vector_stores: {default_reranker_model: {provider_id: playground, model_id: lexical-reranker}}"
    shelf = await open_shelf(more)
    store = await shelf.create()
    await shelf.insert(store, *({"content": text} for text in TEXTS.values()))
    found = await shelf.query(store, query="postman", params={"ranker": {"type": "neural"}, "max_chunks": 1})
    assert found.chunks[0].content == TEXTS["dog"]


@pytest.mark.parametrize(
    ("request_", "error", "code"),
    [
        ({"rewrite_query": True}, Unsupported, "rewrite_not_configured"),
        ({"ranking_options": {"ranker": "neural"}}, Unsupported, "no_rerank_model"),
        ({"ranking_options": {"ranker": "neural", "model": "none"}}, NotFound, "model_not_found"),
        ({"ranking_options": {"ranker": "rrf"}, "search_mode": "vector"}, InvalidRequest, "invalid_request"),
    ],
)
async def test_what_cannot_be_done_is_refused(shelf, store, request_, error, code):
    with pytest.raises(error) as caught:
        await shelf.search(store, "a", **request_)
    assert caught.value.code == code


async def test_a_model_rewrites_the_query(open_shelf, upstream):
    model = "{provider_id: up, model_id: 'ok@rewrites'}"
    shelf = await open_shelf(f"vector_stores: {{rewrite_query_params: {{model: {model}}}}}")
    store = await shelf.create()
    page = await shelf.service.search.search(store.id, SearchRequest(query="what about cats?", rewrite_query=True))
    asked = upstream.requests("ok@rewrites")[-1].json["messages"]
    assert asked[-1] == {"role": "user", "content": "what about cats?"}
    assert page.search_query != ["what about cats?"]


async def test_a_query_that_cannot_be_rewritten_fails_the_search(open_shelf):
    params = "{model: {provider_id: up, model_id: fault-hang}, timeout_s: 0.2}"
    shelf = await open_shelf(f"vector_stores: {{rewrite_query_params: {params}}}")
    with pytest.raises(UpstreamError) as caught:
        await shelf.search(await shelf.create(), "cats", rewrite_query=True)
    assert caught.value.status == 504


async def test_a_store_of_a_provider_that_is_down_is_an_error_never_empty(open_shelf):
    shelf = await open_shelf()
    store = await shelf.create()
    shelf.service._router.instances["vec"].fail("it is broken")
    for asked in (shelf.search(store, "cats"), shelf.query(store, query="cats"), shelf.insert(store, {"content": "a"})):
        with pytest.raises(Exception, match="it is broken") as caught:
            await asked
        assert caught.value.status == 503


async def test_embeddings_of_ones_own_are_numbers_or_base64(shelf):
    store = await shelf.create(embedding_dimension=3)
    as_text = base64.b64encode(array("f", [0, 1, 0]).tobytes()).decode()
    await shelf.insert(store, {"chunk_id": "x", "content": "x", "embedding": [1, 0, 0]})
    await shelf.insert(store, {"chunk_id": "y", "content": "y", "embedding": as_text})
    for embedding, chunk_id in (([1, 0, 0], "x"), (as_text, "y")):
        found = await shelf.query(store, embedding=embedding, params={"include_embeddings": True})
        assert (found.chunks[0].chunk_id, found.scores[0]) == (chunk_id, pytest.approx(1.0))
    assert found.chunks[0].embedding == [0, 1, 0]


async def test_chunks_without_embeddings_get_the_stores(shelf):
    store = await shelf.create()
    own = await shelf.query(store, query="x", params={"include_embeddings": True})
    assert own.chunks == []
    vector = [0.0] * 383 + [1.0]
    await shelf.insert(
        store,
        {"chunk_id": "1", "content": "a cat"},
        {"chunk_id": "2", "content": "a dog", "embedding": vector},
        {"chunk_id": "3", "content": "a tax"},
    )
    assert (await shelf.query(store, embedding=vector)).chunks[0].chunk_id == "2"
    assert (await shelf.query(store, query="a tax", params={"mode": "vector"})).chunks[0].chunk_id == "3"


async def test_a_chunk_stored_twice_is_stored_once(shelf):
    store = await shelf.create()
    await shelf.insert(store, {"content": "a cat"}, {"content": "a cat"})
    await shelf.insert(store, {"content": "a cat", "chunk_metadata": {"n": 2}})
    (chunk,) = (await shelf.query(store, query="cat")).chunks
    assert chunk.chunk_metadata == {"n": 2}


@pytest.mark.parametrize(
    ("chunk", "param", "why"),
    [
        ({"embedding": [1, 0]}, "chunks[1].embedding", "2 numbers.*dimension 3"),
        ({"embedding": [0, 0, 0]}, "chunks[1].embedding", "direction"),
        ({"embedding": [1e39, 0, 0]}, "chunks[1].embedding", "finite"),
        ({"embedding": "AAA"}, "chunks[1].embedding", "base64"),
        ({"embedding": "é"}, "chunks[1].embedding", "base64"),
        ({"embedding": [1, 0, 0], "embedding_dimension": 4}, "chunks[1].embedding_dimension", "`4`.*`3`"),
        ({"embedding": [1, 0, 0], "embedding_model": "m"}, "chunks[1].embedding_model", "`m`"),
        ({"embedding": [1, 0, 0], "chunk_id": "file-" + "0" * 32 + "-000001"}, "chunks[1].chunk_id", "a file's chunk"),
        ({"embedding": [1, 0, 0], "chunk_metadata": {"a": "\0"}}, "chunks[1].chunk_metadata", "NUL"),
    ],
)
@pytest.mark.parametrize("provider_id", ["vec", "memory"])
async def test_a_bad_chunk_is_named_and_none_is_stored(shelf, provider_id, chunk, param, why):
    store = await shelf.create(embedding_dimension=3, provider_id=provider_id)
    with pytest.raises(InvalidRequest, match=why) as caught:
        await shelf.insert(store, {"content": "good", "embedding": [1, 0, 0]}, {"content": "bad", **chunk})
    assert caught.value.param == param
    assert await shelf.runtime.vector_io.count_chunks(store.id) == 0


async def test_a_large_insert_is_all_there_or_names_the_vector_that_is_bad(shelf):
    store = await shelf.create(embedding_dimension=384)
    good = [{"content": f"{number}", "embedding": [1.0] * 383 + [number]} for number in range(200)]
    with pytest.raises(InvalidRequest, match="base64") as caught:
        await shelf.insert(store, *good, {"content": "bad", "embedding": "AAA"})
    assert caught.value.param == "chunks[200].embedding"
    await shelf.insert(store, *good)
    assert await shelf.runtime.vector_io.count_chunks(store.id) == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"embedding": [1, 0]}, "embedding"),
        ({"embedding": [0, 0, 0]}, "embedding"),
        ({"embedding": [1, 0, 0], "params": {"mode": "keyword"}}, "query"),
    ],
)
async def test_a_bad_query_is_named(shelf, query, param):
    store = await shelf.create(embedding_dimension=3)
    with pytest.raises(InvalidRequest) as caught:
        await shelf.query(store, **query)
    assert caught.value.param == param


async def test_an_unknown_store_is_not_found(shelf):
    store = await shelf.create()
    await shelf.service.stores.delete(store.id)
    for asked in (shelf.search(store, "a"), shelf.query(store, query="a"), shelf.insert(store, {"content": "a"})):
        with pytest.raises(NotFound) as caught:
            await asked
        assert caught.value.code == "vector_store_not_found"
