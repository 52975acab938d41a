"""A stack with vector stores in a folder of the test, reached both ways."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from integration.reaching import PATIENCE_S, WAYS, Reached, in_process, over_http, server_process

from stack import AsyncStackAsLibraryClient, StackClient

SHELF = Path(__file__).with_name("stack.yaml")


@pytest.fixture(scope="module", params=WAYS)
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    if request.param == "library":
        with in_process(SHELF, variables) as found:
            yield found
        return
    with server_process(SHELF, variables=variables) as server, over_http(server.origin) as found:
        yield found


@pytest.fixture
def client(reached: Reached) -> StackClient:
    return reached.client


@pytest.fixture
def wire(reached: Reached) -> httpx2.Client:
    return reached.wire


@pytest.fixture
async def async_client(tmp_path: Path) -> AsyncIterator[AsyncStackAsLibraryClient]:
    """An asynchronous client of a stack of its own, in the test's loop."""
    env = {**os.environ, "STACK_STATE_DIR": str(tmp_path)}
    async with AsyncStackAsLibraryClient(SHELF, env=env, timeout=PATIENCE_S) as client:
        yield client
