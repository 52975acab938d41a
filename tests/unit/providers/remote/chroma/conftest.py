"""One Chroma for all tests of a run, and providers on a database of each test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from stack.testing.deps import provider_deps
from stack.testing.engines import INSTALL, EngineServer, engine
from stack.testing.http import HOST

RUN = ("run", "--path")
MakeProvider = Callable[..., Awaitable[Any]]


def chroma_server() -> EngineServer:
    if engine("chroma") is None:
        pytest.skip(f"needs a Chroma: `{INSTALL}`")
    return EngineServer("chroma", RUN)


@pytest.fixture(scope="session")
def chroma() -> Iterator[EngineServer]:
    with chroma_server() as server:
        yield server


@pytest.fixture
def own_chroma() -> Iterator[EngineServer]:
    """One that a test may stop."""
    with chroma_server() as server:
        yield server


@pytest.fixture
async def make_provider(request: pytest.FixtureRequest) -> AsyncIterator[MakeProvider]:
    """`await make_provider(url=...)`: a provider that has started, on the same database within a test."""
    from stack.providers.remote.vector_io.chroma import Chroma, Config

    made: list[Chroma] = []
    database = f"test-{uuid.uuid4().hex}"

    async def make(**config: Any) -> Chroma:
        if "url" not in config:
            config["url"] = f"http://{HOST}:{request.getfixturevalue('chroma').port}"
        made.append(Chroma(Config(**{"database": database, **config}), provider_deps("chroma")))
        await made[-1].initialize()
        return made[-1]

    yield make
    for each in made:
        await each.shutdown()
