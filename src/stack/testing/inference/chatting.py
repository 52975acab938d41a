"""Checks of chat completions: whole and streamed answers, and the options that shape them."""

from __future__ import annotations

import math

from stack.apis.chat import ChatCompletionChunk
from stack.testing.answers import Json, encode
from stack.testing.inference.checks import Group, equal, require
from stack.testing.inference.heard import Heard
from stack.testing.inference.subject import Subject

CHAT = Group("chat")
FINISHES = ("stop", "length", "tool_calls", "content_filter", "function_call")
# One red pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
WEATHER = [
    {"role": "system", "content": "You are brief. The harbour opens at nine."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "When does the harbour open?"},
]


def only_choice(answer: Json) -> Json:
    """The one choice of an answer."""
    choices = answer.get("choices")
    require(isinstance(choices, list) and choices, "`choices` is no list with an answer in it")
    equal(len(answer["choices"]), 1, "the number of choices")
    choice: Json = answer["choices"][0]
    equal(choice.get("index", 0), 0, "`choices[0].index`")
    return choice


def message_of(answer: Json) -> Json:
    """The message of the one choice, which has ended for a reason."""
    choice = only_choice(answer)
    require(choice.get("finish_reason") in FINISHES, f"`finish_reason` is `{choice.get('finish_reason')}`")
    message = choice.get("message")
    require(isinstance(message, dict), "`choices[0].message` is no object")
    equal(choice["message"].get("role"), "assistant", "`message.role`")
    return dict(choice["message"])


def text_of(answer: Json) -> str:
    """What the message says."""
    content = message_of(answer).get("content")
    require(isinstance(content, str) and content.strip(), "`message.content` holds no text")
    return str(content)


def check_usage(usage: object) -> None:
    """Counts that add up."""
    if not isinstance(usage, dict):
        raise AssertionError("`usage` is no object")
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        require(isinstance(usage.get(name), int) and usage[name] > 0, f"`usage.{name}` is `{usage.get(name)}`")
    counted = usage["prompt_tokens"] + usage["completion_tokens"]
    require(usage["total_tokens"] >= counted, f"`usage.total_tokens` is less than the {counted} of its parts")


def check_stream(heard: Heard, kind: str) -> None:
    """One id and one model in all chunks, of the right kind; one finish reason, behind the text."""
    require(heard.chunks, "the stream holds no chunk")
    for chunk in heard.chunks:
        equal(chunk.get("object"), kind, "`object` of a chunk")
    equal(len({chunk.get("id") for chunk in heard.chunks}), 1, "the number of ids in one stream")
    require(heard.chunks[0].get("id"), "the chunks have no `id`")
    equal(len(heard.finish_reasons), 1, "the number of finish reasons in one stream")
    require(heard.finish_reasons[0] in FINISHES, f"`finish_reason` is `{heard.finish_reasons[0]}`")
    require(heard.choices[-1].get("finish_reason"), "the answer goes on behind its finish reason")


@CHAT.check("answer")
async def answer(subject: Subject) -> None:
    """A whole answer has an id, its kind, a time, a model, and one message with a text and a finish reason."""
    said = await subject.chat()
    equal(said.get("object"), "chat.completion", "`object`")
    for name, kind in (("id", str), ("model", str), ("created", int)):
        require(isinstance(said.get(name), kind) and said[name], f"`{name}` is `{said.get(name)!r}`")
    text_of(said)


@CHAT.check("conversation")
async def conversation(subject: Subject) -> None:
    """Instructions and several turns are taken."""
    text_of(await subject.chat(messages=WEATHER))


@CHAT.check("usage")
async def usage(subject: Subject) -> None:
    """Tokens are counted, and add up."""
    check_usage((await subject.chat()).get("usage"))


@CHAT.check("stream")
async def stream(subject: Subject) -> None:
    """A stream is whole events of chunks under one id, with text, one finish reason, and `[DONE]` at the end."""
    heard = await subject.stream_chat()
    check_stream(heard, "chat.completion.chunk")
    require(heard.text.strip(), "the chunks hold no text")
    equal((heard.choices[0].get("delta") or {}).get("role"), "assistant", "`delta.role` of the first chunk")
    for chunk in heard.chunks:
        ChatCompletionChunk.model_validate_json(encode(chunk))


@CHAT.check("stream usage", optional=True)
async def stream_usage(subject: Subject) -> None:
    """With `stream_options.include_usage` the last chunk counts the tokens, and has no choices."""
    heard = await subject.stream_chat(stream_options={"include_usage": True})
    counted = [chunk["usage"] for chunk in heard.chunks if chunk.get("usage")]
    require(counted, "no chunk holds `usage`")
    check_usage(counted[-1])
    require(heard.chunks[-1].get("usage"), "`usage` is not in the last chunk")


@CHAT.check("token limit", optional=True)
async def token_limit(subject: Subject) -> None:
    """`max_tokens` ends an answer with the reason `length`."""
    said = await subject.chat("Count from one to five hundred, in words.", max_tokens=3)
    equal(only_choice(said).get("finish_reason"), "length", "`finish_reason` behind `max_tokens`")
    tokens = (said.get("usage") or {}).get("completion_tokens", 0)
    require(tokens <= 3, f"`usage.completion_tokens` is {tokens}, and `max_tokens` was 3")


@CHAT.check("choices", optional=True)
async def choices(subject: Subject) -> None:
    """`n` gives that many choices, each with its index."""
    found = (await subject.chat(n=2)).get("choices") or []
    equal(sorted(choice.get("index") for choice in found), [0, 1], "the indexes of two choices")


@CHAT.check("log probabilities", optional=True)
async def log_probabilities(subject: Subject) -> None:
    """`logprobs` tells each token of the answer with a probability."""
    said = await subject.chat(logprobs=True, top_logprobs=2)
    tokens = (only_choice(said).get("logprobs") or {}).get("content")
    require(tokens, "`logprobs.content` holds no token")
    for token in tokens or ():
        number = token.get("logprob")
        require(isinstance(number, int | float) and not math.isnan(number) and number <= 1e-6, "`logprob` is above 0")
    spelt = "".join(token.get("token", "") for token in tokens or ())
    equal(spelt, text_of(said), "the text that the tokens spell")


@CHAT.check("picture", optional=True)
async def picture(subject: Subject) -> None:
    """A picture in a message is taken."""
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    text_of(await subject.chat(model=subject.model("vision"), messages=[{"role": "user", "content": parts}]))
