"""What is done for an index beside the queries: snapshots are written, graphs are built."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import faiss

from stack.errors import StackError
from stack.providers.inline.chunk_store import schema
from stack.providers.inline.faiss_index import snapshot
from stack.providers.inline.faiss_index.following import blocks_after
from stack.providers.inline.faiss_index.index import VectorIndex, graph_index, prepared
from stack.providers.inline.faiss_index.part import Floats, Part, Rows

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

    from stack.storage import Database

# A store that is read anew in less than a tenth of a second needs no snapshot.
LEAST_SAVED = 20_000
CHANGED = 0.25  # part of a store that may change before it is saved again
LEAST_AT_CLOSE = 2_000
# Another process may be about to record a file that is younger than this.
ORPHAN_S = 600.0


class Upkeep:
    """folder: where snapshots lie."""

    def __init__(self, database: Database, folder: Path, log: FilteringBoundLogger) -> None:
        self._database = database
        self._folder = folder
        self._log = log
        self._building: dict[VectorIndex, asyncio.Task[None]] = {}

    async def settled(self) -> None:
        """Wait for the graphs that are being built."""
        await asyncio.gather(*self._building.values())

    async def close(self) -> None:
        """Leave off building."""
        tasks = list(self._building.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def load(self, connection: Connection, index: VectorIndex) -> None:
        """Fill an index that was just reset, from its snapshot if there is a good one. Its lock is held alone."""
        sha256 = connection.execute("SELECT sha256 FROM snapshots WHERE store = ?", (index.number,)).get
        if sha256 is None:
            return
        try:
            snapshot.load(self._folder, str(sha256), index)
        except snapshot.Unusable as unusable:
            store = index.spec.vector_store_id
            self._log.warning("index read anew from its rows", vector_store=store, reason=str(unusable))

    async def after_change(self, index: VectorIndex) -> None:
        """Do what is due after an index has taken something up; a graph takes its time, and is not waited for."""
        if index not in self._building and index.lacks_graph():
            self._building[index] = asyncio.create_task(self._build_graph(index))
            self._building[index].add_done_callback(lambda _: self._building.pop(index))
        if index.changed >= max(LEAST_SAVED, len(index) * CHANGED):
            await self.save(index)

    async def save(self, index: VectorIndex) -> None:
        """Write a snapshot, then record it: the one that was there is good until then."""

        def write() -> tuple[int, int, str]:
            with index.lock.shared():
                pieces, number, changed = snapshot.packed(index), index.number, index.changed
            return number, changed, snapshot.write(self._folder, pieces)

        try:
            number, changed, sha256 = await asyncio.to_thread(write)
            stale, recorded = await self._database.write(lambda connection: _record(connection, number, sha256))
            await self.discard(*({stale, sha256} - recorded))  # itself, where the store has gone meanwhile
            await asyncio.to_thread(self._sweep, recorded)
        except (StackError, OSError) as error:
            self._log.warning("index not saved", vector_store=index.spec.vector_store_id, reason=str(error))
        else:
            index.changed = max(0, index.changed - changed)

    async def discard(self, *snapshots: str | None) -> None:
        """Remove the files of snapshots that no store has."""
        for sha256 in filter(None, snapshots):
            await asyncio.to_thread(snapshot.path_of(self._folder, sha256).unlink, missing_ok=True)

    def _sweep(self, recorded: set[str]) -> None:
        """Remove files that have been no store's for long, as a process leaves them that was killed."""
        for file in self._folder.iterdir():
            sha256 = snapshot.sha256_of(file)
            if sha256 and sha256 not in recorded and time.time() - file.stat().st_mtime > ORPHAN_S:
                file.unlink(missing_ok=True)

    async def _build_graph(self, index: VectorIndex) -> None:
        """Build a graph of all that is there, beside the queries, which scan meanwhile."""
        with index.lock.shared():
            epoch, up_to, old = index.epoch, index.last_row, index.graph
        graph = Part(graph_index(index.spec, index.settings))
        if old is not None and not index.is_worn():
            graph = Part(await asyncio.to_thread(faiss.clone_index, old.index), old.rows)
        try:
            while block := await self._database.read(lambda connection: _next_block(connection, index, graph, up_to)):
                await asyncio.to_thread(_add, graph, *block, index)
            await asyncio.to_thread(_swap, index, graph, epoch)
            await self.save(index)
        except StackError as error:
            self._log.warning("graph not built", vector_store=index.spec.vector_store_id, reason=error.message)


def _next_block(connection: Connection, index: VectorIndex, graph: Part, up_to: int) -> tuple[Rows, Floats] | None:
    """Rows that come next into a graph, up to the row `up_to`; None if there are no more."""
    store = schema.read_store(connection, index.spec.vector_store_id)
    last = int(graph.rows[-1]) if len(graph.rows) else 0
    if store is None or store.number != index.number:
        return None
    for rows, vectors in islice(blocks_after(connection, store, last), 1):
        wanted = rows <= up_to
        return (rows[wanted], vectors[wanted]) if wanted.any() else None
    return None


def _add(graph: Part, rows: Rows, vectors: Floats, index: VectorIndex) -> None:
    # Of this thread only: the other cores are for requests.
    faiss.omp_set_num_threads(1)
    graph.add(rows, prepared(index.spec, vectors))


def _swap(index: VectorIndex, graph: Part, epoch: int) -> None:
    with index.lock.alone():
        if index.epoch == epoch and len(graph.rows):
            index.take_graph(graph)


def _record(connection: Connection, number: int, sha256: str) -> tuple[str | None, set[str]]:
    """The SHA-256 that was recorded of this store, and all that are now."""
    replaced = connection.execute("SELECT sha256 FROM snapshots WHERE store = ?", (number,)).get
    sql = "INSERT OR REPLACE INTO snapshots SELECT number, ? FROM stores WHERE number = ?"
    connection.execute(sql, (sha256, number))
    recorded = {str(each) for (each,) in connection.execute("SELECT sha256 FROM snapshots")}
    return None if replaced is None else str(replaced), recorded


def recorded_of(connection: Connection, vector_store_id: str) -> str | None:
    """The SHA-256 that is recorded of a store's snapshot."""
    sql = "SELECT sha256 FROM snapshots JOIN stores ON store = number WHERE vector_store_id = ?"
    found = connection.execute(sql, (vector_store_id,)).get
    return None if found is None else str(found)
