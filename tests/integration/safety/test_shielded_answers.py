"""Blocked, masked and cut answers, as clients see them."""

from __future__ import annotations

import json

import openai
import pytest

MODEL = "guarded"
FALCON = [{"role": "user", "content": "a falcon"}]


def ask(stack, text, **more):
    return stack.client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **more)


def test_a_blocked_request_says_which_shield_and_why(stack):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(stack, "a falcon")
    error = raised.value.response.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "content_filter", "messages")
    assert error["shields"] == [{"shield_id": "words", "stage": "input", "categories": {"house/words": 1.0}}]
    assert raised.value.response.headers["x-stack-attempts"] == "0"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert "falcon" not in raised.value.response.text


def test_a_whole_answer_is_masked(stack):
    said = ask(stack, "write to joe@acme.com now").choices[0].message.content
    assert "write to <mail> now" in said
    assert "joe@acme.com" not in said


def test_a_stream_is_masked_across_its_chunks(stack):
    chunks = list(ask(stack, "write to joe@acme.com now", stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "write to <mail> now" in said
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {MODEL}


def test_a_stream_is_the_same_whether_asked_whole_or_in_parts(stack):
    said = "".join(chunk.choices[0].delta.content or "" for chunk in ask(stack, "hi", stream=True) if chunk.choices)
    assert said == ask(stack, "hi").choices[0].message.content


def test_a_stream_is_cut_by_an_error_event_and_nothing_after_it(stack):
    body = {"model": "unchecked-input", "messages": [{"role": "user", "content": "see a falcon fly"}], "stream": True}
    events = stack.wire.post("/v1/chat/completions", json=body).text.strip().split("\n\n")
    *chunks, last = [json.loads(event.removeprefix("data: ")) for event in events]
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert last["error"]["code"] == "content_filter"
    assert last["error"]["shields"][0]["stage"] == "output"
    assert said
    assert "falcon" not in said
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks} == {None}


def test_openai_s_client_raises_where_a_stream_is_cut(stack):
    stream = stack.client.chat.completions.create(model="unchecked-input", stream=True, messages=FALCON)
    said = [next(stream).choices[0].delta.content for _ in range(5)]
    with pytest.raises(openai.APIError, match="objects to the answer") as raised:
        list(stream)
    assert raised.value.code == "content_filter"
    assert "".join(said).startswith("This is")


def test_a_whole_answer_is_blocked(stack):
    with pytest.raises(openai.BadRequestError, match="objects to the answer") as raised:
        stack.client.chat.completions.create(model="unchecked-input", messages=FALCON)
    assert raised.value.code == "content_filter"
    assert "action=block" in raised.value.response.headers["x-stack-shields"]


def test_the_header_tells_what_was_decided(stack):
    raw = stack.client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "write to joe@acme.com"}]
    )
    words, back, mail = raw.headers["x-stack-shields"].split(", ")
    assert words.startswith("words;stage=input;action=allow;ms=")
    assert back.startswith("words;stage=output;action=allow;ms=")
    assert mail.startswith("mail;stage=output;action=mask;category=pii/email;score=1.00;ms=")


def test_the_trail_tells_what_was_decided(stack):
    response = stack.wire.post(
        "/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "a falcon"}]},
        headers={"x-request-id": "trail-1"},
    )
    assert response.status_code == 400
    [verdict] = [each for each in stack.client.safety.verdicts() if each.request_id == "trail-1"]
    assert (verdict.shield_id, verdict.stage, verdict.action) == ("words", "input", "block")
    assert (verdict.category, verdict.score, verdict.model) == ("house/words", 1.0, MODEL)
    assert verdict.ms > 0
    assert {each.shield_id for each in stack.client.safety.verdicts(shield_id="mail")} <= {"mail"}
    assert len(stack.client.safety.verdicts(limit=1)) == 1
