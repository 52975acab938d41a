"""Servers for hostile callers: one open on loopback, one that soon has waited long enough, one that wants a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.reaching import server_process

from stack.testing.server_process import ServerProcess
from stack.testing.upstream import FaultUpstream

RUN = Path(__file__).with_name("run.yaml")
KEY = "sk-of-the-locked-server-1"


def serving(upstream: FaultUpstream, **variables: str) -> ServerProcess:
    # In development mode a loop also logs what took long, which says nothing of callers.
    quiet = {"PYTHONDEVMODE": None, "PYTHONWARNINGS": "default"}
    return server_process(RUN, variables={"UPSTREAM": upstream.base_url, **variables}, env=quiet)


@pytest.fixture(scope="session")
def target(upstream: FaultUpstream) -> Iterator[ServerProcess]:
    with serving(upstream) as server:
        yield server


@pytest.fixture(scope="session")
def hasty(upstream: FaultUpstream) -> Iterator[ServerProcess]:
    with serving(upstream, CALLERS_S="0.5") as server:
        yield server


@pytest.fixture(scope="session")
def locked(upstream: FaultUpstream) -> Iterator[ServerProcess]:
    with serving(upstream, KEYS=KEY) as server:
        yield server
