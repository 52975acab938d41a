"""What is refused before a socket is served."""

from __future__ import annotations

import logging
import socket

import pytest
import structlog

from stack.config.models import AuthConfig, RunConfig, ServerConfig
from stack.errors import ConfigError
from stack.server.serve import serve


def config(**server: object) -> RunConfig:
    return RunConfig("run.yaml", "test", [], {}, [], ServerConfig.model_validate(server))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::1234", "127.example.com", "localhost.example.com"])
def test_an_address_that_others_reach_needs_a_key(host: str):
    with pytest.raises(ConfigError, match="no API key is configured"):
        serve(config(host=host))


@pytest.fixture
def logs_as_before():
    """Serving configures the logs of its process: here that is pytest's."""
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    structlog.reset_defaults()


@pytest.mark.usefixtures("logs_as_before")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("keys", [[], ["a-key-of-this-server-only"]])
def test_a_port_that_is_taken_is_told(host: str, keys: list[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="choose another") as raised:
        serve(config(host=host, port=taken.getsockname()[1], auth=AuthConfig.model_validate({"api_keys": keys})))
    assert "address already in use" in str(raised.value)
