"""`inline::faiss` against the contract suite, with each kind of index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stack.apis.vector_io import VectorIO
from stack.providers.inline.vector_io.faiss import Config, Faiss
from stack.storage import Storage
from stack.testing.deps import provider_deps
from stack.testing.vector_io import VectorIOContract


class FaissContract(VectorIOContract):
    config: ClassVar[dict[str, Any]] = {}

    async def started(self, folder: Path) -> AsyncIterator[VectorIO]:
        storage = Storage(folder, durability="normal")
        provider = Faiss(Config(**self.config), provider_deps("faiss", storage=storage))
        await provider.initialize()
        yield provider
        await provider.shutdown()
        await storage.close()

    @pytest.fixture
    async def provider(self, tmp_path: Path) -> AsyncIterator[VectorIO]:
        async for made in self.started(tmp_path):
            yield made

    @pytest.fixture
    async def other(self, tmp_path: Path, provider: VectorIO) -> AsyncIterator[VectorIO]:
        """As another process would have it: an index and connections of its own to the same file."""
        async for made in self.started(tmp_path):
            yield made


class TestFaiss(FaissContract):
    pass


class TestFaissInHalfPrecision(FaissContract):
    config: ClassVar[dict[str, Any]] = {"index": "fp16"}


class TestFaissInBytes(FaissContract):
    config: ClassVar[dict[str, Any]] = {"index": "int8"}
