"""What the stack does not know passes through it: fields of requests and answers, and chunks while they come."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from integration.wire import CHAT, asking, events

from stack.testing.answers import encode

ODD = {
    "vendor_knob": {"deep": [1, 2.50, None, {"a": "\u2028 \U0001f680"}]},
    "messages": [{"role": "user", "content": "hi", "vendor_mark": True}],
    "temperature": 1e-7,
    "seed": 12345678901234567890,
}


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_fields_reach_the_upstream_as_the_bytes_they_were(lab, upstream, stream):
    body = json.dumps({**ODD, "model": "faulty/ok@odd", "stream": stream}, indent=1).encode()
    assert lab.wire.post(CHAT, content=body).status_code == 200
    received = upstream.requests("ok@odd")[-1].body
    assert received == body.replace(b'"model": "faulty/ok@odd"', b'"model":"ok@odd"')


def test_unknown_fields_of_an_answer_reach_the_caller(lab, upstream):
    answer = lab.wire.post(CHAT, json=asking("faulty/fault-null-content"))
    assert answer.json()["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize("model", ["alias", "faulty/ok", "keyless/ok"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_bears_the_callers_model_and_headers_the_upstreams(lab, model, stream):
    answer = lab.wire.post(CHAT, json=asking(model, stream=stream))
    documents = [json.loads(each) for each in events(answer.content)[:-1]] if stream else [answer.json()]
    assert {document["model"] for document in documents} == {model}
    assert answer.headers["x-stack-upstream-model"] == "ok"


def test_chunks_come_while_the_upstream_writes(lab, upstream):
    model = "stream-3000-every-20@live"  # a minute
    completed = upstream.counts.completed[model]
    with lab.client.chat.completions.create(**asking(f"faulty/{model}", stream=True)) as stream:
        assert [next(stream).choices[0].delta.content for _ in range(3)] == ["All ", "is ", "well "]
        assert upstream.counts.completed[model] == completed


async def test_a_fast_stream_comes_whole(lab):
    chunks = lab.client.chat.completions.create(**asking("faulty/stream-5000", stream=True))
    assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) == 5000


@pytest.mark.parametrize("dimensions", [None, 3])
def test_embeddings_pass_in_both_encodings(lab, dimensions):
    asked = {"model": "alias-embedding", "input": ["a", "b"]} | ({"dimensions": dimensions} if dimensions else {})
    answers = [
        lab.wire.post("/v1/embeddings", json={**asked, "encoding_format": form}).json() for form in ("float", "base64")
    ]
    numbers, texts = ([item["embedding"] for item in answer["data"]] for answer in answers)
    assert [list(struct.unpack(f"<{len(numbers[0])}f", base64.b64decode(text))) for text in texts] == numbers
    assert len(numbers[0]) == (dimensions or 8)


@pytest.mark.parametrize("given", ["a", ["a"], [1, 2], [[1], [2, 3]]])
def test_every_shape_of_input_goes_up_as_it_is(lab, upstream, given):
    lab.wire.post("/v1/embeddings", content=encode({"model": "faulty/ok@shape", "input": given}))
    assert upstream.requests("ok@shape")[-1].json["input"] == given


def test_a_large_answer_passes(lab):
    answer = lab.client.chat.completions.create(**asking("faulty/size-900000"))
    assert len(answer.choices[0].message.content) == 900_000
