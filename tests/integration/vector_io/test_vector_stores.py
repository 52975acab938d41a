"""Vector stores by OpenAI's own client and by raw requests, over HTTP and in process."""

from __future__ import annotations

import functools
import json
from contextlib import contextmanager

import openai
import pytest

CATS = b"# Pets\n\n" + b"Cats sleep most of the day. " * 200
EQUAL = {"type": "eq", "key": "a", "value": 1}
DEEP = functools.reduce(lambda inner, _: {"type": "and", "filters": [inner]}, range(100), EQUAL)


@contextmanager
def refused(status, code, param):
    with pytest.raises(openai.APIStatusError) as caught:
        yield
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (status, code, param)


@pytest.fixture
def file(client):
    return client.files.create(file=("pets.md", CATS), purpose="assistants")


@pytest.fixture
def store(client):
    return client.vector_stores.create(name="pets")


def test_a_store_is_made_listed_changed_and_deleted(client):
    store = client.vector_stores.create(
        name="a", metadata={"k": "v"}, expires_after={"anchor": "last_active_at", "days": 3}
    )
    assert store in client.vector_stores.list(limit=100).data
    assert client.vector_stores.retrieve(store.id) == store
    assert (store.object, store.status, store.expires_after.days) == ("vector_store", "completed", 3)
    changed = client.vector_stores.update(store.id, name="b")
    assert (changed.name, changed.metadata) == ("b", {"k": "v"})
    assert client.vector_stores.delete(store.id).deleted
    with refused(404, "vector_store_not_found", "vector_store_id"):
        client.vector_stores.retrieve(store.id)


def test_lists_are_walked_by_the_client(client):
    made = {client.vector_stores.create(name=f"page {number}").id for number in range(5)}
    walked = [store.id for store in client.vector_stores.list(limit=2)]
    assert made <= set(walked)
    assert len(walked) == len(set(walked))


def test_a_file_is_added_searched_read_changed_and_taken_out(client, store, file):
    files = client.vector_stores.files
    added = files.create_and_poll(file.id, vector_store_id=store.id, attributes={"year": 2024, "kind": "pets"})
    assert (added.status, added.last_error, added.vector_store_id) == ("completed", None, store.id)
    old = {"type": "lt", "key": "year", "value": 2024}
    assert client.vector_stores.search(store.id, query="cats", filters=old).data == []
    (found, *_) = client.vector_stores.search(store.id, query="cats", max_num_results=2).data
    assert (found.file_id, found.filename, found.attributes["kind"]) == (file.id, "pets.md", "pets")
    assert "".join(part.text for part in files.content(file.id, vector_store_id=store.id)).startswith("# Pets")
    assert files.update(file.id, vector_store_id=store.id, attributes={"year": 1999}).attributes == {"year": 1999}
    assert len(client.vector_stores.search(store.id, query="cats", filters=old).data) > 0
    assert files.delete(file.id, vector_store_id=store.id).deleted
    assert client.vector_stores.search(store.id, query="cats").data == []
    assert client.files.retrieve(file.id).id == file.id


def test_a_batch_is_uploaded_and_waited_for(client, store):
    texts = [(f"{number}.txt", b"Text number %d. " % number * 50) for number in range(4)]
    batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=texts)
    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 4, 4)
    listed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="completed")
    assert len(listed.data) == 4
    assert client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id).status == "completed"


def test_the_page_of_results_is_openais(wire, client, store, file):
    client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
    page = wire.post(f"/v1/vector_stores/{store.id}/search", json={"query": "cats", "max_num_results": 1}).json()
    assert set(page) == {"object", "search_query", "data", "has_more", "next_page"}
    assert (page["object"], page["search_query"]) == ("vector_store.search_results.page", ["cats"])
    assert {"file_id", "filename", "score", "attributes", "content"} <= set(page["data"][0])
    assert page["data"][0]["content"][0]["type"] == "text"


def test_a_store_has_our_settings_as_extra_fields(client):
    store = client.vector_stores.create(extra_body={"embedding_dimension": 64, "metric": "l2", "provider_id": "sqlite"})
    assert (store.embedding_dimension, store.metric, store.provider_id) == (64, "l2", "sqlite")
    with refused(400, "invalid_request", "colour"):
        client.vector_stores.create(extra_body={"colour": "red"})


def test_chunks_are_inserted_and_found(client, store):
    chunks = [
        {"chunk_id": "1", "content": "a sleeping cat", "metadata": {"legs": 4}, "chunk_metadata": {"page": [1, 2]}},
        {"content": "a barking dog", "embedding": [0.0] * 383 + [1.0]},
    ]
    client.vector_io.insert(vector_store_id=store.id, chunks=chunks)
    found = client.vector_io.query(vector_store_id=store.id, query="cats", params={"max_chunks": 1, "mode": "hybrid"})
    (chunk,) = found.chunks
    assert (chunk.chunk_id, chunk.metadata, chunk.chunk_metadata) == ("1", {"legs": 4}, {"page": [1, 2]})
    assert len(found.scores) == 1
    found = client.vector_io.query(vector_store_id=store.id, embedding=[0.0] * 383 + [2.0])
    assert (found.chunks[0].content, found.scores[0]) == ("a barking dog", pytest.approx(1.0, abs=1e-6))


async def test_the_asynchronous_client_does_the_same(async_client):
    store = await async_client.vector_stores.create(name="a")
    file = await async_client.files.create(file=("pets.md", CATS), purpose="assistants")
    await async_client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
    await async_client.vector_io.insert(vector_store_id=store.id, chunks=[{"content": "zebras graze"}])
    found = await async_client.vector_io.query(vector_store_id=store.id, query="zebras graze")
    assert found.chunks[0].content == "zebras graze"
    page = await async_client.vector_stores.search(store.id, query="cats")
    assert page.data[0].file_id == file.id


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/vector_stores/{id}/search", {}, 400, "query"),
        ("/v1/vector_stores/{id}/search", {"query": "a", "max_num_results": 99}, 400, "max_num_results"),
        ("/v1/vector_stores/{id}/search", {"query": "a", "filters": {**EQUAL, "type": "is"}}, 400, "filters.type"),
        ("/v1/vector_stores/{id}/search", {"query": "a\0"}, 400, "query"),
        ("/v1/vector_stores/{id}/search", {"query": "a\ud800"}, 400, "query"),
        ("/v1/vector_stores/{id}/search", {"query": "a", "filters": DEEP}, 400, "filters.filters[0].filters"),
        ("/v1/vector_stores/{id}/search", {"query": "a", "filters": {**EQUAL, "value": "\0"}}, 400, "filters"),
        ("/v1/vector_stores", {"metadata": {"a": "\udc00"}}, 400, "metadata.a"),
        ("/v1/vector_stores/none/search", {"query": "a"}, 404, "vector_store_id"),
        ("/v1/vector_stores/{id}/files", {"file_id": "file-none"}, 404, "file_id"),
        ("/v1/vector_stores/{id}/files/file-none", {"attributes": {}}, 404, "file_id"),
        ("/v1/vector_stores/{id}/file_batches", {"file_ids": ["file-none"]}, 404, "file_ids[0]"),
        ("/v1/vector_stores/{id}/file_batches/none/cancel", {}, 404, "batch_id"),
        ("/v1/vector_stores", {"file_ids": ["file-none"]}, 404, "file_ids[0]"),
        ("/v1/vector-io/insert", {"vector_store_id": "none", "chunks": [{"content": "a"}]}, 404, "vector_store_id"),
        (
            "/v1/vector-io/insert",
            {"vector_store_id": "{id}", "chunks": [{"content": "a", "embedding": [1, 2]}]},
            400,
            "chunks[0].embedding",
        ),
        ("/v1/vector-io/query", {"vector_store_id": "{id}"}, 400, None),
    ],
)
def test_what_is_wrong_is_named_over_http(wire, store, path, body, status, param):
    if body.get("vector_store_id") == "{id}":
        body = {**body, "vector_store_id": store.id}
    sent = json.dumps(body)  # in ASCII, so that it can tell half of a surrogate pair
    answer = wire.post(path.format(id=store.id), content=sent, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999", b'"1"', b"null"])
def test_what_is_no_number_is_refused_and_nothing_is_stored(wire, store, number):
    chunk = b'{"content": "a", "embedding": [1, %s]}' % number
    body = b'{"vector_store_id": "%s", "chunks": [{"content": "good"}, %s]}' % (store.id.encode(), chunk)
    answer = wire.post("/v1/vector-io/insert", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    found = wire.post("/v1/vector-io/query", json={"vector_store_id": store.id, "query": "good"})
    assert found.json()["chunks"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "order=up", "after=vs_none", "page=2"])
def test_a_page_that_is_none_is_refused(wire, query):
    answer = wire.get(f"/v1/vector_stores?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize(
    ("path", "allowed"), [("/v1/vector_stores", "GET, POST"), ("/v1/vector_stores/vs_1", "DELETE, GET, POST")]
)
def test_every_method_of_a_path_is_told(wire, path, allowed):
    answer = wire.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
