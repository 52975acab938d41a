"""A long day in minutes: good calls, every fault and callers who leave; memory, files and tasks must not grow.

Usage: python benchmarks/soak.py [--requests 100000] [--warm-up 20000] [--concurrency 64]

Exit code 1 when resident memory grows by 1 MiB per 100,000 requests or more after the warm-up, when files or threads
stay open, or when a good call was not answered well. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import uvloop
from load import BenchError

from stack.testing.faults import FAULTS
from stack.testing.server_process import ServerProcess, free_port

SLOPE_MIB = 1.0  # per 100,000 requests
ROUND = 5_000  # requests; after each, memory is read while nothing is on its way
REPORT_EVERY = 10_000
SETTLE_S = 60.0  # idle connections to upstreams are closed after 30, of which the server thinks each 15
PATIENCE_S = 20.0
SPARE_FILES = 3

# One percent of each; what is slow or large by its example is asked for in small.
IN_SMALL = {
    "fault-slow-first-byte-5": "fault-slow-first-byte-0.1",
    "fault-slow-loris-200": "fault-slow-loris-1",
    "fault-huge-64": "fault-huge-1",
    "fault-gzip-bomb-64": "fault-gzip-bomb-1",
    "fault-huge-event-16": "fault-huge-event-2",
    "fault-header-bomb-256": "fault-header-bomb-128",
    "fault-many-headers-5000": "fault-many-headers-3000",
}
FAULT_NAMES = [IN_SMALL.get(row.example, row.example) for row in FAULTS if row.example.startswith("fault-")]

RUN_YAML = """
version: 2
image_name: soak
apis: [inference]
providers:
  inference:
  - provider_id: good
    provider_type: remote::openai-compatible
    config: {{base_url: "http://127.0.0.1:{upstream}/v1"}}
  - provider_id: faulty
    provider_type: remote::openai-compatible
    config:
      base_url: http://127.0.0.1:{upstream}/v1
      first_byte_timeout_s: 0.3
      idle_timeout_s: 0.3
      max_response_bytes: 524288
"""


@dataclass
class Outcome:
    """What callers saw, by kind of call, and how the server's memory went: requests done, MiB held."""

    seen: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[int, float]] = field(default_factory=list)
    done: int = 0

    def slope(self, warm_up: int) -> float:
        """MiB per 100,000 requests after the warm-up: the median between any two rounds, so that no peak bends it."""
        kept = [sample for sample in self.samples if sample[0] >= warm_up]
        return median((late[1] - early[1]) / (late[0] - early[0]) for early, late in combinations(kept, 2)) * 100_000


def calls(seed: int) -> Iterator[tuple[str, bytes]]:
    """Kinds of calls and the calls, without end."""
    chance = random.Random(seed)
    faults = [
        (f"{name}, {'streamed' if stream else 'plain'}", _chat(f"faulty/{name}", stream))
        for name in FAULT_NAMES
        for stream in (0, 1)
    ]
    good = [("good", _chat("good/ok", 0)), ("good", _chat("good/stream-40", 1)), ("good", _embeddings())]
    while True:
        point = chance.random() * 100
        if point < len(FAULT_NAMES):
            yield chance.choice(faults)
        elif point < len(FAULT_NAMES) + 2:
            yield "leaving", chance.choice((_chat("good/stream-50-every-20", 1), _chat("good/fault-hang", 0)))
        else:
            yield chance.choice(good)


def _chat(name: str, stream: int) -> bytes:
    messages = [{"role": "user", "content": "What does a proxy do between two answers? " * 8}]
    document = {"model": name, "messages": messages, "stream": bool(stream)}
    return _post("/v1/chat/completions", document, 100 if "fault-endless" in name else 10_000)


def _embeddings() -> bytes:
    return _post("/v1/embeddings", {"model": "good/ok", "input": ["one sentence", "another one"] * 8}, 10_000)


def _post(path: str, document: object, timeout_ms: int) -> bytes:
    body = json.dumps(document)
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}x-stack-timeout-ms: {timeout_ms}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


class Caller:
    """One caller, call after call; over the same connection as long as that lasts."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self._port, self._outcome = port, outcome
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, kind: str, request: bytes) -> None:
        """Raises BenchError when there was no answer in time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                self._writer.write(request)
                if kind == "leaving":
                    await asyncio.sleep(0.02)
                    self.close()
                else:
                    await self._answer(kind)
        except TimeoutError as error:
            raise BenchError(f"no whole answer to `{kind}` within {PATIENCE_S:.0f} s") from error
        except (OSError, EOFError, ValueError) as error:
            self._outcome.wrong[f"{kind}: {error!r}"] += 1
            self.close()
        self._outcome.done += 1

    async def _answer(self, kind: str) -> None:
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = head[9:12].decode()
        length = re.search(rb"content-length: (\d+)", head)
        body = await self._reader.readexactly(int(length[1])) if length else await self._chunks()
        well = status == "200" and (b"[DONE]" in body[-16:] or body.endswith(b"}"))
        self._outcome.seen[f"{kind}: {status}"] += 1
        if (kind == "good" and not well) or status == "500":
            self._outcome.wrong[f"{kind}: {status} {body[-200:]!r}"] += 1
        if b"connection: close" in head:
            self.close()

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()
        return b"".join(parts)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


class Watched:
    """The server process, as /proc shows it (proc(5))."""

    def __init__(self, pid: int) -> None:
        self._at = Path(f"/proc/{pid}")

    def resident_mib(self) -> float:
        return self._number("VmRSS") / 1024

    def files(self) -> int:
        return len(list(self._at.joinpath("fd").iterdir()))

    def threads(self) -> int:
        return self._number("Threads")

    def _number(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+)", self._at.joinpath("status").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])


async def soak(port: int, watched: Watched, arguments: argparse.Namespace) -> Outcome:
    """Every call, at so many at once, in rounds."""
    outcome, source = Outcome(), calls(arguments.seed)
    callers = [Caller(port, outcome) for _ in range(arguments.concurrency)]

    async def call_on(caller: Caller, until: int) -> None:
        while outcome.done < until:
            await caller.call(*next(source))

    while outcome.done < arguments.requests:
        began, before = time.perf_counter(), outcome.done
        until = min(before - before % ROUND + ROUND, arguments.requests)
        await asyncio.gather(*(call_on(caller, until) for caller in callers))
        rate = (outcome.done - before) / (time.perf_counter() - began)
        mib = watched.resident_mib()
        outcome.samples.append((outcome.done, mib))
        if until % REPORT_EVERY == 0:
            print(f"{until:>9,} requests  {mib:7.1f} MiB  {watched.files():5} files  {rate:6.0f}/s", flush=True)
    for caller in callers:
        caller.close()
    return outcome


def in_flight(port: int) -> int:
    """Requests that the server still works at, as its own metrics say."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        found = re.search(r"^\w*in_flight (\d+)", answer.read().decode(), re.MULTILINE)
    if found is None:
        raise BenchError("`/metrics` shows no requests in flight")
    return int(found[1])


def settled(port: int, watched: Watched, files: int) -> tuple[int, int]:
    """Files open and requests in flight once the server has had time to close what it keeps for a while."""
    give_up = time.monotonic() + SETTLE_S
    while (now := (watched.files(), in_flight(port))) > (files, 0) and time.monotonic() < give_up:
        time.sleep(0.5)
    return now


def run(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """Soak, print what happened, and return what is wrong."""
    upstream_port, port = free_port(), free_port()
    config = folder / "run.yaml"
    config.write_text(RUN_YAML.format(upstream=upstream_port))
    upstream_arguments = ["-m", "stack.testing.upstream", "--port", str(upstream_port)]
    with (
        ServerProcess(upstream_arguments, port=upstream_port, ready_path="/faults"),
        ServerProcess(["-m", "stack", "run", str(config), "--port", str(port)], port=port) as server,
    ):
        watched = Watched(server.pid)
        in_flight(port)  # the first look at the metrics loads what they need
        files, threads = watched.files(), watched.threads()
        outcome = uvloop.run(soak(port, watched, arguments))
        files_after, working = settled(port, watched, files)
        slope = outcome.slope(arguments.warm_up)
        _print_kinds(outcome)
        print(f"memory after {arguments.warm_up:,}: {slope:+.2f} MiB per 100,000 requests (below {SLOPE_MIB})")
        print(f"files {files} -> {files_after}, threads {threads} -> {watched.threads()}, requests in flight {working}")
        return [
            *([f"memory grows by {slope:.2f} MiB per 100,000 requests"] if slope >= SLOPE_MIB else []),
            *([f"{files_after - files} files stay open"] if files_after > files + SPARE_FILES else []),
            *([f"{working} requests are still in flight"] if working else []),
            *([f"{watched.threads() - threads} threads stay"] if watched.threads() > threads + 1 else []),
            *(f"{times} x {what}" for what, times in outcome.wrong.most_common(5)),
            *(["the server's log has a traceback"] if "Traceback" in server.output() else []),
        ]


def _print_kinds(outcome: Outcome) -> None:
    good = sum(times for kind, times in outcome.seen.items() if kind.startswith("good:"))
    statuses: Counter[str] = Counter()
    for kind, times in outcome.seen.items():
        statuses[kind.rpartition(" ")[2]] += times
    told = ", ".join(f"{times:,} x {status}" for status, times in sorted(statuses.items()))
    print(f"{outcome.done:,} requests, {good:,} of them good calls: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--warm-up", type=int, default=20_000, help="requests before memory counts")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.requests < arguments.warm_up + 4 * ROUND:
        parser.error(f"a slope wants {4 * ROUND:,} requests after the warm-up")
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(arguments, Path(folder))
    for each in wrong:
        print(f"failed: {each}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
