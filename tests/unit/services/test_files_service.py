"""Files as a service: rows and bytes, expiry and orphans, with a clock that the test turns."""

from __future__ import annotations

import asyncio
import os
import time

import apsw
import pytest
import structlog

from stack.apis.files import ExpiresAfter, FileStore
from stack.errors import NotFound, ProviderUnavailable, StackError, Unsupported
from stack.providers.inline.files.localfs import Config, LocalFS
from stack.registry.discovery import find_spec
from stack.routing.instance import Instance
from stack.services import files as files_module
from stack.services.files import ORPHAN_AGE_S, FilesService
from stack.storage import Storage
from stack.testing.deps import provider_deps

HOUR = ExpiresAfter(anchor="created_at", seconds=3600)


class Clock:
    """Unix seconds, turned by the test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def storage(tmp_path):
    storage = Storage(tmp_path / "state")
    yield storage
    await storage.close()


@pytest.fixture
async def store(storage):
    provider = LocalFS(Config(), provider_deps("local", storage=storage))
    await provider.initialize()
    yield provider
    await provider.shutdown()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(storage, store, clock):
    return service(storage, clock, store)


def service(storage, clock, provider: FileStore | None, provider_id: str = "local") -> FilesService:
    spec = find_spec("files", "inline::localfs")
    instance: Instance[FileStore] = Instance("files", provider_id, spec, None, provider=provider)
    return FilesService([instance], storage, structlog.get_logger(), clock)


async def parts(*found: bytes):
    for part in found:
        yield part


async def upload(files: FilesService, content: bytes = b"hello", purpose=("user_data", None)):
    return await files.upload("a.txt", lambda: purpose, parts(content))


async def read(files: FilesService, file_id: str) -> bytes:
    return b"".join([part async for part in await files.content(file_id)])


async def test_a_file_expires_for_readers_at_its_second_and_for_the_disk_at_the_next_sweep(files, store, clock):
    file = await upload(files, purpose=("user_data", HOUR))
    clock.now += 3599
    assert await read(files, file.id) == b"hello"
    clock.now += 1
    with pytest.raises(NotFound):
        await files.retrieve(file.id)
    assert (await files.list_files()).data == []
    await files.sweep()
    assert await store.list_files() == []


async def test_a_file_that_an_engine_holds_on_to_keeps_no_other_from_expiring(files, store, clock):
    held, _ = [await upload(files, purpose=("user_data", HOUR)) for _ in range(2)]
    holding = {held.id}

    async def let_go(file_id):
        if file_id in holding:
            raise ProviderUnavailable("the engine is down")

    files.before_removal(let_go)
    clock.now += 3600
    await files.sweep()
    assert [each.file_id for each in await store.list_files()] == [held.id]
    holding.clear()
    await files.sweep()
    assert await store.list_files() == []


async def test_what_is_refused_at_the_end_of_the_form_leaves_no_bytes(files, store):
    def unknown():
        raise Unsupported("no such purpose")

    with pytest.raises(Unsupported):
        await files.upload("a.txt", unknown, parts(b"hello"))
    assert await store.list_files() == []


async def test_a_sender_who_breaks_off_leaves_nothing(files, store):
    async def broken():
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await files.upload("a.txt", lambda: ("user_data", None), broken())
    assert await store.list_files() == []
    assert (await files.list_files()).data == []


async def test_orphans_go_once_they_are_old_and_files_stay(files, store, clock):
    file = await upload(files)
    await store.write("file-" + "0" * 32, parts(b"nobody's"))
    [orphan_time] = [f.modified_at for f in await store.list_files() if f.file_id != file.id]
    clock.now = orphan_time + ORPHAN_AGE_S - 5
    await files.sweep()
    assert len(await store.list_files()) == 2
    clock.now = orphan_time + ORPHAN_AGE_S + 5
    await files.sweep()
    assert [f.file_id for f in await store.list_files()] == [file.id]


@pytest.mark.parametrize(("earlier_rows", "left"), [(0, 1), (1, 0)])
async def test_bytes_that_are_older_than_the_database_stay_unless_it_was_made_before_that_was_noted(
    files, store, clock, tmp_path, earlier_rows, left
):
    await upload(files)
    for path in (tmp_path / "state/files").glob("**/file-*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    another = Storage(tmp_path / "another")  # as after the loss of the first
    connection = apsw.Connection(str(another.path("files").with_suffix(".db")))
    connection.execute(files_module._FIRST)
    connection.pragma("user_version", 1)
    row = ("file-1", "a", "evals", 1, "", 1, None, "local")
    connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [row] * earlier_rows)
    connection.close()
    await service(another, clock, store).sweep()
    assert len(await store.list_files()) == left
    await another.close()


async def test_missing_bytes_are_told_and_the_row_stays(files, store):
    file = await upload(files)
    await store.delete(file.id)
    with pytest.raises(StackError, match="restore a backup") as caught:
        await read(files, file.id)
    assert (caught.value.status, caught.value.code) == (500, "file_missing")
    assert await files.retrieve(file.id) == file


async def test_a_file_of_a_provider_that_left_names_it(files, storage, clock, store):
    file = await upload(files)
    others = service(storage, clock, store, provider_id="other")
    with pytest.raises(ProviderUnavailable, match="provider `local`"):
        await others.content(file.id)


async def test_without_a_provider_uploads_are_refused_with_the_line_to_add(storage, clock):
    nowhere = FilesService([], storage, structlog.get_logger(), clock)
    with pytest.raises(Unsupported, match="inline::localfs"):
        await upload(nowhere)


async def test_two_services_on_one_state_see_each_other_at_once(files, storage, store, clock):
    other = service(storage, clock, store)
    file = await upload(files)
    assert await other.retrieve(file.id) == file
    await other.delete(file.id)
    with pytest.raises(NotFound):
        await files.retrieve(file.id)


async def test_an_upload_that_is_cancelled_at_its_row_leaves_neither_row_nor_bytes(files, storage, store):
    await upload(files)
    (known,) = await store.list_files()
    other = apsw.Connection(str(storage.state_dir / "files.db"))
    other.execute("BEGIN IMMEDIATE")
    uploading = asyncio.create_task(upload(files))
    while len(await store.list_files()) < 2 and not uploading.done():
        await asyncio.sleep(0)
    await asyncio.wait([uploading], timeout=0.1)  # its row waits for the lock
    uploading.cancel()
    await asyncio.wait([uploading], timeout=0.2)
    other.execute("ROLLBACK")
    other.close()
    await asyncio.wait([uploading])
    await (await storage.database("files")).write(lambda _: None)  # whatever was to be written is
    assert [file.id for file in (await files.list_files()).data] == [known.file_id]
    assert await store.list_files() == [known]


async def test_a_long_list_is_made_beside_the_event_loop(files, storage):
    known = await upload(files)
    rows = [(f"file-{number:032x}", known.id) for number in range(5000)]
    copy = "INSERT INTO files SELECT ?, filename, purpose, bytes, sha256, 0, NULL, 'local' FROM files WHERE id = ?"
    await (await storage.database("files")).write(lambda connection: connection.executemany(copy, rows).fetchall())
    loop, all_threads = time.thread_time(), time.process_time()
    assert len((await files.list_files()).data) == 5001
    assert time.thread_time() - loop < (time.process_time() - all_threads) / 20
