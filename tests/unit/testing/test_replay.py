"""Every chosen recording is served as it was recorded, and nothing else is."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import pytest

from stack.testing.recordings import read_recordings
from stack.testing.replay import ReplayUpstream
from stack.testing.thread import in_thread

RECORDINGS = Path(__file__).parents[2] / "recordings"
PROVIDERS = ("openai", "azure", "ollama", "vllm")


@pytest.fixture
async def vllm():
    async with ReplayUpstream(RECORDINGS / "vllm") as upstream:
        yield upstream


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_recording_is_answered_as_recorded(call, provider):
    async with ReplayUpstream(RECORDINGS / provider) as upstream:
        for recording in upstream.recordings:
            caller = await call(upstream.port)
            caller.send(recording.endpoint, recording.request, method=recording.method, connection="close")
            heard = await caller.hear()
            expected = [*map(json.dumps, recording.chunks), "[DONE]"] if recording.stream else recording.body
            got = (
                [json.dumps(json.loads(e)) if e[0] == "{" else e for e in heard.events]
                if recording.stream
                else heard.json
            )
            assert (heard.status, got) == (recording.status, expected)
        upstream.check()


async def send(call, upstream, path, body=None, method="POST"):
    caller = await call(upstream.port)
    caller.send(path, body, method=method, connection="close")
    return await caller.hear()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature": 0}, "`body.temperature` was not in the recorded request"),
        ({"max_tokens": 7}, "`body.max_tokens` is 7, recorded was"),
        ({"model": "vllm/x"}, '`body.model` is "vllm/x", recorded was "Qwen/Qwen3-0.6B"'),
    ],
)
async def test_an_unknown_request_is_refused_and_remembered(call, vllm, change, words):
    recorded = vllm.recordings[0]
    heard = await send(call, vllm, recorded.endpoint, recorded.request | change)
    assert (heard.status, heard.json["error"]["code"]) == (599, "not_recorded")
    assert words in heard.json["error"]["message"] == vllm.unknown[0]
    with pytest.raises(AssertionError, match="no recording of this"):
        vllm.check()


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/files"), ("GET", "/v1/chat/completions"), ("GET", "/")])
async def test_an_endpoint_without_recordings_is_unknown(call, vllm, method, path):
    heard = await send(call, vllm, path, method=method)
    assert heard.status == 599
    assert vllm.unknown == [f"no recording of `{method} {path}`"]


async def test_unused_recordings_fail_the_check_by_name(vllm):
    assert vllm.unused() == vllm.recordings
    with pytest.raises(AssertionError, match=r"unused: .*001-mcp_tools_in_inference\.json"):
        vllm.check()


async def test_equal_recordings_are_used_in_order_and_the_last_one_stays(call, tmp_path):
    whole = json.loads((RECORDINGS / "vllm" / "chat-completions" / "015-tool_without_schema.json").read_text())
    for name in "ab":
        answer = {"status": 200, "stream": False, "body": {"said": name}}
        (tmp_path / f"{name}.json").write_text(json.dumps(whole | {"id": name, "response": answer}))
    async with ReplayUpstream(tmp_path) as upstream:
        heard = [await send(call, upstream, whole["endpoint"], whole["request"]["body"]) for _ in "123"]
    assert [each.json["said"] for each in heard] == ["a", "b", "b"]


@pytest.mark.parametrize("prefix", ["/openai/v1", "/openai/deployments/gpt-4o", "/v1"])
async def test_azure_is_understood_under_each_of_its_paths(call, prefix):
    async with ReplayUpstream(RECORDINGS / "azure") as upstream:
        path = f"{prefix}/chat/completions?api-version=2024-10-21"
        assert (await send(call, upstream, path, upstream.recordings[0].request)).status == 200
    assert (upstream.unknown, upstream.received[0].target) == ([], path)


async def test_embeddings_come_as_base64_when_that_is_asked_for(call):
    async with ReplayUpstream(RECORDINGS / "openai") as upstream:
        recorded = next(each for each in upstream.recordings if each.endpoint == "/v1/embeddings")
        heard = await send(call, upstream, recorded.endpoint, recorded.request | {"encoding_format": "base64"})
    numbers = recorded.body["data"][0]["embedding"]
    packed = base64.b64decode(heard.json["data"][0]["embedding"])
    assert struct.unpack(f"<{len(numbers)}f", packed) == pytest.approx(numbers, abs=1e-7)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_models_are_served_as_a_list_and_one_by_one(call, provider):
    async with ReplayUpstream(RECORDINGS / provider) as upstream:
        listed = (await send(call, upstream, "/v1/models", method="GET")).json["data"]
        one = await send(call, upstream, f"/v1/models/{listed[-1]['id']}", method="GET")
        assert one.json == listed[-1]
        assert (await send(call, upstream, "/v1/models/nothing", method="GET")).status == 404
    assert upstream.unknown == []


async def test_what_arrived_is_kept_whole(call, vllm):
    await send(call, vllm, "/v1/chat/completions", {"model": "x"})
    (request,) = vllm.received
    assert (request.path, request.json, request.body) == ("/v1/chat/completions", {"model": "x"}, b'{"model": "x"}')


def test_recordings_of_several_providers_are_refused():
    with pytest.raises(ValueError, match="one upstream replays one provider"):
        ReplayUpstream(RECORDINGS)


def test_a_thread_replays_for_tests_that_have_no_loop():
    with in_thread(ReplayUpstream(RECORDINGS / "vllm")) as upstream:
        assert len(upstream.unused()) == len(read_recordings(RECORDINGS / "vllm")) - 1
