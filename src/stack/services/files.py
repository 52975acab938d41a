"""OpenAI's files, once for every provider of bytes: names, purposes, pages, expiry; the row is the commit point.

A file exists once it has a row. Bytes come before it and go after it, so that a crash leaves at most bytes without a
row, which the sweeper removes when they are an hour old.
"""

from __future__ import annotations

import asyncio
import json
import time
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from stack.apis.files import AnyPurpose, ExpiresAfter, FileList, FileObject, FileStore, Purpose
from stack.apis.ids import is_id, new_id
from stack.errors import InvalidRequest, NotFound, ProviderUnavailable, StackError, Unsupported, shortened
from stack.routing.instance import Instance
from stack.storage import Database, Storage

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

PREFIX = "file-"
SWEEP_EVERY_S = 60.0
ORPHAN_AGE_S = 3600.0  # bytes of an upload that still runs are younger
BATCH_EXPIRY_S = 30 * 24 * 3600  # of files with purpose `batch`, as OpenAI has it
MAX_NAME = 255
_UNSHOWN = ("Cc", "Cs", "Zl", "Zp")
_REVERSING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they make `exe.txt` of `txt.exe`

_FIRST = """
CREATE TABLE files (
    id TEXT PRIMARY KEY, filename TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER, provider_id TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX files_by_purpose ON files (purpose, id);
"""
# Bytes that are older than the database are of one that was lost: nobody knows whether they may go.
_SECOND = """
CREATE TABLE begun (at INTEGER NOT NULL) STRICT;
INSERT INTO begun SELECT iif(EXISTS (SELECT 1 FROM files), 0, unixepoch());
"""
_COLUMNS = "id, filename, purpose, bytes, sha256, created_at, expires_at, provider_id"


class FilesService:
    """The files of one stack. clock: Unix seconds."""

    def __init__(
        self,
        instances: Sequence[Instance[FileStore]],
        storage: Storage,
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._instances = {instance.provider_id: instance for instance in instances}
        self._storage = storage
        self._log = log
        self._clock = clock
        self._sweeper: asyncio.Task[None] | None = None
        self._before_removal: list[Callable[[str], Awaitable[None]]] = []

    def before_removal(self, do: Callable[[str], Awaitable[None]]) -> None:
        """Have `do` remove what was made of a file, by its id, before the file goes; if that raises, the file stays."""
        self._before_removal.append(do)

    async def start(self) -> None:
        """Let files expire from now on. Raises: SchemaTooNew, storage errors."""
        if self._instances and self._storage.exists("files"):
            await self._database()
        if self._instances:
            self._sweeper = asyncio.create_task(self._sweep_on())

    async def stop(self) -> None:
        """End what runs in the background."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    async def upload(
        self,
        filename: str,
        purpose: Callable[[], tuple[Purpose, ExpiresAfter | None]],
        content: AsyncIterator[bytes],
    ) -> FileObject:
        """Keep a file; it can be read when this returns, by every process of the stack.

        purpose: asked once `content` is at its end, since a form may name the purpose behind the bytes; what it raises
        undoes the upload. Raises: InvalidRequest, Unsupported, ProviderUnavailable, storage errors.
        """
        checked_name(filename)
        instance = self._first()
        file_id = new_id(PREFIX)
        store = instance.answer()
        try:
            stored = await store.write(file_id, content)
            if stored.bytes == 0:
                raise InvalidRequest("the file is empty", param="file")
            wanted, expires_after = purpose()
            now = int(self._clock())
            row = FileObject(
                id=file_id,
                bytes=stored.bytes,
                created_at=now,
                filename=filename,
                purpose=wanted,
                expires_at=_expiry(now, wanted, expires_after),
                sha256=stored.sha256,
            )
            await (await self._database()).write(lambda connection: _insert(connection, row, instance.provider_id))
        except asyncio.CancelledError:  # a row that was being written is written all the same
            with suppress(StackError):  # what stays is a whole file, or swept
                await asyncio.shield(self._remove(file_id, instance.provider_id))
            raise
        except BaseException:
            await self._forget(store, file_id)
            raise
        return row

    async def list_files(
        self,
        after: str | None = None,
        limit: int = 10_000,
        order: Literal["asc", "desc"] = "desc",
        purpose: str | None = None,
    ) -> FileList:
        """A page of files by age; `after` may be gone meanwhile. Raises: InvalidRequest."""
        if after is not None and not is_id(after, PREFIX):
            raise InvalidRequest(f"`after` must be the id of a file: `{shortened(after)}` is none", param="after")
        now, descending = int(self._clock()), order == "desc"
        conditions, values = ["(expires_at IS NULL OR expires_at > ?)"], [now]
        bound: list[Any] = values
        if after is not None:
            conditions.append("id < ?" if descending else "id > ?")
            bound.append(after)
        if purpose is not None:
            conditions.append("purpose = ?")
            bound.append(purpose)
        direction = "DESC" if descending else "ASC"
        query = f"SELECT {_COLUMNS} FROM files WHERE {' AND '.join(conditions)} ORDER BY id {direction} LIMIT ?"  # noqa: S608  # our own words only
        bound.append(limit + 1)

        def read(connection: Connection) -> list[FileObject]:
            return [_file(row) for row in connection.execute(query, tuple(bound))]

        found = await (await self._database()).read(read)
        data = found[:limit]
        return FileList(
            data=data,
            first_id=data[0].id if data else None,
            last_id=data[-1].id if data else None,
            has_more=len(found) > limit,
        )

    async def retrieve(self, file_id: str) -> FileObject:
        """One file. Raises: NotFound."""
        return _file(await self._row(file_id))

    async def content(self, file_id: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of a file from `start` up to `end` (not included), in parts.

        Raises: NotFound; StackError `file_missing` where the row is there and the bytes are not, which shows at the
        end where some of them are.
        """
        row = await self._row(file_id)
        instance = self._holder(row)
        message = f"the bytes of `{file_id}` are gone from provider `{instance.provider_id}`: restore a backup"
        missing = StackError(message, code="file_missing")
        try:
            parts = await instance.answer().read(file_id, start, end)
        except NotFound as error:
            raise missing from error
        return _whole(parts, (_file(row).bytes if end is None else end) - start, missing)

    async def delete(self, file_id: str) -> None:
        """Remove a file, and what was made of it: nobody finds it from now on, its bytes go next.

        Raises: NotFound; what an engine that holds parts of it raises.
        """
        row = await self._row(file_id)
        await self._remove(file_id, row[-1])

    async def _remove(self, file_id: str, provider_id: str) -> None:
        for do in self._before_removal:
            await do(file_id)
        database = await self._database()
        await database.write(lambda connection: connection.execute("DELETE FROM files WHERE id = ?", (file_id,)))
        if (instance := self._instances.get(provider_id)) is not None and instance.provider is not None:
            await self._forget(instance.provider, file_id)

    async def sweep(self) -> None:
        """Remove what has expired, and bytes that no row speaks of."""
        now = int(self._clock())
        find = "SELECT id, provider_id FROM files WHERE expires_at <= ?"
        database = await self._database()
        for file_id, provider_id in await database.read(lambda connection: list(connection.execute(find, (now,)))):
            try:
                await self._remove(file_id, provider_id)
            except StackError as error:  # of one engine: other files need not wait for it
                self._log.warning("expired file not removed", file_id=file_id, reason=error.message)
        for instance in self._instances.values():
            if instance.provider is not None:
                await self._sweep_orphans(instance.provider, now)

    async def _sweep_orphans(self, store: FileStore, now: int) -> None:
        found = await store.list_files()

        def orphans(connection: Connection) -> set[str]:
            begun = connection.execute("SELECT at FROM begun").get
            old = {file.file_id for file in found if begun <= file.modified_at < now - ORPHAN_AGE_S}
            kept = "SELECT id FROM files WHERE id IN (SELECT value FROM json_each(?))"
            return old - {file_id for (file_id,) in connection.execute(kept, (json.dumps(list(old)),))}

        for file_id in await (await self._database()).read(orphans):
            await self._forget(store, file_id)

    async def _sweep_on(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception as error:  # the next time may be better; nothing is lost
                reason = error.message if isinstance(error, StackError) else type(error).__name__
                self._log.warning("files not swept", reason=reason)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _forget(self, store: FileStore, file_id: str) -> None:
        """Remove bytes that no row speaks of; where that fails, the sweeper will."""
        try:
            await asyncio.shield(asyncio.ensure_future(store.delete(file_id)))
        except StackError as error:
            self._log.warning("bytes not removed", file_id=file_id, reason=error.message)

    async def _row(self, file_id: str) -> tuple[Any, ...]:
        find = f"SELECT {_COLUMNS} FROM files WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)"  # noqa: S608
        values = (file_id, int(self._clock()))
        row = None
        if is_id(file_id, PREFIX):
            database = await self._database()
            row = await database.read(lambda connection: connection.execute(find, values).fetchone())
        if row is None:
            message = f"there is no file `{shortened(file_id)}`: `GET /v1/files` lists them"
            raise NotFound(message, param="file_id", code="file_not_found")
        return tuple(row)

    async def _database(self) -> Database:
        self._first()
        return await self._storage.database("files", migrations=[_FIRST, _SECOND])

    def _first(self) -> Instance[FileStore]:
        """Where new files go: the first provider of run.yaml."""
        if not self._instances:
            raise Unsupported(
                "this stack keeps no files: add a provider under `providers.files`, such as inline::localfs"
            )
        return next(iter(self._instances.values()))

    def _holder(self, row: tuple[Any, ...]) -> Instance[FileStore]:
        if (found := self._instances.get(row[-1])) is None:
            message = f"`{row[0]}` lies with provider `{row[-1]}`, which this stack does not have: add it to run.yaml"
            raise ProviderUnavailable(message)
        return found


def _insert(connection: Connection, file: FileObject, provider_id: str) -> None:
    values = (file.id, file.filename, file.purpose, file.bytes, file.sha256, file.created_at, file.expires_at)
    connection.execute(f"INSERT INTO files ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, provider_id))  # noqa: S608


async def _whole(parts: AsyncIterator[bytes], size: int, missing: StackError) -> AsyncIterator[bytes]:
    """The parts, which must be so many bytes."""
    async for part in parts:
        size -= len(part)
        yield part
    if size:
        raise missing


def _file(row: Sequence[Any]) -> FileObject:
    file_id, filename, purpose, size, sha256, created_at, expires_at, _ = row
    return FileObject(
        id=file_id,
        filename=filename,
        purpose=purpose,
        bytes=size,
        sha256=sha256,
        created_at=created_at,
        expires_at=expires_at,
    )


def _expiry(now: int, purpose: AnyPurpose, expires_after: ExpiresAfter | None) -> int | None:
    if expires_after is not None:
        return now + expires_after.seconds
    return now + BATCH_EXPIRY_S if purpose == "batch" else None


def checked_name(filename: str) -> str:
    """A caller's name of a file: data, never a path. Raises: InvalidRequest."""
    if not filename.strip() or filename in (".", ".."):
        raise InvalidRequest("the file has no name: send one in its `filename`", param="file")
    if len(filename) > MAX_NAME:
        raise InvalidRequest(f"the file's name is longer than {MAX_NAME} characters", param="file")
    if "/" in filename or "\\" in filename:
        raise InvalidRequest("the file's name is a path: send the last part of it alone", param="file")
    if any(unicodedata.category(character) in _UNSHOWN or character in _REVERSING for character in filename):
        raise InvalidRequest("the file's name holds control characters", param="file")
    return filename
