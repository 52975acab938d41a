"""Several processes on one state directory, some of them killed: what was acknowledged is there, whole, for all."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import apsw
import pytest

from stack.errors import StorageFull
from stack.storage import Storage

HERE = Path(__file__).parent
SCHEMA = "CREATE TABLE part (name TEXT NOT NULL, n INTEGER NOT NULL, text TEXT, PRIMARY KEY (name, n))"
LOOPS = int(os.environ.get("STACK_KILL_LOOPS", "20"))


def started(script, *arguments, before=(), stdin=subprocess.DEVNULL):
    command = [*before, sys.executable, str(HERE / f"{script}.py"), *map(str, arguments)]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)


def said(lines, word):
    return {line.split()[1] for line in lines if line.startswith(f"{word} ") and line.endswith("\n")}


def stored(state_dir):
    """Rows by name, of a database that is sound."""
    connection = apsw.Connection(str(state_dir / "parts.db"))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    found = Counter(name for (name,) in connection.execute("SELECT name FROM part"))
    connection.close()
    return found


def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_there(tmp_path):
    attempted, acknowledged, rows, chance = set(), set(), 7, random.Random(4)
    for loop in range(LOOPS):
        process = started("inserting", tmp_path, f"loop{loop}", rows)
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(loop % 2 * 12)]  # by then four of them are stored
        time.sleep(chance.uniform(0.005, 0.5))
        process.kill()
        lines += process.communicate()[0].splitlines(keepends=True)
        attempted |= said(lines, "try")
        acknowledged |= said(lines, "ack")
        found = stored(tmp_path)
        assert acknowledged <= found.keys() <= attempted
        assert set(found.values()) <= {rows}
    assert len(acknowledged) > LOOPS


def test_a_large_insert_that_is_killed_is_all_there_or_not_at_all(tmp_path):
    rows, chance = 10_000, random.Random(5)
    for loop in range(4):
        process = started("inserting", tmp_path, f"loop{loop}", rows)
        while not process.stdout.readline().startswith("try"):
            pass
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert set(stored(tmp_path).values()) <= {rows}


def test_two_processes_that_write_at_once_both_get_their_turn(tmp_path):
    processes = [started("inserting", tmp_path, name, 3, 100) for name in ("one", "two")]
    outputs = [process.communicate(timeout=300)[0].splitlines(keepends=True) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert stored(tmp_path) == {name: 3 for lines in outputs for name in said(lines, "ack")}
    assert len(stored(tmp_path)) == 200


async def test_a_commit_of_another_process_is_seen_at_once(tmp_path):
    storage = Storage(tmp_path)
    database = await storage.database("parts", [SCHEMA])
    before = database.data_version()
    await asyncio.to_thread(started("inserting", tmp_path, "other", 1, 1).communicate)
    assert database.data_version() != before
    assert await database.read(lambda connection: connection.execute("SELECT count(*) FROM part").get) == 1
    await storage.close()


async def test_two_processes_migrate_at_once_and_each_step_is_taken_once(tmp_path):
    await first_schema(tmp_path)
    processes = [started("migrating", tmp_path) for _ in range(3)]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [output.splitlines()[-1] for output in outputs] == ["done"] * 3
    assert [sum(f"step {n}" in output for output in outputs) for n in (2, 3)] == [1, 1]
    assert migrated(tmp_path) == (3, 199_999)


async def test_a_migration_that_is_killed_is_taken_up_again(tmp_path):
    await first_schema(tmp_path)
    for _ in range(3):
        process = started("migrating", tmp_path, stdin=subprocess.PIPE)
        while process.stdout.readline() != "step 2\n":
            pass
        process.kill()
        process.communicate()
        assert migrated(tmp_path) == (1, 1)
    assert started("migrating", tmp_path).communicate()[0].endswith("done\n")
    assert migrated(tmp_path) == (3, 199_999)


async def first_schema(state_dir):
    storage = Storage(state_dir)
    await storage.database("items", ["CREATE TABLE item (n INTEGER PRIMARY KEY); INSERT INTO item VALUES (1)"])
    await storage.close()


def migrated(state_dir):
    connection = apsw.Connection(str(state_dir / "items.db"))
    found = connection.pragma("user_version"), connection.execute("SELECT count(*) FROM item").get
    connection.close()
    return found


async def test_other_processes_hold_a_lock_no_longer_than_is_waited_for(tmp_path):
    storage = Storage(tmp_path)
    database = await storage.database("parts", [SCHEMA])
    other = await asyncio.to_thread(holding, database.path)
    other.send_signal(signal.SIGKILL)  # the lock goes with its holder
    await database.write(lambda connection: connection.execute("INSERT INTO part VALUES (1, 1, 1)") and None)
    other.communicate()
    await storage.close()


def holding(path):
    code = f"import apsw; c = apsw.Connection({str(path)!r}); c.execute('BEGIN IMMEDIATE'); print(flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


@pytest.mark.skipif(not shutil.which("strace"), reason="install strace to see the order of fsync and answer")
def test_a_write_is_synced_before_it_is_acknowledged(tmp_path):
    trace = tmp_path / "trace"
    tracer = ("strace", "-f", "-y", "-o", trace, "-e", "trace=write,fsync,fdatasync,pwrite64")
    process = started("inserting", tmp_path / "state", "traced", 1, 3, 1, before=map(str, tracer))
    output = process.communicate()[0]
    if process.returncode:
        pytest.skip(f"strace may not trace here: status {process.returncode}")
    lines = trace.read_text().splitlines()
    assert output.count("ack") == 3
    answers = [number for number, line in enumerate(lines) if '"ack ' in line]
    for answer in answers:
        wal = [line for line in lines[:answer] if "parts.db-wal" in line]
        assert "sync(" in wal[-1]
        assert "pwrite64" in "".join(wal)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_is_really_full_is_told_and_works_again_when_there_is_room(small_disk):
    storage = Storage(small_disk / "state")
    database = await storage.database("parts", ["CREATE TABLE part (text)"])
    await database.write(lambda connection: put(connection, 1000))
    (small_disk / "other").write_bytes(b"x" * 4 * 1024 * 1024)
    with pytest.raises(StorageFull):
        await database.write(lambda connection: put(connection, 20_000_000))
    assert await database.read(lambda connection: connection.execute("SELECT count(*) FROM part").get) == 1
    (small_disk / "other").unlink()
    await database.write(lambda connection: put(connection, 1000))
    await storage.close()


def put(connection, length):
    connection.execute("INSERT INTO part VALUES (zeroblob(?))", (length,))
