"""Shields run by id, moderations, shields registered while the stack runs."""

from __future__ import annotations

import openai
import pytest

SAY = [{"role": "user", "content": "hi"}, {"role": "user", "content": "the Falcon flies"}]
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def test_a_shield_says_what_it_objects_to_and_where(stack):
    violation = stack.client.safety.run_shield(shield_id="words", messages=SAY).violation
    assert (violation.violation_level, violation.categories) == ("error", {"house/words": 1.0})
    [found] = violation.findings
    assert (found.message, found.start, found.end, found.replacement) == (1, 4, 10, "[house/words]")
    assert stack.client.safety.run_shield(shield_id="words", messages=SAY[:1]).violation is None


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"shield_id": "wrods", "messages": SAY}, 404, "shield_not_found", "shield_id"),
        ({"shield_id": "words", "messages": []}, 400, "invalid_request", "messages"),
        ({"shield_id": "words"}, 400, "invalid_request", "messages"),
        ({"messages": SAY}, 400, "invalid_request", "shield_id"),
        ({"shield_id": "words", "messages": ["hi"]}, 400, "invalid_request", "messages[0]"),
        ({"shield_id": "words", "messages": SAY, "params": {"words": []}}, 400, "unsupported_parameter", "params"),
        ({"shield_id": "words", "messages": [{"role": "user", "content": [PNG]}]}, 400, "unreadable_content", None),
        (
            {"shield_id": "words", "messages": [{"role": "user", "content": [{"type": "file"}]}]},
            400,
            "unreadable_content",
            "messages[0].content[0]",
        ),
    ],
)
def test_a_bad_check_is_refused_by_name(stack, body, status, code, param):
    response = stack.wire.post("/v1/safety/run-shield", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param), error


def test_an_unknown_shield_is_told_the_nearest(stack):
    with pytest.raises(openai.NotFoundError, match="did you mean `words`"):
        stack.client.safety.run_shield(shield_id="wrods", messages=SAY)


def test_openai_s_moderations_are_answered(stack):
    response = stack.client.moderations.create(model="words", input=["hi", "a falcon", ""])
    assert response.model == "words"
    assert [result.flagged for result in response.results] == [False, True, False]
    assert response.results[1].categories.to_dict()["house/words"] is True
    assert response.results[1].categories.hate_threatening is False
    assert response.results[1].category_applied_input_types.violence == ["text"]


@pytest.mark.parametrize("model", [None, "omni-moderation-latest", "text-moderation-stable"])
def test_moderations_that_name_no_shield_go_to_the_first(stack, model):
    named = {} if model is None else {"model": model}
    response = stack.client.moderations.create(input=[{"type": "text", "text": "a falcon"}], **named)
    assert (response.model, response.results[0].flagged) == ("words", True)


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": "x", "model": "wrods"}, 404, "shield_not_found", "model"),
        ({"input": "x", "model": "guarded"}, 404, "shield_not_found", "model"),
        ({"input": []}, 400, "invalid_request", "input"),
        ({"input": [PNG], "model": "words"}, 400, "unreadable_content", "input"),
        ({"input": ["x", 1]}, 400, "invalid_request", "input[1]"),
        ({"input": ["x"] * 2049}, 400, "invalid_request", "input"),
        ({"input": [{"type": "audio"}]}, 400, "invalid_request", "input[0].type"),
        ({"input": [{"type": "text"}]}, 400, "invalid_request", "input[0].text"),
        ({}, 400, "invalid_request", "input"),
    ],
)
def test_a_bad_moderation_is_refused_by_name(stack, body, status, code, param):
    response = stack.wire.post("/v1/moderations", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param), error


def test_shields_are_registered_used_and_deleted(stack):
    shields = stack.client.shields
    made = shields.register(shield_id="mine/one", params={"words": ["heron"]})
    assert (made.identifier, made.provider_id, made.params) == ("mine/one", "keywords", {"words": ["heron"]})
    assert shields.register(shield_id="mine/one", params={"words": ["heron"]}) == made
    assert shields.retrieve("mine/one") == made
    assert [each.identifier for each in shields.list()] == ["words", "mail", "mine/one"]
    messages = [{"role": "user", "content": "a heron"}]
    assert stack.client.safety.run_shield(shield_id="mine/one", messages=messages).violation is not None
    shields.delete("mine/one")
    with pytest.raises(openai.NotFoundError):
        shields.retrieve("mine/one")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"shield_id": "words", "params": {"words": ["other"]}}, 409, "shield_id"),
        ({"shield_id": "x", "params": {"patterns": ["("]}}, 400, "patterns[0]"),
        ({"shield_id": "x", "params": {"patterns": ["((a{99}){99}){99}"]}}, 400, "patterns[0]"),
        ({"shield_id": "x", "params": {"wrods": []}}, 400, "wrods"),
        ({"shield_id": "x", "provider_id": "keyword"}, 404, "provider_id"),
        ({"shield_id": "x y"}, 400, "shield_id"),
        ({}, 400, "shield_id"),
    ],
)
def test_a_bad_registration_is_refused_by_name(stack, body, status, param):
    response = stack.wire.post("/v1/shields", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (status, param), response.text


def test_a_shield_of_run_yaml_is_not_deleted(stack):
    with pytest.raises(openai.ConflictError, match="stands in run"):
        stack.client.shields.delete("words")


def test_llama_stack_s_client_finds_everything_where_it_looks(stack):
    llama_stack_client = pytest.importorskip("llama_stack_client", reason="it installs on Python 3.11 only")
    if "localhost" in str(stack.client.base_url):
        pytest.skip("it speaks to a socket")
    origin = str(stack.client.base_url).removesuffix("/v1/")
    with llama_stack_client.LlamaStackClient(base_url=origin, _strict_response_validation=True) as client:
        violation = client.safety.run_shield(shield_id="words", messages=SAY, params={}).violation
        assert (violation.violation_level, violation.metadata["violation_type"]) == ("error", "house/words")
        assert client.safety.run_shield(shield_id="words", messages=SAY[:1], params={}).violation is None
        assert [shield.identifier for shield in client.shields.list()] == ["words", "mail"]
        assert client.shields.retrieve("mail").provider_resource_id == "mail"
        client.shields.register(shield_id="theirs", provider_id="keywords", params={"words": ["x"]})
        stack.client.shields.delete("theirs")
