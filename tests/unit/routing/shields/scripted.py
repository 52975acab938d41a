"""An Inference that answers as a test says, and shields to put around it."""

from __future__ import annotations

import asyncio
import json

import structlog

from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Completion,
    CompletionRequest,
    Inference,
)
from stack.apis.safety import Finding, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.apis.wire import DONE, Reply, ReplyMeta, Stream
from stack.errors import UpstreamTimeout
from stack.routing.shields.checks import Checks, Use
from stack.routing.shields.guard import Guard, Guarded
from stack.routing.shields.trail import Trail

LOG = structlog.get_logger("stack")


def event(document):
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def delta(text=None, index=0, finish=None, **fields):
    """One chunk of a chat; `text` is its content."""
    said = fields if text is None else {"content": text, **fields}
    choice = {"index": index, "delta": said, "finish_reason": finish}
    return event({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


class Scripted(Inference):
    """Streams blocks, or answers a document; remembers what it was asked, and whether its stream was closed."""

    def __init__(self, blocks=(), document=None):
        self.blocks, self.document = list(blocks), document
        self.asked, self.closed, self.sent = [], False, 0

    async def openai_chat_completion(self, request: ChatCompletionRequest):
        return self._answer(request, ChatCompletion, ChatCompletionChunk)

    async def openai_completion(self, request: CompletionRequest):
        return self._answer(request, Completion, Completion)

    async def openai_embeddings(self, request):
        return self._answer(request, Completion, Completion)

    async def rerank(self, request):
        return self._answer(request, Completion, Completion)

    def _answer(self, request, whole, chunk):
        self.asked.append(json.loads(request.body()))
        if getattr(request, "stream", None):
            return Stream(chunk, ReplyMeta(), self._stream())
        return Reply(whole, ReplyMeta(), body=json.dumps(self.document).encode())

    async def _stream(self):
        try:
            for block in self.blocks:
                self.sent += 1
                yield block
        finally:
            self.closed = True


class Words(Safety):
    """Finds words anywhere; `down` fails, `slow` never answers. Remembers the texts that it was shown."""

    def __init__(self, *words, window=None, stride=1, conversation=False, images=False, level="error", replacement="*"):
        self.words, self.level, self.replacement = words, level, replacement
        longest = max(map(len, words), default=1)
        self.traits = ShieldTraits(window or longest, stride, images, conversation)
        self.seen, self.down, self.slow, self.bug = [], False, False, False

    async def describe_shield(self, shield):
        return self.traits

    async def run_shield(self, shield, messages):
        self.seen.append([(message.role, message.text) for message in messages])
        if self.down:
            raise UpstreamTimeout("no answer", provider_id="words", phase="read")
        if self.bug:
            raise KeyError("bug")
        if self.slow:
            await asyncio.sleep(3600)
        judged = list(enumerate(messages))[-1:] if self.traits.wants_conversation else enumerate(messages)
        return ShieldReport(tuple(self._found(judged)), self.level)

    def _found(self, judged):
        for index, message in judged:
            for word in self.words:
                at = message.text.find(word)
                while at >= 0:
                    yield Finding(f"word/{word}", 0.9, index, at, at + len(word), self.replacement)
                    at = message.text.find(word, at + 1)


def checks(stage, *uses):
    """Each use: a Words, or a Words with its options."""
    made = [use if isinstance(use, tuple) else (use, {}) for use in uses]
    router = Each([safety for safety, _ in made])
    return Checks(router, [Use(Shield(str(i), "p"), **options) for i, (_, options) in enumerate(made)], stage, LOG)


class Each(Safety):
    """Hands the shield `i` to the i-th of several."""

    def __init__(self, each):
        self.each = each

    async def describe_shield(self, shield):
        return await self.each[int(shield.shield_id)].describe_shield(shield)

    async def run_shield(self, shield, messages):
        return await self.each[int(shield.shield_id)].run_shield(shield, messages)


def guarded(inner, entering=(), leaving=()):
    """`inner` behind shields; `.trail` is where their verdicts are."""
    trail = Trail(LOG)
    guard = Guard(
        checks("input", *entering) if entering else None, checks("output", *leaving) if leaving else None, trail
    )
    made = Guarded(inner, guard, "m")
    return made, trail


def chat(content="hi", **fields):
    document = {"model": "m", "messages": [{"role": "user", "content": content}], **fields}
    return ChatCompletionRequest.from_body(json.dumps(document).encode())


async def streamed(inner, *leaving):
    """What comes out of a stream behind output shields, block by block."""
    made, _ = guarded(inner, leaving=leaving)
    stream = await made.openai_chat_completion(chat(stream=True))
    return [block async for block in stream.blocks()]


def text_of(blocks, index=0, field="content"):
    """The text of one choice in the blocks of a stream."""
    found = ""
    for part in b"".join(blocks).split(b"\n\n"):
        if part.startswith(b"data: {"):
            for choice in json.loads(part[6:])["choices"]:
                if choice["index"] == index:
                    found += choice["delta"].get(field) or ""
    return found


__all__ = ["DONE"]
