"""A provider that cannot start or be reached is marked with the reason; the rest serves."""

from __future__ import annotations

import json

import openai
import pytest
from integration.wire import CHAT, asking, error_in

INSTALL = "pip install 'a-package-that-nobody-has>=2'"


@pytest.mark.parametrize(("provider", "reason"), [("unpacked", INSTALL), ("bugged", "ZeroDivisionError")])
def test_its_requests_are_answered_with_503_and_the_reason(lab, provider, reason):
    answer = lab.wire.post(CHAT, json=asking(f"{provider}/any"))
    error = error_in(answer.content)
    assert (answer.status_code, error["code"]) == (503, "provider_unavailable")
    assert reason in error["message"]


@pytest.mark.parametrize(("provider", "reason"), [("unpacked", INSTALL), ("bugged", "ZeroDivisionError")])
def test_it_is_shown_as_failed_with_the_reason(lab, provider, reason):
    shown = lab.client.providers.retrieve(provider)
    assert (shown.status, shown.health.status) == ("failed", "Error")
    assert reason in shown.reason


def test_the_rest_serves(lab):
    answers = [lab.client.chat.completions.create(**asking(f"{name}")) for name in ("tiny/x", "playground/not-an-llm")]
    assert answers[0].choices[0].message.content == "tiny"
    assert lab.client.inspect.health().status == "OK"


def test_the_stack_is_ready_without_it_and_says_so(lab):
    told = lab.client.inspect.ready()
    assert told.status == "degraded"
    failed = {each.provider_id: each.reason for each in told.providers if each.status == "failed"}
    assert failed.keys() == {"unpacked", "bugged"}
    assert INSTALL in failed["unpacked"]


def test_nobody_was_asked_for_it(lab):
    headers = lab.wire.post(CHAT, json=asking("unpacked/any")).headers
    assert (headers["x-stack-provider"], headers["x-stack-attempts"]) == ("unpacked", "0")
    assert headers["x-should-retry"] == "false"


def test_its_models_are_not_listed_and_those_of_the_rest_are(lab):
    providers = {model.provider_id for model in lab.client.models.list()}
    assert providers == {"playground", "faulty", "keyless", "azure"}


def test_an_unreachable_provider_is_shown_as_unavailable_after_a_request(lab):
    with pytest.raises(openai.APIStatusError) as caught:
        lab.client.chat.completions.create(**asking("closed/any"))
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
    assert lab.client.providers.retrieve("closed").status == "unavailable"


@pytest.mark.parametrize("method", ["completions", "embeddings"])
def test_what_a_provider_lacks_is_refused_as_unsupported(lab, method):
    answer = lab.wire.post(f"/v1/{method}", json={"model": "tiny/x", "prompt": "a", "input": "a"})
    assert (answer.status_code, error_in(answer.content)["code"]) == (400, "unsupported")


def test_a_bug_in_a_provider_is_a_500_that_tells_nothing(lab):
    answer = lab.wire.post(CHAT, json=asking("tiny/bug"), headers={"x-request-id": "find-me"})
    error = error_in(answer.content)
    assert (answer.status_code, error["code"], error["request_id"]) == (500, "internal_error", "find-me")
    assert answer.headers["x-stack-provider"] == "tiny"
    assert "canary" not in json.dumps(error)
