"""Checks of completions, embeddings and reranking."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

from stack.testing.answers import Json
from stack.testing.inference.chatting import FINISHES, check_stream, check_usage, only_choice
from stack.testing.inference.checks import Group, equal, require
from stack.testing.inference.subject import Subject

COMPLETIONS = Group("completions")
EMBEDDINGS = Group("embeddings")
RERANK = Group("rerank")
DOCUMENTS = ["Bread is baked.", "The harbour opens at nine in the morning.", "Cats sleep a lot."]
QUERY = "When does the harbour open?"


@COMPLETIONS.check("answer", optional=True)
async def completion(subject: Subject) -> None:
    """A whole answer has an id, its kind, a text, a finish reason and counts that add up."""
    said = await subject.complete(max_tokens=16)
    equal(said.get("object"), "text_completion", "`object`")
    choice = only_choice(said)
    require(isinstance(choice.get("text"), str) and choice["text"], "`choices[0].text` holds no text")
    require(choice.get("finish_reason") in FINISHES, f"`finish_reason` is `{choice.get('finish_reason')}`")
    check_usage(said.get("usage"))


@COMPLETIONS.check("stream", optional=True)
async def streamed_completion(subject: Subject) -> None:
    """A stream is whole events of texts under one id, with one finish reason, and `[DONE]` at the end."""
    heard = await subject.stream_complete(max_tokens=16)
    check_stream(heard, "text_completion")
    require(heard.text, "the chunks hold no text")


def vectors_of(answer: Json, count: int) -> list[Any]:
    """The embeddings of an answer to that many inputs, in their order."""
    data = answer.get("data") or []
    equal(len(data), count, "the number of vectors")
    equal([item.get("index") for item in data], list(range(count)), "`index` of the vectors")
    return [item.get("embedding") for item in data]


def check_vectors(vectors: list[Any]) -> None:
    """Lists of one length, of finite numbers that are not all zero."""
    for vector in vectors:
        require(isinstance(vector, list) and vector, "an embedding is no list of numbers")
        sound = all(isinstance(x, int | float) and math.isfinite(x) for x in vector)
        require(sound, "an embedding holds something else than finite numbers")
        require(any(vector), "an embedding is zero")
    equal(len({len(vector) for vector in vectors}), 1, "the number of different lengths")


@EMBEDDINGS.check("one vector for each text")
async def each_text(subject: Subject) -> None:
    """Each text has its vector, in the order of the texts, all of one length."""
    together = vectors_of(await subject.embed(["one text", "quite another one"]), 2)
    check_vectors(together)
    turned = vectors_of(await subject.embed(["quite another one", "one text"]), 2)
    near = max(abs(a - b) for a, b in zip(together[0], turned[1], strict=True))
    require(near < 0.05, "the vector of a text depends on its place among the others")
    require(together[0] != together[1], "different texts have the same vector")


@EMBEDDINGS.check("text alone")
async def text_alone(subject: Subject) -> None:
    """A text that is in no list is a list of one."""
    check_vectors(vectors_of(await subject.embed("one text"), 1))


@EMBEDDINGS.check("usage")
async def embedding_usage(subject: Subject) -> None:
    """Tokens are counted."""
    usage = (await subject.embed("one text")).get("usage") or {}
    require(isinstance(usage.get("prompt_tokens"), int) and usage["prompt_tokens"] > 0, "`usage.prompt_tokens` is none")
    require(usage.get("total_tokens", 0) >= usage["prompt_tokens"], "`usage.total_tokens` is less than its part")


@EMBEDDINGS.check("base64", optional=True)
async def base64_numbers(subject: Subject) -> None:
    """`encoding_format: base64` holds the same numbers, as little-endian float32."""
    (plain,) = vectors_of(await subject.embed("one text", encoding_format="float"), 1)
    (packed,) = vectors_of(await subject.embed("one text", encoding_format="base64"), 1)
    require(isinstance(packed, str), "`embedding` is no text, and `base64` was asked for")
    data = base64.b64decode(str(packed))
    equal(len(data), 4 * len(plain), "the number of bytes")
    numbers = struct.unpack(f"<{len(plain)}f", data)
    near = all(math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-3) for a, b in zip(plain, numbers, strict=True))
    require(near, "`base64` holds other numbers than `float`")


@EMBEDDINGS.check("dimensions", optional=True)
async def dimensions(subject: Subject) -> None:
    """`dimensions` is the length of the vector."""
    (plain,) = vectors_of(await subject.embed("one text"), 1)
    wanted = max(1, len(plain) // 2)
    (shorter,) = vectors_of(await subject.embed("one text", dimensions=wanted), 1)
    equal(len(shorter), wanted, "the length of a vector with `dimensions`")


@RERANK.check("order")
async def order(subject: Subject) -> None:
    """Documents come by their places in the request, each once, the most relevant first, with falling scores."""
    results = (await subject.rerank(QUERY, DOCUMENTS)).get("results") or []
    equal(sorted(result.get("index") for result in results), [0, 1, 2], "the places of three documents")
    scores = [result.get("relevance_score") for result in results]
    require(all(isinstance(score, int | float) for score in scores), "`relevance_score` is no number")
    equal(scores, sorted(scores, reverse=True), "the scores in their order")
    equal(results[0]["index"], 1, "the place of the document that speaks of the query")


@RERANK.check("limit")
async def limit(subject: Subject) -> None:
    """`top_n` is the number of documents that are answered."""
    results = (await subject.rerank(QUERY, DOCUMENTS, top_n=1)).get("results") or []
    equal(len(results), 1, "the number of documents with `top_n`")
