"""Vector stores by the clients of Llama Stack and OGX, as they come; their answers are held to their own types."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.reaching import server_process
from integration.vector_io.conftest import SHELF

llama_stack_client = pytest.importorskip("llama_stack_client", reason="it installs on Python 3.11 only")
ogx_client = pytest.importorskip("ogx_client", reason="it installs on Python 3.11 only")

MODEL = "playground/lexical-embedding"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    with server_process(SHELF, variables=variables) as server:
        yield server.origin


def test_llama_stack_makes_fills_queries_and_deletes(address):
    with llama_stack_client.LlamaStackClient(base_url=address, _strict_response_validation=True) as client:
        store = client.vector_stores.create(name="x", embedding_model=MODEL, embedding_dimension=64)
        chunk = {"content": "a cat", "metadata": {"document_id": "d1"}}
        client.vector_io.insert(vector_db_id=store.id, chunks=[chunk])
        found = client.vector_io.query(vector_db_id=store.id, query="cat", params={"max_chunks": 2, "mode": "hybrid"})
        assert (found.chunks[0].content, found.chunks[0].metadata) == ("a cat", {"document_id": "d1"})
        assert client.vector_stores.update(store.id, name="y").name == "y"
        assert store.id in [each.id for each in client.vector_stores.list().data]
        assert client.vector_stores.delete(store.id).deleted


def test_llama_stack_searches(address):
    # Its type has one text for `search_query`, where OpenAI has a list.
    with llama_stack_client.LlamaStackClient(base_url=address) as client:
        store = client.vector_stores.create(name="x")
        client.vector_io.insert(vector_db_id=store.id, chunks=[{"content": "a cat", "metadata": {}}])
        assert client.vector_stores.search(store.id, query="cat").data[0].content[0].text == "a cat"


def test_ogx_makes_fills_searches_and_deletes(address):
    chunk = {"content": "a cat", "chunk_id": "1", "chunk_metadata": {"source": "s"}, "embedding": [1.0] + [0.0] * 383}
    about = {"embedding_model": MODEL, "embedding_dimension": 384}
    with ogx_client.OgxClient(base_url=address, _strict_response_validation=True) as client:
        store = client.vector_stores.create(name="x")
        client.vector_io.insert(vector_store_id=store.id, chunks=[{**chunk, **about}])
        # Its type demands the vectors, which are left out unless they are asked for.
        found = client.vector_io.query(vector_store_id=store.id, query="cat", params={"include_embeddings": True})
        assert (found.chunks[0].chunk_id, found.chunks[0].embedding[0]) == ("1", 1.0)
        weighted = {"ranker": "weighted", "alpha": 0.7}
        page = client.vector_stores.search(store.id, query="cat", search_mode="hybrid", ranking_options=weighted)
        assert (page.data[0].content[0].text, page.search_query) == ("a cat", ["cat"])
        assert client.vector_stores.files.list(store.id).data == []
        assert client.vector_stores.delete(store.id).deleted
