"""HTTP clients towards an upstream, in one run: what a call costs, and which of them can be trusted with a bad answer.

Usage: python benchmarks/upstream_clients.py [--seconds S] [--clients stack,aiohttp,httpx2,pycurl]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from clients import CAP_BYTES, CLIENTS, Client
from payloads import ANSWER, CHUNKS, DONE, MODEL, Kind, request
from processes import Server, cores, free_port, pinned

from stack.providers.remote.upstream import UpstreamRequest

Ask = Callable[[Client, str, bytes], Awaitable[bytes]]
HERE = Path(__file__).parent
PAIRS = 200
KEY = "bench-key"
MEMORY_KIB = 8 * CAP_BYTES // 1024  # the most that refusing a body of 64 MiB may take
ROWS = (
    ("plain_1_per_s", "requests/s, 1 in flight", ",.0f"),
    ("plain_16_per_s", "requests/s, 16 in flight", ",.0f"),
    ("plain_1_cpu_us", "CPU us/request, 1 in flight", ",.0f"),
    ("plain_16_cpu_us", "CPU us/request, 16 in flight", ",.0f"),
    ("burst_16_per_s", "streamed chunks/s, 16 in flight", ",.0f"),
    ("burst_16_cpu_us", "CPU us/chunk, streamed", ".2f"),
    ("extra-response_forged", f"forged answers after left-over bytes, of {PAIRS}", "d"),
    ("cl-te_forged", f"forged answers after length and chunks, of {PAIRS}", "d"),
    ("cl-te_taken", f"taken with both length and chunks, of {PAIRS}", "d"),
    ("redirects", "redirects followed", "d"),
    ("bomb_taken", "64 MiB out of a small gzip taken", "d"),
    ("bomb_kib", "KiB that refusing it took", ",d"),
)
REFUSED = ("extra-response_forged", "cl-te_forged", "cl-te_taken", "redirects", "bomb_taken")


def posting(url: str, body: bytes) -> UpstreamRequest:
    """What the mixin sends: the caller's bytes, a type, a request id and the credential."""
    headers = {"content-type": "application/json", "x-request-id": "req_1", "authorization": f"Bearer {KEY}"}
    return UpstreamRequest("POST", f"{url}/chat/completions", headers, body)


async def whole(client: Client, url: str, body: bytes) -> bytes:
    return await (await client.send(posting(url, body), KEY)).read()


async def streamed(client: Client, url: str, body: bytes) -> bytes:
    return b"".join([block async for block in (await client.send(posting(url, body), KEY)).blocks()])


async def rate(
    ask: Callable[[], Awaitable[bytes]], wanted: bytes, in_flight: int, seconds: float
) -> tuple[float, float]:
    """Answers per second and CPU microseconds per answer; each must be the one that was wanted."""
    count = 0

    async def caller(until: float) -> None:
        nonlocal count
        while time.perf_counter() < until:
            if await ask() != wanted:
                raise SystemExit("a wrong answer")
            count += 1

    await asyncio.gather(*(caller(time.perf_counter() + seconds / 4) for _ in range(in_flight)))
    count, began, cpu = 0, time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(began + seconds) for _ in range(in_flight)))
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6


async def speed(client: Client, url: str, seconds: float) -> dict[str, float]:
    kinds: tuple[tuple[Kind, Ask, bytes, int, int], ...] = (
        ("plain", whole, ANSWER, 1, 1),
        ("plain", whole, ANSWER, 1, 16),
        ("burst", streamed, b"".join(CHUNKS["burst"]) + DONE, len(CHUNKS["burst"]), 16),
    )
    found = {}
    for kind, ask, wanted, items, in_flight in kinds:
        body = request(kind, MODEL).partition(b"\r\n\r\n")[2]
        per_s, cpu_us = await rate(lambda: ask(client, url, body), wanted, in_flight, seconds)  # noqa: B023
        found |= {f"{kind}_{in_flight}_per_s": per_s * items, f"{kind}_{in_flight}_cpu_us": cpu_us / items}
    return found


async def safety(client: Client, url: str) -> dict[str, float]:
    async def ask(model: str) -> bytes:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
        try:
            return await whole(client, url, body)
        except Exception:  # however a client says no
            return b""

    found: dict[str, float] = {}
    for name in ("extra-response", "cl-te"):
        answers = [(await ask(f"fault-{name}"), await ask("ok")) for _ in range(PAIRS)]
        found[f"{name}_forged"] = sum(b"forged" in second for _, second in answers)
    found["cl-te_taken"] = sum(first != b"" for first, _ in answers)
    followed = _followed(url)
    await ask("fault-redirect")
    found["redirects"] = _followed(url) - followed
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory_kib("VmRSS")
    found["bomb_taken"] = await ask("fault-gzip-bomb-64") != b""
    found["bomb_kib"] = max(0, _memory_kib("VmHWM") - before)
    return found


def _followed(url: str) -> int:
    """How often the upstream saw its redirects followed."""
    with urllib.request.urlopen(url.replace("/v1", "/counts")) as page:
        return sum(json.load(page)["redirect_followed"].values())


def _memory_kib(name: str) -> int:
    """Resident memory of this process: `VmRSS` now, `VmHWM` at most since the peak was forgotten (proc(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


async def measure(name: str, upstream: str, faults: str, seconds: float) -> dict[str, float]:
    """Every figure of one client, in a process of its own."""
    found = {}
    for part in (lambda client: speed(client, upstream, seconds), lambda client: safety(client, faults)):
        client = CLIENTS[name]()
        try:
            found |= await part(client)
        finally:
            await client.aclose()
    return found


def measured(name: str, upstream: str, faults: str, seconds: float) -> dict[str, float]:
    """The figures of a client, from a process on a core of its own."""
    command = [sys.executable, __file__, "--client", name, upstream, faults, "--seconds", str(seconds)]
    with pinned(cores().server):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"`{name}`: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def print_table(figures: dict[str, dict[str, float]]) -> None:
    print(f"\n{'':44}" + "".join(f"{name:>12}" for name in figures))
    for figure, label, form in ROWS:
        print(f"{label:44}" + "".join(f"{format(found[figure], form):>12}" for found in figures.values()))
    safe = {name: all(found[figure] == 0 for figure in REFUSED) for name, found in figures.items()}
    small = {name: found["bomb_kib"] <= MEMORY_KIB for name, found in figures.items()}
    print(f"{'passes every row on bad answers':44}", end="")
    print("".join(f"{'yes' if safe[name] and small[name] else 'NO':>12}" for name in figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--clients", default=",".join(CLIENTS), help="which to measure, comma-separated")
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        print(json.dumps(uvloop.run(measure(*options.client, options.seconds))))
        return
    asked = [name for name in options.clients.split(",") if name == "stack" or importlib.util.find_spec(name)]
    if absent := sorted(set(options.clients.split(",")) - set(asked)):
        print(f"not installed, so not measured: {', '.join(absent)} (`pip install {' '.join(absent)}`)")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clients-")))
        urls = []
        for words, model in (([str(HERE / "upstream.py")], MODEL), (["-m", "stack.testing.upstream", "--port"], "ok")):
            port = free_port()
            server = Server("up", [sys.executable, *words, str(port)], port, folder / f"{port}.log", cores().upstream)
            stack.callback(server.stop)
            server.start(request("plain", model))
            urls.append(f"http://127.0.0.1:{port}/v1")
        print_table({name: measured(name, *urls, options.seconds) for name in asked})


if __name__ == "__main__":
    main()
