"""Whether a server should be sent requests: not before it has started, and no more once it is to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from stack.apis.context import request_context
from stack.errors import ShuttingDown, Starting
from stack.routing.instance import Instance
from stack.server.schemas import ProviderTrouble, ReadinessObject

TROUBLE = ("failed", "unavailable")


class Readiness:
    """The state of one server process. Whoever starts a runtime without a server has started it before any request."""

    def __init__(self, instances: Sequence[Instance[Any]]) -> None:
        self._instances = instances
        self.started = asyncio.Event()
        self.started.set()
        self.stopping = False

    async def until_started(self) -> None:
        """Wait for the start as long as the request may take. Raises: Starting."""
        try:
            async with asyncio.timeout_at(request_context.get().deadline):
                await self.started.wait()
        except TimeoutError:
            raise _starting() from None

    def told(self, *, in_full: bool) -> ReadinessObject:
        """Ready, or degraded by providers that failed or do not answer. in_full: name them and say why.

        Raises: Starting, ShuttingDown.
        """
        if self.stopping:
            raise ShuttingDown("the server is stopping")
        if not self.started.is_set():
            raise _starting()
        troubled = [instance for instance in self._instances if instance.status in TROUBLE]
        shown = [ProviderTrouble.of(instance) for instance in troubled] if in_full else None
        return ReadinessObject(status="degraded" if troubled else "ready", providers=shown)


def _starting() -> Starting:
    return Starting("the server has not started all of its providers yet: ask again in a moment")
