"""What real providers answered passes through the stack unchanged, both ways, but for the model's id."""

from __future__ import annotations

import json

import pytest
from integration.reaching import TESTS
from integration.wire import error_in, events

from stack.testing.answers import encode
from stack.testing.recordings import read_recordings

RECORDINGS = read_recordings(TESTS / "recordings")
EXCHANGES = [each for each in RECORDINGS if each.endpoint != "/v1/models"]
LISTS = [each for each in RECORDINGS if each.endpoint == "/v1/models"]
PREFIX = {"openai": "/v1", "azure": "/openai/v1", "ollama": "/v1", "vllm": "/v1"}
CREDENTIAL = {
    "openai": {"authorization": "Bearer key-for-openai"},
    "azure": {"api-key": "key-for-azure"},
    "ollama": {},
    "vllm": {"authorization": "Bearer key-for-vllm"},
}


def renamed(document, model):
    """The recorded JSON under the id that the caller used."""
    return {**document, "model": model} if "model" in document else document


def name(recording):
    return f"{recording.provider}-{recording.id}"


@pytest.fixture(params=EXCHANGES, ids=name)
def recording(request):
    return request.param


@pytest.fixture
def model(recording):
    return f"{recording.provider}/{recording.request['model']}"


@pytest.fixture
def answer(replayed, recording, model):
    body = encode({**recording.request, "model": model})
    return replayed.reached.wire.post(recording.endpoint, content=body)


@pytest.fixture
def received(replayed, recording, answer):
    """What reached the upstream."""
    return [each for each in replayed.upstreams[recording.provider].received if each.method == "POST"][-1]


def test_what_comes_back_is_what_was_recorded(answer, recording, model):
    assert answer.status_code == recording.status
    if recording.stream:
        assert events(answer.content) == [*(encode(renamed(chunk, model)) for chunk in recording.chunks), b"[DONE]"]
    elif recording.status == 200:
        whole = json.loads(recording.document(recording.request.get("encoding_format")))
        assert answer.content == encode(renamed(whole, model))
    else:
        said = recording.body["error"]
        error = error_in(answer.content)
        assert (error["message"], error["code"]) == (said["message"], str(said["code"] or "upstream_error"))
        assert (error["upstream"]["status"], error["upstream"]["message"]) == (recording.status, said["message"])


def test_what_goes_up_is_what_was_recorded(replayed, received, recording):
    assert received.body == encode(recording.request)
    assert received.path == PREFIX[recording.provider] + recording.endpoint.removeprefix("/v1")
    sent = {name: value for name, value in received.headers.items() if name in ("authorization", "api-key")}
    assert sent == CREDENTIAL[recording.provider]


def test_no_request_is_unknown_and_no_recording_unused(replayed, recording, answer):
    upstream = replayed.upstreams[recording.provider]
    assert upstream.unknown == []
    assert recording not in upstream.unused()


@pytest.mark.parametrize("recording", [each for each in EXCHANGES if each.status == 200], indirect=True, ids=name)
def test_the_headers_tell_provider_upstream_model_and_the_upstreams_request_id(answer, recording):
    told = {name: answer.headers[f"x-stack-{name}"] for name in ("provider", "upstream-model", "upstream-request-id")}
    assert told == {
        "provider": recording.provider,
        "upstream-model": recording.request["model"],
        "upstream-request-id": recording.id,
    }


@pytest.mark.parametrize("listing", LISTS, ids=lambda each: each.provider)
def test_the_models_of_each_provider_are_listed_under_its_id(replayed, listing):
    listed = {model.provider_resource_id for model in replayed.reached.client.models.list()}
    recorded = {entry["id"] for entry in listing.body["data"]}
    assert recorded <= listed


def test_the_classic_paths_of_azure_name_the_deployment_and_the_version(replayed):
    recording = next(each for each in EXCHANGES if each.provider == "azure" and not each.stream and each.status == 200)
    body = {**recording.request, "model": f"azure-classic/{recording.request['model']}"}
    assert replayed.reached.wire.post(recording.endpoint, json=body).status_code == 200
    received = [each for each in replayed.upstreams["azure"].received if each.method == "POST"][-1]
    assert received.target == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_the_openai_client_reads_recorded_streams(replayed, provider):
    recording = next(each for each in EXCHANGES if each.provider == provider and each.stream)
    asked = {**recording.request, "model": f"{provider}/{recording.request['model']}"}
    chunks = [chunk.to_dict() for chunk in replayed.reached.client.chat.completions.create(**asked)]
    assert chunks == [renamed(chunk, asked["model"]) for chunk in recording.chunks]
