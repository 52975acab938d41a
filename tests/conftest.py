"""The options of the integration tests; declared here, so that `pytest` without a path knows them too."""

from __future__ import annotations

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
