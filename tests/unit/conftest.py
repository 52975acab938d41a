"""Fixtures that several folders use: a real upstream, and providers made as the runtime makes them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, load_config_class
from stack.testing.deps import provider_deps
from stack.testing.upstream import FaultUpstream

PATIENCE_S = 60.0  # a machine that stalls is no service that nobody reaches


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that knows addresses and no names, at once and without asking a network."""
    real = socket.getaddrinfo

    def numeric(host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        return real(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", numeric)


@pytest.fixture
async def upstream() -> AsyncIterator[FaultUpstream]:
    async with FaultUpstream() as running:
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[Callable[..., Any]]:
    """`provider("groq", base_url=..., api_key=...)`: an instance with the id of its type's name, shut down after."""
    made: list[Any] = []

    def make(name: str, provider_id: str | None = None, **config: Any) -> Any:
        spec = find_spec("inference", name if "::" in name else f"remote::{name}")
        deps = provider_deps(provider_id or spec.name)
        settings = load_config_class(spec)
        if "connect_timeout_s" in settings.model_fields:
            config = {"connect_timeout_s": PATIENCE_S} | config
        made.append(load_provider_class(spec)(settings(**config), deps))
        return made[-1]

    yield make
    for each in made:
        await each.shutdown()
