"""Routes over providers that a test makes up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from unit.routing.listing import LOG

from stack.routing.instance import Instance
from stack.routing.routes import Routes


@pytest.fixture
async def routes() -> AsyncIterator[Callable[..., Routes[Any]]]:
    """`routes(instance("a", Listing("x")), ..., registered=[...])`, stopped after the test."""
    made: list[Routes[Any]] = []

    def make(*instances: Instance[Any], registered: Any = ()) -> Routes[Any]:
        made.append(Routes(instances, registered, LOG))
        return made[-1]

    yield make
    for each in made:
        await each.stop()
