"""Connections to one Postgres: a bounded pool, made when it is first reached, and made good when it comes back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from stack.apis.context import request_context
from stack.errors import Overloaded, UpstreamTimeout
from stack.providers.remote.pgvector.failures import failure, is_contended, is_lost
from stack.providers.remote.pgvector.vectors import from_wire, to_wire

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")
Tls = Literal["auto", "disable", "require", "verify-ca", "verify-full"]
ATTEMPTS = 3  # all work is keyed by ids, so that doing it again does no harm
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a Postgres is and how it is talked to. hosts: names, addresses, or folders of a socket; the writable one
    is used. Times in seconds.
    """

    hosts: tuple[str, ...]
    port: int
    database: str
    user: str
    password: str
    tls: Tls
    ca_file: Path | None
    max_connections: int
    connect_timeout_s: float
    command_timeout_s: float
    statement_cache_size: int

    def arguments(self) -> dict[str, Any]:
        """For asyncpg; all are given, so that it looks into no environment and no files."""
        return {
            "host": list(self.hosts),
            "port": [self.port] * len(self.hosts),
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "ssl": self._tls(),
            "timeout": self.connect_timeout_s,
            "command_timeout": self.command_timeout_s,
            "statement_cache_size": self.statement_cache_size,
            "server_settings": {"application_name": "stack"},
            "target_session_attrs": "read-write" if len(self.hosts) > 1 else "any",
        }

    def _tls(self) -> ssl.SSLContext | bool:
        is_here = all(host in LOOPBACK or host.startswith("/") for host in self.hosts)
        if self.tls == "disable" or (self.tls == "auto" and is_here):
            return False
        context = ssl.create_default_context(cafile=self.ca_file)
        context.check_hostname = self.tls in ("auto", "verify-full")
        if self.tls == "require":
            context.verify_mode = ssl.CERT_NONE
        return context


class Postgres:
    """prepare: run on the first connection, before any other; gives the schema that the extension is in.
    begin: run on each connection.
    """

    def __init__(
        self,
        provider_id: str,
        server: Server,
        prepare: Callable[[asyncpg.Connection], Awaitable[str]],
        begin: Callable[[asyncpg.Connection], Awaitable[None]],
    ) -> None:
        self._provider_id = provider_id
        self._server = server
        self._prepare = prepare
        self._begin = begin
        self._lock = asyncio.Lock()
        self._pool: asyncpg.Pool | None = None
        self._failed: Exception | None = None  # what became of the last attempt to reach it

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """What `work` returns, given a connection; it is done again if the connection breaks, so it must be repeatable.

        Raises: what `work` does, Unreachable (503), UpstreamTimeout, Overloaded, StorageFull, UpstreamRejected.
        """
        import asyncpg

        deadline = request_context.get().deadline
        for left in reversed(range(ATTEMPTS)):
            try:
                async with asyncio.timeout_at(deadline):
                    pool = await self._ready()
                    connection = await self._acquire(pool)
                    try:
                        return await work(connection)
                    finally:
                        await pool.release(connection)
            except asyncpg.UndefinedTableError:
                raise
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                # Once more if it broke; a server that is not there is not asked thrice.
                if left and (is_contended(error) or (is_lost(error) and left == ATTEMPTS - 1)):
                    await self._expire()
                    continue
                raise self._failure(error, deadline) from error
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close every connection, at once."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def _ready(self) -> asyncpg.Pool:
        if self._pool is None:
            known = self._failed
            async with self._lock:
                # Who waited for an attempt that failed does not make another: the last in line would wait for all.
                if self._pool is None and self._failed is not None and self._failed is not known:
                    raise self._failed.with_traceback(None)
                if self._pool is None:
                    self._pool = await self._first_pool()
        return self._pool

    async def _first_pool(self) -> asyncpg.Pool:
        try:
            return await self._connect()
        except Exception as error:
            self._failed = error
            raise

    async def _connect(self) -> asyncpg.Pool:
        import asyncpg

        arguments = await asyncio.to_thread(self._server.arguments)  # certificates are read from files
        first = await asyncpg.connect(**arguments)
        try:
            schema = await self._prepare(first)
        finally:
            await first.close(timeout=self._server.connect_timeout_s)

        async def set_up(connection: asyncpg.Connection) -> None:
            await connection.set_type_codec(
                "vector", schema=schema, encoder=to_wire, decoder=from_wire, format="binary"
            )
            await self._begin(connection)

        return await asyncpg.create_pool(
            **arguments, min_size=0, max_size=self._server.max_connections, init=set_up, reset=_as_it_is
        )

    async def _acquire(self, pool: asyncpg.Pool) -> Any:
        try:
            return await pool.acquire(timeout=self._server.connect_timeout_s)
        except TimeoutError as error:
            if pool.get_size() < pool.get_max_size():
                raise
            message = (
                f"all {pool.get_max_size()} connections of provider `{self._provider_id}` are in use:"
                " raise its `max_connections`"
            )
            raise Overloaded(message) from error

    async def _expire(self) -> None:
        if self._pool is not None:
            await self._pool.expire_connections()

    def _failure(self, error: Exception, deadline: float | None) -> Exception:
        if isinstance(error, TimeoutError) and deadline is not None and asyncio.get_running_loop().time() >= deadline:
            message = f"the request's deadline passed while waiting for provider `{self._provider_id}`"
            return UpstreamTimeout(message, provider_id=self._provider_id, phase="send", code="deadline_exceeded")
        return failure(error, self._provider_id, self._server.password)


async def _as_it_is(_: object) -> None:
    """What a call sets ends with its transaction: a connection needs no cleaning, and a call one exchange less."""
