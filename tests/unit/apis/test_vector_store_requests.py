"""Requests about vector stores: what is refused, under which name."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from stack.apis.validation import invalid_request
from stack.apis.vector_search import InsertRequest, QueryRequest, SearchRequest, text_of
from stack.apis.vector_store_files import FileAttachRequest, FileBatchRequest
from stack.apis.vector_stores import ListRequest, VectorStoreCreateRequest

EQUAL = {"type": "eq", "key": "a", "value": 1}


def search(**request):
    return SearchRequest, {"query": "a", **request}


def query(**request):
    return QueryRequest, {"vector_store_id": "vs_1", "query": "a", **request}


def insert(**chunk):
    return InsertRequest, {"vector_store_id": "vs_1", "chunks": [{"content": "a", **chunk}]}


def nested(depth):
    return EQUAL if depth == 1 else {"type": "and", "filters": [nested(depth - 1)]}


@pytest.mark.parametrize(
    ("asked", "param", "why"),
    [
        (search(query=""), "query", "empty"),
        (search(query=[]), "query", "empty"),
        (search(query=["a", ""]), "query[1]", "empty"),
        (search(query="a\0"), "query", "NUL"),
        (search(query="a" * 40_000), "query", "32768"),
        (search(filters=3), "filters", "object"),
        (search(filters={**EQUAL, "type": "like"}), "filters.type", "`eq`"),
        (search(filters={**EQUAL, "value": {}}), "filters.value", "object"),
        (search(filters={**EQUAL, "value": None}), "filters.value", "null"),
        (search(filters={**EQUAL, "type": "in"}), "filters", "`value` of `in` must be a list"),
        (search(filters={**EQUAL, "key": "\0"}), "filters", "NUL"),
        (search(filters={"type": "in", "key": "a", "value": ["\0"]}), "filters", "NUL"),
        (search(filters={"type": "and", "filters": [{**EQUAL, "value": 2**63}]}), "filters", "64 bits"),
        (query(params={"filters": {**EQUAL, "value": "\0"}}), "params.filters", "NUL"),
        (search(filters={"type": "or", "filters": [EQUAL, {**EQUAL, "key": ""}]}), "filters.filters[1].key", "empty"),
        (search(max_num_results=0), "max_num_results", "at least 1"),
        (search(max_num_results=51), "max_num_results", "at most 50"),
        (search(ranking_options={"ranker": "best"}), "ranking_options.ranker", "`auto`"),
        (search(ranking_options={"alpha": 2}), "ranking_options.alpha", "at most 1"),
        (search(ranking_options={"ranker": "rrf", "alpha": 0.5}), "ranking_options.alpha", "`rrf` does not take it"),
        (search(ranking_options={"ranker": "weighted", "model": "a"}), "ranking_options.model", "does not take it"),
        (search(ranking_options={"model": "a"}), "ranking_options.model", "`auto` does not take it"),
        (search(depth=3), "depth", "known"),
        (insert(content=""), "chunks[0].content", "empty"),
        (insert(content=" \n"), "chunks[0].content", "empty"),
        (insert(content="a\0"), "chunks[0].content", "NUL"),
        (insert(content="a" * 140_000), "chunks[0].content", "131072 characters"),
        (insert(content={"type": "image", "image": {}}), "chunks[0].content.type", "`text`"),
        (insert(embedding=[]), "chunks[0].embedding", "empty"),
        (insert(embedding=[1, "2"]), "chunks[0].embedding[1]", "number"),
        (insert(embedding=[1, float("nan")]), "chunks[0].embedding[1]", "finite"),
        (insert(embedding=[1, float("inf")]), "chunks[0].embedding[1]", "finite"),
        (insert(metadata={"a": {"b": 1}}), "chunks[0].metadata.a", "object"),
        (insert(metadata={"a": 2**63}), "chunks[0].metadata.a", "64 bits"),
        (insert(metadata={"a": float("inf")}), "chunks[0].metadata.a", "finite"),
        ((FileAttachRequest, {"file_id": "a", "attributes": {"a": -(2**63) - 1}}), "attributes.a", "64 bits"),
        (insert(metadata={"a": "\0"}), "chunks[0].metadata.a", "NUL"),
        (insert(ttl_seconds=3), "chunks[0].ttl_seconds", "known"),
        ((InsertRequest, {"vector_store_id": "vs_1", "chunks": []}), "chunks", "empty"),
        ((InsertRequest, {"chunks": [{"content": "a"}]}), "vector_store_id", "required"),
        ((QueryRequest, {"vector_store_id": "vs_1"}), None, "`query` or `embedding`"),
        ((VectorStoreCreateRequest, {"provider_vector_store_id": "a;b"}), "provider_vector_store_id", "match"),
        ((VectorStoreCreateRequest, {"metadata": {"a": 1}}), "metadata.a", "string"),
        ((VectorStoreCreateRequest, {"metadata": {"k" * 65: ""}}), "metadata", "64"),
        ((VectorStoreCreateRequest, {"file_ids": ["f", "f"]}), "file_ids", "`f` stands in it twice"),
        ((FileAttachRequest, {"file_id": "f", "attributes": {"a": []}}), "attributes.a", "array"),
        ((FileBatchRequest, {}), None, "`file_ids` or `files`"),
        ((FileBatchRequest, {"files": [{"file_id": "f"}], "attributes": {}}), None, "each file"),
        ((ListRequest, {"after": "a", "before": "b"}), "before", "exclude"),
        ((ListRequest, {"limit": 101}), "limit", "100"),
    ],
)
def test_what_is_no_request_is_refused_by_the_name_of_the_field(asked, param, why):
    kind, body = asked
    with pytest.raises(ValidationError) as caught:
        kind.model_validate_json(json.dumps(body))
    refusal = invalid_request(caught.value)
    assert refusal.param == param
    assert why in refusal.message


def test_filters_nest_eight_levels():
    SearchRequest.model_validate({"query": "a", "filters": nested(8)})
    for depth in (9, 40):
        with pytest.raises(ValidationError, match="deeper than 8") as caught:
            SearchRequest.model_validate({"query": "a", "filters": nested(depth)})
        assert invalid_request(caught.value).param == "filters"


def test_a_store_is_also_named_as_llama_stack_named_it():
    body = {"vector_db_id": "docs", "chunks": [{"content": [{"type": "text", "text": "a"}], "stored_chunk_id": "1"}]}
    request = InsertRequest.model_validate(body)
    assert (request.vector_store_id, request.chunks[0].chunk_id) == ("docs", "1")
    assert text_of(request.chunks[0].content) == "a"


def test_whole_numbers_of_chunks_stay_whole():
    request = InsertRequest.model_validate(
        {"vector_store_id": "vs_1", "chunks": [{"content": "a", "metadata": {"year": 2024, "new": True, "part": 0.5}}]}
    )
    assert [type(value) for value in (request.chunks[0].metadata or {}).values()] == [int, bool, float]
