"""A stack that keeps files in a folder of the test, reached both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from integration.reaching import WAYS, Reached, in_process, over_http, server_process

from stack import StackClient

CONFIG = Path(__file__).parent / "stack.yaml"


@pytest.fixture(scope="module", params=WAYS)
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    if request.param == "library":
        with in_process(CONFIG, variables) as found:
            yield found
        return
    with server_process(CONFIG, variables=variables) as server, over_http(server.origin) as found:
        yield found


@pytest.fixture
def client(reached: Reached) -> StackClient:
    return reached.client


@pytest.fixture
def wire(reached: Reached) -> httpx2.Client:
    return reached.wire
