"""Qdrant against the contract of vector_io, in its client's local mode: there is no server to be had for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from stack.apis.vector_io import VectorIO
from stack.testing.deps import provider_deps
from stack.testing.vector_io import VectorIOContract

pytest.importorskip("qdrant_client", reason="needs `pip install 'qdrant-client>=1.16'`")


class TestInMemory(VectorIOContract):
    path: ClassVar[str] = ":memory:"

    @pytest.fixture
    async def provider(self) -> AsyncIterator[VectorIO]:
        from stack.providers.remote.vector_io.qdrant import Config, Qdrant

        made = Qdrant(Config(path=self.path), provider_deps("qdrant"))
        await made.initialize()
        yield made
        await made.shutdown()
