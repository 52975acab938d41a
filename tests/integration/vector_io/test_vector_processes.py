"""Processes that are killed while they change a vector store, and processes side by side."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median

import apsw
import pytest
import sqlite_vec
from integration.vector_io.changing import STORE, batch, running

from stack.apis.vector_io import KeywordQuery, VectorQuery

LOOPS = int(os.environ.get("STACK_KILL_LOOPS", "20"))
BOOT_S = 5.0


@pytest.fixture(params=["faiss", "sqlite-vec"])
def name(request):
    return request.param


def started(name, state_dir, prefix, size, count=""):
    command = [sys.executable, str(Path(__file__).with_name("changing.py")), name, str(state_dir), prefix, str(size)]
    return subprocess.Popen([*command, *([str(count)] if count else [])], stdout=subprocess.PIPE, text=True)


class Told:
    """What processes said of batches: before a change, and after it."""

    def __init__(self):
        self.names = {word: set() for word in ("insert", "inserted", "delete", "deleted")}

    def take(self, output):
        for line in output.splitlines(keepends=True):
            word, _, name = line.strip().partition(" ")
            if line.endswith("\n") and word in self.names:
                self.names[word].add(name)

    def assert_kept(self, found):
        """Whether what was acknowledged is there, what was deleted is not, and nothing was made up."""
        told = self.names
        assert told["inserted"] - told["delete"] <= found.keys() <= told["insert"] - told["deleted"]


def stored(name, state_dir):
    """Chunks by batch, of a database that is sound and whose tables agree."""
    connection = apsw.Connection(str(state_dir / f"vector_io_{name}.db"))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    count = connection.execute("SELECT count FROM stores").get
    vectors = connection.execute("SELECT vectors FROM stores").get
    for table in ("chunks", vectors, "attributes", "words_docsize"):
        assert connection.execute(f"SELECT count(*) FROM {table}").get == count, table
    found = Counter(chunk_id.split("/")[0] for (chunk_id,) in connection.execute("SELECT chunk_id FROM chunks"))
    connection.close()
    return found


async def answered_in(name, state_dir, found):
    """How many seconds a new process takes to find what is stored, by vector and by word."""
    began = time.monotonic()
    async with running(name, state_dir) as provider:
        assert await provider.count_chunks("vs") == sum(found.values())
        for each, size in list(found.items())[-3:]:
            asked = batch(each, size)[-1]
            [by_vector] = await provider.query_chunks("vs", VectorQuery(asked.embedding, 1))
            [by_word] = await provider.query_chunks("vs", KeywordQuery(each, 1))
            assert (by_vector.chunk.chunk_id, by_word.chunk.content) == (asked.chunk_id, asked.content)
    return time.monotonic() - began


async def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_there(name, tmp_path):
    told, chance, took = Told(), random.Random(6), []
    for loop in range(LOOPS):
        size = chance.choice((1, 40, 700))
        process = started(name, tmp_path, f"s{size}loop{loop}", size)
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(loop % 2 * 12)]  # by then three of them are inserted
        time.sleep(chance.uniform(0.005, 0.5))
        process.kill()
        told.take("".join(lines) + process.communicate()[0])
        found = stored(name, tmp_path)
        told.assert_kept(found)
        assert all(each.startswith(f"s{count}loop") for each, count in found.items())
        took.append(await answered_in(name, tmp_path, found))
    assert len(told.names["inserted"]) > LOOPS
    assert median(took) < BOOT_S


async def test_a_large_insert_that_is_killed_is_all_there_or_not_at_all(name, tmp_path):
    told, chance = Told(), random.Random(7)
    for loop in range(4):
        process = started(name, tmp_path, f"loop{loop}", 10_000)
        while not (line := process.stdout.readline()).startswith("insert "):
            pass
        time.sleep(chance.uniform(0, 1))
        process.kill()
        told.take(line + process.communicate()[0])
        found = stored(name, tmp_path)
        told.assert_kept(found)
        assert set(found.values()) <= {10_000}


async def test_what_one_process_changes_another_sees_at_once(name, tmp_path):
    seen = {"inserted": [], "deleted": []}
    async with running(name, tmp_path) as provider:
        await provider.create_store(STORE)
        with started(name, tmp_path, "other", 20, 60) as process:
            while line := await asyncio.to_thread(process.stdout.readline):
                word, _, told = line.strip().partition(" ")
                if word in seen:
                    asked = batch(told, 20)[3]
                    [found] = await provider.query_chunks("vs", VectorQuery(asked.embedding, 1)) or [None]
                    seen[word].append(found is not None and found.chunk.chunk_id == asked.chunk_id)
    # A third of the batches is deleted soon after the insert was told.
    assert seen["inserted"].count(True) >= 40
    assert seen["deleted"] == [False] * 20


async def test_processes_that_write_at_once_all_get_their_turn(name, tmp_path):
    async with running(name, tmp_path) as provider:
        await provider.create_store(STORE)
        processes = [started(name, tmp_path, prefix, 30, 30) for prefix in ("one", "two", "three")]
        told = Told()
        for process in processes:
            told.take((await asyncio.to_thread(process.communicate))[0])
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert stored(name, tmp_path).keys() == told.names["inserted"] - told.names["deleted"]
        assert await provider.count_chunks("vs") == 60 * 30
