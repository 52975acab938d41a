"""The stack that `--stack-config` names, reached both ways; and the lab, whose upstream fails on request."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import httpx2
import pytest
from integration.lab import CANARIES, LAB
from integration.reaching import PATIENCE_S, WAYS, Reached, in_process, over_http, server_process

from stack import AsyncStackAsLibraryClient, AsyncStackClient, StackClient
from stack.testing.server_process import ServerProcess, free_port
from stack.testing.tls import LOCALHOST, server_context
from stack.testing.upstream import FaultUpstream, upstream_thread


class Chosen:
    """What the options say. origin: a stack that runs already; config: one that the tests start."""

    def __init__(self, config: pytest.Config) -> None:
        named: str = config.getoption("--stack-config")
        self.origin = named.rstrip("/").removesuffix("/v1") if named.startswith(("http://", "https://")) else ""
        self.config = named.removeprefix("server:")
        self.ways = WAYS if self.config == named and not self.origin else ("http",)
        self.variables = dict(assignment.split("=", 1) for assignment in config.getoption("--env"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`way`: each test that asks for the chosen stack runs once per way to it."""
    if "way" in metafunc.fixturenames:
        metafunc.parametrize("way", Chosen(metafunc.config).ways)


@pytest.fixture(scope="session")
def chosen(pytestconfig: pytest.Config) -> Chosen:
    return Chosen(pytestconfig)


@pytest.fixture(scope="session")
def origin(chosen: Chosen) -> Iterator[str]:
    """Scheme, host and port of the chosen stack."""
    with ExitStack() as opened:
        running = (
            chosen.origin or opened.enter_context(server_process(chosen.config, variables=chosen.variables)).origin
        )
        yield running


@pytest.fixture(scope="session")
def http(origin: str) -> Iterator[Reached]:
    with over_http(origin) as reached:
        yield reached


@pytest.fixture(scope="session")
def library(chosen: Chosen) -> Iterator[Reached]:
    with in_process(chosen.config, chosen.variables) as reached:
        yield reached


@pytest.fixture
def reached(way: str, request: pytest.FixtureRequest) -> Reached:
    found: Reached = request.getfixturevalue(way)
    return found


@pytest.fixture
def client(reached: Reached) -> StackClient:
    return reached.client


@pytest.fixture
def wire(reached: Reached) -> httpx2.Client:
    return reached.wire


@pytest.fixture
async def async_client(way: str, chosen: Chosen, request: pytest.FixtureRequest) -> AsyncIterator[AsyncStackClient]:
    """The asynchronous twin of `client`, in the test's own loop."""
    made = (
        AsyncStackClient(request.getfixturevalue("origin"), timeout=PATIENCE_S)
        if way == "http"
        else AsyncStackAsLibraryClient(chosen.config, env={**os.environ, **chosen.variables})
    )
    async with made as client:
        yield client


@pytest.fixture
def text_model(client: StackClient, pytestconfig: pytest.Config) -> str:
    return _served(client, pytestconfig, "--text-model")


@pytest.fixture
def embedding_model(client: StackClient, pytestconfig: pytest.Config) -> str:
    return _served(client, pytestconfig, "--embedding-model")


def _served(client: StackClient, config: pytest.Config, option: str) -> str:
    wanted: str = config.getoption(option)
    if wanted not in {model.id for model in client.models.list()}:
        pytest.skip(f"this stack does not list `{wanted}`: name a model with `{option}`")
    return wanted


@pytest.fixture(scope="session")
def upstream() -> Iterator[FaultUpstream]:
    """The upstream behind the lab's providers."""
    with upstream_thread() as running:
        yield running


@pytest.fixture(scope="session")
def lab_variables(upstream: FaultUpstream) -> Iterator[dict[str, str]]:
    closed = f"http://127.0.0.1:{free_port()}/v1"
    with upstream_thread(tls=server_context(LOCALHOST)) as untrusted:
        addresses = {"UPSTREAM": upstream.base_url, "AZURE_UPSTREAM": upstream.origin, "CLOSED": closed}
        yield {**addresses, "SELF_SIGNED": untrusted.base_url, **CANARIES}


@pytest.fixture(scope="session")
def lab_server(lab_variables: dict[str, str]) -> Iterator[ServerProcess]:
    with server_process(LAB, variables=lab_variables) as server:
        yield server


@pytest.fixture(scope="session")
def lab_http(lab_server: ServerProcess) -> Iterator[Reached]:
    with over_http(lab_server.origin) as reached:
        yield reached


@pytest.fixture(scope="session")
def lab_library(lab_variables: dict[str, str]) -> Iterator[Reached]:
    with in_process(LAB, lab_variables) as reached:
        yield reached


@pytest.fixture(params=WAYS)
def lab(request: pytest.FixtureRequest) -> Reached:
    """The lab, once over HTTP and once in process."""
    found: Reached = request.getfixturevalue(f"lab_{request.param}")
    return found
