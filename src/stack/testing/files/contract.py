"""Writing, reading, deleting and listing bytes, and what is left when one of them does not end well."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio

from stack.apis.files import FileStore
from stack.errors import InvalidRequest, NotFound

MIB = 1 << 20
STATM = Path("/proc/self/statm")
SIZES = (0, 1, 65_535, 65_536, MIB, MIB + 1, 5 * MIB, 11 * MIB + 7)
# Of ten bytes: where a range begins, where it ends (not included), what it holds.
RANGES = (
    (0, None, b"0123456789"),
    (0, 1, b"0"),
    (3, 7, b"3456"),
    (9, 10, b"9"),
    (5, None, b"56789"),
    (5, 100, b"56789"),
    (10, None, b""),
    (11, None, b""),
    (100, 200, b""),
    (4, 4, b""),
    (7, 3, b""),
)
NO_IDS = (
    "",
    "file-",
    "file-123",
    "file-" + "g" * 32,
    "file-" + "A" * 32,
    "file-" + "a" * 33,
    "file-" + "a" * 32 + "\n",
    "../" + "a" * 32,
    "file-" + "../" * 10 + "ab",
    "/etc/passwd",
    "file-" + "a" * 31 + "\x00",
    "CON",
    "\u202efile-" + "a" * 32,
    "x" * 5_000,
)
NewId = Callable[[], str]


def new_id() -> str:
    """An id as the stack makes them."""
    return f"file-{uuid.uuid4().hex}"


async def parts(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """Bytes as an upload brings them."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def whole(store: FileStore, file_id: str, start: int = 0, end: int | None = None) -> bytes:
    """All that a read gives."""
    return b"".join([part async for part in await store.read(file_id, start, end)])


class Interrupted(Exception):
    """An upload that broke."""


class FileStoreContract:
    """Inherit from it and give the fixture `store`, a FileStore.

    big_bytes, memory_bytes: size of a large file, and how much the process may grow while it is written and read.
    """

    big_bytes: ClassVar[int] = 192 * MIB
    memory_bytes: ClassVar[int] = 64 * MIB

    @pytest.fixture
    def other(self) -> FileStore | None:
        """A second provider on the same bytes; None: tests that need one are skipped. Overridden where there is one."""
        return None

    @pytest_asyncio.fixture
    async def file_id(self, store: FileStore) -> AsyncIterator[NewId]:
        """`file_id()`: an id that nobody has; what lies there is deleted in the end."""
        made: list[str] = []

        def make() -> str:
            made.append(new_id())
            return made[-1]

        yield make
        for each in made:
            await store.delete(each)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("size", SIZES)
    async def test_bytes_come_back_as_they_went_in(self, size: int, store: FileStore, file_id: NewId) -> None:
        content, name = noise(size, size), file_id()
        stored = await store.write(name, parts(content))
        assert (stored.file_id, stored.bytes) == (name, size)
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        assert await whole(store, name) == content

    @pytest.mark.asyncio
    async def test_odd_parts_make_the_same_file(self, store: FileStore, file_id: NewId) -> None:
        async def odd() -> AsyncIterator[bytes]:
            for part in (b"", b"a", b"", b"b" * (3 * MIB), b"", b"c"):
                yield part

        name = file_id()
        assert (await store.write(name, odd())).bytes == 3 * MIB + 2
        assert await whole(store, name) == b"a" + b"b" * (3 * MIB) + b"c"

    @pytest.mark.asyncio
    @pytest.mark.parametrize(("start", "end", "expected"), RANGES)
    async def test_a_part_is_read(
        self, start: int, end: int | None, expected: bytes, store: FileStore, file_id: NewId
    ) -> None:
        name = file_id()
        await store.write(name, parts(b"0123456789"))
        assert await whole(store, name, start, end) == expected

    @pytest.mark.asyncio
    async def test_a_part_of_a_large_file_is_read(self, store: FileStore, file_id: NewId) -> None:
        content, name = noise(1, 12 * MIB), file_id()
        await store.write(name, parts(content))
        assert await whole(store, name, 3 * MIB - 1, 9 * MIB + 1) == content[3 * MIB - 1 : 9 * MIB + 1]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("end", [0, None])
    async def test_any_part_of_an_empty_file_is_empty(self, end: int | None, store: FileStore, file_id: NewId) -> None:
        name = file_id()
        await store.write(name, parts(b""))
        assert await whole(store, name, 0, end) == b""

    @pytest.mark.asyncio
    async def test_an_unknown_file_is_not_found(self, store: FileStore) -> None:
        name = new_id()
        with pytest.raises(NotFound) as raised:
            await store.read(name, 0, None)
        assert name in str(raised.value)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", NO_IDS)
    async def test_what_is_no_id_names_nothing(self, name: str, store: FileStore) -> None:
        with pytest.raises(InvalidRequest) as raised:
            await store.write(name, parts(b"x"))
        assert raised.value.param == "file_id"
        with pytest.raises(NotFound):
            await store.read(name, 0, None)
        await store.delete(name)

    @pytest.mark.asyncio
    async def test_a_deleted_file_is_gone(self, store: FileStore, file_id: NewId) -> None:
        name = file_id()
        await store.write(name, parts(b"x"))
        await store.delete(name)
        with pytest.raises(NotFound):
            await store.read(name, 0, None)
        assert name not in await listed(store)
        await store.delete(name)

    @pytest.mark.asyncio
    async def test_a_list_tells_of_every_file(self, store: FileStore, file_id: NewId) -> None:
        names = {file_id(): size for size in range(5)}
        for name, size in names.items():
            await store.write(name, parts(b"x" * size))
        found = {each.file_id: each for each in await store.list_files()}
        assert {name: found[name].bytes for name in names} == names
        assert all(abs(found[name].modified_at - time.time()) < 3600 for name in names)

    @pytest.mark.asyncio
    async def test_writing_again_replaces(self, store: FileStore, file_id: NewId) -> None:
        name = file_id()
        await store.write(name, parts(b"a longer text"))
        await store.write(name, parts(b"text"))
        assert await whole(store, name) == b"text"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("size", [0, 1, 3 * MIB, 17 * MIB])
    async def test_an_upload_that_breaks_leaves_nothing(self, size: int, store: FileStore, file_id: NewId) -> None:
        async def breaking() -> AsyncIterator[bytes]:
            async for part in parts(b"x" * size):
                yield part
            raise Interrupted

        name = file_id()
        with pytest.raises(Interrupted):
            await store.write(name, breaking())
        await assert_absent(store, name)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("size", [0, 1, 3 * MIB, 17 * MIB])
    async def test_a_cancelled_upload_leaves_nothing(self, size: int, store: FileStore, file_id: NewId) -> None:
        stalled = asyncio.Event()

        async def stalling() -> AsyncIterator[bytes]:
            async for part in parts(b"x" * size):
                yield part
            stalled.set()
            await asyncio.Event().wait()

        name = file_id()
        writing = asyncio.create_task(store.write(name, stalling()))
        await stalled.wait()
        await assert_absent(store, name)  # a file is there whole or not at all
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await assert_absent(store, name)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("steps", range(0, 40, 3))
    async def test_cancelling_at_any_step_leaves_all_or_nothing(
        self, steps: int, store: FileStore, file_id: NewId
    ) -> None:
        name = file_id()
        writing = asyncio.create_task(store.write(name, parts(b"x" * (2 * MIB))))
        for _ in range(steps):
            await asyncio.wait([writing], timeout=0.0005)
        writing.cancel()
        try:
            stored = await writing
        except asyncio.CancelledError:
            # A service may still take what it was sent before: all of it, or nothing.
            try:
                assert len(await whole(store, name)) == 2 * MIB
            except NotFound:
                return
        else:
            assert (stored.bytes, len(await whole(store, name))) == (2 * MIB, 2 * MIB)

    @pytest.mark.asyncio
    async def test_many_are_written_at_once(self, store: FileStore, file_id: NewId) -> None:
        contents = {file_id(): noise(seed, 2 * MIB + seed) for seed in range(8)}
        await asyncio.gather(*(store.write(name, parts(content)) for name, content in contents.items()))
        found = await asyncio.gather(*(whole(store, name) for name in contents))
        assert [*contents.values()] == found

    @pytest.mark.asyncio
    async def test_of_writes_to_one_id_one_is_there_whole(self, store: FileStore, file_id: NewId) -> None:
        name, contents = file_id(), [bytes([digit]) * (MIB + digit) for digit in range(6)]
        await asyncio.gather(*(store.write(name, parts(content)) for content in contents))
        assert await whole(store, name) in contents

    @pytest.mark.asyncio
    async def test_a_reader_may_leave(self, store: FileStore, file_id: NewId) -> None:
        name = file_id()
        await store.write(name, parts(b"x" * (9 * MIB)))
        for _ in range(3):
            reading = await store.read(name, 0, None)
            assert await anext(reading)
            del reading
        assert len(await whole(store, name)) == 9 * MIB

    @pytest.mark.asyncio
    async def test_another_provider_sees_what_was_acknowledged(
        self, store: FileStore, file_id: NewId, other: FileStore | None
    ) -> None:
        if other is None:
            pytest.skip("there is one provider on these bytes")
        name = file_id()
        await store.write(name, parts(b"shared"))
        assert await whole(other, name) == b"shared"
        await store.delete(name)
        await assert_absent(other, name)

    @pytest.mark.asyncio
    async def test_a_large_file_takes_little_memory(self, store: FileStore, file_id: NewId) -> None:
        if resident() == 0:
            pytest.skip("this system does not tell how much memory a process has")
        block, name, before, most = noise(2, MIB), file_id(), resident(), 0

        async def many() -> AsyncIterator[bytes]:
            nonlocal most
            for _ in range(self.big_bytes // MIB):
                yield block
                most = max(most, resident())

        await store.write(name, many())
        size = 0
        async for part in await store.read(name, 0, None):
            size += len(part)
            most = max(most, resident())
        assert size == self.big_bytes
        assert most - before < self.memory_bytes


async def listed(store: FileStore) -> set[str]:
    """The ids of all files."""
    return {each.file_id for each in await store.list_files()}


async def assert_absent(store: FileStore, file_id: str) -> None:
    """Whether a file is neither read nor listed."""
    with pytest.raises(NotFound):
        await store.read(file_id, 0, None)
    assert file_id not in await listed(store)


def resident() -> int:
    """Bytes of memory that this process has; 0 where the system does not tell."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def noise(seed: int, size: int) -> bytes:
    """Bytes without a pattern, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311
