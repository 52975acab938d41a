"""`inline::sqlite-vec` against the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.apis.vector_io import VectorIO
from stack.providers.inline.vector_io.sqlite_vec import Config, SqliteVec
from stack.storage import Storage
from stack.testing.deps import provider_deps
from stack.testing.vector_io import VectorIOContract


async def started(storage: Storage) -> SqliteVec:
    provider = SqliteVec(Config(), provider_deps("sqlite-vec", storage=storage))
    await provider.initialize()
    return provider


class TestSqliteVec(VectorIOContract):
    @pytest.fixture
    async def provider(self, tmp_path: Path) -> AsyncIterator[VectorIO]:
        storage = Storage(tmp_path, durability="normal")
        yield await started(storage)
        await storage.close()

    @pytest.fixture
    async def other(self, tmp_path: Path, provider: VectorIO) -> AsyncIterator[VectorIO]:
        """As another process would have it: connections of its own to the same file."""
        storage = Storage(tmp_path, durability="normal")
        yield await started(storage)
        await storage.close()
