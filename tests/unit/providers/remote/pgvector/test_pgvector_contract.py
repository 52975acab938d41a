"""pgvector against the contract of vector_io, on a real Postgres, with each kind of index."""

from __future__ import annotations

from typing import Any

import pytest

from stack.apis.vector_io import VectorIO
from stack.testing.vector_io import Settings, VectorIOContract
from stack.testing.vector_io.filtering import Filtering
from stack.testing.vector_io.vectors import Vectors


class _OnPostgres(Settings):
    tolerance = 1e-4
    config: dict[str, Any] = {}  # noqa: RUF012 - as the suite's own settings

    @pytest.fixture
    async def provider(self, make_provider: Any) -> VectorIO:
        return await make_provider(**self.config)

    @pytest.fixture
    async def other(self, make_provider: Any, provider: VectorIO) -> VectorIO:
        return await make_provider(**self.config)


class TestByHnsw(_OnPostgres, VectorIOContract):
    recall = 0.95


class TestExactly(_OnPostgres, Vectors, Filtering):
    params = {"index": "none"}  # noqa: RUF012
