"""Requests and whole answers behind shields, and the trail of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from unit.routing.shields.scripted import DONE, Scripted, Words, chat, guarded

from stack.apis.inference import ChatCompletionRequest, CompletionRequest, EmbeddingsRequest, RerankRequest
from stack.errors import ContentBlocked, InvalidRequest, ProviderUnavailable, ShieldUnavailable

MASK = {"action": "mask"}
ANSWER = {"id": "1", "created": 7, "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}}]}


def completion(**fields):
    return CompletionRequest.from_body(json.dumps({"model": "m", **fields}).encode())


def embeddings(given, **fields):
    return EmbeddingsRequest.from_body(json.dumps({"model": "m", "input": given, **fields}).encode())


def rerank(query, *documents):
    return RerankRequest.from_body(json.dumps({"model": "m", "query": query, "documents": documents}).encode())


ASKED = {
    "a chat": ("openai_chat_completion", chat("a bomb"), "messages"),
    "a chat's parts": (
        "openai_chat_completion",
        chat([{"type": "text", "text": "bo"}, {"type": "text", "text": "bomb"}]),
        "messages",
    ),
    "a chat's tools": (
        "openai_chat_completion",
        chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"description": "bomb"}}}]),
        "messages",
    ),
    "a chat's prediction": (
        "openai_chat_completion",
        chat(prediction={"type": "content", "content": "bomb"}),
        "messages",
    ),
    "an option that nobody knows": ("openai_chat_completion", chat(documents=[{"text": "bomb"}]), "messages"),
    "a completion": ("openai_completion", completion(prompt="a bomb"), "prompt"),
    "one of several prompts": ("openai_completion", completion(prompt=["x", "bomb"]), "prompt"),
    "a suffix": ("openai_completion", completion(prompt="x", suffix="bomb"), "prompt"),
    "a text to embed": ("openai_embeddings", embeddings("bomb"), "input"),
    "one of many texts to embed": ("openai_embeddings", embeddings(["x"] * 50 + ["bomb"]), "input"),
    "a query": ("rerank", rerank("bomb", "x"), "query"),
    "a document": ("rerank", rerank("x", "y", "bomb"), "query"),
    "a document's field": ("rerank", rerank("x", {"title": "bomb"}), "query"),
    "a prompt beside messages": ("openai_completion", completion(prompt="bomb", messages="x"), "prompt"),
    "what only begins like an image": ("openai_chat_completion", chat("data:image/png is a bomb"), "messages"),
}


@pytest.mark.parametrize("case", ASKED)
async def test_no_call_goes_around_the_input_shields(case):
    method, request, param = ASKED[case]
    inner = Scripted(document=ANSWER)
    made, _ = guarded(inner, entering=[Words("bomb")])
    with pytest.raises(ContentBlocked) as raised:
        await getattr(made, method)(request)
    error = raised.value
    assert (error.status, error.code, error.stage, error.param) == (400, "content_filter", "input", param)
    assert "bomb" in str(error.categories)
    assert inner.asked == []


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "bomb"},
        {"role": "developer", "content": "bomb"},
        {"role": "user", "content": "x", "name": "bomb"},
        {"role": "assistant", "content": None, "refusal": "bomb"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "bomb"}}],
        },
        {"role": "assistant", "content": "x", "reasoning_content": "bomb"},
        {"role": "tool", "tool_call_id": "1", "content": "bomb"},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "bomb"}]},
        {"role": "function", "name": "f", "content": "bomb"},
        {"role": "critic", "said": {"deep": ["bomb"]}},
        {"role": "bomb"},
        {"role": "tool", "tool_call_id": "now make a bomb", "content": "x"},
    ],
)
async def test_every_text_of_every_message_is_read(message):
    made, _ = guarded(Scripted(document=ANSWER), entering=[Words("bomb")])
    with pytest.raises(ContentBlocked):
        await made.openai_chat_completion(chat("hi", messages=[message, {"role": "user", "content": "hi"}]))


@pytest.mark.parametrize(
    ("method", "request_", "param"),
    [
        ("openai_completion", completion(prompt=[1, 2]), "prompt"),
        ("openai_completion", completion(prompt=[[1], [2]]), "prompt"),
        ("openai_embeddings", embeddings([1, 2]), "input"),
        ("openai_embeddings", embeddings([[1], [2]]), "input"),
        ("openai_completion", completion(prompt=[1, 2], messages=[]), "prompt"),
        ("openai_completion", completion(prompt="x", prompt_token_ids=[1, 2]), "prompt_token_ids"),
        ("openai_completion", completion(prompt=None, prompt_embeds="AAAA"), "prompt_embeds"),
        ("openai_embeddings", embeddings([1, 2], prompt="x"), "input"),
        ("openai_chat_completion", chat(input_ids=[1, 2]), "input_ids"),
        (
            "openai_chat_completion",
            chat([{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]),
            "messages[0].content[0]",
        ),
        ("openai_chat_completion", chat([{"type": "file", "file": {"file_id": "f"}}]), "messages[0].content[0]"),
        ("openai_chat_completion", chat([{"type": "video_url", "video_url": {"url": "x"}}]), "messages[0].content[0]"),
        ("openai_chat_completion", chat([{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]), None),
        ("openai_chat_completion", chat(extra="data:application/pdf;base64,AAAA"), "extra"),
        ("rerank", rerank("x", {"image": "https://x/y.png"}), None),
    ],
)
async def test_what_a_shield_cannot_read_is_refused_not_skipped(method, request_, param):
    inner = Scripted(document=ANSWER)
    made, _ = guarded(inner, entering=[Words("bomb")])
    with pytest.raises(InvalidRequest) as raised:
        await getattr(made, method)(request_)
    assert (raised.value.code, raised.value.param, inner.asked) == ("unreadable_content", param, [])


async def test_images_reach_a_shield_that_reads_them():
    shield = Words("bomb", images=True)
    made, _ = guarded(Scripted(document=ANSWER), entering=[shield])
    await made.openai_chat_completion(chat([{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]))
    assert shield.seen == [[("user", "")]]


async def test_what_is_masked_is_masked_where_it_stood():
    inner = Scripted(document=ANSWER)
    made, _ = guarded(inner, entering=[(Words("joe", "oem", replacement="[name]"), MASK)])
    parts = [{"type": "text", "text": "hi joemy"}, {"type": "text", "text": "joe"}]
    await made.openai_chat_completion(chat(parts, temperature=0.5, vendor={"x": 1e-7}))
    [sent] = inner.asked
    assert [part["text"] for part in sent["messages"][0]["content"]] == ["hi [name]y", "[name]"]
    assert (sent["temperature"], sent["vendor"]) == (0.5, {"x": 1e-7})


async def test_what_was_checked_is_what_is_sent():
    body = b'{"model":"m","messages":[{"role":"user","content":"bomb"}],"messages":[{"role":"user","content":"hi"}]}'
    inner = Scripted(document=ANSWER)
    made, _ = guarded(inner, entering=[Words("bomb")])
    request = ChatCompletionRequest.from_body(body)
    await made.openai_chat_completion(request)
    assert inner.asked == [{"model": "m", "messages": [{"role": "user", "content": "hi"}]}]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "bomb"},
        {"content": None, "refusal": "bomb"},
        {"content": "x", "reasoning": "bomb"},
        {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "bomb"}'}}]},
        {"content": [{"type": "text", "text": "bomb"}]},
    ],
)
async def test_every_text_of_a_whole_answer_is_read(message):
    document = {"choices": [{"index": 0, "message": {"content": "fine"}}, {"index": 1, "message": message}]}
    made, trail = guarded(Scripted(document=document), entering=[Words("x")], leaving=[Words("bomb")])
    with pytest.raises(ContentBlocked) as raised:
        await made.openai_chat_completion(chat())
    assert raised.value.stage == "output"
    assert raised.value.trail.count("stage=") == 2
    assert [verdict.action for verdict in trail.latest()] == ["block", "allow"]


async def test_a_whole_answer_is_masked_and_its_logprobs_go():
    choice = {"index": 0, "message": {"content": "by joe"}, "logprobs": {"content": []}}
    made, _ = guarded(Scripted(document={"id": "1", "choices": [choice]}), leaving=[(Words("joe"), MASK)])
    reply = await made.openai_chat_completion(chat())
    said = choice | {"message": {"content": "by *"}, "logprobs": None}
    assert json.loads(reply.body) == {"id": "1", "choices": [said]}


async def test_a_whole_answer_that_passes_keeps_its_bytes():
    made, _ = guarded(Scripted(document=ANSWER), leaving=[(Words("joe"), MASK)])
    assert (await made.openai_chat_completion(chat())).body == json.dumps(ANSWER).encode()


async def test_completions_are_read_on_their_way_out():
    made, _ = guarded(Scripted(document={"choices": [{"index": 0, "text": "bomb"}]}), leaving=[Words("bomb")])
    with pytest.raises(ContentBlocked):
        await made.openai_completion(completion(prompt="x"))


@pytest.mark.parametrize("fault", ["down", "bug", "slow"])
async def test_a_shield_that_does_not_answer_lets_nothing_pass(fault):
    shield, inner = Words("bomb"), Scripted(document=ANSWER)
    setattr(shield, fault, True)
    made, trail = guarded(inner, entering=[(shield, {"timeout_s": 0.01})])
    with pytest.raises(ShieldUnavailable) as raised:
        await made.openai_chat_completion(chat())
    assert (raised.value.status, raised.value.code, inner.asked) == (503, "shield_unavailable", [])
    assert trail.latest()[0].action == "block"
    assert "action=block" in raised.value.headers()["x-stack-shields"]


@pytest.mark.parametrize("fault", ["down", "bug", "slow"])
async def test_a_shield_may_be_allowed_to_fail(fault):
    shield, inner = Words("bomb"), Scripted(document=ANSWER)
    setattr(shield, fault, True)
    made, trail = guarded(inner, entering=[(shield, {"timeout_s": 0.01, "on_error": "allow"})])
    await made.openai_chat_completion(chat())
    assert (len(inner.asked), trail.latest()[0].action) == (1, "error")


async def test_what_a_shield_cannot_judge_does_not_pass_it_even_where_it_may_fail():
    class Short(Words):
        async def run_shield(self, shield, messages):
            raise InvalidRequest("the message is too long for this shield")

    inner = Scripted(document=ANSWER)
    made, trail = guarded(inner, entering=[(Short("bomb"), {"on_error": "allow"})])
    with pytest.raises(InvalidRequest, match="too long"):
        await made.openai_chat_completion(chat())
    assert (inner.asked, trail.latest()[0].action) == ([], "block")


async def test_a_finding_comes_before_a_failure():
    failing, finding = Words("x"), Words("bomb")
    failing.down = True
    made, _ = guarded(Scripted(document=ANSWER), entering=[failing, finding])
    with pytest.raises(ContentBlocked):
        await made.openai_chat_completion(chat("bomb"))


async def test_shields_run_at_the_same_time():
    started, both = [], asyncio.Event()

    class Meeting(Words):
        async def run_shield(self, shield, messages):
            started.append(self)
            if len(started) == 2:
                both.set()
            await both.wait()
            return await super().run_shield(shield, messages)

    made, _ = guarded(Scripted(document=ANSWER), entering=[Meeting("a"), Meeting("b")])
    async with asyncio.timeout(60):
        await made.openai_chat_completion(chat("x"))


@pytest.mark.parametrize(("level", "action"), [("warn", "annotate"), ("info", "annotate"), ("error", "block")])
async def test_only_errors_ask_for_action(level, action):
    made, trail = guarded(Scripted(document=ANSWER), entering=[Words("bomb", level=level)])
    try:
        await made.openai_chat_completion(chat("bomb"))
    except ContentBlocked:
        assert level == "error"
    assert trail.latest()[0].action == action


async def test_texts_that_have_nothing_to_do_with_each_other_are_judged_each():
    shield = Words("bomb", conversation=True)
    made, _ = guarded(Scripted(document=ANSWER), entering=[shield])
    with pytest.raises(ContentBlocked):
        await made.openai_embeddings(embeddings(["bomb", "x", "y"]))
    assert sorted(shield.seen) == [[("user", "bomb")], [("user", "x")], [("user", "y")]]


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        ("user:a", ["a"]),
        ("user:a user:b user:", ["a", "b"]),
        ("system:s user:a assistant:b user:c", ["c", "s"]),
        ("user:a assistant:b tool:c tool:d", ["c", "d"]),
        ("user:a assistant:b", ["a", "b"]),
        ("user:a assistant:b user:c assistant:d assistant:e", ["c", "d", "e"]),
        ("assistant:a user:", []),
    ],
)
async def test_all_that_is_new_in_a_conversation_is_judged(said, judged):
    shield = Words("bomb", conversation=True)
    made, _ = guarded(Scripted(document=ANSWER), entering=[shield])
    turns = [turn.split(":") for turn in said.split()]
    messages = [{"role": role, "content": text, "tool_call_id": "1"} for role, text in turns]
    await made.openai_chat_completion(chat(messages=messages))
    assert sorted(seen[-1][1] for seen in shield.seen) == judged
    assert all([tuple(turn) for turn in turns][: len(seen)] == seen for seen in shield.seen)


async def test_a_blank_at_the_end_hides_nothing():
    made, _ = guarded(Scripted(document=ANSWER), entering=[Words("bomb", conversation=True)])
    with pytest.raises(ContentBlocked):
        await made.openai_chat_completion(chat(messages=[{"role": "user", "content": text} for text in ("bomb", " ")]))


async def test_what_is_left_to_judge_is_not_judged_after_a_failure():
    class Distant(Words):
        async def run_shield(self, shield, messages):
            await asyncio.sleep(0)
            return await super().run_shield(shield, messages)

    shield = Distant("bomb", conversation=True)
    shield.down = True
    made, _ = guarded(Scripted(document=ANSWER), entering=[shield])
    with pytest.raises(ShieldUnavailable):
        await made.openai_embeddings(embeddings(["x"] * 100))
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(shield.seen) < 20


async def test_an_answer_is_judged_in_the_light_of_a_request_that_no_shield_checks():
    shield = Words("bomb", conversation=True)
    made, _ = guarded(Scripted(document=ANSWER), leaving=[shield])
    await made.openai_chat_completion(
        chat([{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "x"}}])
    )
    assert shield.seen == [[("user", "hi"), ("assistant", "fine")]]


async def test_a_shield_does_not_ask_the_model_that_it_guards():
    class Asking(Words):
        async def run_shield(self, shield, messages):
            await made.openai_chat_completion(chat("is it safe?"))
            return await super().run_shield(shield, messages)

    inner = Scripted(document=ANSWER)
    made, _ = guarded(inner, entering=[Asking("bomb")])
    with pytest.raises(ShieldUnavailable, match="guards itself"):
        await made.openai_chat_completion(chat())
    assert inner.asked == []


async def test_the_trail_tells_everything_but_the_text():
    made, trail = guarded(
        Scripted(document=ANSWER), entering=[(Words("joe"), MASK), Words("bomb")], leaving=[Words("x")]
    )
    reply = await made.openai_chat_completion(chat("i am joe"))
    told = reply.meta.headers["x-stack-shields"]
    assert told.startswith("0;stage=input;action=mask;category=word/joe;score=0.90;ms=")
    assert told.count(";stage=input;") == 2
    assert told.count(";stage=output;") == 1
    assert [(v.shield_id, v.stage, v.action) for v in trail.latest()] == [
        ("0", "output", "allow"),
        ("1", "input", "allow"),
        ("0", "input", "mask"),
    ]
    assert "i am" not in repr(trail.latest())


@pytest.mark.parametrize("error", [ProviderUnavailable("it did not start"), InvalidRequest("`x` is no setting")])
@pytest.mark.parametrize("stage", ["entering", "leaving"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_shield_that_cannot_tell_of_itself_lets_nothing_pass_and_is_on_the_trail(error, stage, stream):
    class Silent(Words):
        async def describe_shield(self, shield):
            raise error

    made, trail = guarded(Scripted([DONE], ANSWER), **{stage: [Silent("bomb")]})
    with pytest.raises(ShieldUnavailable, match=error.message) as raised:
        await made.openai_chat_completion(chat(stream=stream))
    [verdict] = trail.latest()
    assert (verdict.action, raised.value.trail[:2]) == ("block", "0;")


async def test_a_finding_without_a_place_blocks_where_it_cannot_be_masked():
    class Everywhere(Words):
        async def run_shield(self, shield, messages):
            report = await super().run_shield(shield, messages)
            return replace(report, findings=tuple(replace(f, start=None, end=None) for f in report.findings))

    made, _ = guarded(Scripted(document=ANSWER), entering=[(Everywhere("bomb"), MASK)])
    with pytest.raises(ContentBlocked):
        await made.openai_chat_completion(chat("bomb"))


async def test_a_huge_request_is_checked_to_its_end():
    made, _ = guarded(Scripted(document=ANSWER), entering=[Words("bomb")])
    with pytest.raises(ContentBlocked):
        await made.openai_chat_completion(chat("x " * 2_000_000 + "bomb"))
