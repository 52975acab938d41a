"""Documents ordered by the words that they share with a query."""

from __future__ import annotations

import json

import pytest

from stack.apis.chat import ChatCompletionRequest
from stack.apis.rerank import RerankRequest
from stack.errors import StackError

DOCUMENTS = ["Cats purr.", "The harbour opens at nine.", "Nine cats sit in the harbour."]


def asked(**fields) -> RerankRequest:
    whole = {"model": "lexical-reranker", "query": "When does the harbour open?", "documents": DOCUMENTS, **fields}
    return RerankRequest.from_body(json.dumps(whole).encode())


async def test_the_document_that_speaks_of_the_query_comes_first(playground):
    results = (await playground.rerank(asked())).value.results
    assert [result.index for result in results] == [1, 2, 0]
    assert 1 > results[0].relevance_score > results[1].relevance_score > results[2].relevance_score == 0


async def test_as_many_as_asked_come_with_their_text(playground):
    [best] = (await playground.rerank(asked(top_n=1, return_documents=True))).value.results
    assert best.document == DOCUMENTS[1]


async def test_objects_are_read_by_their_text(playground):
    results = (await playground.rerank(asked(documents=[{"text": text} for text in DOCUMENTS]))).value.results
    assert results[0].index == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"documents": [{"title": "x"}]}, "documents[0].text"),
        ({"model": "not-an-llm"}, "model"),
        ({"model": "other"}, "model"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_it_cannot_do_is_refused_by_its_field(playground, fields, param):
    with pytest.raises(StackError) as caught:
        await playground.rerank(asked(**fields))
    assert caught.value.param == param


async def test_a_model_of_another_kind_says_what_it_does(playground):
    body = b'{"model": "lexical-reranker", "messages": [{"role": "user", "content": "hi"}]}'
    with pytest.raises(StackError, match="only orders documents: ask `not-an-llm`"):
        await playground.openai_chat_completion(ChatCompletionRequest.from_body(body))
