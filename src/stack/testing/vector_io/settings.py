"""What a provider tells of itself, and the fixtures that every part of the suite uses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from stack.apis.vector_io import EmbeddedChunk, Metric, VectorIO, VectorStoreSpec

MakeStore = Callable[..., Awaitable[str]]


class Settings:
    """Class attributes that a subclass sets where its engine differs.

    recall: part of the true 10 nearest that a query must find among 2,000 vectors, on average.
    tolerance: of scores, relative and absolute. keeps_length: embeddings come back as they went in under cosine; else
    only their direction does. keywords: keyword queries are answered; else they must be refused as Unsupported.
    params: settings given to every store that the suite makes.
    """

    metrics: ClassVar[tuple[Metric, ...]] = ("cosine", "l2", "inner_product")
    recall: ClassVar[float] = 1.0
    tolerance: ClassVar[float] = 1e-4
    keeps_length: ClassVar[bool] = True
    keywords: ClassVar[bool] = True
    params: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def other(self) -> VectorIO | None:
        """A second provider on the same engine, where a subclass gives one; None: tests that need it are skipped."""
        return None

    @pytest_asyncio.fixture
    async def make_store(self, provider: VectorIO) -> AsyncIterator[MakeStore]:
        """`await make_store(chunks, dimension=3, metric="cosine")`: the id of a new store that holds them."""
        made: list[str] = []

        async def make(
            chunks: list[EmbeddedChunk] | tuple[EmbeddedChunk, ...] = (),
            dimension: int = 3,
            metric: Metric = "cosine",
            vector_store_id: str = "",
        ) -> str:
            made.append(vector_store_id or f"vs_{uuid.uuid4().hex}")
            await provider.create_store(self.spec(made[-1], dimension, metric))
            if chunks:
                await provider.insert_chunks(made[-1], chunks)
            return made[-1]

        yield make
        for each in made:
            await provider.delete_store(each)

    def spec(self, vector_store_id: str, dimension: int = 3, metric: Metric = "cosine") -> VectorStoreSpec:
        """A store as this provider wants it told."""
        return VectorStoreSpec(vector_store_id, dimension, metric, params=dict(self.params))

    def require(self, metric: Metric) -> None:
        """Skip a test of a metric that the engine does not have."""
        if metric not in self.metrics:
            pytest.skip(f"this provider does not have the metric {metric}")


def needs(other: VectorIO | None) -> VectorIO:
    """A second provider on the same engine, or the test is skipped."""
    if other is None:
        pytest.skip("this engine serves one provider at a time")
    return other
