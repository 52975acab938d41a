"""What shields cost: per request, to the first token, per chunk; and that models without shields pay nothing.

Usage: python benchmarks/shields.py [--chunks N] [--pace-ms MS]

In one process, without sockets: the router, the guard and `inline::keywords` are the real ones, the model is a list of
chunks. `paced` streams come as a model sends them; the others as fast as they are taken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

import structlog

from stack.apis.inference import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, Inference, Model
from stack.apis.shields import Shield
from stack.apis.wire import DONE, Reply, ReplyMeta, Stream
from stack.providers.inline.safety.keywords import Config, Keywords
from stack.registry.spec import ProviderSpec
from stack.routing.inference import InferenceRouter
from stack.routing.instance import Instance
from stack.routing.safety import SafetyRouter
from stack.routing.shields.checks import Checks, Use
from stack.routing.shields.guard import Guard, Guards
from stack.routing.shields.trail import Trail
from stack.testing.deps import provider_deps

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
LOG = structlog.get_logger("bench")
ROUNDS = 5
TOKEN = "four "  # as long as a token is on average
WHOLE = json.dumps({"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": TOKEN * 150}}]})


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


class Scripted(Inference):
    """Answers the same text always. pace_s: between chunks."""

    def __init__(self, chunks: int) -> None:
        self.blocks = [chunk(TOKEN)] * chunks
        self.pace_s = 0.0

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        if request.stream:
            return Stream(ChatCompletionChunk, ReplyMeta(), self._stream())
        return Reply(ChatCompletion, ReplyMeta(), body=WHOLE.encode())

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        for block in self.blocks:
            if self.pace_s:
                await asyncio.sleep(self.pace_s)
            yield block
        yield DONE


@dataclass(frozen=True)
class Setup:
    """window: of each of `shields` shields on input and on output; None: a model without any."""

    name: str
    shields: int = 0
    window: int | None = None
    others_are_guarded: bool = False


SETUPS = (
    Setup("no shields anywhere"),
    Setup("no shields here, some elsewhere", others_are_guarded=True),
    Setup("1 shield, window 64", 1, 64),
    Setup("1 shield, window 256", 1, 256),
    Setup("3 shields, window 256", 3, 256),
)


def router(setup: Setup, model: Scripted) -> InferenceRouter:
    """A router with one model `m` behind the shields of a setup."""
    safety_instance: Instance[Keywords] = Instance(
        "safety", "kw", ProviderSpec("safety", "inline::keywords", "", ""), None
    )
    window = (setup.window or 64) - 2
    config = Config(words=["bomb", "falcon"], patterns=[r"[a-z.]{1,60}@[a-z]{1,60}\.com"], max_match_chars=window)
    safety_instance.provider = Keywords(config, provider_deps("kw"))
    shields = [Shield(f"s{i}", "kw", f"s{i}") for i in range(max(1, setup.shields))]
    safety = SafetyRouter([safety_instance], shields)
    uses = [Use(shield) for shield in shields]
    guard = Guard(Checks(safety, uses, "input", LOG), Checks(safety, uses, "output", LOG), Trail(LOG))
    named = {"m": guard if setup.shields else None, "other": guard}
    guards = Guards(named, {}) if setup.shields or setup.others_are_guarded else None
    instance: Instance[Inference] = Instance("inference", "p", ProviderSpec("inference", "inline::m", "", ""), None)
    instance.provider = model
    registered = [Model(model_id="m", provider_id="p", provider_model_id="m", model_type="llm")]
    return InferenceRouter([instance], registered, LOG, guards)


def asking(stream: bool, kilobytes: int = 1) -> ChatCompletionRequest:
    document = {"model": "m", "messages": [{"role": "user", "content": "word " * (200 * kilobytes)}], "stream": stream}
    return ChatCompletionRequest.from_body(json.dumps(document).encode())


async def whole_us(asked: InferenceRouter, kilobytes: int) -> float:
    """Microseconds for a request with a whole answer."""
    request = asking(False, kilobytes)
    began = time.perf_counter()
    for _ in range(300):
        reply = await asked.openai_chat_completion(request)
        assert isinstance(reply, Reply)
        assert reply.body
    return (time.perf_counter() - began) / 300 * 1e6


async def burst_us(asked: InferenceRouter, chunks: int) -> float:
    """Microseconds per chunk of a stream that is taken as fast as it comes."""
    began = time.perf_counter()
    for _ in range(5):
        stream = await asked.openai_chat_completion(asking(True))
        assert isinstance(stream, Stream)
        received = b"".join([block async for block in stream.blocks()])
        assert received == chunk(TOKEN) * chunks + DONE
    return (time.perf_counter() - began) / 5 / chunks * 1e6


async def first_ms(asked: InferenceRouter) -> float:
    """Milliseconds to the first text of a paced stream."""
    began = time.perf_counter()
    stream = await asked.openai_chat_completion(asking(True))
    assert isinstance(stream, Stream)
    await anext(stream.blocks())
    told = (time.perf_counter() - began) * 1e3
    await stream.aclose()
    return told


async def figures(setup: Setup, chunks: int, pace_ms: float) -> Iterator[float]:
    model = Scripted(chunks)
    asked = router(setup, model)
    small = [await whole_us(asked, 1) for _ in range(ROUNDS)]
    large = [await whole_us(asked, 100) for _ in range(ROUNDS)]
    burst = [await burst_us(asked, chunks) for _ in range(ROUNDS)]
    model.pace_s = pace_ms / 1e3
    first = [await first_ms(asked) for _ in range(3)]
    return map(statistics.median, (small, large, burst, first))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--pace-ms", type=float, default=10.0)
    options = parser.parse_args()
    print(f"{options.chunks} chunks of {len(TOKEN)} characters; paced: one every {options.pace_ms:g} ms")
    heads = ("", "us/request, 1 kB", "100 kB", "us/chunk", "ms to first text")
    print("{:34}{:>18}{:>10}{:>10}{:>18}".format(*heads))
    for setup in SETUPS:
        found = await figures(setup, options.chunks, options.pace_ms)
        print("{:34}{:18.0f}{:10.0f}{:10.1f}{:18.0f}".format(setup.name, *found))


if __name__ == "__main__":
    asyncio.run(main())
