"""The inline providers on a folder of their own."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, load_config_class
from stack.storage import Storage
from stack.testing.deps import provider_deps

Run = Callable[..., AbstractAsyncContextManager[Any]]
Start = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def running(name: str, folder: Path, provider_id: str = "", **config: Any) -> AsyncIterator[Any]:
    """A provider, started on the state in a folder, as a process of its own would have it."""
    spec = find_spec("vector_io", f"inline::{name}")
    storage = Storage(folder, durability="normal")  # these tests kill nothing
    provider = load_provider_class(spec)(
        load_config_class(spec)(**config), provider_deps(provider_id or name, storage=storage)
    )
    await provider.initialize()
    try:
        yield provider
    finally:
        await provider.shutdown()
        await storage.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`async with run("faiss", index="int8") as provider`: stopped at the end of the block."""
    return partial(running, folder=tmp_path / "state")


@pytest.fixture
async def start(run: Run) -> AsyncIterator[Start]:
    """`await start("faiss", index="int8")`: one more provider on the same state, stopped after the test."""
    async with AsyncExitStack() as stack:

        async def started(name: str, **config: Any) -> Any:
            return await stack.enter_async_context(run(name, **config))

        yield started


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`sizes("settings", INT8_FROM=100)`: other sizes at which indexes change, so that tests need few vectors."""

    def set_sizes(module: str, **sizes: Any) -> None:
        found = importlib.import_module(f"stack.providers.inline.faiss_index.{module}")
        for name, value in sizes.items():
            monkeypatch.setattr(found, name, value)

    return set_sizes
