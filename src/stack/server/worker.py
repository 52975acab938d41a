"""One process that serves: uvicorn's server, with our way to end."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from multiprocessing import parent_process
from types import FrameType

import uvicorn

from stack.config.models import ServerConfig
from stack.server.app import App
from stack.server.protocol import Protocol

KEEP_ALIVE_S = 75


class Worker(uvicorn.Server):
    """Serves one app. Whoever asks twice that it ends, by whichever signal, does not want to wait."""

    def __init__(self, app: App, server: ServerConfig) -> None:
        self.app = app
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(Protocol, server),  # type: ignore[arg-type]  # called like the class
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=True,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=math.ceil(server.shutdown_grace_s),
                proxy_headers=False,
            )
        )

    async def on_tick(self, counter: int) -> bool:
        return self.app.refusal is not None or await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.end_now()
        self.app.stop_soon()
        super().handle_exit(sig, frame)

    def end_now(self, *_: object) -> None:
        """Wait for nobody any more."""
        self.should_exit = self.force_exit = True


class Sibling(Worker):
    """One of several. A signal may reach it twice, by its parent and by a terminal or supervisor that tells everyone.

    It ends at once only when its parent says so, and by itself when it has none any more.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.app.stop_soon()
        self.should_exit = True

    async def main_loop(self) -> None:
        parent = parent_process()
        assert parent is not None
        loop = asyncio.get_running_loop()
        loop.add_reader(parent.sentinel, self._orphaned, parent.sentinel)
        await super().main_loop()

    def _orphaned(self, sentinel: int) -> None:
        asyncio.get_running_loop().remove_reader(sentinel)
        self.app.stop_soon()
        self.should_exit = True
