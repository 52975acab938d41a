"""Postgres with pgvector: a table for each store, searched by HNSW, IVFFlat, exactly, or by `tsvector`.

Source: https://github.com/pgvector/pgvector
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field, SecretStr

from stack.apis.vector_checks import check_chunks, check_query, check_store, unknown_store
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, ScoredChunk, VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import UpstreamError
from stack.providers.remote.pgvector.index import IndexSettings, settings_of
from stack.providers.remote.pgvector.postgres import Postgres, Server, Tls
from stack.providers.remote.pgvector.searching import Search, apply_settings, by_words, chunk_of, nearest
from stack.providers.remote.pgvector.stores import Stores
from stack.providers.remote.pgvector.table import Table
from stack.registry.spec import Deps, Provider, ProviderConfig, env

if TYPE_CHECKING:
    from asyncpg import Connection

T = TypeVar("T")
_QUICK = 100  # chunks that are checked and encoded in less than a few milliseconds


class Config(ProviderConfig):
    switch: ClassVar[str] = "host"

    host: str = env("PGVECTOR_HOST", "localhost", "Name, address or socket folder; several, by commas, for a failover.")
    port: int = env("PGVECTOR_PORT", 5432, "TCP port, or the number of the socket.", ge=1, le=65535)
    db: str = env("PGVECTOR_DB", "postgres", "Database.", min_length=1)
    user: str = env("PGVECTOR_USER", "postgres", "Role that owns the tables.", min_length=1)
    password: SecretStr | None = env("PGVECTOR_PASSWORD", None, "Password of the role.")
    db_schema: str = env("PGVECTOR_SCHEMA", "stack", "Schema of the tables; one for each deployment.", min_length=1)
    tls: Tls = env(
        "PGVECTOR_TLS",
        "auto",
        "`disable`, `require` (encrypted, anybody's certificate), `verify-ca`, `verify-full`; `auto` is the last one,"
        " and `disable` for this machine.",
    )
    ca_file: Path | None = env("PGVECTOR_CA_FILE", None, "Certificates to trust; default: the system's.")
    max_connections: int = Field(10, ge=1, le=1000, description="Connections of one process.")
    connect_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a connection, in seconds.")
    command_timeout_s: float = Field(60.0, gt=0, description="Longest wait for one statement, in seconds.")
    index_timeout_s: float = Field(3600.0, gt=0, description="Longest time to build an IVFFlat index, in seconds.")
    statement_cache_size: int = Field(100, ge=0, description="Prepared statements; 0 behind PgBouncer's transactions.")
    exact_below: int = Field(
        5000, ge=0, description="A filter that fewer chunks pass than this is searched exactly, without the index."
    )
    max_scan_tuples: int = Field(20_000, ge=1, description="Vectors that a filtered search of an index looks at.")
    store_defaults: IndexSettings = Field(
        IndexSettings(), description="What holds for a store unless its `params` say otherwise."
    )


class PGVector(Provider, VectorIO):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._stores = Stores(deps.provider_id, config.db_schema)
        self._search = Search(
            config.exact_below, config.max_scan_tuples, config.store_defaults, config.statement_cache_size > 0
        )
        begin = partial(apply_settings, settings=self._search.session(), for_transaction=False)
        self._postgres = Postgres(deps.provider_id, _server(config), self._stores.prepare, begin)
        self._tables: dict[str, Table] = {}

    async def initialize(self) -> None:
        """Raises: ProviderUnavailable, UpstreamError, unless the server is only not there yet."""
        try:
            await self._postgres.run(_nothing)
        except UpstreamError as error:
            if error.code not in ("storage_unavailable", "upstream_timeout"):
                raise
            self.deps.log.warning("postgres is not there yet", error=error.message)

    async def shutdown(self) -> None:
        await self._postgres.close()

    async def create_store(self, store: VectorStoreSpec) -> None:
        check_store(store)
        settings = settings_of(store, self.config.store_defaults.model_dump())
        await self._postgres.run(partial(self._stores.make, store=store, settings=settings))

    async def delete_store(self, vector_store_id: str) -> None:
        self._tables.pop(vector_store_id, None)
        if _can_be_stored(vector_store_id):
            await self._postgres.run(partial(self._stores.drop, vector_store_id=vector_store_id))

    async def list_stores(self) -> list[VectorStoreSpec]:
        return await self._postgres.run(self._stores.all)

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        async def insert(table: Table) -> None:
            many = len(chunks) > _QUICK
            rows = await asyncio.to_thread(_rows, table, chunks) if many else _rows(table, chunks)
            if rows:
                await self._postgres.run(partial(_insert, table=table, rows=rows))
                await self._index(table)

        await self._on(vector_store_id, insert)

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        async def search(table: Table) -> list[ScoredChunk]:
            check_query(table.spec, query)
            if isinstance(query, KeywordQuery):
                return await self._postgres.run(partial(by_words, table=table, query=query))
            return await self._postgres.run(partial(nearest, table=table, query=query, search=self._search))

        return await self._on(vector_store_id, search)

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        wanted = [each for each in chunk_ids if _can_be_stored(each)]
        return await self._on(
            vector_store_id, lambda table: self._postgres.run(partial(_get, table=table, chunk_ids=wanted))
        )

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        unwanted = [each for each in chunk_ids if _can_be_stored(each)]
        await self._on(
            vector_store_id, lambda table: self._postgres.run(partial(_delete, table=table, chunk_ids=unwanted))
        )

    async def count_chunks(self, vector_store_id: str) -> int:
        return await self._on(vector_store_id, lambda table: self._postgres.run(partial(_count, table=table)))

    async def _on(self, vector_store_id: str, act: Callable[[Table], Awaitable[T]]) -> T:
        """What `act` returns for the table of a store, which others may have made anew. Raises: NotFound."""
        import asyncpg

        if (known := self._tables.get(vector_store_id)) is not None:
            try:
                return await act(known)
            except asyncpg.UndefinedTableError:
                self._tables.pop(vector_store_id, None)
        try:
            return await act(await self._find(vector_store_id))
        except asyncpg.UndefinedTableError as error:
            self._tables.pop(vector_store_id, None)
            raise unknown_store(vector_store_id) from error

    async def _find(self, vector_store_id: str) -> Table:
        table = None
        if _can_be_stored(vector_store_id):
            table = await self._postgres.run(partial(self._stores.find, vector_store_id=vector_store_id))
        if table is None:
            raise unknown_store(vector_store_id)
        self._tables[vector_store_id] = table
        return table

    async def _index(self, table: Table) -> None:
        """Build the index of a store that has grown to the size that it takes; the chunks are stored either way."""
        if table.rows_to_index and table.name not in self._search.indexed:
            build = partial(_build_index, table=table, timeout_s=self.config.index_timeout_s)
            try:
                if await self._postgres.run(build):
                    self._search.indexed.add(table.name)
            except UpstreamError as error:
                self.deps.log.warning("index not built", store=table.spec.vector_store_id, error=error.message)


def _server(config: Config) -> Server:
    return Server(
        hosts=tuple(filter(None, map(str.strip, config.host.split(",")))) or ("localhost",),
        port=config.port,
        database=config.db,
        user=config.user,
        password=config.password.get_secret_value() if config.password else "",
        tls=config.tls,
        ca_file=config.ca_file,
        max_connections=config.max_connections,
        connect_timeout_s=config.connect_timeout_s,
        command_timeout_s=config.command_timeout_s,
        statement_cache_size=config.statement_cache_size,
    )


async def _nothing(_: Connection) -> None:
    """Only the connection was wanted."""


def _can_be_stored(text: str) -> bool:
    """Whether Postgres can hold a text: only then can it have one like it."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _rows(table: Table, chunks: Sequence[EmbeddedChunk]) -> list[tuple[object, ...]]:
    """What is inserted, each id once, in the order of ids: inserts then never wait for each other in a circle."""
    check_chunks(table.spec, chunks)
    last = {chunk.chunk_id: chunk for chunk in chunks}
    return [
        (
            chunk.chunk_id,
            chunk.content,
            chunk.embedding,
            json.dumps(chunk.metadata),
            json.dumps([chunk.metadata, chunk.chunk_metadata]),
            table.settings.language,
        )
        for _, chunk in sorted(last.items())
    ]


async def _insert(connection: Connection, table: Table, rows: list[tuple[object, ...]]) -> None:
    async with connection.transaction():
        # What is acknowledged survives a power cut, even where the server was told to be less careful.
        await connection.execute(
            "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'"
        )
        await connection.executemany(table.inserting(), rows)


async def _get(connection: Connection, table: Table, chunk_ids: list[str]) -> list[EmbeddedChunk]:
    sql = "select chunk_id, content, embedding, kept from <table> where chunk_id = any($1::text[])"
    found = {row["chunk_id"]: row for row in await connection.fetch(table.sql(sql), chunk_ids)}
    return [chunk_of(found[each]) for each in chunk_ids if each in found]


async def _delete(connection: Connection, table: Table, chunk_ids: list[str]) -> None:
    await connection.execute(table.sql("delete from <table> where chunk_id = any($1::text[])"), chunk_ids)


async def _count(connection: Connection, table: Table) -> int:
    return int(await connection.fetchval(table.sql("select count(*) from <table>")))


async def _build_index(connection: Connection, table: Table, timeout_s: float) -> bool:
    """Whether the index is there in the end."""
    index = f"{table.name}_embedding"
    found = await connection.fetchrow(table.has_index(), table.schema, index, table.rows_to_index)
    if not found["is_built"] and found["rows"] >= table.rows_to_index:
        await connection.execute(table.indexing(), timeout=timeout_s)
        return True
    return bool(found["is_built"])
