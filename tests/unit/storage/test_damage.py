"""Disks that fill up, and files that are damaged: told as what they are, left as they are, never made anew."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from types import SimpleNamespace

import apsw
import pytest

from stack.errors import StorageBusy, StorageCorrupt, StorageError, StorageFull
from stack.storage import Storage
from stack.storage import database as database_module
from stack.storage.failures import storage_error

ROWS = 20_000


async def filled(state_dir, put, rows=ROWS):
    """A closed database of several hundred pages."""

    def fill(connection):
        connection.executemany("INSERT INTO item (text) VALUES (?)", ((f"{n:0100}",) for n in range(rows)))

    storage = Storage(state_dir)
    database = await storage.database("items", ["CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)"])
    await database.write(fill)
    await storage.close()
    return database.path


def overwrite(path, page):
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))


async def test_a_full_disk_is_told_and_nothing_half_is_stored(database, texts):
    def fill(connection):
        connection.executemany("INSERT INTO item (text) VALUES (?)", ((f"{n:0999}",) for n in range(1000)))

    await database.write(lambda connection: connection.pragma("max_page_count", 50))
    with pytest.raises(StorageFull, match=r"no space left for the database `items.db`") as raised:
        await database.write(fill)
    assert (raised.value.status, raised.value.headers()["x-should-retry"]) == (507, "false")
    assert await database.read(texts) == []


async def test_writes_succeed_again_once_there_is_room(database, put, texts):
    await database.write(lambda connection: connection.pragma("max_page_count", 10))
    with pytest.raises(StorageFull):
        await database.write(put("x" * 100_000))
    await database.write(lambda connection: connection.pragma("max_page_count", 1_000_000))
    await database.write(put("a"))
    assert await database.read(texts) == ["a"]


async def test_who_does_not_fill_the_disk_is_not_harmed_by_who_does(database, put, texts):
    await database.write(lambda connection: connection.pragma("max_page_count", 20))
    jobs = [database.write(put(text)) for text in ("a", "x" * 200_000, "b")]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    stored = await database.read(texts)
    assert isinstance(done[1], StorageFull)
    assert stored == [text for text, told in zip(("a", "b"), (done[0], done[2]), strict=True) if told is None]


async def test_damage_that_is_there_at_the_start_is_told_by_every_call(state_dir, put, texts):
    path = await filled(state_dir, put)
    overwrite(path, 3)
    before = path.read_bytes()
    storage = Storage(state_dir)
    database = await storage.database("items")
    for call in (database.read(texts), database.write(put("a"))):
        with pytest.raises(StorageCorrupt, match="stack restore") as raised:
            await call
    await storage.close()
    assert (raised.value.status, path.read_bytes() == before) == (503, True)


async def test_other_databases_go_on_beside_a_damaged_one(state_dir, put, texts):
    path = await filled(state_dir, put)
    overwrite(path, 1)
    storage = Storage(state_dir)
    await storage.database("items")
    sound = await storage.database("sound", ["CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)"])
    await sound.write(put("a"))
    assert await sound.read(texts) == ["a"]
    await storage.close()


async def test_damage_that_happens_later_stops_writes_too(state_dir, put, texts):
    path = await filled(state_dir, put)
    storage = Storage(state_dir)
    database = await storage.database("items", ["..."])
    for page in range(3, 100):
        overwrite(path, page)
    with pytest.raises(StorageCorrupt):
        await database.read(texts)
    with pytest.raises(StorageCorrupt):
        await database.write(put("a"))
    with pytest.raises(StorageCorrupt):
        database.data_version()
    await storage.close()


async def read_for_ever(database):
    while True:
        await database.read(lambda connection: 1)


@pytest.mark.parametrize("limit", ["CHECK_WAIT_S", "CHECKED_FIRST_BYTES"])
async def test_the_check_of_a_slow_or_large_database_goes_on_beside_the_work(state_dir, put, limit, monkeypatch):
    path = await filled(state_dir, put)
    overwrite(path, 300)
    monkeypatch.setattr(database_module, limit, 0)
    storage = Storage(state_dir)
    database = await storage.database("items", ["..."])
    with pytest.raises(StorageCorrupt):
        await asyncio.wait_for(read_for_ever(database), 60)
    await storage.close()


async def test_a_wal_that_is_cut_while_it_is_used_gives_no_wrong_answer(state_dir, put, texts):
    storage = Storage(state_dir)
    database = await storage.database("items", ["CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)"])
    for number in range(50):
        await database.write(put(f"{number:04000}"))
    os.truncate(f"{database.path}-wal", 40_000)
    with pytest.raises(StorageCorrupt):
        await database.read(texts)
    await storage.close()


async def test_a_file_that_is_gone_is_not_made_anew(state_dir, put, texts):
    storage = Storage(state_dir)
    database = await storage.database("items", ["CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)"])
    database.path.unlink()
    with pytest.raises(StorageError, match="cannot be used"):
        await asyncio.gather(*(database.read(texts) for _ in range(4)))
    assert not database.path.exists()
    await storage.close()


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, StorageError)]
)
def test_errors_of_the_system_are_told_alike(tmp_path, code, kind):
    assert type(storage_error(OSError(code, os.strerror(code)), tmp_path / "x.db")) is kind


def test_an_error_of_our_own_stays_what_it_is(tmp_path):
    error = KeyError("x")
    assert storage_error(error, tmp_path / "x.db") is error


def test_only_what_may_pass_is_worth_another_try():
    assert [kind("why").retryable for kind in (StorageError, StorageBusy, StorageFull, StorageCorrupt)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("free", "kind"), [(0, StorageFull), (1 << 30, apsw.SQLError)])
def test_what_an_extension_hides_the_disk_tells(monkeypatch, tmp_path, free, kind):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    hidden = apsw.SQLError("Internal sqlite-vec error: Could not insert a new vector chunk")
    assert type(storage_error(hidden, tmp_path / "a.db", apsw.Connection(""))) is kind
