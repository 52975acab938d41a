"""The list of stores, kept in Postgres beside them: what makes, finds and drops their tables."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING

from stack.apis.vector_checks import check_same_store
from stack.apis.vector_io import VectorStoreSpec
from stack.errors import InvalidRequest, ProviderUnavailable
from stack.providers.remote.pgvector.index import IndexSettings
from stack.providers.remote.pgvector.table import Table, quoted_name

if TYPE_CHECKING:
    from asyncpg import Connection, Record

OLDEST = (0, 8)  # of pgvector: filtered searches of older ones end early
_LOCK = 0x73746163  # of whoever changes what tables there are


class Stores:
    """schema: where the tables are. Every method is given a connection; all may be done again."""

    def __init__(self, provider_id: str, schema: str) -> None:
        self._provider_id = provider_id
        self.schema = schema
        self._list = f"{quoted_name(schema)}.vector_stores"
        self._extension = ""

    async def prepare(self, connection: Connection) -> str:
        """Make the list of stores if there is none; the schema of pgvector's types. Raises: ProviderUnavailable."""
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            self._extension = await self._find_extension(connection)
            # Looked for first: making what is there takes rights that its user may lack.
            if await connection.fetchval("select to_regclass($1)", self._list) is None:
                if not await connection.fetchval(
                    "select exists (select from pg_namespace where nspname = $1)", self.schema
                ):
                    await connection.execute(f"create schema {quoted_name(self.schema)}")
                await connection.execute(
                    f"create table {self._list} (vector_store_id text primary key,"
                    " provider_vector_store_id text not null, table_name text not null unique,"
                    " dimension integer not null, metric text not null, params text not null, settings text not null,"
                    " created_at timestamptz not null default now())"
                )
        return self._extension

    async def make(self, connection: Connection, store: VectorStoreSpec, settings: IndexSettings) -> None:
        """Raises: Conflict, InvalidRequest."""
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            if (table := await self.find(connection, store.vector_store_id)) is not None:
                check_same_store(table.spec, store)
                return
            await self._check_language(connection, settings.language)
            table = Table(self.schema, _table_name(store), self._extension, store, settings)
            await connection.execute(
                self._sql(
                    "insert into <list> (vector_store_id, provider_vector_store_id, table_name, dimension, metric,"
                    " params, settings) values ($1, $2, $3, $4, $5, $6, $7)"
                ),
                store.vector_store_id,
                store.provider_vector_store_id,
                table.name,
                store.dimension,
                store.metric,
                json.dumps(store.params),
                settings.model_dump_json(),
            )
            for statement in table.creating():
                await connection.execute(statement)

    async def drop(self, connection: Connection, vector_store_id: str) -> None:
        """Remove a store with its table; one that is not there is no error."""
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            if (table := await self.find(connection, vector_store_id)) is not None:
                await connection.execute(self._sql("delete from <list> where vector_store_id = $1"), vector_store_id)
                await connection.execute(table.dropping())

    async def find(self, connection: Connection, vector_store_id: str) -> Table | None:
        """The table of a store."""
        row = await connection.fetchrow(self._sql("select * from <list> where vector_store_id = $1"), vector_store_id)
        return None if row is None else self._table(row)

    async def all(self, connection: Connection) -> list[VectorStoreSpec]:
        """Every store, the oldest first."""
        rows = await connection.fetch(self._sql("select * from <list> order by created_at, vector_store_id"))
        return [self._table(row).spec for row in rows]

    def _table(self, row: Record) -> Table:
        params = json.loads(row["params"])
        spec = VectorStoreSpec(
            row["vector_store_id"], row["dimension"], row["metric"], row["provider_vector_store_id"], params
        )
        settings = IndexSettings.model_validate_json(row["settings"])
        return Table(self.schema, row["table_name"], self._extension, spec, settings)

    def _sql(self, text: str) -> str:
        return text.replace("<list>", self._list)

    async def _find_extension(self, connection: Connection) -> str:
        """The schema that pgvector is in. Raises: ProviderUnavailable."""
        import asyncpg

        query = (
            "select extversion, nspname from pg_extension join pg_namespace on pg_namespace.oid = extnamespace"
            " where extname = 'vector'"
        )
        if (found := await connection.fetchrow(query)) is None:
            try:
                await connection.execute("create extension vector")
            except (asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError) as error:
                raise self._unusable("is not installed there: install https://github.com/pgvector/pgvector") from error
            except asyncpg.InsufficientPrivilegeError as error:
                raise self._unusable("is not in the database: run `create extension vector` as its owner") from error
            found = await connection.fetchrow(query)
        version = str(found["extversion"])
        if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise self._unusable(f"is {version}, and {oldest} is needed: run `alter extension vector update`")
        return str(found["nspname"])

    def _unusable(self, what: str) -> ProviderUnavailable:
        error = ProviderUnavailable(f"pgvector in the database of provider `{self._provider_id}` {what}")
        error.provider_id = self._provider_id
        return error

    async def _check_language(self, connection: Connection, language: str) -> None:
        known = await connection.fetchval("select array_agg(cfgname::text order by 1) from pg_ts_config")
        if language not in known:
            message = f"Postgres has no text search configuration `{language}`: it has {', '.join(known)}"
            raise InvalidRequest(message, param="params.language")


def _table_name(store: VectorStoreSpec) -> str:
    """A name that tells a reader whose table it is; new each time, so that nobody takes a later store for this one."""
    told = re.sub(r"[^a-z0-9]+", "_", (store.provider_vector_store_id or store.vector_store_id).lower())[:36]
    return f"chunks_{told.strip('_')}_{secrets.token_hex(5)}"
