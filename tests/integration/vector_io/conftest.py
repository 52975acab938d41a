"""A stack with vector stores in a folder of the test, reached both ways."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from integration.reaching import PATIENCE_S, WAYS, Reached, reached_by

from stack import AsyncStackAsLibraryClient

SHELF = Path(__file__).with_name("stack.yaml")


@pytest.fixture(scope="module", params=WAYS)
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    with reached_by(request.param, SHELF, variables) as found:
        yield found


@pytest.fixture
async def async_client(tmp_path: Path) -> AsyncIterator[AsyncStackAsLibraryClient]:
    """An asynchronous client of a stack of its own, in the test's loop."""
    env = {**os.environ, "STACK_STATE_DIR": str(tmp_path)}
    async with AsyncStackAsLibraryClient(SHELF, env=env, timeout=PATIENCE_S) as client:
        yield client
