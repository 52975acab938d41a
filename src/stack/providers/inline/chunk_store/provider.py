"""What `inline::sqlite-vec` and `inline::faiss` share: a `VectorIO` on one SQLite file, all but the nearest vectors."""

from __future__ import annotations

import asyncio
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from stack.apis.vector_checks import check_chunks, check_query, check_same_store, check_store, unknown_store
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, ScoredChunk, VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import ProviderUnavailable, StackError
from stack.providers.inline.chunk_store import rows, schema
from stack.providers.inline.chunk_store.filters import Parameters, rows_that_pass
from stack.providers.inline.chunk_store.schema import StoreRow
from stack.providers.inline.chunk_store.words import match_expression
from stack.registry.spec import Deps, Provider

if TYPE_CHECKING:
    from apsw import Connection

    from stack.storage import Database

Ranked = list[tuple[int, float]]
"""Rows and scores, best first."""


# Of each connection, as far as it needs so much: an insert touches pages all over the indexes of a large store.
CACHE_KIB = 16_000
# Rows of a deleted store that are removed in one transaction, some 20 ms, and how long others may go first.
SWEPT_AT_ONCE = 1_000
SWEEP_PAUSE_S = 0.01


class ChunkStore(Provider, VectorIO, ABC):
    """Each call is one read or one transaction of the database, in a thread of its own.

    has_tables: whether the vectors of each store lie in a table of their own.
    """

    has_tables: ClassVar[bool]

    def __init__(self, config: Any, deps: Deps) -> None:
        super().__init__(config, deps)
        self._database: Database | None = None
        self._sweeping: asyncio.Task[None] | None = None

    @abstractmethod
    def vectors_table(self, spec: VectorStoreSpec) -> str | None:
        """SQL that makes `vectors_{number}`, with `rowid` and `embedding`; None: they lie in the table that all share.

        Raises: InvalidRequest for odd params.
        """

    @abstractmethod
    def nearest(self, connection: Connection, store: StoreRow, query: VectorQuery) -> Ranked | None:
        """The rows that are nearest to a query, and pass its filter; None: what the connection sees is too old."""

    def existing(self, connection: Connection, vector_store_id: str) -> StoreRow:
        """A store by its id. Raises: NotFound; ProviderUnavailable for one whose vectors lie where another type of
        provider had them.
        """
        if (store := schema.read_store(connection, vector_store_id)) is None:
            raise unknown_store(vector_store_id)
        if (store.vectors != schema.PLAIN_VECTORS) != self.has_tables:
            message = (
                f"vector store `{vector_store_id}` was made when the provider `{self.deps.provider_id}` was of another"
                " type: give it that `provider_type` again, and this one an id of its own"
            )
            raise ProviderUnavailable(message, code="vector_store_unavailable")
        return store

    def set_up(self, connection: Connection) -> None:
        """Prepare a new connection."""
        connection.pragma("cache_size", -CACHE_KIB)

    async def initialize(self) -> None:
        """Open the database. Raises: StorageError, SchemaTooNew."""
        name = database_name(self.deps.provider_id)
        self._database = await self.deps.storage.database(name, schema.MIGRATIONS, self.set_up)
        self._sweep_soon()

    async def shutdown(self) -> None:
        """Leave off what is done beside the calls."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])

    async def settled(self) -> None:
        """Wait until nothing is left to do beside the calls: for tests and measurements."""
        if self._sweeping is not None:
            await self._sweeping

    @property
    def database(self) -> Database:
        if self._database is None:
            raise ProviderUnavailable(f"the provider `{self.deps.provider_id}` has not started")
        return self._database

    async def create_store(self, store: VectorStoreSpec) -> None:
        check_store(store)
        table = self.vectors_table(store)

        def make(connection: Connection) -> None:
            if (existing := schema.read_store(connection, store.vector_store_id)) is None:
                schema.make_store(connection, store, table)
            else:
                check_same_store(existing.spec, store)

        await self.database.write(make)

    async def delete_store(self, vector_store_id: str) -> None:
        def drop(connection: Connection) -> None:
            if schema.read_store(connection, vector_store_id) is not None:
                schema.drop_store(connection, self.existing(connection, vector_store_id))

        await self.database.write(drop)
        self._sweep_soon()

    async def list_stores(self) -> list[VectorStoreSpec]:
        return [store.spec for store in await self.database.read(schema.read_stores)]

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        from stack.providers.inline.chunk_store.lengths import lengths_of

        def insert(connection: Connection) -> None:
            store = self.existing(connection, vector_store_id)
            check_chunks(store.spec, chunks, lengths_of([each.embedding for each in chunks], store.spec.dimension))
            if chunks:
                rows.insert(connection, store, chunks)

        await self.database.write(insert)

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        while True:
            found = await self.database.read(lambda connection: self.find(connection, vector_store_id, query))
            if found is not None:
                return found

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        def get(connection: Connection) -> list[EmbeddedChunk]:
            store = self.existing(connection, vector_store_id)
            wanted = rows.rows_of(connection, store, chunk_ids)
            found = rows.read(connection, store, wanted)
            return [found[row] for row in wanted]

        return await self.database.read(get)

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        def delete(connection: Connection) -> None:
            rows.delete(connection, self.existing(connection, vector_store_id), chunk_ids)

        await self.database.write(delete)

    async def count_chunks(self, vector_store_id: str) -> int:
        return await self.database.read(lambda connection: self.existing(connection, vector_store_id).count)

    def _sweep_soon(self) -> None:
        """Remove what deleted stores left, also those of a process that was killed."""
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        try:
            is_some_left = True
            while is_some_left:
                is_some_left = await self.database.write(lambda c: schema.remove_leaving(c, SWEPT_AT_ONCE))
                await asyncio.sleep(SWEEP_PAUSE_S if is_some_left else 0)
        except StackError as error:
            self.deps.log.warning("deleted stores not swept", reason=error.message)

    def find(
        self, connection: Connection, vector_store_id: str, query: VectorQuery | KeywordQuery
    ) -> list[ScoredChunk] | None:
        """The answer to a query on one snapshot of the database; None if that is too old.

        Raises: NotFound, InvalidRequest.
        """
        store = self.existing(connection, vector_store_id)
        check_query(store.spec, query)
        if isinstance(query, KeywordQuery):
            ranked: Ranked | None = keyword_ranked(connection, store, query)
        else:
            ranked = self.nearest(connection, store, query)
        return None if ranked is None else scored(connection, store, ranked, query)


def database_name(provider_id: str) -> str:
    """The name of a provider's database; ids that are no such names are told by a digest."""
    name = f"vector_io_{provider_id}"
    if re.fullmatch(r"[a-z0-9_-]{1,64}", name):
        return name
    return f"vector_io_{hashlib.sha256(provider_id.encode()).hexdigest()[:32]}"


def scored(
    connection: Connection, store: StoreRow, ranked: Ranked, query: VectorQuery | KeywordQuery
) -> list[ScoredChunk]:
    """The chunks of rows that score enough, in the order given."""
    threshold = query.score_threshold
    kept = ranked if threshold is None else [(row, score) for row, score in ranked if score >= threshold]
    found = rows.read(connection, store, [row for row, _ in kept], embeddings=query.include_embeddings)
    return [ScoredChunk(found[row], score) for row, score in kept]


def passing(query: VectorQuery | KeywordQuery, store: StoreRow) -> tuple[str, Parameters]:
    """SQL that ends a WHERE clause by what the query's filter demands of `rowid`, and its parameters."""
    if query.filter is None:
        return "", []
    select, parameters = rows_that_pass(query.filter, store.number)
    return f" AND rowid IN ({select})", parameters


def keyword_ranked(connection: Connection, store: StoreRow, query: KeywordQuery) -> Ranked:
    """The rows whose text matches best by BM25. FTS5's own scores are negative, the best is the least."""
    if not (expression := match_expression(query.text)):
        return []
    clause, parameters = passing(query, store)
    found = connection.execute(
        "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ? AND rowid >= ? AND rowid < ?"
        f"{clause} ORDER BY 2 DESC LIMIT ?",
        (expression, *store.rows, *parameters, query.top_k),
    )
    return [(row, score) for row, score in found]
