"""Milvus against the contract of vector_io, on its small server."""

from __future__ import annotations

from typing import Any

import pytest

from stack.apis.vector_io import VectorIO
from stack.testing.vector_io import VectorIOContract


class TestMilvus(VectorIOContract):
    recall = 0.95

    @pytest.fixture
    async def provider(self, make_provider: Any) -> VectorIO:
        return await make_provider()

    @pytest.fixture
    async def other(self, make_provider: Any, provider: VectorIO) -> VectorIO:
        return await make_provider()
