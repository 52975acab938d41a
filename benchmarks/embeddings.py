"""How fast `inline::onnx-embeddings` is on one core, with its default settings: about half a minute.

    python benchmarks/embeddings.py [--model-dir FOLDER] [--seconds S]

The provider is asked in this process, without HTTP, and the process keeps to one core: event loop, tokenizer and model
share it. The loop's lag is how late a timer of 5 ms fires while the model computes; with a second core it is lower.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stack.apis.embeddings import EmbeddingsRequest
from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, load_config_class
from stack.testing.deps import provider_deps

TARGET_PER_S = 300
TICK_S = 0.005
SUBJECTS = ("The harbour", "Our invoice", "A small museum", "The night train", "My neighbour")
VERBS = ("opens at", "was moved to", "costs less than", "reminds me of", "has nothing to do with")
OBJECTS = ("nine on weekdays", "the old station", "a cup of coffee", "last summer", "the new contract", "green paint")


def sentences(count: int) -> list[str]:
    """Sentences of 8 to 14 tokens, in an order that mixes their lengths."""
    every = [f"{s} {v} {o}." for s in SUBJECTS for v in VERBS for o in OBJECTS]
    return [every[index * 37 % len(every)] for index in range(count)]


class Bench:
    def __init__(self, provider: Any, model: str, seconds: float) -> None:
        self.provider = provider
        self.model = model
        self.seconds = seconds

    async def ask(self, texts: list[str]) -> int:
        """Tokens that were read."""
        reply = await self.provider.openai_embeddings(EmbeddingsRequest(model=self.model, input=texts))
        return reply.value.usage.prompt_tokens if len(texts) == 1 else int(reply.body.rsplit(b":", 1)[1].strip(b"}"))

    async def rate(self, label: str, texts: int, work: Callable[[], Awaitable[int]]) -> float:
        """Texts per second of CPU and of the clock, printed with tokens per second and the loop's lag."""
        await work()
        lags: list[float] = []
        watch = asyncio.create_task(_lag(lags))
        began, cpu, rounds, tokens = time.perf_counter(), time.process_time(), 0, 0
        while time.perf_counter() - began < self.seconds:
            tokens += await work()
            rounds += 1
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        watch.cancel()
        lag = statistics.quantiles(lags, n=100)[98] * 1000
        print(
            f"{label:34} {texts * rounds / took:8.0f} {texts * rounds / cpu:8.0f} {tokens / took:9.0f}"
            f" {took / rounds * 1000:9.1f} {lag:8.1f}"
        )
        return texts * rounds / cpu


async def _lag(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK_S)
        lags.append(time.perf_counter() - began - TICK_S)


async def run(model_dir: Path | None, seconds: float) -> None:
    spec = find_spec("inference", "inline::onnx-embeddings")
    config = load_config_class(spec)(model_dir=model_dir)
    provider = load_provider_class(spec)(config, provider_deps(spec.name))
    began = time.perf_counter()
    await provider.initialize()
    [model] = await provider.list_models()
    print(f"`{model.model_id}` ready in {time.perf_counter() - began:.2f} s, resident {_resident_mb()} MB\n")
    bench = Bench(provider, model.model_id, seconds)
    many, long = sentences(256), " ".join(sentences(40))
    print(f"{'':34} {'text/s':>8} {'by CPU':>8} {'tokens/s':>9} {'ms/round':>9} {'lag ms':>8}")

    async def together() -> int:
        return sum(await asyncio.gather(*(bench.ask([text]) for text in many[:64])))

    reached = await bench.rate("256 sentences in one request", 256, lambda: bench.ask(many))
    await bench.rate("64 requests of one sentence at once", 64, together)
    await bench.rate("one sentence after the other", 1, lambda: bench.ask(many[:1]))
    await bench.rate("16 texts of the longest kind", 16, lambda: bench.ask([long] * 16))
    await provider.shutdown()
    met = "met" if reached >= TARGET_PER_S else "not met"
    print(f"\nresident {_resident_mb()} MB; target of {TARGET_PER_S} sentences per second of one core: {met}")


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model-dir", type=Path, help="another model than the packaged one")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure each row")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(run(options.model_dir, options.seconds))


if __name__ == "__main__":
    main()
