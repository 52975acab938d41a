"""Reranking over HTTP and in process: one route, in the words that Cohere, Jina and vLLM share."""

from __future__ import annotations

import pytest

ASKED = {"model": "playground/lexical-reranker", "query": "red cat", "documents": ["a dog", "a red cat"]}


def test_the_most_relevant_comes_first_under_the_id_that_was_asked_for(wire):
    answer = wire.post("/v1/rerank", json=ASKED)
    assert answer.headers["x-stack-provider"] == "playground"
    assert answer.json()["model"] == ASKED["model"]
    assert [result["index"] for result in answer.json()["results"]] == [1, 0]


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"query": ""}, 400, "query"),
        ({"documents": []}, 400, "documents"),
        ({"documents": [1]}, 400, "documents[0]"),
        ({"top_n": 0}, 400, "top_n"),
        ({"model": "playground/not-an-llm"}, 400, "model"),
        ({"model": "playground/none"}, 404, "model"),
    ],
)
def test_a_bad_request_is_refused_by_its_field(wire, change, status, param):
    answer = wire.post("/v1/rerank", json={**ASKED, **change})
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
