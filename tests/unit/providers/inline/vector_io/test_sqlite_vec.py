"""`inline::sqlite-vec` against the contract suite, and what is its own."""

from __future__ import annotations

from typing import Any

import pytest

from stack.apis.vector_io import VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import InvalidRequest
from stack.testing.vector_io import VectorIOContract
from stack.testing.vector_io.reference import assert_best, random_chunks


class TestSqliteVec(VectorIOContract):
    @pytest.fixture
    async def provider(self, start: Any) -> VectorIO:
        return await start("sqlite-vec")

    @pytest.fixture
    async def other(self, start: Any, provider: VectorIO) -> VectorIO:
        return await start("sqlite-vec")


@pytest.fixture
async def sqlite_vec(start: Any) -> Any:
    return await start("sqlite-vec")


@pytest.mark.parametrize("metric", ["cosine", "l2", "inner_product"])
async def test_more_can_be_asked_for_than_the_engine_finds_at_once(metric, sqlite_vec):
    chunks = random_chunks(4_200, 4)
    await sqlite_vec.create_store(VectorStoreSpec("vs", 4, metric))
    await sqlite_vec.insert_chunks("vs", chunks)
    found = await sqlite_vec.query_chunks("vs", VectorQuery(chunks[5].embedding, 10_000))
    assert_best(found, chunks, chunks[5].embedding, metric, 10_000, 1e-4)


async def test_a_dimension_that_the_engine_lacks_is_refused(sqlite_vec):
    with pytest.raises(InvalidRequest, match="8192") as raised:
        await sqlite_vec.create_store(VectorStoreSpec("vs", 9_000))
    assert raised.value.param == "dimension"


async def test_settings_that_it_lacks_are_refused(sqlite_vec):
    with pytest.raises(InvalidRequest, match=r"params\.index"):
        await sqlite_vec.create_store(VectorStoreSpec("vs", 3, params={"index": "hnsw"}))


async def test_sql_cannot_load_extensions(sqlite_vec):
    with pytest.raises(Exception, match="not authorized"):
        await sqlite_vec.database.read(lambda connection: connection.execute("SELECT load_extension('x')").get)
