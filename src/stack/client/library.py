"""A whole stack inside this process: the OpenAI client over the server's own app, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import httpx2

from stack.client.blocking import BlockingTransport
from stack.client.http import AsyncStackClient, ClientOptions, StackClient
from stack.client.transport import AppTransport
from stack.errors import ConfigError

if TYPE_CHECKING:
    from stack.config.models import RunConfig

_IN_PROCESS = "http://localhost"  # a name for the `host` header; nothing is looked up


class StackTransport(httpx2.AsyncBaseTransport):
    """Answers with the stack that `config` describes: started by the first request, stopped once by `aclose`."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self._starting = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._app: AppTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> AppTransport:
        """Start the stack unless it runs. Raises RuntimeError in another event loop than that of the first call."""
        from stack.config.models import secret_values
        from stack.logs import configure_embedded_logs
        from stack.runtime import Runtime  # providers and server load when a stack starts, not with the client
        from stack.server.app import create_app

        async with self._starting:
            loop = asyncio.get_running_loop()
            if self._app is None:
                configure_embedded_logs(secret_values(self.config))
                async with AsyncExitStack() as opening:
                    runtime = Runtime(self.config)
                    opening.push_async_callback(runtime.stop)  # also when the start is cancelled half way
                    await runtime.start()
                    self._app = await opening.enter_async_context(AppTransport(create_app(runtime)))
                    self._opened, self._loop = opening.pop_all(), loop
            if self._loop is not loop:
                raise RuntimeError("this client runs in the event loop of its first request: make one in each loop")
            return self._app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        app = self._app if self._loop is asyncio.get_running_loop() else None
        return await (app or await self.start()).handle_async_request(request)

    async def aclose(self) -> None:
        await self._opened.aclose()


class StackAsLibraryClient(StackClient):
    """`StackClient` for a stack in this process, on an event-loop thread that the first request starts.

    config: a distribution name, the path of a run.yaml, or a loaded `RunConfig`.
    env: what `${env.X}` sees instead of this process's environment.
    Works inside a running event loop and from many threads. `close()`, leaving the `with` block, or the end of the
    interpreter stops the stack. Raises ConfigError and BadConfig when made, not at the first request.
    base_url, http_client: as `with_options` hands them on to a client of the same stack.
    """

    def __init__(
        self,
        config: str | Path | RunConfig | StackTransport,
        *,
        env: Mapping[str, str] | None = None,
        api_key: str | Callable[[], str] | None = None,
        provider_data: Mapping[str, Any] | None = None,
        base_url: str | httpx2.URL = _IN_PROCESS,
        http_client: httpx2.Client | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._stack = _stack(config, env)
        http_client = http_client or httpx2.Client(transport=BlockingTransport(self._stack), follow_redirects=True)
        super().__init__(base_url, api_key=api_key, provider_data=provider_data, http_client=http_client, **options)

    def copy(self, **options: Any) -> Self:
        """The same stack with other settings, as in `client.with_options(timeout=5)`."""
        return super().copy(**options, _extra_kwargs={"config": self._stack})

    with_options = copy


class AsyncStackAsLibraryClient(AsyncStackClient):
    """`AsyncStackClient` for a stack in this process, in the event loop of its first request.

    config, env and errors: as for `StackAsLibraryClient`. `close()` or leaving the `async with` block stops the stack.
    """

    def __init__(
        self,
        config: str | Path | RunConfig | StackTransport,
        *,
        env: Mapping[str, str] | None = None,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        provider_data: Mapping[str, Any] | None = None,
        base_url: str | httpx2.URL = _IN_PROCESS,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._stack = _stack(config, env)
        http_client = http_client or httpx2.AsyncClient(transport=self._stack, follow_redirects=True)
        super().__init__(base_url, api_key=api_key, provider_data=provider_data, http_client=http_client, **options)
        self._platform = "Unknown"  # finding it out takes a worker thread, and only we would be told

    async def initialize(self) -> None:
        """Start the stack now; the first request does it otherwise."""
        await self._stack.start()

    def copy(self, **options: Any) -> Self:
        """The same stack with other settings, as in `client.with_options(timeout=5)`."""
        return super().copy(**options, _extra_kwargs={"config": self._stack})

    with_options = copy


def _stack(config: str | Path | RunConfig | StackTransport, env: Mapping[str, str] | None) -> StackTransport:
    from stack.config.load import parse_run_config  # a client over HTTP needs neither YAML nor templates
    from stack.config.models import RunConfig
    from stack.distribution import run_config_source

    if isinstance(config, StackTransport):
        return config
    if isinstance(config, RunConfig):
        if env is not None:
            raise ConfigError("`env` has no effect on a `RunConfig`: give it to the loader, or give a path here")
        return StackTransport(config)
    return StackTransport(parse_run_config(*run_config_source(str(config)), env))
