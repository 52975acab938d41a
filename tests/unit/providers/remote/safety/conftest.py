"""Providers that call a service which judges, on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from judged import PHRASE, made

from stack.testing.judging import JudgingService, judging


@pytest.fixture
async def service() -> AsyncIterator[JudgingService]:
    async with judging(PHRASE) as running:
        yield running


@pytest.fixture
async def provider_of(service: JudgingService) -> AsyncIterator[Callable[..., Any]]:
    """`provider_of("bedrock", region="eu-west-1")`: a provider that calls the service."""
    providers: list[Any] = []

    def make(name: str, **config: Any) -> Any:
        providers.append(made(name, service.origin, **config))
        return providers[-1]

    yield make
    for each in providers:
        await each.shutdown()
