"""localfs against the contract of files, and against killed processes, links, and disks that are full or gone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from stack.apis.files import FileStore
from stack.errors import NotFound, StorageError, StorageFull
from stack.providers.inline.files.localfs import Config, LocalFS
from stack.storage import Storage
from stack.testing.deps import provider_deps
from stack.testing.files import FileStoreContract, new_id, parts, whole

WRITER = Path(__file__).with_name("writer.py")
ROUNDS = 8


async def started(folder: Path) -> LocalFS:
    store = LocalFS(Config(storage_dir=folder), provider_deps("localfs"))
    await store.initialize()
    return store


@pytest.fixture
async def store(tmp_path: Path) -> FileStore:
    return await started(tmp_path / "files")


class TestContract(FileStoreContract):
    @pytest.fixture
    async def other(self, tmp_path: Path, store: FileStore) -> FileStore:
        return await started(tmp_path / "files")

    @pytest.fixture(autouse=True)
    def _nothing_else_is_left(self, tmp_path: Path, file_id: object) -> object:
        before = len(os.listdir("/dev/fd"))
        yield
        assert [name for name in os.listdir(tmp_path / "files") if name.startswith(".")] == []
        assert len(os.listdir("/dev/fd")) <= before


async def test_files_lie_in_the_state_directory(tmp_path: Path):
    store = LocalFS(Config(), provider_deps("localfs", storage=Storage(tmp_path)))
    await store.initialize()
    name = new_id()
    await store.write(name, parts(b"text"))
    assert (tmp_path / "files" / name).read_bytes() == b"text"


async def test_nobody_else_may_look(store: FileStore, tmp_path: Path):
    name = new_id()
    await store.write(name, parts(b"secret"))
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "files" / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", [os.symlink, lambda _, path: os.mkfifo(path), lambda _, path: os.mkdir(path)])
async def test_what_is_no_plain_file_is_not_read(place: Callable[..., None], store: FileStore, tmp_path: Path):
    (tmp_path / "secret").write_text("secret")
    name = new_id()
    place(tmp_path / "secret", tmp_path / "files" / name)
    with pytest.raises(NotFound):
        await store.read(name, 0, None)
    assert await store.list_files() == []


async def test_a_link_is_replaced_not_followed(store: FileStore, tmp_path: Path):
    (tmp_path / "target").write_text("untouched")
    name = new_id()
    (tmp_path / "files" / name).symlink_to(tmp_path / "target")
    await store.write(name, parts(b"new"))
    assert (tmp_path / "target").read_text() == "untouched"
    assert await whole(store, name) == b"new"


@pytest.mark.parametrize("sent", [0, 1, 500_000, 3_000_000])
async def test_a_killed_upload_leaves_a_draft_that_is_swept(sent: int, store: FileStore, tmp_path: Path):
    child = await asyncio.create_subprocess_exec(sys.executable, WRITER, tmp_path / "files", "once", stdin=-1)
    child.stdin.write(b"x" * sent)
    drafts = (tmp_path / "files").glob
    [draft] = await until(lambda: [p for p in drafts(".*") if p.stat().st_size == sent >> 20 << 20 and is_locked(p)])
    os.utime(draft, (time.time() - 3600,) * 2)
    await started(tmp_path / "files")
    assert draft.exists(), "its writer lives"
    child.kill()
    await child.wait()
    assert await store.list_files() == []
    await started(tmp_path / "files")
    assert list((tmp_path / "files").iterdir()) == []


async def test_a_draft_whose_writer_died_just_before_the_start_goes_later(store: FileStore, tmp_path: Path):
    draft = tmp_path / "files" / f".{new_id()}.{'0' * 8}.part"
    draft.write_bytes(b"x")
    await started(tmp_path / "files")
    assert draft.exists()
    os.utime(draft, (time.time() - 3600,) * 2)
    await store.list_files()
    assert not draft.exists()


async def test_a_draft_that_is_looked_at_when_it_is_new_is_written_all_the_same(store: FileStore, monkeypatch: Any):
    lock = fcntl.flock

    def looked_at_first(descriptor: int, how: int) -> None:
        monkeypatch.undo()
        looking = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        lock(looking, fcntl.LOCK_EX)  # as another process does that starts just now
        threading.Timer(0.05, os.close, [looking]).start()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", looked_at_first)
    name = new_id()
    await store.write(name, parts(b"x"))
    assert await whole(store, name) == b"x"


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_a_kill_at_any_moment_loses_nothing_acknowledged(seed: int, tmp_path: Path):
    folder = tmp_path / "files"
    child = await asyncio.create_subprocess_exec(sys.executable, WRITER, folder, "many", stdout=-1)
    first = await child.stdout.readline()
    pause = random.Random(seed).uniform(0.0, 0.1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(child.wait(), pause)
    child.send_signal(signal.SIGKILL)
    acknowledged = (first + await child.stdout.read()).decode().split()
    await child.wait()
    store = await started(folder)
    listed = {each.file_id for each in await store.list_files()}
    assert set(acknowledged) <= listed
    assert len(listed - set(acknowledged)) <= 1
    for name in listed:
        assert await whole(store, name) == made_up(name)


def made_up(file_id: str) -> bytes:
    source = random.Random(file_id)
    return b"".join(source.randbytes(150_000) for _ in range(source.randrange(8)))


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def until(look: Callable[[], list[Path]]) -> list[Path]:
    async with asyncio.timeout(60):
        while not (found := look()):
            await asyncio.sleep(0.01)
    return found


async def test_a_file_over_the_limit_of_the_system_is_a_full_disk(store: FileStore, tmp_path: Path):
    name, limits = new_id(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, limits[1]))
    try:
        with pytest.raises(StorageFull, match="no space left") as raised:
            await store.write(name, parts(b"x" * (5 << 20)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (raised.value.status, raised.value.code, raised.value.retryable) == (507, "storage_full", False)
    assert list((tmp_path / "files").iterdir()) == []
    assert (await store.write(name, parts(b"x"))).bytes == 1


FULL_DISK = """
import asyncio, os, sys
from pathlib import Path
from stack.errors import StorageFull
from stack.providers.inline.files.localfs import Config, LocalFS
from stack.testing.deps import provider_deps
from stack.testing.files import new_id, parts, whole

async def main(folder):
    store = LocalFS(Config(storage_dir=folder), provider_deps("localfs"))
    await store.initialize()
    kept, name = new_id(), new_id()
    await store.write(kept, parts(b"kept"))
    try:
        await store.write(name, parts(b"x" * (16 << 20)))
    except StorageFull as error:
        print(error.code, len(os.listdir(folder)), await whole(store, kept))
    await store.write(name, parts(b"x" * (1 << 20)))
    print(len(os.listdir(folder)))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_full_disk_keeps_nothing_of_a_file_and_recovers(tmp_path: Path):
    mounted = 'mount -t tmpfs -o size=8m tmpfs "$1" || exit 77; exec "$2" -c "$3" "$1"'
    unshare = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount: run as root, or where user namespaces are allowed")
    command = [*unshare, "sh", "-c", mounted, "sh", str(tmp_path), sys.executable, FULL_DISK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip("needs the right to mount a tmpfs")
    assert done.stdout == "storage_full 1 b'kept'\n2\n", done.stderr


@pytest.mark.parametrize("call", ["write", "read", "delete", "list"])
async def test_a_folder_that_is_gone_is_an_error_not_an_empty_answer(call: str, store: FileStore, tmp_path: Path):
    (tmp_path / "files").rmdir()
    calls = {
        "write": lambda: store.write(new_id(), parts(b"x")),
        "read": lambda: store.read(new_id(), 0, None),
        "delete": lambda: store.delete(new_id()),
        "list": lambda: store.list_files(),
    }
    with pytest.raises(StorageError, match="cannot be used") as raised:
        await calls[call]()
    assert (raised.value.status, raised.value.code) == (503, "storage_unavailable")


async def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/files"):
        await started(tmp_path / "file" / "files")


async def test_a_file_cut_while_it_is_read_is_an_error(store: FileStore, tmp_path: Path):
    name = new_id()
    await store.write(name, parts(b"x" * (4 << 20)))
    reading = await store.read(name, 0, None)
    await anext(reading)
    os.truncate(tmp_path / "files" / name, 1 << 20)
    with pytest.raises(StorageError, match="shorter"):
        await anext(reading)


async def test_the_loop_goes_on_while_a_large_file_is_written(store: FileStore):
    async def large() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * (1 << 20)

    beats = 0
    writing = asyncio.create_task(store.write(new_id(), large()))
    while not writing.done():
        beats += 1
        await asyncio.sleep(0)
    assert beats >= 64  # each part is written while others have their turn
