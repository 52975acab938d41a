"""Servers for hostile callers: one open on loopback, one that wants a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.reaching import server_process

from stack.testing.server_process import ServerProcess
from stack.testing.upstream import FaultUpstream

RUN = Path(__file__).with_name("run.yaml")
KEY = "sk-of-the-locked-server-1"


@pytest.fixture(scope="session")
def target(upstream: FaultUpstream) -> Iterator[ServerProcess]:
    with server_process(RUN, variables={"UPSTREAM": upstream.base_url}) as server:
        yield server


@pytest.fixture(scope="session")
def locked(upstream: FaultUpstream) -> Iterator[ServerProcess]:
    with server_process(RUN, variables={"UPSTREAM": upstream.base_url, "KEYS": KEY}) as server:
        yield server
