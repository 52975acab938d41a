"""A Postgres that is down, goes down, is slow, refuses, or is full: an error each time, never an empty answer."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import ssl
import sys
import time
import uuid
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from vector_calls import CALLS, STORE, chunk, with_a_chunk

from stack.apis.context import RequestContext, request_context
from stack.apis.vector_io import EmbeddedChunk, VectorQuery, VectorStoreSpec
from stack.errors import (
    InvalidRequest,
    Overloaded,
    ProviderUnavailable,
    StorageFull,
    Unreachable,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
)
from stack.testing.http import HOST
from stack.testing.postgres import DATABASE, PASSWORD, USER, PostgresServer
from stack.testing.server_process import free_port
from stack.testing.tls import LOCALHOST, server_context

INSERTING = Path(__file__).with_name("inserting.py")


async def test_a_server_that_goes_and_comes_back_is_missed_only_in_between(make_provider: Any):
    with PostgresServer() as own:
        provider = await make_provider(host=str(own.folder), port=own.port)
        await with_a_chunk(provider)
        for how in (signal.SIGINT, signal.SIGQUIT):
            own.stop(how)
            for call in CALLS.values():
                with pytest.raises(Unreachable) as raised:
                    await call(provider)
                assert (raised.value.status, raised.value.code) == (503, "storage_unavailable")
                assert raised.value.headers()["retry-after"] == "1"
            own.start()
            began = time.monotonic()
            assert await provider.count_chunks(STORE) == 1
            assert time.monotonic() - began < 20  # where a dead connection would be waited for, it were 60


async def test_a_restart_under_load_loses_nothing_and_empties_no_answer(make_provider: Any):
    with PostgresServer() as own:
        provider = await with_a_chunk(await make_provider(host=str(own.folder), port=own.port))
        acknowledged, failures, working = ["a"], list[Exception](), True

        async def load(worker: int) -> None:
            for n in range(1_000_000):
                if not working:
                    return
                try:
                    await provider.insert_chunks(STORE, [chunk(f"{worker}-{n}")])
                    acknowledged.append(f"{worker}-{n}")
                    assert await CALLS["query"](provider), "an empty answer"
                except UpstreamError as error:
                    failures.append(error)
                    await asyncio.sleep(0.02)

        workers = [asyncio.create_task(load(worker)) for worker in range(4)]
        await until(lambda: len(acknowledged) > 50)
        await asyncio.to_thread(own.stop, signal.SIGQUIT)
        await until(lambda: len(failures) > 4)
        await asyncio.to_thread(own.start)
        before = len(acknowledged)
        await until(lambda: len(acknowledged) > before + 50)
        working = False
        await asyncio.gather(*workers)
        assert {(type(error), error.status) for error in failures} == {(Unreachable, 503)}
        assert len(await provider.get_chunks(STORE, acknowledged)) == len(acknowledged)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_server_that_is_not_there_at_the_start_may_come_later(make_provider: Any):
    with PostgresServer() as own:
        own.stop()
        provider = await make_provider(host=str(own.folder), port=own.port)
        with pytest.raises(Unreachable, match="cannot be reached"):
            await provider.list_stores()
        own.start()
        assert await provider.list_stores() == []


@pytest.mark.parametrize("seed", range(4))
async def test_a_killed_process_leaves_whole_inserts(seed: int, postgres: PostgresServer, make_provider: Any):
    schema = f"killed_{uuid.uuid4().hex}"
    command = [sys.executable, INSERTING, str(postgres.folder), str(postgres.port), schema]
    child = await asyncio.create_subprocess_exec(*command, stdout=-1)
    first = await child.stdout.readline()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(child.wait(), random.Random(seed).uniform(0, 0.2))
    child.kill()
    acknowledged = (first + await child.stdout.read()).split()
    await child.wait()
    provider = await make_provider(db_schema=schema)
    count = await provider.count_chunks("vs_killed")
    assert count % 50 == 0
    assert count // 50 - len(acknowledged) in (0, 1)


async def test_a_wrong_password_is_told_and_not_shown(postgres: PostgresServer, make_provider: Any):
    with pytest.raises(UpstreamRejected) as raised:
        await make_provider(host=HOST, password="not this one")
    assert (raised.value.status, raised.value.code) == (502, "upstream_auth_failed")
    assert "not this one" not in str(raised.value.envelope())


async def test_the_right_password_is_taken(make_provider: Any):
    provider = await make_provider(host=HOST, password=PASSWORD)
    assert await provider.list_stores() == []


async def test_an_unknown_database_is_told(make_provider: Any):
    with pytest.raises(UpstreamRejected, match=r'3D000.*database "nowhere" does not exist'):
        await make_provider(db="nowhere")


async def test_a_role_without_rights_is_told_what_to_run(postgres: PostgresServer, make_provider: Any):
    await execute(postgres, "create role guest login; create database plain")
    with pytest.raises(ProviderUnavailable, match="run `create extension vector`"):
        await make_provider(db="plain", user="guest")
    await execute(postgres, "create extension vector", "plain")
    with pytest.raises(UpstreamRejected, match=r"42501.*permission denied for database plain"):
        await make_provider(db="plain", user="guest")


async def test_an_extension_in_a_schema_of_its_own_is_found(postgres: PostgresServer, make_provider: Any):
    await execute(postgres, "create database apart")
    await execute(postgres, 'create schema "Ext ""s"; create extension vector schema "Ext ""s"', "apart")
    provider = await with_a_chunk(await make_provider(db="apart"))
    for index in ("hnsw", "none"):
        await provider.create_store(VectorStoreSpec(index, 2001, params={"index": index}))
        await provider.insert_chunks(index, [EmbeddedChunk("a", "", array("f", [1] * 2001))])
        assert len(await provider.query_chunks(index, VectorQuery(array("f", [1] * 2001)))) == 1


async def execute(postgres: PostgresServer, sql: str, database: str = DATABASE) -> None:
    import asyncpg

    connection = await asyncpg.connect(host=str(postgres.folder), port=postgres.port, user=USER, database=database)
    try:
        for statement in sql.split("; "):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_deployments_in_schemas_of_their_own_do_not_meet(make_provider: Any):
    one, two = await make_provider(db_schema='a "quoted" one'), await make_provider(db_schema="two")
    await with_a_chunk(one)
    assert await two.list_stores() == []
    await with_a_chunk(two)
    await one.delete_store(STORE)
    assert await two.count_chunks(STORE) == 1


async def test_processes_that_start_at_once_make_one_schema(make_provider: Any):
    providers = await asyncio.gather(*(make_provider() for _ in range(6)))
    assert [await provider.list_stores() for provider in providers] == [[]] * 6


@asynccontextmanager
async def locked(postgres: PostgresServer, provider: Any) -> AsyncIterator[None]:
    """Somebody holds the table of the store for themselves."""
    import asyncpg

    table = await provider._find(STORE)
    connection = await asyncpg.connect(host=str(postgres.folder), port=postgres.port, user=USER, database=DATABASE)
    try:
        async with connection.transaction():
            await connection.execute(table.sql("lock table <table> in access exclusive mode"))
            yield
    finally:
        await connection.close()


async def test_a_statement_that_takes_too_long_is_a_timeout(postgres: PostgresServer, make_provider: Any):
    patient = await with_a_chunk(await make_provider())
    provider = await make_provider(command_timeout_s=2)  # so much that only a lock takes longer
    async with locked(postgres, patient):
        with pytest.raises(UpstreamTimeout) as raised:
            await provider.count_chunks(STORE)
    assert (raised.value.status, raised.value.code) == (504, "upstream_timeout")
    assert await provider.count_chunks(STORE) == 1


async def test_the_deadline_of_a_request_ends_a_wait(postgres: PostgresServer, make_provider: Any):
    provider = await with_a_chunk(await make_provider())
    async with locked(postgres, provider):
        token = request_context.set(RequestContext(deadline=asyncio.get_running_loop().time() + 0.3))
        try:
            with pytest.raises(UpstreamTimeout) as raised:
                await provider.count_chunks(STORE)
        finally:
            request_context.reset(token)
    assert raised.value.code == "deadline_exceeded"
    assert await provider.count_chunks(STORE) == 1


async def test_more_calls_than_connections_wait_and_are_then_told(postgres: PostgresServer, make_provider: Any):
    patient = await with_a_chunk(await make_provider(max_connections=1))
    counts = [patient.count_chunks(STORE) for _ in range(20)]
    assert await asyncio.gather(*counts) == [1] * 20
    provider = await make_provider(max_connections=1, connect_timeout_s=2)
    assert await provider.count_chunks(STORE) == 1
    async with locked(postgres, patient):
        waiting = asyncio.create_task(provider.count_chunks(STORE))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="all 1 connections"):
            await provider.count_chunks(STORE)
    assert await waiting == 1


async def test_a_port_that_takes_connections_and_says_nothing_is_a_timeout(make_provider: Any):
    with socket.create_server((HOST, 0)) as silent:
        provider = await make_provider(host=HOST, port=silent.getsockname()[1], connect_timeout_s=0.3)
        with pytest.raises(UpstreamTimeout):
            await provider.list_stores()


async def test_calls_that_wait_for_one_connection_are_told_of_its_failure_together(make_provider: Any):
    asked: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: asked.append(writer), HOST, 0)
    provider = await make_provider(host=HOST, port=silent.sockets[0].getsockname()[1], connect_timeout_s=0.3)
    before = len(asked)
    told = await asyncio.gather(*(provider.list_stores() for _ in range(20)), return_exceptions=True)
    for writer in asked:
        writer.close()
    silent.close()
    assert [type(each) for each in told] == [UpstreamTimeout] * 20
    assert len(asked) == before + 1


async def test_of_several_hosts_the_one_that_answers_is_used(postgres: PostgresServer, make_provider: Any):
    provider = await make_provider(host=f"/nowhere, {postgres.folder}")
    assert await provider.list_stores() == []


@asynccontextmanager
async def behind_tls(postgres: PostgresServer) -> AsyncIterator[int]:
    """A port that speaks TLS as Postgres does, and hands on what it decrypts; its certificate is for localhost."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            assert await reader.readexactly(8) == bytes.fromhex("0000000804d2162f")  # SSLRequest
            writer.write(b"S")
            await writer.start_tls(server_context())
            up, down = await asyncio.open_connection(HOST, postgres.port)
            with closing(down):
                await asyncio.gather(relay(reader, down), relay(up, writer))

    served = []

    async def serve_quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(OSError):  # a client that does not trust the certificate leaves
            await serve(reader, writer)

    async with await asyncio.start_server(serve_quietly, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*served)


async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with closing(target), suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()


@pytest.mark.parametrize(
    "tls",
    [{"tls": "require"}, {"tls": "verify-ca", "ca_file": LOCALHOST}, {"ca_file": LOCALHOST, "tls": "verify-full"}],
)
async def test_tls_is_spoken(tls: dict[str, Any], postgres: PostgresServer, make_provider: Any):
    async with behind_tls(postgres) as port:
        provider = await make_provider(host="localhost", port=port, password=PASSWORD, **tls)
        assert await provider.list_stores() == []
        await provider.shutdown()


async def test_a_certificate_that_nobody_vouches_for_is_refused(postgres: PostgresServer, make_provider: Any):
    async with behind_tls(postgres) as port:
        provider = await make_provider(host="localhost", port=port, password=PASSWORD, tls="verify-full")
        with pytest.raises(Unreachable, match="TLS") as raised:
            await provider.list_stores()
        assert raised.value.phase == "tls"


async def test_a_server_without_tls_is_refused_where_tls_is_wanted(make_provider: Any):
    provider = await make_provider(host=HOST, tls="verify-full", password=PASSWORD)
    with pytest.raises(Unreachable, match="speaks no TLS"):
        await provider.list_stores()


@pytest.mark.parametrize(
    ("hosts", "tls", "expected"),
    [
        ("/var/run/postgresql", "auto", None),
        ("localhost", "auto", None),
        ("db.example.com", "auto", (ssl.CERT_REQUIRED, True)),
        ("localhost, db.example.com", "auto", (ssl.CERT_REQUIRED, True)),
        ("db.example.com", "disable", None),
        ("db.example.com", "require", (ssl.CERT_NONE, False)),
        ("db.example.com", "verify-ca", (ssl.CERT_REQUIRED, False)),
        ("localhost", "verify-full", (ssl.CERT_REQUIRED, True)),
    ],
)
def test_the_network_is_not_trusted_unless_told(hosts: str, tls: str, expected: Any):
    from stack.providers.remote.vector_io.pgvector import Config, _server

    context = _server(Config.model_validate({"host": hosts, "tls": tls})).arguments()["ssl"]
    assert (context and (context.verify_mode, context.check_hostname)) == (expected or False)


def test_what_sqlstates_mean():
    import asyncpg

    from stack.providers.remote.pgvector.failures import failure

    met = {
        asyncpg.DiskFullError: StorageFull,
        asyncpg.TooManyConnectionsError: Unreachable,
        asyncpg.ReadOnlySQLTransactionError: Unreachable,
        asyncpg.QueryCanceledError: UpstreamTimeout,
        asyncpg.ProgramLimitExceededError: InvalidRequest,
        asyncpg.UniqueViolationError: UpstreamRejected,
    }
    assert {kind: type(failure(kind("text"), "pgvector", "")) for kind in met} == met


async def test_nothing_is_taken_from_the_environment(postgres: PostgresServer, make_provider: Any, monkeypatch: Any):
    for name, value in {
        "PGHOST": "/nowhere",
        "PGPORT": str(free_port()),
        "PGUSER": "nobody",
        "PGSSLMODE": "require",
    }.items():
        monkeypatch.setenv(name, value)
    provider = await make_provider(host=HOST, password=PASSWORD)
    assert await provider.list_stores() == []
