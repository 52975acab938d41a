"""Streams behind output shields: text leaves when its window was checked, in the events that it came in."""

from __future__ import annotations

import json
import random

import pytest
from unit.routing.shields.scripted import DONE, Scripted, Words, chat, delta, event, guarded, streamed, text_of

from stack.errors import ContentBlocked, InvalidRequest, ShieldUnavailable

MASK = {"action": "mask"}


def pieces(text, *sizes):
    """A text cut into deltas of these sizes, over and over."""
    at, found = 0, []
    while at < len(text):
        size = sizes[len(found) % len(sizes)]
        found.append(delta(text[at : at + size]))
        at += size
    return [*found, delta(finish="stop"), DONE]


async def cut(inner, *leaving):
    """What left before a stream was cut, and why."""
    made, _ = guarded(inner, leaving=leaving)
    stream = await made.openai_chat_completion(chat(stream=True))
    left = []
    try:
        async for block in stream.blocks():
            left.append(block)  # noqa: PERF401  what came before the error counts
    except ContentBlocked as error:
        return left, error
    raise AssertionError("the stream was not cut")


async def test_a_harmless_stream_keeps_every_byte_in_its_order():
    blocks = [delta(role="assistant", text=""), *pieces("the quick brown fox", 3, 1, 4)]
    assert b"".join(await streamed(Scripted(blocks), Words("bomb"))) == b"".join(blocks)


async def test_text_is_held_for_no_longer_than_the_window():
    inner = Scripted(pieces("a" * 100, 1))
    made, _ = guarded(inner, leaving=[Words("12345678")])
    stream = await made.openai_chat_completion(chat(stream=True))
    await anext(stream.blocks())
    assert inner.sent == 9
    await stream.aclose()


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (5,), (100,)])
async def test_a_violation_cuts_the_stream_before_a_letter_of_it_left(sizes):
    inner = Scripted(pieces("how to make a bomb at home, step by step", *sizes))
    left, error = await cut(inner, Words("bomb"))
    assert (error.stage, error.shield_id, error.categories) == ("output", "0", {"word/bomb": 0.9})
    assert "how to make a ".startswith(text_of(left))
    assert DONE not in b"".join(left)
    assert b'"stop"' not in b"".join(left)
    assert inner.closed


async def test_a_violation_at_the_very_end_is_cut_too():
    left, _ = await cut(Scripted(pieces("this is a bomb", 3)), Words("bomb", window=50))
    assert text_of(left) == ""


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (7,), (100,)])
async def test_masked_text_is_masked_across_chunks(sizes):
    left = await streamed(
        Scripted(pieces("call joe or joejoe now", *sizes)), (Words("joe", replacement="[name]"), MASK)
    )
    assert text_of(left) == "call [name] or [name][name] now"
    assert b"".join(left).endswith(DONE)


async def test_masking_agrees_with_masking_the_whole_text_however_it_is_cut():
    dice = random.Random(7)
    for _ in range(60):
        text = "".join(dice.choice("ab c") for _ in range(60))
        sizes = [dice.randint(1, 9) for _ in range(8)]
        shields = [(Words("ab", replacement="[1]"), MASK), (Words("ccc", "ba", replacement="[2]"), MASK)]
        whole = await streamed(Scripted([delta(text), delta(finish="stop"), DONE]), *shields)
        assert text_of(await streamed(Scripted(pieces(text, *sizes)), *shields)) == text_of(whole), (text, sizes)


async def test_a_masked_chunk_is_otherwise_as_it_was_but_for_logprobs():
    choice = {"index": 0, "delta": {"content": "joe", "x": [1, None]}, "logprobs": {"content": [{"token": "joe"}]}}
    chunk = {
        "id": "é",
        "created": 7,
        "choices": [choice | {"finish_reason": "stop"}],
        "usage": None,
        "vendor": {"k": 1.5},
    }
    [left] = await streamed(Scripted([event(chunk) + DONE]), (Words("joe"), MASK))
    choice = choice | {"delta": {"content": "*", "x": [1, None]}, "logprobs": None, "finish_reason": "stop"}
    assert json.loads(left.split(b"\n\n")[0][6:]) == chunk | {"choices": [choice]}


@pytest.mark.parametrize("of", ["chat", "completion"])
async def test_tokens_that_come_before_their_text_are_held_and_checked_as_it_is(of):
    tokens = ["a bo", "mb", " <b>", "<|im_end|>"]
    told = [{"content": [{"token": each}]} if of == "chat" else {"tokens": [each]} for each in tokens]
    ahead = [{"index": 0, "delta": {"content": ""}, "logprobs": logprobs} for logprobs in told]
    blocks = [event({"choices": [choice]}) for choice in ahead] + [delta("a bomb"), DONE]
    with pytest.raises(ContentBlocked):
        await streamed(Scripted(blocks), Words("bomb"))
    left = b"".join(await streamed(Scripted(blocks), (Words("bomb"), MASK)))
    assert b"mb" not in left
    assert b"im_end" in left
    assert text_of([left]) == "a *"


@pytest.mark.parametrize("told", [{"token_ids": [7]}, {"logprobs": {"content": [{"token": "token_id:7"}]}}])
async def test_numbers_of_tokens_do_not_pass(told):
    with pytest.raises(InvalidRequest) as raised:
        await streamed(Scripted([event({"choices": [{"index": 0, **told}]}), DONE]), Words("bomb"))
    assert raised.value.code == "unreadable_content"


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning": "bomb"},
        {"reasoning_content": "bomb"},
        {"refusal": "bomb"},
        {"tool_calls": [{"index": 1, "function": {"arguments": "bomb"}}]},
        {"function_call": {"arguments": "bomb"}},
        {"thoughts": [{"text": "bomb"}]},
    ],
)
async def test_every_text_of_a_delta_is_read(said):
    left, _ = await cut(Scripted([delta("fine"), delta(**said), delta(finish="stop"), DONE]), Words("bomb"))
    assert b"bomb" not in b"".join(left)


async def test_arguments_of_tool_calls_run_on_by_their_index():
    calls = [[(0, "bo"), (1, "x")], [(0, "m"), (1, "y")], [(0, "b"), (1, "z")]]
    blocks = [delta(tool_calls=[{"index": i, "function": {"arguments": a}} for i, a in call]) for call in calls]
    left, _ = await cut(Scripted([*blocks, delta(finish="tool_calls"), DONE]), Words("bomb"))
    assert b"bo" not in b"".join(left)


async def test_choices_are_told_apart():
    blocks = [delta("bo", 0), delta("ma", 1), delta("at", 0), delta("mb", 1), delta(finish="stop"), DONE]
    assert text_of(await streamed(Scripted(blocks), Words("bomb"))) == "boat"


async def test_a_finished_choice_does_not_hold_up_the_others():
    inner = Scripted([delta("short", 0), delta(index=0, finish="stop"), *(delta("x", 1) for _ in range(50)), DONE])
    made, _ = guarded(inner, leaving=[Words("a" * 20)])
    stream = await made.openai_chat_completion(chat(stream=True))
    assert text_of([await anext(stream.blocks())]) == "short"
    assert inner.sent == 2
    await stream.aclose()


async def test_a_text_that_pauses_does_not_hold_up_the_others():
    inner = Scripted([delta(reasoning="hm"), *(delta("x") for _ in range(100)), delta(finish="stop"), DONE])
    made, _ = guarded(inner, leaving=[Words("a" * 20)])
    stream = await made.openai_chat_completion(chat(stream=True))
    assert text_of([await anext(stream.blocks())], field="reasoning") == "hm"
    assert inner.sent < 30
    await stream.aclose()


async def test_a_text_that_goes_on_after_a_pause_is_still_cut():
    pause = [delta("x") for _ in range(60)]
    inner = Scripted([delta(reasoning="bo"), *pause, delta(reasoning="mb"), delta(finish="stop"), DONE])
    left, _ = await cut(inner, Words("bomb", window=10))
    assert text_of(left, field="reasoning") == "bo"


async def test_a_text_beside_the_choices_is_judged_by_itself_and_once():
    shield = Words("bomb", window=200)
    chunk = {"provider": "acme", "choices": [{"index": 0, "delta": {"content": "x" * 40}}]}
    inner = Scripted([*(event(chunk) for _ in range(30)), DONE])
    assert b"".join(await streamed(inner, shield)) == b"".join(inner.blocks)
    assert sum(messages == [("assistant", "acme")] for messages in shield.seen) == 1


async def test_text_beside_the_choices_is_masked_each_time():
    chunk = {"citations": ["by joe"], "choices": [{"index": 0, "delta": {"content": "x"}}]}
    left = await streamed(Scripted([event(chunk), event(chunk), DONE]), (Words("joe"), MASK))
    assert b"".join(left).count(b"by *") == 2


async def test_a_costly_shield_is_asked_once_per_stride():
    shield = Words("bomb", window=10, stride=50)
    await streamed(Scripted(pieces("a" * 200, 1)), shield)
    assert len(shield.seen) == 5


async def test_an_answer_is_judged_with_what_was_asked():
    shield = Words("bomb", conversation=True)
    await streamed(Scripted(pieces("fine", 4)), shield)
    assert shield.seen == [[("user", "hi"), ("assistant", "fine")]]


async def test_usage_and_unknown_events_pass():
    usage = event({"choices": [], "usage": {"prompt_tokens": 3}})
    blocks = [delta("ok"), delta(finish="stop"), usage, DONE]
    assert b"".join(await streamed(Scripted(blocks), Words("bomb"))) == b"".join(blocks)


async def test_a_comment_says_nothing():
    left = await streamed(Scripted([b": bomb\n\n", delta("ok"), DONE]), Words("bomb"))
    assert left[0] == b": keep-alive\n\n"


async def test_a_stream_that_ends_without_done_is_checked_to_its_end():
    assert text_of(await streamed(Scripted([delta("all of it")]), Words("a" * 50))) == "all of it"


@pytest.mark.parametrize("broken", [b"data: [1]\n\n", b"data: {oops\n\n", b"data: 7\n\n"])
async def test_what_is_no_chunk_does_not_pass(broken):
    with pytest.raises(ShieldUnavailable):
        await streamed(Scripted([broken, DONE]), Words("bomb"))


@pytest.mark.parametrize(
    "said",
    [
        {"images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"images": [{"image_url": {"url": "https://x/y.png"}}]},
        {"content": [{"type": "image_url", "image_url": "https://x/y.png"}]},
        {"images": ["data:image/png;base64,AAAA"]},
        {"audio": {"data": "AAAA"}},
    ],
)
async def test_what_no_shield_reads_does_not_pass(said):
    with pytest.raises(InvalidRequest) as raised:
        await streamed(Scripted([delta(**said), DONE]), Words("bomb"))
    assert raised.value.code == "unreadable_content"


async def test_an_answer_may_speak_of_data():
    assert text_of(await streamed(Scripted([delta("data: 5"), delta("data:image/"), DONE]), Words("bomb"))) == (
        "data: 5data:image/"
    )


async def test_half_a_character_at_the_border_of_a_chunk_is_kept():
    halves = [rb'"\ud83d"', rb'"\ude00 joe"']
    raw = [b'data: {"choices":[{"index":0,"delta":{"content":' + half + b"}}]}\n\n" for half in halves]
    left = b"".join(await streamed(Scripted([*raw, DONE]), (Words("joe"), MASK)))
    assert raw[0] in left
    assert rb"\ude00 *" in left


async def test_a_stream_that_breaks_shows_nothing_of_what_was_held():
    async def broken():
        yield delta("unchecked")
        raise ShieldUnavailable("x")

    inner = Scripted()
    inner._stream = broken
    made, trail = guarded(inner, leaving=[Words("a" * 50)])
    stream = await made.openai_chat_completion(chat(stream=True))
    with pytest.raises(ShieldUnavailable):
        await anext(stream.blocks())
    assert len(trail.latest()) == 1


async def test_noted_findings_leave_the_stream_as_it_is():
    blocks = pieces("a bomb", 2)
    made, trail = guarded(Scripted(blocks), leaving=[(Words("bomb"), {"action": "annotate"})])
    stream = await made.openai_chat_completion(chat(stream=True))
    assert b"".join([block async for block in stream.blocks()]) == b"".join(blocks)
    [verdict] = trail.latest()
    assert (verdict.action, verdict.category) == ("annotate", "word/bomb")


@pytest.mark.parametrize(("on_error", "passes"), [("block", False), ("allow", True)])
@pytest.mark.parametrize("fault", ["down", "bug", "slow"])
async def test_a_shield_that_fails_in_a_stream_cuts_it_unless_told_otherwise(fault, on_error, passes):
    shield = Words("bomb")
    setattr(shield, fault, True)
    blocks = pieces("fine words", 4)
    use = (shield, {"on_error": on_error, "timeout_s": 0.01})
    if passes:
        assert b"".join(await streamed(Scripted(blocks), use)) == b"".join(blocks)
    else:
        with pytest.raises(ShieldUnavailable):
            await streamed(Scripted(blocks), use)
