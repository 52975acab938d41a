"""Snapshots of faiss indexes: believed bit for bit, or not at all."""

from __future__ import annotations

import os
import random
import shutil
import time

import pytest
from structlog.testing import capture_logs

from stack.apis.vector_io import VectorQuery, VectorStoreSpec
from stack.errors import NotFound
from stack.providers.inline.faiss_index import snapshot
from stack.providers.inline.faiss_index.index import VectorIndex
from stack.providers.inline.faiss_index.settings import IndexSettings
from stack.testing.vector_io.reference import assert_best, chunk, ids, random_chunks

CHUNKS = random_chunks(400, 8)
SPEC = VectorStoreSpec("vs", 8)
KINDS = ("flat", "fp16", "int8", "hnsw")


@pytest.fixture(autouse=True)
def _small_sizes(sizes):
    sizes("indexes", LEAST_AT_CLOSE=1)
    sizes("settings", LEAST_INT8=10)
    sizes("index", LEAST_SCANNED=50)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state/vector_io_faiss"


async def saved(run, index="flat"):
    """Fill a store and stop, which writes its snapshot."""
    async with run("faiss", index=index) as provider:
        await provider.create_store(SPEC)
        await provider.insert_chunks("vs", CHUNKS)
        await provider.settled()


def files(folder):
    return sorted(folder.glob(".*.index"))


async def assert_right(provider, chunks=CHUNKS):
    for asked in chunks[::60]:
        found = await provider.query_chunks("vs", VectorQuery(asked.embedding, 5))
        assert_best(found, chunks, asked.embedding, "cosine", 5, 1e-5)


@pytest.mark.parametrize("index", KINDS)
async def test_a_restart_takes_the_index_from_its_snapshot(index, run, folder):
    await saved(run, index)
    [file] = files(folder)
    assert file.stat().st_mode & 0o777 == 0o600
    async with run("faiss", index=index) as provider:
        await provider.settled()
        assert provider._indexes._index("vs").changed == 0  # nothing was read from rows
        await assert_right(provider)


@pytest.mark.parametrize("index", KINDS)
async def test_what_came_and_went_after_a_snapshot_counts(index, run, start):
    await saved(run, index)
    other = await start("faiss", index=index)
    await other.delete_chunks("vs", ids(CHUNKS[:20]))
    await other.insert_chunks("vs", [chunk("new", CHUNKS[0].embedding)])
    async with run("faiss", index=index) as provider:
        await assert_right(provider, [*CHUNKS[20:], chunk("new", CHUNKS[0].embedding)])


async def test_no_flipped_bit_is_believed(run, folder):
    await saved(run, "hnsw")
    [file] = files(folder)
    content, sha256 = bytearray(file.read_bytes()), file.name.split(".")[1]
    for place in random.Random(7).sample(range(len(content) * 8), 1_000):
        content[place // 8] ^= 1 << place % 8
        file.write_bytes(content)
        index = VectorIndex()
        index.reset(1, SPEC, IndexSettings("hnsw"))
        with pytest.raises(snapshot.Unusable):
            snapshot.load(folder, sha256, index)
        content[place // 8] ^= 1 << place % 8


DAMAGE = {
    "a flipped bit": lambda content: content[:-9] + bytes([content[-9] ^ 4]) + content[-8:],
    "cut": lambda content: content[: len(content) // 2],
    "cut in the header": lambda content: content[:20],
    "empty": lambda content: b"",
    "longer": lambda content: content + b"x",
    "another format": lambda content: b"another!" + content[8:],
}


@pytest.mark.parametrize("how", DAMAGE)
async def test_a_damaged_snapshot_is_told_and_made_anew(how, run, folder):
    await saved(run, "int8")
    [file] = files(folder)
    file.write_bytes(DAMAGE[how](file.read_bytes()))
    with capture_logs() as logs:
        async with run("faiss", index="int8") as provider:
            await assert_right(provider)
    assert [(log["event"], log["log_level"]) for log in logs] == [("index read anew from its rows", "warning")]
    async with run("faiss", index="int8") as provider:
        await provider.settled()
        assert provider._indexes._index("vs").changed == 0


async def test_a_snapshot_that_is_gone_is_made_anew(run, folder):
    await saved(run)
    shutil.rmtree(folder)
    with capture_logs() as logs:
        async with run("faiss") as provider:
            await assert_right(provider)
    assert "cannot be read" in logs[0]["reason"]


async def test_a_snapshot_of_another_store_is_not_believed(run, folder):
    await saved(run)
    [file] = files(folder)
    index = VectorIndex()
    index.reset(2, VectorStoreSpec("other", 8), IndexSettings())
    with pytest.raises(snapshot.Unusable, match="another store"):
        snapshot.load(folder, file.name.split(".")[1], index)


async def test_a_snapshot_newer_than_a_restored_database_is_not_believed(run, folder, tmp_path):
    await saved(run)
    database = tmp_path / "state/vector_io_faiss.db"
    shutil.copy(database, tmp_path / "kept.db")
    async with run("faiss") as provider:
        await provider.insert_chunks("vs", [chunk("lost", CHUNKS[0].embedding)])
        await provider.settled()
    shutil.copy(tmp_path / "kept.db", database)
    async with run("faiss") as provider:
        await provider.insert_chunks("vs", [chunk("later", CHUNKS[7].embedding)])
        await assert_right(provider, [*CHUNKS, chunk("later", CHUNKS[7].embedding)])


async def test_a_kind_that_is_set_later_is_built_from_rows(run):
    await saved(run, "fp16")
    async with run("faiss", index="flat") as provider:
        await assert_right(provider)
        assert provider._indexes._index("vs").kind == "flat"


async def test_one_file_is_kept_of_each_store_and_orphans_go(run, folder):
    await saved(run)
    orphan, young = folder / f".{'a' * 64}.index", folder / f".{'b' * 64}.{'1' * 16}"
    for file in (orphan, young):
        file.touch()
    os.utime(orphan, (time.time() - 3_600,) * 2)
    async with run("faiss") as provider:
        await provider.insert_chunks("vs", [chunk("new", CHUNKS[0].embedding)])
        await provider.settled()
    assert len(files(folder)) == 1
    assert (orphan.exists(), young.exists()) == (False, True)


async def test_nothing_is_left_of_the_index_of_a_deleted_store(run, folder):
    await saved(run)
    async with run("faiss") as provider:
        await provider.delete_store("vs")
        assert files(folder) == []
        assert provider._indexes._indexes == {}


async def test_another_process_lets_a_deleted_store_go(run, start):
    await saved(run)
    one, two = await start("faiss"), await start("faiss")
    await two.settled()
    await one.delete_store("vs")
    with pytest.raises(NotFound):
        await two.query_chunks("vs", VectorQuery(CHUNKS[0].embedding))
    assert two._indexes._indexes == {}
