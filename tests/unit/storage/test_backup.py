"""A backup is of one instant, whoever writes meanwhile; a restore brings back every byte, or refuses."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import threading
import time

import pytest

from stack.errors import ConfigError, StorageBusy, StorageCorrupt, StorageError
from stack.storage import Storage
from stack.storage.backup import back_up
from stack.storage.opening import Opener
from stack.storage.restore import restore
from stack.storage.snapshot import snapshot


@pytest.fixture
async def kept(storage, database, put, state_dir):
    """A state directory with three rows and three files, still open."""
    for text in ("a", "b", "c"):
        await database.write(put(text))
        (storage.path("files") / f"file-{text}").write_text(text * 5000)
    (storage.path("files") / "same-as-a").write_text("a" * 5000)
    (storage.path("caches") / "deep").mkdir()
    (storage.path("caches") / "deep/index").write_bytes(bytes(range(256)))
    return state_dir


def content(state_dir):
    """Relative path -> bytes of everything that is not a database."""
    return {
        path.relative_to(state_dir).as_posix(): path.read_bytes()
        for path in state_dir.rglob("*")
        if path.is_file() and ".db" not in path.name and "backups" not in path.parts
    }


async def test_everything_comes_back(kept, tmp_path, texts):
    back_up(kept, tmp_path / "backup")
    manifest = restore(tmp_path / "backup", tmp_path / "new")
    assert content(tmp_path / "new") == content(kept)
    assert manifest.files.keys() == content(kept).keys()
    again = Storage(tmp_path / "new")
    assert await (await again.database("items", ["..."])).read(texts) == ["a", "b", "c"]
    await again.close()


async def test_what_comes_back_is_for_its_owner_alone(kept, tmp_path):
    back_up(kept, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new")
    for root in (tmp_path / "backup", tmp_path / "new"):
        assert {path.stat().st_mode & 0o077 for path in (root, *root.rglob("*"))} == {0}


async def test_equal_files_are_kept_once(kept, tmp_path):
    back_up(kept, tmp_path / "backup")
    assert len([path for path in (tmp_path / "backup/bytes").rglob("*") if path.is_file()]) == 4


async def test_work_in_progress_is_left_out(kept, tmp_path):
    (kept / "files/.upload").write_text("half")
    assert "files/.upload" not in back_up(kept, tmp_path / "backup").files


async def test_a_snapshot_sees_nothing_that_comes_or_goes_later(kept, database, put, texts):
    with snapshot(kept) as seen:
        await database.write(put("later"))
        (kept / "files/file-later").write_text("later")
        await database.write(lambda connection: connection.execute("DELETE FROM item WHERE text = 'a'") and None)
        (kept / "files/file-a").unlink()
        assert texts(seen.databases["items"]) == ["a", "b", "c"]
        assert seen.files["files/file-a"].read_text() == "a" * 5000
        assert "files/file-later" not in seen.files


async def test_a_backup_leaves_nothing_behind_in_the_state_directory(kept, tmp_path):
    back_up(kept, tmp_path / "backup")
    assert [path.name for path in (kept / "backups").iterdir()] == [".lock"]


async def test_what_a_killed_backup_left_is_removed(kept, tmp_path):
    (kept / "backups/.staging-left").mkdir()
    (kept / "backups/.staging-left/1").touch()
    back_up(kept, tmp_path / "backup")
    assert [path.name for path in (kept / "backups").iterdir()] == [".lock"]


async def test_one_backup_runs_at_a_time(kept, tmp_path):
    with snapshot(kept), pytest.raises(StorageBusy, match="another backup"):
        back_up(kept, tmp_path / "backup")


async def test_bytes_that_come_after_the_first_look_are_there_with_their_row(kept, database, put, tmp_path):
    holder = Opener(database.path).connect()
    holder.execute("BEGIN IMMEDIATE")
    running = asyncio.create_task(asyncio.to_thread(back_up, kept, tmp_path / "backup"))
    while len([*(kept / "backups").glob(".staging-*/*")]) < len(content(kept)):
        await asyncio.sleep(0)  # until all that was there is linked, and the lock is waited for
    (kept / "files/file-late").write_text("late")
    put("late")(holder)
    holder.execute("COMMIT")
    holder.close()
    assert "files/file-late" in (await running).files


async def test_rows_always_have_their_bytes_while_others_store_and_delete(storage, database, put, state_dir, tmp_path):
    stop, counts = threading.Event(), [0] * 4
    folder = storage.path("files")
    churning = [asyncio.create_task(churn(folder, database, put, worker, counts, stop)) for worker in range(4)]
    for number in itertools.count():
        if number >= 6 and (min(counts) > 10 or any(each.done() for each in churning)):
            break
        manifest = await asyncio.to_thread(back_up, state_dir, tmp_path / f"{number}")
        new = tmp_path / f"{number}-new"
        await asyncio.to_thread(restore, tmp_path / f"{number}", new)
        assert manifest.files.keys() >= {f"files/{name}" for name in await names(new)}
    stop.set()
    await asyncio.gather(*churning)


async def churn(folder, database, put, worker, counts, stop):
    """Store and delete in the order of a files provider: bytes before their row, and gone after it."""
    live = []
    while not stop.is_set():
        name = f"{worker}-{counts[worker]}"
        counts[worker] += 1
        (folder / f".{name}").write_text(name)
        (folder / f".{name}").rename(folder / name)
        await database.write(put(name))
        live.append(name)
        if len(live) > 5:
            gone = live.pop(0)
            await database.write(functools.partial(delete, text=gone))
            (folder / gone).unlink()


def delete(connection, text):
    connection.execute("DELETE FROM item WHERE text = ?", (text,))


async def names(state_dir):
    storage = Storage(state_dir)
    database = await storage.database("items", ["..."])
    found = await database.read(lambda connection: [text for (text,) in connection.execute("SELECT text FROM item")])
    await storage.close()
    return found


async def test_databases_are_of_one_instant(storage, state_dir):
    schema = ["CREATE TABLE step (n INTEGER PRIMARY KEY)"]
    first, second = await storage.database("a", schema), await storage.database("b", schema)
    climbing = asyncio.create_task(climb(first, second))
    seen = [await asyncio.to_thread(heights, state_dir) for _ in range(20)]
    while seen[-1][1] <= 20 and not climbing.done():
        seen.append(await asyncio.to_thread(heights, state_dir))
    climbing.cancel()
    await asyncio.wait([climbing])
    assert {a - b for a, b in seen} <= {0, 1}
    assert seen[-1][1] > 20, "nobody wrote meanwhile"


async def climb(first, second):
    for number in itertools.count(1):
        await first.write(functools.partial(step, number=number))
        await second.write(functools.partial(step, number=number))


def step(connection, number):
    connection.execute("INSERT INTO step VALUES (?)", (number,))


def heights(state_dir):
    with snapshot(state_dir) as seen:
        time.sleep(0.01)  # others go on
        return [seen.databases[name].execute("SELECT count(*) FROM step").get for name in ("a", "b")]


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "database"])
async def test_a_damaged_backup_is_refused_whole(kept, tmp_path, damage):
    back_up(kept, tmp_path / "backup")
    path = next(path for path in (tmp_path / "backup/bytes").rglob("*") if path.is_file())
    if damage == "database":
        path = tmp_path / "backup/databases/items.db"
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        os.truncate(path, 100)
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StorageCorrupt, match=f"nothing was restored: `.*{path.name}`"):
        restore(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "new").exists()


async def test_a_backup_that_did_not_end_is_none(kept, tmp_path):
    back_up(kept, tmp_path / "backup")
    (tmp_path / "backup/manifest.json").unlink()
    with pytest.raises(StorageCorrupt, match="no whole backup"):
        restore(tmp_path / "backup", tmp_path / "new")


@pytest.mark.parametrize(
    "name", ["files/../../up", "/etc/passwd", "files//x", "files/./x", "files", "backups/x", ".x/y", "../x", "a/\0"]
)
async def test_a_manifest_cannot_name_a_place_elsewhere(kept, tmp_path, name):
    back_up(kept, tmp_path / "backup")
    path = tmp_path / "backup/manifest.json"
    written = json.loads(path.read_text())
    written["files"] = {name: written["files"]["files/file-a"]}
    path.write_text(json.dumps(written))
    with pytest.raises(StorageCorrupt, match="damaged, or of a newer version"):
        restore(tmp_path / "backup", tmp_path / "new")


@pytest.mark.parametrize("change", [{"format": 2}, {"databases": {"../x": {"sha256": "0" * 64, "bytes": 1}}}])
async def test_a_manifest_of_another_shape_is_refused(kept, tmp_path, change):
    back_up(kept, tmp_path / "backup")
    path = tmp_path / "backup/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StorageCorrupt, match="damaged, or of a newer version"):
        restore(tmp_path / "backup", tmp_path / "new")


async def test_a_damaged_database_makes_no_backup(storage, kept, tmp_path, database):
    await storage.close()
    with database.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096))
    with pytest.raises(StorageCorrupt):
        back_up(kept, tmp_path / "backup")
    assert not (tmp_path / "backup/manifest.json").exists()


async def test_a_folder_with_something_in_it_is_not_written_to(kept, tmp_path):
    back_up(kept, tmp_path / "backup")
    with pytest.raises(ConfigError, match="not an empty folder"):
        back_up(kept, tmp_path / "backup")
    with pytest.raises(ConfigError, match="not an empty folder"):
        restore(tmp_path / "backup", kept)


async def test_a_backup_does_not_go_into_what_it_copies(kept):
    with pytest.raises(ConfigError, match="lies in the state directory"):
        back_up(kept, kept / "files/backup")


async def test_nothing_to_back_up_is_told(tmp_path):
    with pytest.raises(ConfigError, match="nothing to back up"):
        back_up(tmp_path / "missing", tmp_path / "backup")


async def test_a_link_among_the_bytes_is_told_and_not_followed(kept, tmp_path):
    (kept / "files/link").symlink_to("/etc/passwd")
    with pytest.raises(StorageError, match="symbolic link"):
        back_up(kept, tmp_path / "backup")


async def test_a_restore_that_fails_on_the_way_leaves_its_mark(kept, tmp_path, monkeypatch):
    back_up(kept, tmp_path / "backup")
    monkeypatch.setattr("stack.storage.restore.copy_file", no_space)
    with pytest.raises(StorageError):
        restore(tmp_path / "backup", tmp_path / "new")
    with pytest.raises(StorageError, match="did not end"):
        await Storage(tmp_path / "new").database("items")


def no_space(source, target):
    raise OSError(28, "No space left on device")
