"""The two ways to a stack: over HTTP to a `stack run` process, and in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from stack import StackAsLibraryClient, StackClient
from stack.testing.server_process import ServerProcess, free_port

TESTS = Path(__file__).parents[1]
WAYS = ("http", "library")
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Reached:
    """A stack, by the OpenAI client (`client`) and by requests of any shape (`wire`: paths from the root)."""

    client: StackClient
    wire: httpx2.Client


def server_process(
    config: str | Path,
    *flags: str,
    variables: Mapping[str, str] | None = None,
    port: int | None = None,
    env: Mapping[str, str | None] | None = None,
) -> ServerProcess:
    """`stack run config`, not started yet, in Python's development mode.

    variables: what `${env.X}` stands for; env: added to the environment, or taken away where the value is None.
    """
    port = port or free_port()
    assignments = [word for name, value in (variables or {}).items() for word in ("--env", f"{name}={value}")]
    arguments = ["-m", "stack", "run", str(config), "--port", str(port), *assignments, *flags]
    return ServerProcess(arguments, port=port, env={"PYTHONPATH": str(TESTS), "PYTHONDEVMODE": "1", **(env or {})})


@contextmanager
def over_http(origin: str, api_key: str | None = None) -> Iterator[Reached]:
    """The stack that answers at `origin`."""
    with StackClient(origin, api_key=api_key, timeout=PATIENCE_S) as client:
        yield _reached(client, origin)


@contextmanager
def in_process(
    config: str | Path, variables: Mapping[str, str] | None = None, api_key: str | None = None
) -> Iterator[Reached]:
    """A stack of this process."""
    env = {**os.environ, **(variables or {})}
    with StackAsLibraryClient(str(config), env=env, api_key=api_key, timeout=PATIENCE_S) as client:
        yield _reached(client, "http://localhost")


def _reached(client: StackClient, origin: str) -> Reached:
    # The OpenAI client has no public way to the transport below it, and in process there is no other way in.
    wire = client._client
    wire.base_url = httpx2.URL(origin)
    wire.timeout = httpx2.Timeout(PATIENCE_S)
    return Reached(client, wire)


@contextmanager
def reached_by(way: str, config: str | Path, variables: Mapping[str, str]) -> Iterator[Reached]:
    """A stack of its own, by one of `WAYS`."""
    if way == "library":
        with in_process(config, variables) as found:
            yield found
        return
    with server_process(config, variables=variables) as server, over_http(server.origin) as found:
        yield found
