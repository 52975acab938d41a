"""Reads and writes: each write whole and on the disk, each read of one moment, neither in the other's way."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import apsw
import pytest

from stack.errors import NotFound, StorageBusy, StorageError
from stack.storage import Storage
from stack.storage.opening import LEAST_TRIES, Opener, Patience

COUNT_FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_what_was_written_is_read(database, put, texts):
    await database.write(put("a"))
    assert await database.read(texts) == ["a"]


async def test_a_write_returns_what_its_work_does(database):
    assert await database.write(lambda connection: connection.changes()) == 0


async def test_work_that_fails_leaves_nothing_and_its_error_is_raised(database, put, texts):
    def half(connection):
        put("half")(connection)
        raise NotFound("no such thing")

    with pytest.raises(NotFound, match="no such thing"):
        await database.write(half)
    assert await database.read(texts) == []


async def test_writes_that_share_a_commit_fail_alone(database, put, texts):
    jobs = [database.write(put(text)) for text in ("a", "b", "a", "c")]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(each) for each in done] == [type(None), type(None), apsw.ConstraintError, type(None)]
    assert await database.read(texts) == ["a", "b", "c"]


async def test_waiting_writes_share_a_commit(database, put, monkeypatch):
    def hold(connection):
        connection.set_commit_hook(lambda: bool(commits.append(1)))
        assert began.wait(60)

    monkeypatch.setattr("stack.storage.writer.GROUP_S", 60.0)  # however slow the machine is
    began, commits = threading.Event(), []
    first = asyncio.create_task(database.write(hold))
    others = [asyncio.create_task(database.write(put(str(number)))) for number in range(200)]
    await asyncio.sleep(0)
    began.set()
    await asyncio.gather(first, *others)
    assert len(commits) == 1


async def test_a_deferred_constraint_fails_its_own_work_alone(storage, texts):
    schema = "CREATE TABLE item (id INTEGER PRIMARY KEY, text REFERENCES item(id) DEFERRABLE INITIALLY DEFERRED)"
    database = await storage.database("deferred", [schema])
    jobs = [database.write(insert(id, refers_to)) for id, refers_to in ((1, 1), (2, 9), (3, 1))]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(each) for each in done] == [type(None), apsw.ConstraintError, type(None)]
    assert await database.read(texts) == [1, 1]


def insert(id, refers_to):
    return lambda connection: connection.execute("INSERT INTO item VALUES (?, ?)", (id, refers_to)) and None


async def test_work_may_not_end_the_transaction(database, put, texts):
    with pytest.raises(apsw.SQLError, match="ended the transaction"):
        await database.write(lambda connection: connection.execute("COMMIT").fetchall())
    await database.write(put("after"))
    assert await database.read(texts) == ["after"]


async def test_a_read_cannot_write(database, put, texts):
    with pytest.raises(apsw.ReadOnlyError):
        await database.read(put("a"))
    assert await database.read(texts) == []


async def test_a_read_sees_one_moment(database, put, texts):
    def twice(connection):
        first = texts(connection)
        started.set()
        assert written.wait(60)
        return first, texts(connection)

    started, written = threading.Event(), threading.Event()
    reading = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(started.wait, 60)
    await database.write(put("a"))
    written.set()
    assert await reading == ([], [])
    assert await database.read(texts) == ["a"]


async def test_reads_do_not_wait_for_the_writer(database, put, texts):
    def slow(connection):
        put("a")(connection)
        assert release.wait(60)

    release = threading.Event()
    writing = asyncio.create_task(database.write(slow))
    assert await asyncio.wait_for(database.read(texts), 30) == []
    release.set()
    await writing


async def test_a_write_cancelled_before_its_turn_is_not_done(database, put, texts):
    def hold(connection):
        started.set()
        assert release.wait(60)

    started, release = threading.Event(), threading.Event()
    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(started.wait, 60)
    waiting = asyncio.create_task(database.write(put("cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    release.set()
    await holding
    await database.write(put("next"))
    assert await database.read(texts) == ["next"]


async def test_a_write_cancelled_while_it_runs_is_done_whole(database, put, texts):
    def slow(connection):
        put("a")(connection)
        started.set()
        assert release.wait(60)
        put("b")(connection)

    started, release = threading.Event(), threading.Event()
    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(started.wait, 60)
    writing.cancel()
    await asyncio.wait([writing])
    release.set()
    await database.write(put("c"))
    assert await database.read(texts) == ["a", "b", "c"]


async def test_a_cancelled_read_stops_its_statement(database, texts):
    def count_forever(connection):
        started.set()
        try:
            return connection.execute(COUNT_FOREVER).get
        finally:
            stopped.set()

    started, stopped = threading.Event(), threading.Event()
    reading = asyncio.create_task(database.read(count_forever))
    await asyncio.to_thread(started.wait, 60)
    reading.cancel()
    assert await asyncio.to_thread(stopped.wait, 60)
    assert await database.read(texts) == []


async def test_the_data_version_changes_with_each_commit_and_only_then(database, put):
    seen = database.data_version()
    assert database.data_version() == seen
    await database.write(put("a"))
    assert database.data_version() != seen


async def test_a_lock_of_another_is_waited_for_and_then_told(database, put, texts):
    other = Opener(database.path).connect()
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    done = await asyncio.gather(*(database.write(put(str(n))) for n in range(12)), return_exceptions=True)
    assert [type(each) for each in done] == [StorageBusy] * 12
    assert 4.5 < time.monotonic() - began < 30  # all of them together, not five seconds each
    assert done[0].headers()["retry-after"] == "1"
    assert await database.read(texts) == []
    other.close()
    await database.write(put("a"))


def test_a_machine_that_stood_still_has_not_waited_for_a_lock(monkeypatch):
    patience, late = Patience(5.0), time.monotonic() + 60
    assert patience(0)
    monkeypatch.setattr("stack.storage.opening.time", SimpleNamespace(monotonic=lambda: late, sleep=time.sleep))
    assert patience(1)
    assert not patience(LEAST_TRIES)


async def test_a_lock_that_is_given_back_in_time_is_only_waited_for(database, put, texts):
    other = Opener(database.path).connect()
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(database.write(put("a")))
    await asyncio.wait([writing], timeout=0.2)
    other.execute("COMMIT")
    await writing
    other.close()
    assert await database.read(texts) == ["a"]


async def test_closing_does_first_what_was_asked_and_refuses_the_rest(state_dir, put, texts):
    storage = Storage(state_dir)
    database = await storage.database("items", ["CREATE TABLE item (id INTEGER PRIMARY KEY, text)"])
    writing = [asyncio.create_task(database.write(put(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await storage.close()
    await asyncio.gather(*writing)
    with pytest.raises(StorageError, match="closed"):
        await database.read(texts)
    again = Storage(state_dir)
    assert len(await (await again.database("items", ["..."])).read(texts)) == 20
    await again.close()


async def test_connections_are_set_up_by_whoever_opens_the_database(storage):
    database = await storage.database(
        "functions", on_connect=lambda connection: connection.create_scalar_function("twice", lambda x: x * 2)
    )
    assert await database.read(lambda connection: connection.execute("SELECT twice(21)").get) == 42
    assert await database.write(lambda connection: connection.execute("SELECT twice(4)").get) == 8


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
async def test_durability_is_the_level_of_syncing(state_dir, durability, level):
    storage = Storage(state_dir, durability=durability)
    database = await storage.database("items")
    assert await database.write(lambda connection: connection.pragma("synchronous")) == level
    assert await database.read(lambda connection: connection.pragma("journal_mode")) == "wal"
    assert await database.read(lambda connection: connection.pragma("foreign_keys")) == 1
    await storage.close()
