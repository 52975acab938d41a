"""One Milvus for all tests of a run, and providers with names of each test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from stack.testing.deps import provider_deps
from stack.testing.engines import INSTALL, EngineServer, engine
from stack.testing.http import HOST

RUN = ("server", "--data-dir")
MakeProvider = Callable[..., Awaitable[Any]]


def milvus_server() -> EngineServer:
    pytest.importorskip("pymilvus", reason="needs `pip install 'pymilvus>=2.6'`")
    if engine("milvus-lite") is None:
        pytest.skip(f"needs a Milvus: `{INSTALL}`")
    return EngineServer("milvus-lite", RUN)


@pytest.fixture(scope="session")
def milvus() -> Iterator[EngineServer]:
    with milvus_server() as server:
        yield server


@pytest.fixture
def own_milvus() -> Iterator[EngineServer]:
    """One that a test may stop."""
    with milvus_server() as server:
        yield server


@pytest.fixture
async def make_provider(request: pytest.FixtureRequest) -> AsyncIterator[MakeProvider]:
    """`await make_provider(url=...)`: a provider that has started, with the same names within a test."""
    from stack.providers.remote.vector_io.milvus import Config, Milvus

    made: list[Milvus] = []
    prefix = f"test_{uuid.uuid4().hex}"

    async def make(**config: Any) -> Milvus:
        if "url" not in config:
            config["url"] = f"http://{HOST}:{request.getfixturevalue('milvus').port}"
        made.append(Milvus(Config(**{"collection_prefix": prefix, **config}), provider_deps("milvus")))
        await made[-1].initialize()
        return made[-1]

    yield make
    for each in made:
        await each.shutdown()
