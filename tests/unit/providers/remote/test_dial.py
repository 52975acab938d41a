"""The way to an upstream's socket: addresses take turns, none holds up the next, and no socket is left behind."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest
from integration.faults.connections import unaccepting

from stack.providers.remote import dial
from stack.providers.remote.dial import HEAD_START_S, Target, connect, resolve
from stack.testing.server_process import free_port


def at(port: int) -> Target:
    return socket.AF_INET, ("127.0.0.1", port)


@pytest.fixture
def silent() -> Iterator[Target]:
    """An address that neither takes a connection nor refuses it."""
    with unaccepting() as port:
        yield at(port)


@pytest.fixture
def accepting() -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield at(listener.getsockname()[1])


async def test_a_silent_address_costs_its_head_start(silent: Target, accepting: Target):
    began = time.perf_counter()
    async with asyncio.timeout(60):
        opened = await connect([silent, accepting])
    with opened:
        assert opened.getpeername() == accepting[1]
    assert time.perf_counter() - began >= HEAD_START_S * 0.9


async def test_an_address_that_refuses_costs_nothing(accepting: Target, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dial, "HEAD_START_S", 3600)
    async with asyncio.timeout(60):
        opened = await connect([at(free_port()), at(free_port()), accepting])
    with opened:
        assert opened.getpeername() == accepting[1]


async def test_it_fails_once_all_have(silent: Target):
    with pytest.raises(ConnectionRefusedError):
        await connect([at(free_port()), at(free_port())])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await connect([silent])


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch):
    six, four = socket.AF_INET6, socket.AF_INET
    known = [(six, ("::1", 1, 0, 0)), (six, ("::2", 1, 0, 0)), (six, ("::2", 1, 0, 0)), (four, ("127.0.0.1", 1))]
    found = [(family, socket.SOCK_STREAM, 6, "", sockaddr) for family, sockaddr in known]

    async def getaddrinfo(*_: object, **__: object) -> object:
        return found

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", getaddrinfo, raising=True)
    assert await resolve("upstream", 1) == [known[0], known[3], known[1]]
