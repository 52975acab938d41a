"""A stack whose models stand behind shields, over HTTP and in process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.reaching import WAYS, Reached, in_process, over_http, server_process

GUARDED = Path(__file__).parent / "stack.yaml"


@pytest.fixture(scope="session", params=WAYS)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    if request.param == "library":
        with in_process(GUARDED, variables) as reached:
            yield reached
    else:
        with server_process(GUARDED, variables=variables) as server, over_http(server.origin) as reached:
            yield reached
