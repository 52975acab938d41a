"""Headers that callers send, and those that come back."""

from __future__ import annotations

import json

import pytest
from integration.wire import CHAT, asking, error_in, events

PATHS = [("GET", "/v1/models"), ("GET", "/v1/nothing"), ("POST", CHAT), ("GET", "/v1/health")]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_the_callers_request_id_comes_back(lab, method, path):
    answer = lab.wire.request(method, path, headers={"x-request-id": "my-id_1"})
    assert answer.headers.get_list("x-request-id") == ["my-id_1"]
    assert "error" not in answer.json() or answer.json()["error"]["request_id"] == "my-id_1"


@pytest.mark.parametrize("sent", ["", "with space", "a" * 65, 'quote"', "caf\u00e9".encode()])
def test_an_odd_request_id_is_replaced(lab, sent):
    answered = lab.wire.get("/v1/models", headers={"x-request-id": sent}).headers["x-request-id"]
    assert answered.startswith("req_")


def test_each_request_has_an_id_of_its_own(lab):
    assert len({lab.wire.get("/v1/health").headers["x-request-id"] for _ in range(5)}) == 5


def test_the_request_id_goes_up(lab, upstream):
    lab.wire.post(CHAT, json=asking("faulty/ok@with-id"), headers={"x-request-id": "goes-up"})
    assert upstream.requests("ok@with-id")[-1].headers["x-request-id"] == "goes-up"


@pytest.mark.parametrize("header", ["x-stack-provider-data", "X-LlamaStack-Provider-Data", "X-OGX-Provider-Data"])
@pytest.mark.parametrize("data", [{"faulty": {"api_key": "own"}}, {"faulty_api_key": "own"}], ids=["nested", "flat"])
def test_a_callers_own_key_is_used_and_only_for_its_provider(lab, upstream, header, data):
    for provider in ("faulty", "azure"):
        lab.wire.post(CHAT, json=asking(f"{provider}/ok@own-key"), headers={header: json.dumps(data)})
        sent = upstream.requests("ok@own-key")[-1].headers
        assert (sent.get("authorization") == "Bearer own", "own" in sent.get("api-key", "")) == (
            provider == "faulty",
            False,
        )


def test_a_callers_own_key_that_is_refused_is_his_401(lab):
    own = {"x-stack-provider-data": json.dumps({"faulty": {"api_key": "sk-not-any-good"}})}
    answer = lab.wire.post(CHAT, json=asking("faulty/fault-401-echo-key"), headers=own)
    assert (answer.status_code, error_in(answer.content)["code"]) == (401, "invalid_api_key")
    assert "sk-not-any-good" not in answer.text


def test_a_provider_without_a_key_is_sent_none(lab, upstream):
    lab.wire.post(CHAT, json=asking("keyless/ok@keyless"), headers={"authorization": "Bearer for-the-stack"})
    assert not upstream.requests("ok@keyless")[-1].headers.keys() & {"authorization", "api-key", "x-api-key", "cookie"}


def test_headers_of_a_caller_do_not_go_up(lab, upstream):
    secret = {"cookie": "a=b", "x-forwarded-for": "10.0.0.1", "x-mine": "1", "authorization": "Bearer for-the-stack"}
    lab.wire.post(CHAT, json=asking("faulty/ok@headers"), headers=secret)
    assert not upstream.requests("ok@headers")[-1].headers.keys() & {"cookie", "x-forwarded-for", "x-mine"}


@pytest.mark.parametrize(
    ("path", "request_"),
    [("chat/completions", asking("alias")), ("completions", {"prompt": "a"}), ("embeddings", {"input": "a"})],
)
def test_the_openai_prefix_answers_the_same(lab, path, request_):
    model = "alias-embedding" if path == "embeddings" else "alias"
    answers = [
        lab.wire.post(f"{prefix}/{path}", json={**request_, "model": model}).json()
        for prefix in ("/v1", "/v1/openai/v1")
    ]
    one, other = ({**answer, "id": ""} for answer in answers)
    assert one == other
    assert one["model"] == model


@pytest.mark.parametrize("model", ["alias", "playground/not-an-llm", "faulty/fault-split-sse"])
def test_the_openai_prefix_streams_the_same_but_for_done(lab, model):
    prefixes = ("/v1", "/v1/openai/v1")
    streams = [lab.wire.post(f"{prefix}/chat/completions", json=asking(model, stream=True)) for prefix in prefixes]
    *plain, done = events(streams[0].content)
    deltas = [
        [json.loads(each)["choices"][0]["delta"] for each in told] for told in (plain, events(streams[1].content))
    ]
    assert deltas[0] == deltas[1]
    assert done == b"[DONE]"


@pytest.mark.parametrize("path", ["models", "models/alias", "models/playground/not-an-llm"])
def test_the_openai_prefix_lists_the_same(lab, path):
    plain, prefixed = (lab.wire.get(f"{prefix}/{path}") for prefix in ("/v1", "/v1/openai/v1"))
    assert (plain.status_code, plain.json()) == (200, prefixed.json())


@pytest.mark.parametrize("path", ["health", "version", "providers", "providers/faulty", "inspect/routes"])
def test_the_admin_prefix_tells_the_same(lab, path):
    plain, admin = (lab.wire.get(f"{prefix}/{path}") for prefix in ("/v1", "/v1alpha/admin"))
    assert (plain.status_code, plain.json()) == (200, admin.json())


def test_a_time_limit_of_the_caller_ends_the_wait(lab):
    answer = lab.wire.post(CHAT, json=asking("faulty/fault-hang"), headers={"x-stack-timeout-ms": "1000"})
    assert (answer.status_code, error_in(answer.content)["code"]) == (504, "deadline_exceeded")
    assert answer.elapsed.total_seconds() < 30  # half of what the provider may take
