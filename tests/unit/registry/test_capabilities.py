"""The table of vector_io providers says what the contract suite demands of each of them."""

from __future__ import annotations

from importlib import import_module

import pytest

from stack.registry.capabilities import VECTOR_IO
from stack.registry.discovery import specs
from stack.testing.vector_io import Settings, VectorIOContract

SUITES = {
    "inline::faiss": ("inline.vector_io.test_faiss", "TestFaiss"),
    "inline::memory": ("inline.vector_io.test_memory", "TestMemory"),
    "inline::sqlite-vec": ("inline.vector_io.test_sqlite_vec", "TestSqliteVec"),
    "remote::chroma": ("remote.chroma.test_chroma_contract", "TestChroma"),
    "remote::milvus": ("remote.milvus.test_milvus_contract", "TestMilvus"),
    "remote::pgvector": ("remote.pgvector.test_pgvector_contract", "TestByHnsw"),
    "remote::qdrant": ("remote.qdrant.test_qdrant_contract", "TestInMemory"),
}


def test_every_provider_has_its_line():
    ours = {spec.provider_type for spec in specs("vector_io") if spec.origin == "stack"}
    assert VECTOR_IO.keys() == SUITES.keys() == ours


@pytest.mark.parametrize("provider_type", SUITES)
def test_the_suite_demands_what_the_table_promises(provider_type):
    module, name = SUITES[provider_type]
    suite = vars(import_module(f"unit.providers.{module}"))[name]
    told = VECTOR_IO[provider_type]
    assert issubclass(suite, VectorIOContract)
    assert suite.keywords
    assert (suite.metrics, suite.recall) == (told.metrics, told.recall)
    has_other = any("other" in vars(part) for part in suite.mro() if part is not Settings)
    assert has_other == told.shared
