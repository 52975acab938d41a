"""Where stacks of the tests keep data; and the options of the integration tests, so that any `pytest` knows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stack", "which stack the integration tests talk to")
    group.addoption(
        "--stack-config",
        default="playground",
        metavar="URL|DISTRIBUTION|RUN_YAML|server:NAME",
        help="a stack that runs, one to serve, or (default: playground) one to serve and to run in process",
    )
    group.addoption(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="what ${env.NAME} stands for; may be repeated"
    )
    group.addoption("--text-model", default="playground/not-an-llm", help="the model that chats and completes")
    group.addoption("--embedding-model", default="playground/lexical-embedding", help="the model that embeds")


@pytest.fixture(scope="session", autouse=True)
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stacks of the tests keep their data in a folder of the tests, unless one names another."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STACK_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield
