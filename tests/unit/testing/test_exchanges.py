"""What providers say is recorded without secrets, and replayed to the same providers without a service."""

from __future__ import annotations

import json

import pytest
from asking import chat

from stack.apis.context import RequestContext, request_context
from stack.apis.inference import CompletionRequest, EmbeddingsRequest
from stack.errors import BadUpstreamReply, RateLimited, StackError
from stack.testing.exchange import head
from stack.testing.http import HttpServer
from stack.testing.play import replaying
from stack.testing.record import recording, without_secrets
from stack.testing.recordings import read_recordings
from stack.testing.redaction import Redaction

KEY = "canary-key-5f1c0b2a"


async def blocks(stream):
    return b"".join([block async for block in stream.blocks()])


@pytest.fixture
def groq(provider, upstream):
    return lambda **more: provider("groq", base_url=upstream.base_url, api_key=KEY, **more)


@pytest.fixture
def away(provider):
    """The same provider, where its service cannot be reached."""
    return lambda **more: provider("groq", base_url="http://127.0.0.1:9/v1", api_key="another-key-77", **more)


async def asked(groq):
    """Each kind of call once; what came back."""
    whole = await groq.openai_chat_completion(chat("caf\u00e9?"))
    stream = await groq.openai_chat_completion(chat("caf\u00e9?", stream=True))
    streamed = await blocks(stream)
    text = await groq.openai_completion(CompletionRequest(model="ok", prompt="Once"))
    numbers = await groq.openai_embeddings(EmbeddingsRequest(model="ok", input=["a", "b"]))
    packed = await groq.openai_embeddings(EmbeddingsRequest(model="ok", input="c", encoding_format="base64"))
    listed = await groq.list_models()
    return [whole.body, streamed, text.body, numbers.body, packed.body, [model.model_id for model in listed]]


async def test_what_was_recorded_is_replayed_byte_for_byte(groq, away, tmp_path):
    with recording(tmp_path) as recorder:
        heard = await asked(groq())
    assert recorder.written == 6
    with replaying(tmp_path) as player:
        assert await asked(away()) == heard
    player.check()


async def test_a_recorded_failure_fails_again(groq, away, tmp_path):
    with recording(tmp_path), pytest.raises(RateLimited):
        await groq().openai_chat_completion(chat(model="fault-429-retry-after-2"))
    with replaying(tmp_path), pytest.raises(RateLimited) as raised:
        await away().openai_chat_completion(chat(model="fault-429-retry-after-2"))
    assert raised.value.retry_after == "2"


@pytest.mark.parametrize("fault", ["fault-502-html", "fault-invalid-sse", "fault-no-done", "fault-truncated-stream"])
async def test_odd_answers_are_recorded_as_they_are(groq, away, tmp_path, fault):
    async def outcome(provider):
        try:
            return await blocks(await provider.openai_chat_completion(chat(model=fault, stream=True)))
        except StackError as error:
            return type(error), error.code, error.status

    with recording(tmp_path):
        heard = await outcome(groq())
    with replaying(tmp_path):
        assert await outcome(away()) == heard


async def test_an_unknown_request_fails_with_what_is_different_in_the_nearest(groq, away, tmp_path):
    with recording(tmp_path):
        await groq().openai_chat_completion(chat("one"))
    with replaying(tmp_path) as player, pytest.raises(BadUpstreamReply) as raised:
        await away().openai_chat_completion(chat("two"))
    assert raised.value.code == "not_recorded"
    assert not raised.value.retryable
    assert '`body.messages[0].content` is "two", recorded was "one" in `001-' in raised.value.message
    with pytest.raises(AssertionError, match=r"(?s)groq: no recording of this .*unused: .*001-"):
        player.check()


async def test_a_thousandth_recording_is_followed_by_others(groq, tmp_path):
    with recording(tmp_path):
        await groq().openai_chat_completion(chat("first"))
        (first,) = tmp_path.rglob("001-*.json")
        first.rename(first.with_name(first.name.replace("001", "999")))
        for _ in range(2):
            await groq().openai_chat_completion(chat("first"))
    assert [path.path.name[:4] for path in read_recordings(tmp_path)] == ["999-", "1000", "1001"]


async def test_equal_requests_are_answered_in_the_order_of_their_recording(groq, away, tmp_path):
    ask = chat(model="fault-503-then-ok-1")
    with recording(tmp_path):
        provider = groq()
        with pytest.raises(StackError):
            await provider.openai_chat_completion(ask)
        await provider.openai_chat_completion(ask)
    assert [each.status for each in read_recordings(tmp_path)] == [503, 200]
    with replaying(tmp_path):
        with pytest.raises(StackError):
            await (again := away()).openai_chat_completion(ask)
        assert (await again.openai_chat_completion(ask)).value.choices


@pytest.mark.parametrize("streamed", [False, True])
async def test_no_secret_is_written(groq, tmp_path, streamed):
    request_context.set(RequestContext(provider_data={"groq_api_key": "callers-own-canary"}))
    said = "configured-canary, sk-proj-0123456789abcanary, callers-own-canary"
    with recording(tmp_path, ["configured-canary"]):
        provider = groq()
        answer = await provider.openai_chat_completion(chat(said, model="echo", stream=streamed))
        heard = await blocks(answer) if streamed else answer.body
        request_context.set(RequestContext())
        await provider.openai_chat_completion(chat(f"configured-canary {KEY}"))
        with pytest.raises(StackError):
            await provider.openai_chat_completion(chat(model="fault-401-echo-key"))
    written = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert b"callers-own-canary" in heard
    assert "***" in written
    assert "canary" not in written


async def test_a_secret_in_pieces_of_a_stream_is_not_written(groq, tmp_path):
    pieces = ["The key is can", "ary-", "key-5f1c", "0b2a", ", keep it."]
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    cleaned = without_secrets(chunks, Redaction([KEY]))
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in cleaned) == "The key is ***, keep it."


async def test_tokens_that_services_give_are_not_written(provider, tmp_path):
    async def answer(connection, request):
        body = b'{"access_token": "token-canary-1234", "expires_in": 3600}'
        if request.path != "/token":
            body = b'{"choices": [], "said": "token-canary-1234"}'
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        await connection.send(b"content-length: %d\r\n\r\n%b" % (len(body), body))

    async with HttpServer(answer) as server:
        settings = {"base_url": server.origin, "iam_url": f"{server.origin}/token", "api_key": "iam-canary-1234"}
        with recording(tmp_path):
            heard = await provider("watsonx", **settings).openai_chat_completion(chat())
    assert "canary" not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    with replaying(tmp_path) as player:
        assert (await provider("watsonx", **settings).openai_chat_completion(chat())).value.choices == []
    player.check()
    assert b"token-canary" in heard.body


async def test_a_stream_that_the_caller_leaves_is_not_recorded(groq, tmp_path):
    with recording(tmp_path) as recorder:
        stream = await groq().openai_chat_completion(chat(model="stream-100-every-20", stream=True))
        await anext(stream.blocks())
        await stream.aclose()
    assert recorder.written == 0


async def test_the_times_of_a_stream_are_kept_and_kept_to_if_that_is_asked_for(groq, away, tmp_path):
    with recording(tmp_path, timing=True):
        await blocks(await groq().openai_chat_completion(chat(model="stream-4-every-30", stream=True)))
    (recorded,) = read_recordings(tmp_path)
    assert list(recorded.at_ms) == sorted(recorded.at_ms)
    assert recorded.at_ms[-1] >= 80
    with replaying(tmp_path, paced=True):
        stream = await away().openai_chat_completion(chat(model="stream-4-every-30", stream=True))
        arrivals = [len(block) async for block in stream.blocks()]
    assert len(arrivals) >= 4


async def test_a_file_is_plain_json_that_says_what_was_asked_and_answered(groq, tmp_path):
    with recording(tmp_path):
        await groq().openai_chat_completion(chat("Hello", vendor_knob=[1]))
    (path,) = tmp_path.rglob("*.json")
    held = json.loads(path.read_text())
    assert path.relative_to(tmp_path).parts[:2] == ("groq", "chat-completions")
    assert held["request"]["body"]["vendor_knob"] == [1]
    assert held["response"]["body"]["choices"][0]["message"]["role"] == "assistant"


async def test_a_list_in_a_vendors_own_form_tells_its_models_too(provider, tmp_path):
    body = b'{"models": [{"name": "command", "endpoints": ["chat"]}]}'

    async def answer(connection, _):
        await connection.send(head(200, {"content-length": len(body)}) + body)

    async with HttpServer(answer) as service:
        with recording(tmp_path):
            await provider("cohere", base_url=f"{service.origin}/compatibility/v1", api_key=KEY).list_models()
    with replaying(tmp_path):
        cohere = provider("cohere", base_url="http://127.0.0.1:9/compatibility/v1", api_key=KEY)
        assert (await cohere.check_model_availability("command")).status == "available"


async def test_a_provider_that_was_made_before_is_left_alone(groq, tmp_path):
    provider = groq()
    with recording(tmp_path) as recorder:
        await provider.openai_chat_completion(chat())
    assert recorder.written == 0


async def test_requests_of_other_providers_are_unknown(groq, provider, tmp_path):
    with recording(tmp_path):
        await groq().openai_chat_completion(chat())
    with replaying(tmp_path), pytest.raises(BadUpstreamReply, match="provider `xai` is replayed, and there is no"):
        await provider("xai", base_url="http://127.0.0.1:9/v1").openai_chat_completion(chat())
