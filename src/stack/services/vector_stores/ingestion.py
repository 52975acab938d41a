"""A file becomes chunks: read, cut, embedded, stored. Run again, it replaces what it stored before."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stack.apis.models import TextLimit
from stack.apis.vector_io import EmbeddedChunk, VectorIO
from stack.errors import NotFound, ParseFailed, StorageError
from stack.services.chunking import TextChunk, chunk
from stack.services.files import FilesService
from stack.services.parsing import ParsedDocument, parse
from stack.services.vector_stores.cutting import counting, truncated
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.file_rows import find_file, set_file
from stack.services.vector_stores.records import FileRecord, StoreRecord, chunk_id
from stack.services.vector_stores.registry import Registry
from stack.services.vector_stores.stores import Stores
from stack.services.vector_stores.work import Job, LeaseLost

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

EMBEDDED_AT_ONCE = 64  # texts in one request
REQUESTS_AT_ONCE = 4
STORED_AT_ONCE = 64 * 1024 * 1024  # bytes of vectors: files with more become searchable part by part
PROGRESS_EVERY_S = 0.5


class Ingestion:
    """Adds files to stores. folder: where bytes lie while they are read."""

    def __init__(
        self,
        registry: Registry,
        stores: Stores,
        files: FilesService,
        vector_io: VectorIO,
        embedder: Embedder,
        folder: Callable[[], Path],
        log: FilteringBoundLogger,
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._files = files
        self._vector_io = vector_io
        self._embedder = embedder
        self._folder = folder
        self._log = log

    async def ingest(self, job: Job) -> None:
        """Do the job and end it. Raises: ParseFailed, StackError, LeaseLost."""
        database = await self._registry.database()
        file = await database.write(lambda connection: self._begin(connection, job))
        store = await self._stores.usable(job.store_id)
        document = await self._read(file)
        limit = await self._embedder.limit(store.embedding_model)
        pieces = await asyncio.to_thread(chunk, document, file.strategy, counting(limit))
        if not pieces:
            raise ParseFailed("the file holds no text", code="invalid_file")
        cut = self._truncated(job, store, pieces, limit)
        vectors = await self._embed(job, store, pieces)
        await database.write(lambda connection: self._expect(connection, job, len(pieces), cut))
        await self._store(store, file, document, pieces, vectors)
        surplus = [chunk_id(file.file_id, number) for number in range(len(pieces), file.chunks_stored)]
        if surplus:
            await self._vector_io.delete_chunks(store.id, surplus)
        size = sum(len(piece.text.encode()) for piece in pieces) + 4 * store.dimension * len(pieces)
        try:
            await database.write(lambda connection: self._end(connection, job, file, len(pieces), size))
        except LeaseLost:
            await self._take_back(job, len(pieces))
            raise

    def _begin(self, connection: Connection, job: Job) -> FileRecord:
        file = _held(connection, job)
        set_file(connection, file, attempts=job.attempts)
        return file

    async def _read(self, file: FileRecord) -> ParsedDocument:
        try:
            parts = await self._files.content(file.file_id)
        except NotFound as error:
            raise ParseFailed("the file was deleted before it was read", code="invalid_file") from error
        with _scratch(self._folder()) as (path, number):
            async for part in parts:
                await asyncio.to_thread(_append, number, part)
            return await parse(path, file.filename, mimetypes.guess_type(file.filename)[0])

    def _truncated(self, job: Job, store: StoreRecord, pieces: Sequence[TextChunk], limit: TextLimit | None) -> int:
        """How many chunks are longer than the store's model reads; where some are, the log says so."""
        cut = truncated(pieces, limit)
        if cut and limit is not None:
            about = {"store": job.store_id, "file": job.file_id, "model": store.embedding_model}
            self._log.warning("chunks longer than the model reads", **about, chunks=cut, tokens=limit.tokens)
        return cut

    async def _embed(self, job: Job, store: StoreRecord, pieces: Sequence[TextChunk]) -> list[array[float]]:
        vectors: list[array[float]] = []
        clock = asyncio.get_running_loop().time
        told = clock()
        await self._progress(job, len(pieces), 0)
        groups = [pieces[start : start + EMBEDDED_AT_ONCE] for start in range(0, len(pieces), EMBEDDED_AT_ONCE)]
        for start in range(0, len(groups), REQUESTS_AT_ONCE):
            asked = [
                self._embedder.texts(store, [piece.text for piece in group])
                for group in groups[start : start + REQUESTS_AT_ONCE]
            ]
            for made in await asyncio.gather(*asked):
                vectors += made
            if clock() - told >= PROGRESS_EVERY_S:
                told = clock()
                await self._progress(job, len(pieces), len(vectors))
        return vectors

    async def _store(
        self,
        store: StoreRecord,
        file: FileRecord,
        document: ParsedDocument,
        pieces: Sequence[TextChunk],
        vectors: Sequence[array[float]],
    ) -> None:
        at_once = max(1, STORED_AT_ONCE // (4 * store.dimension))
        for start in range(0, len(pieces), at_once):
            end = start + at_once
            part = await asyncio.to_thread(_chunks, file, document, start, pieces[start:end], vectors[start:end])
            await self._stores.asked(store, self._vector_io.insert_chunks(store.id, part))

    async def _progress(self, job: Job, total: int, done: int) -> None:
        database = await self._registry.database()
        await database.write(
            lambda connection: set_file(connection, _held(connection, job), chunks_total=total, chunks_done=done)
        )

    def _expect(self, connection: Connection, job: Job, total: int, cut: int) -> None:
        """Note which chunks may be in the engine from now on, so that whoever clears the file finds them all."""
        file = _held(connection, job)
        stored = max(total, file.chunks_stored)
        set_file(connection, file, chunks_stored=stored, chunks_done=total, chunks_truncated=cut)

    def _end(self, connection: Connection, job: Job, used: FileRecord, total: int, size: int) -> None:
        file = _held(connection, job)
        same_cut = (file.chunk_size, file.chunk_overlap) == (used.chunk_size, used.chunk_overlap)
        if not same_cut:
            job.finish(connection, "ingest")  # it was added again meanwhile
            return
        set_file(connection, file, usage_bytes=size, chunks_stored=total, error_code=None, error_message=None)
        if file.attributes == used.attributes:
            set_file(connection, file, status="completed")
            job.finish(connection)
        else:
            job.finish(connection, "attributes")

    async def _take_back(self, job: Job, total: int) -> None:
        """Nobody else knows of chunks that were stored for a file that is no longer there."""
        database = await self._registry.database()
        if await database.read(lambda connection: find_file(connection, *job.key)) is None:
            await self._vector_io.delete_chunks(job.store_id, [chunk_id(job.file_id, n) for n in range(total)])


def _held(connection: Connection, job: Job) -> FileRecord:
    """The file of a job that is still ours. Raises: LeaseLost."""
    mine = "SELECT 1 FROM jobs WHERE store_id = ? AND file_id = ? AND owner = ? AND kind = ?"
    held = connection.execute(mine, (*job.key, job.owner, job.kind)).fetchone()
    file = find_file(connection, *job.key)
    if held is None or file is None:
        raise LeaseLost
    return file


def _chunks(
    file: FileRecord,
    document: ParsedDocument,
    first: int,
    pieces: Sequence[TextChunk],
    vectors: Sequence[array[float]],
) -> list[EmbeddedChunk]:
    """Chunks as engines take them; `first` is the number of the first in its file."""
    attributes = file.filterable()
    known = {"file_id": file.file_id, "filename": file.filename}
    return [
        EmbeddedChunk(
            chunk_id(file.file_id, number),
            piece.text,
            vector,
            attributes,
            {**known, **document.cite(piece.start, piece.end).as_metadata()},
        )
        for number, (piece, vector) in enumerate(zip(pieces, vectors, strict=True), first)
    ]


def _append(number: int, part: bytes) -> None:
    """Write all of a part: a disk that is nearly full takes less of it at once. Raises: StorageError."""
    left = memoryview(part)
    try:
        while left:
            left = left[os.write(number, left) :]
    except OSError as error:
        raise StorageError(f"the file cannot be copied to be read: {error.strerror}") from error


@contextmanager
def _scratch(folder: Path) -> Iterator[tuple[Path, int]]:
    """A file of our own, with its descriptor, gone afterwards; its name begins with a dot, so that backups skip it."""
    import tempfile

    number, name = tempfile.mkstemp(prefix=".", dir=folder)
    try:
        yield Path(name), number
    finally:
        os.close(number)
        Path(name).unlink()
