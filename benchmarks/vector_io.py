"""How fast the inline vector stores are, against the engines used directly in the same process: about two minutes.

    python benchmarks/vector_io.py [--chunks 100000] [--folder DIR]

Chunks have 384 numbers, about 200 characters of text and three attributes. The process keeps to one core. Providers are
asked by the `VectorIO` protocol, without embedding; queries are also asked of a server, over HTTP, on another core if
there is one. Each figure stands beside that of the engine itself, taken in turns with it, so that the ratio holds on a
busy machine too; milliseconds of CPU are those of the whole process.
The database is fully durable: every insert waits for the disk. DIR must be on the disk that is meant.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import faiss
import msgspec
import numpy as np
import sqlite_vec
from load import AnswerReader, ask_once
from processes import cores

from stack.apis.vector_io import EmbeddedChunk, VectorQuery, VectorStoreSpec
from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, load_config_class
from stack.storage import Storage
from stack.testing.deps import provider_deps
from stack.testing.server_process import ServerProcess, free_port

RUN_YAML = """\
version: 2
image_name: bench
apis: [vector_io]
storage: {{state_dir: {folder}}}
providers:
  vector_io:
  - {{provider_id: faiss, provider_type: "inline::faiss"}}
"""
DIMENSION = 384
BATCH = 1_000
FEW = 10_000
QUERIES = 100
Times = list[tuple[float, float]]
"""Seconds on the clock, and of CPU."""


class Data:
    """Chunks around a centre for each fifty, as texts of one subject lie, and queries near some of them."""

    def __init__(self, count: int) -> None:
        source = np.random.default_rng(1)
        centres = source.normal(size=(max(1, count // 50), DIMENSION))
        vectors = centres[source.integers(0, len(centres), count)] + 0.5 * source.normal(size=(count, DIMENSION))
        self.vectors = _unit(vectors)
        near = self.vectors[:: max(1, count // QUERIES)][:QUERIES]
        self.queries = _unit(near + 0.02 * source.normal(size=near.shape))
        words = random.Random(2)
        texts = [" ".join(f"word{words.randrange(5_000)}" for _ in range(25)) for _ in range(min(count, FEW))]
        self.chunks = [self._chunk(row, texts[row % len(texts)]) for row in range(count)]

    def _chunk(self, row: int, text: str) -> EmbeddedChunk:
        attributes = {"file_id": f"file-{row // 50:032x}", "page": row % 50, "language": "en"}
        return EmbeddedChunk(
            f"{row:08d}", text, _array(self.vectors[row]), attributes, {"start": row, "end": row + 200}
        )

    def recall(self, found: Sequence[Sequence[str]]) -> float:
        """Part of the true ten nearest that answers to `queries` hold."""
        _, rows = faiss.knn(self.queries, self.vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)
        hits = sum(len({f"{row:08d}" for row in truth} & set(ids)) for truth, ids in zip(rows, found, strict=True))
        return hits / (10 * len(found))


class Engine:
    """sqlite-vec as its documentation uses it: text and metadata as auxiliary columns of the table of vectors."""

    def __init__(self, path: Path) -> None:
        self.connection = apsw.Connection(str(path))
        self.connection.enable_load_extension(True)
        self.connection.load_extension(sqlite_vec.loadable_path())
        self.connection.execute("PRAGMA journal_mode = wal; PRAGMA synchronous = full")
        self.connection.execute(
            f"CREATE VIRTUAL TABLE v USING vec0(embedding float[{DIMENSION}] distance_metric=cosine,"
            " +chunk_id text, +content text, +metadata text)"
        )

    def insert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        rows = [(c.embedding, c.chunk_id, c.content, msgspec.json.encode(c.metadata).decode()) for c in chunks]
        with self.connection:
            self.connection.executemany(
                "INSERT INTO v (embedding, chunk_id, content, metadata) VALUES (?, ?, ?, ?)", rows
            )

    def query(self, query: Any) -> list[Any]:
        sql = "SELECT chunk_id, content, distance FROM v WHERE embedding MATCH ? AND k = 10"
        return self.connection.execute(sql, (query,)).fetchall()


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[Any]:
    spec = find_spec("vector_io", f"inline::{name}")
    storage = Storage(folder)
    provider = load_provider_class(spec)(load_config_class(spec)(), provider_deps(name, storage=storage))
    await provider.initialize()
    yield provider
    await provider.shutdown()
    await storage.close()


async def inserts(provider: Any, store: str, chunks: Sequence[EmbeddedChunk]) -> Times:
    """Insert in batches."""
    return [await _timed(lambda part=part: provider.insert_chunks(store, part)) for part in _batches(chunks)]


async def insert_rates(data: Data, folder: Path) -> None:
    """10,000 chunks into an empty store: sqlite-vec itself, and the two providers."""
    taken: dict[str, Times] = {}
    for turn in range(5):
        engine = Engine(folder / f"engine{turn}.db")
        times = [await _timed(_later(engine.insert, part)) for part in _batches(data.chunks)]
        taken.setdefault("sqlite-vec itself", []).extend(times)
        for name in ("sqlite-vec", "faiss"):
            async with running(name, folder / "empty") as provider:
                await provider.create_store(VectorStoreSpec(f"vs{turn}", DIMENSION))
                taken.setdefault(f"inline::{name}", []).extend(await inserts(provider, f"vs{turn}", data.chunks))
    print(f"durable insert of {FEW:,} chunks in batches of {BATCH:,}, chunks/s: median batch, and by CPU")
    base = _median_ms(taken["sqlite-vec itself"])
    for name, times in taken.items():
        wall, cpu = _median_ms(times)
        print(
            f"  {name:24} {BATCH / wall * 1e3:10,.0f} {BATCH / cpu * 1e3:10,.0f}"
            f"   {base[0] / wall:5.2f} of the engine, by CPU {base[1] / cpu:5.2f}"
        )


async def insert_into_large(data: Data, name: str, folder: Path) -> None:
    """100 chunks into an empty store, and into the one of all chunks, in turns."""
    fresh = [EmbeddedChunk(f"x{n}", c.content, c.embedding, c.metadata) for n, c in enumerate(data.chunks[:2_000])]
    async with running(name, folder) as provider:
        await provider.query_chunks("vs", VectorQuery(fresh[0].embedding))
        empty, large = [], []
        for turn in range(20):
            await provider.create_store(VectorStoreSpec(f"empty{turn}", DIMENSION))
            part = fresh[100 * turn : 100 * turn + 100]
            for times, store in ((empty, f"empty{turn}"), (large, "vs")):
                times.append(await _timed(lambda part=part, store=store: provider.insert_chunks(store, part)))
        await provider.delete_chunks("vs", [each.chunk_id for each in fresh])
    one, many = _median_ms(empty), _median_ms(large)
    ratio = f"{many[0] / one[0]:.2f} x, by CPU {many[1] / one[1]:.2f} x"
    print(
        f"insert of 100 chunks, inline::{name}: into an empty store {one[0]:.2f} ms, into {len(data.chunks):,}"
        f" {many[0]:.2f} ms: {ratio}"
    )


async def queries(data: Data, name: str, folder: Path, raw: dict[str, Callable[[Any], Any]]) -> None:
    """The ten nearest, by the provider and by the first of the engines in turns; then by the others alone."""
    times: dict[str, Times] = {label: [] for label in raw} | {f"inline::{name}": []}
    first, *others = raw
    found = []
    async with running(name, folder) as provider:
        asked = [_array(query) for query in data.queries]
        if name == "faiss":
            await provider.settled()
        for query, vector in zip(asked, data.queries, strict=True):
            times[first].append(await _timed(_later(raw[first], vector)))
            began, cpu = time.perf_counter(), time.process_time()
            answer = await provider.query_chunks("vs", VectorQuery(query, include_embeddings=False))
            times[f"inline::{name}"].append((time.perf_counter() - began, time.process_time() - cpu))
            found.append([one.chunk.chunk_id for one in answer])
    for label in others:
        times[label] = [await _timed(_later(raw[label], vector)) for vector in data.queries]
    print(f"query of 10 among {len(data.chunks):,} chunks")
    base = _median_ms(times[first])
    for label, taken in times.items():
        wall, cpu = _median_ms(taken)
        p99 = statistics.quantiles([each for each, _ in taken], n=100)[98] * 1e3
        print(
            f"  {label:40} p50 {wall:7.2f} ms (CPU {cpu:6.2f})  p99 {p99:7.2f} ms"
            f"   {wall - base[0]:+6.2f} ms (CPU {cpu - base[1]:+6.2f})"
        )
    print(f"  recall@10 {data.recall(found):.4f}")


async def queries_over_http(data: Data, folder: Path, raw: Callable[[Any], Any]) -> None:
    """The same of a server that holds the store, by `POST /v1/vector-io/query`, in turns with the engine itself."""
    (folder / "run.yaml").write_text(RUN_YAML.format(folder=folder))
    port = free_port()
    times: dict[str, list[float]] = {"engine": [], "server": []}
    found = []
    with ServerProcess(["-m", "stack", "run", str(folder / "run.yaml"), "--port", str(port)], port=port) as server:
        os.sched_setaffinity(server.pid, cores().server)
        asked = [_request({"vector_store_id": "vs", "embedding": query.tolist()}) for query in data.queries]
        while ask_once(port, asked[0]).status == 404:  # until it has taken up the store, which it did not make
            await asyncio.sleep(0.1)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            reader = AnswerReader()
            for request, vector in zip(asked, data.queries, strict=True):
                times["engine"].append((await _timed(_later(raw, vector)))[0])
                began = time.perf_counter()
                connection.sendall(request)
                while (answer := reader.feed(connection.recv(1 << 18))) is None:
                    pass
                times["server"].append(time.perf_counter() - began)
                found.append([chunk["chunk_id"] for chunk in json.loads(answer.body)["chunks"]])
    engine, server_ms = (statistics.median(each) * 1e3 for each in times.values())
    print(f"  {'inline::faiss over HTTP':40} p50 {server_ms:7.2f} ms {'':42} {server_ms - engine:+6.2f} ms")
    print(f"  recall@10 {data.recall(found):.4f}")


def _request(query: dict[str, Any]) -> bytes:
    body = json.dumps(query | {"params": {"max_chunks": 10}}).encode()
    head = "POST /v1/vector-io/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def raw_faiss(data: Data) -> dict[str, Callable[[Any], Any]]:
    """The index of the size's kind as the provider keeps it, and the two that faiss users know."""
    flat = faiss.IndexFlatIP(DIMENSION)
    half = faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    scale = 127 / float(np.abs(data.vectors).max())
    signed = faiss.ScalarQuantizer.QT_8bit_direct_signed
    small = faiss.IndexScalarQuantizer(DIMENSION, signed, faiss.METRIC_INNER_PRODUCT)
    small.add(np.rint(data.vectors * scale))
    half.add(data.vectors)
    flat.add(data.vectors)
    bytes_of = {"faiss itself, a byte a number (k = 50)": lambda q: small.search(np.rint(q[None] * 400), 50)}
    floats = {
        "faiss itself, flat": lambda q: flat.search(q[None], 10),
        "faiss itself, half precision": lambda q: half.search(q[None], 10),
    }
    return {**bytes_of, **floats} if len(data.chunks) > FEW else {**floats, **bytes_of}


def raw_sqlite_vec(data: Data, folder: Path) -> dict[str, Callable[[Any], Any]]:
    engine = Engine(folder / "scan.db")
    for part in _batches(data.chunks):
        engine.insert(part)
    return {"sqlite-vec itself": engine.query}


async def filled(data: Data, name: str, folder: Path) -> None:
    async with running(name, folder) as provider:
        await provider.create_store(VectorStoreSpec("vs", DIMENSION))
        times = await inserts(provider, "vs", data.chunks)
    count, cpu = len(data.chunks), sum(cpu for _, cpu in times)
    print(
        f"durable insert of {count:,}, inline::{name}: {_rate(times, count):,.0f} chunks/s on the clock,"
        f" {count / cpu:,.0f} by CPU"
    )


async def restart(data: Data, name: str, folder: Path, without_snapshot: bool) -> None:
    for file in (folder / f"vector_io_{name}").glob(".*") if without_snapshot else ():
        file.unlink()
    began, cpu = time.perf_counter(), time.process_time()
    async with running(name, folder) as provider:
        await provider.query_chunks("vs", VectorQuery(_array(data.queries[0])))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    how = " without a snapshot" if without_snapshot else ""
    print(
        f"restart of inline::{name}{how} to the first answer among {len(data.chunks):,}: {took:.2f} s (CPU {cpu:.2f})"
    )


async def run(count: int, folder: Path) -> None:
    faiss.omp_set_num_threads(1)
    few, many = Data(FEW), Data(count)
    await insert_rates(few, folder)
    for data, name in ((few, "sqlite-vec"), (few, "faiss"), (many, "faiss")):
        print()
        state = folder / f"{name}{len(data.chunks)}"
        await filled(data, name, state)
        raw = raw_faiss(data) if name == "faiss" else raw_sqlite_vec(data, folder)
        await queries(data, name, state, raw)
        if name == "faiss":
            await queries_over_http(data, state, next(iter(raw.values())))
    print()
    for without in (False, True):
        await restart(many, "faiss", state, without)
    await insert_into_large(many, "faiss", state)


def _unit(vectors: Any) -> Any:
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _array(vector: Any) -> array[float]:
    numbers = array("f")
    numbers.frombytes(vector.tobytes())
    return numbers


def _batches(chunks: Sequence[EmbeddedChunk]) -> Iterator[Sequence[EmbeddedChunk]]:
    return (chunks[at : at + BATCH] for at in range(0, len(chunks), BATCH))


def _later(work: Callable[[Any], Any], argument: Any) -> Callable[[], Awaitable[Any]]:
    async def do() -> Any:
        return work(argument)

    return do


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - began, time.process_time() - cpu


def _rate(times: Times, count: int) -> float:
    return count / sum(wall for wall, _ in times)


def _median_ms(times: Times) -> tuple[float, float]:
    return statistics.median(w for w, _ in times) * 1e3, statistics.median(c for _, c in times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=100_000, help="chunks in the large store")
    parser.add_argument("--folder", type=Path, help="where the databases are made; default: a temporary folder")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="stack-bench-") as folder:
        asyncio.run(run(options.chunks, Path(folder)))


if __name__ == "__main__":
    main()
