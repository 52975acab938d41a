"""Servers for the faults: one for the whole matrix, and one per test where a test stops it or weighs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from integration.faults.connections import unaccepting
from integration.reaching import Reached, over_http, server_process

from stack.testing.server_process import ServerProcess, free_port
from stack.testing.thread import in_thread
from stack.testing.tls import LOCALHOST, server_context
from stack.testing.upstream import FaultUpstream, upstream_thread

HERE = Path(__file__).parent
EXPIRED = HERE / "expired.pem"
# Development mode keeps a trace of each allocation: what is weighed or timed goes without.
AS_USERS_RUN_IT = {"PYTHONDEVMODE": None}
Serving = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whom the matrix's server trusts: both certificates, so that a name or a date is all that is wrong."""
    trusted = tmp_path_factory.mktemp("tls") / "authorities.pem"
    trusted.write_bytes(LOCALHOST.read_bytes() + EXPIRED.read_bytes())
    return trusted


@pytest.fixture(scope="session")
def addresses(upstream: FaultUpstream) -> Iterator[dict[str, str]]:
    with ExitStack() as opened:
        good = opened.enter_context(upstream_thread(tls=server_context(LOCALHOST)))
        # The certificate is for 127.0.0.1; all of 127.0.0.0/8 is this machine.
        misnamed = opened.enter_context(in_thread(FaultUpstream(host="127.0.0.2", tls=server_context(LOCALHOST))))
        expired = opened.enter_context(upstream_thread(tls=server_context(EXPIRED)))
        full = opened.enter_context(unaccepting())
        yield {
            "UPSTREAM": upstream.base_url,
            "REFUSING": f"http://127.0.0.1:{free_port()}/v1",
            # A name longer than DNS has room for: nobody is asked who it is.
            "UNRESOLVED": f"http://{'.'.join(['x' * 60] * 5)}.invalid/v1",
            "UNACCEPTING": f"http://127.0.0.1:{full}/v1",
            "TRUSTED": good.base_url,
            "MISNAMED": misnamed.base_url,
            "EXPIRED": expired.base_url,
        }


@pytest.fixture(scope="session")
def matrix_server(addresses: dict[str, str], authorities: Path) -> Iterator[ServerProcess]:
    env = {"SSL_CERT_FILE": str(authorities)}
    with server_process(HERE / "matrix.yaml", variables=addresses, env=env) as server:
        yield server


@pytest.fixture(scope="session")
def matrix(matrix_server: ServerProcess) -> Iterator[Reached]:
    with over_http(matrix_server.origin) as reached:
        yield reached


@pytest.fixture
async def own_upstream() -> AsyncIterator[FaultUpstream]:
    """An upstream in the test's own loop: no thread of it competes with the callers."""
    async with FaultUpstream() as upstream:
        yield upstream


@pytest.fixture
async def serving(own_upstream: FaultUpstream) -> AsyncIterator[Serving]:
    """`await serving("--strict", GRACE_S=1)`: `one_provider.yaml` with these variables, served as users do.

    first: what the process does before it serves.
    """
    async with AsyncExitStack() as opened:

        async def serving(
            *flags: str, env: dict[str, str] | None = None, first: str = "", **variables: object
        ) -> ServerProcess:
            named = {"UPSTREAM": own_upstream.base_url, **{name: str(value) for name, value in variables.items()}}
            environment = {**AS_USERS_RUN_IT, **(env or {})}
            server = server_process(HERE / "one_provider.yaml", *flags, variables=named, env=environment)
            if first:
                run = f"{first}; import runpy; runpy.run_module('stack', run_name='__main__', alter_sys=True)"
                server.arguments = ("-c", run, *server.arguments[2:])
            # Not in this thread: the server lists the upstream's models while it starts and stops.
            await asyncio.to_thread(server.start)
            opened.push_async_callback(asyncio.to_thread, server.stop)
            return server

        yield serving
