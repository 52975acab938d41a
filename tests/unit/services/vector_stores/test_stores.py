"""Stores: made with a model and a provider, listed, changed, deleted; the same in every process."""

from __future__ import annotations

import pytest

from stack.apis.vector_stores import ListRequest, VectorStoreUpdateRequest
from stack.errors import InvalidRequest, NotFound, ProviderUnavailable, RequestError, Unsupported

DECLARED = """
vector_stores:
  default_provider_id: memory
  default_embedding_model: {model_id: playground/lexical-embedding, embedding_dimensions: 64}
  stores:
  - {vector_store_id: docs, provider_id: vec, embedding_dimension: 32, metric: l2}
"""


ONE_IS_DOWN = """
version: 2
image_name: shelf
providers:
  inference:
  - {{provider_id: playground, provider_type: inline::playground}}
  vector_io:
  - {{provider_id: down, provider_type: "remote::pgvector", config: {{host: 127.0.0.1, port: 1}}}}
  - {{provider_id: vec, provider_type: "inline::sqlite-vec"}}
storage: {{state_dir: "{state}"}}
"""


async def names(shelf, **asked) -> list[str]:
    page = await shelf.service.stores.page(ListRequest(**asked))
    return [store.name for store in page.data]


async def test_a_store_gets_the_first_provider_the_first_model_and_its_dimension(shelf):
    store = await shelf.create(name="a", metadata={"team": "shop"}, description="ours")
    assert store == await shelf.service.stores.retrieve(store.id)
    assert (store.provider_id, store.embedding_model) == ("vec", "playground/lexical-embedding")
    assert (store.embedding_dimension, store.metric, store.status) == (384, "cosine", "completed")
    assert (store.metadata, store.description, store.file_counts.total) == ({"team": "shop"}, "ours", 0)


async def test_a_request_chooses_provider_model_dimension_and_metric(shelf):
    store = await shelf.create(
        provider_id="memory", embedding_model="playground/lexical-embedding", embedding_dimension=48, metric="l2"
    )
    assert (store.provider_id, store.embedding_dimension, store.metric) == ("memory", 48, "l2")
    await shelf.insert(store, {"content": "a cat"})
    found = await shelf.query(store, query="cat", params={"include_embeddings": True})
    assert len(found.chunks[0].embedding) == 48


async def test_run_yaml_chooses_where_a_request_does_not(open_shelf):
    store = await (await open_shelf(DECLARED)).create()
    assert (store.provider_id, store.embedding_dimension) == ("memory", 64)


async def test_stores_of_run_yaml_are_there_from_the_start(open_shelf):
    shelf = await open_shelf(DECLARED)
    await shelf.service.keeper.declare()
    store = await shelf.service.stores.retrieve("docs")
    assert (store.name, store.provider_id, store.embedding_dimension, store.metric) == ("docs", "vec", 32, "l2")
    assert await names(shelf) == ["docs"]


@pytest.mark.parametrize(
    ("asked", "error", "param", "why"),
    [
        ({"provider_id": "pg"}, NotFound, "provider_id", "`vec`"),
        ({"embedding_model": "none"}, NotFound, "embedding_model", "`none`"),
        ({"embedding_model": "playground/not-an-llm"}, InvalidRequest, "embedding_model", "an embedding model"),
        ({"embedding_dimension": 9000}, InvalidRequest, "embedding_dimension", "9000.*384"),
        ({"file_ids": ["file-" + "0" * 32]}, NotFound, "file_ids[0]", "no file"),
    ],
)
async def test_what_cannot_be_made_is_refused_and_leaves_nothing(shelf, asked, error, param, why):
    with pytest.raises(error, match=why) as caught:
        await shelf.create(**asked)
    assert caught.value.param == param
    assert await shelf.sql("SELECT id FROM stores") == []


async def test_a_store_that_its_engine_refuses_was_never_there(shelf):
    with pytest.raises(RequestError):
        await shelf.create(
            params={"no such": "setting"}, provider_vector_store_id="x" * 128, embedding_dimension=16_000
        )
    assert (await shelf.sql("SELECT id FROM stores"), await shelf.sql("SELECT kind FROM jobs")) == ([], [])


async def test_a_creation_that_was_killed_is_undone(shelf, clock):
    await shelf.create(name="kept")
    half = await shelf.create(name="half")
    await shelf.sql("UPDATE stores SET phase = 'creating' WHERE id = ?", half.id)
    await shelf.sql("INSERT INTO jobs (kind, store_id, file_id) VALUES ('create', ?, '')", half.id)
    assert await names(shelf) == ["kept"]
    await shelf.service._worker.complete(half.id)
    assert await shelf.sql("SELECT name FROM stores") == [("kept",)]
    assert half.id not in [spec.vector_store_id for spec in await shelf.runtime.vector_io.list_stores()]


async def test_an_update_changes_what_it_names(shelf):
    store = await shelf.create(name="a", metadata={"k": "v"}, expires_after={"anchor": "last_active_at", "days": 2})
    changed = await shelf.service.stores.update(store.id, VectorStoreUpdateRequest(name="b"))
    assert (changed.name, changed.metadata, changed.expires_after) == ("b", {"k": "v"}, store.expires_after)
    cleared = await shelf.service.stores.update(store.id, VectorStoreUpdateRequest(metadata=None, expires_after=None))
    assert (cleared.name, cleared.metadata, cleared.expires_at) == ("b", {}, None)


async def test_a_deleted_store_is_gone_with_its_chunks(shelf):
    store = await shelf.create()
    await shelf.insert(store, {"content": "a cat"})
    await shelf.service.stores.delete(store.id)
    with pytest.raises(NotFound, match=store.id):
        await shelf.search(store, "cat")
    assert await shelf.runtime.vector_io.list_stores() == []
    assert await shelf.sql("SELECT count(*) FROM jobs") == [(0,)]


async def test_two_processes_see_each_others_stores_at_once(shelf, open_shelf):
    other = await open_shelf()
    store = await shelf.create(name="a")
    await shelf.insert(store, {"content": "a cat"})
    assert [chunk.content for chunk in (await other.query(store, query="cat")).chunks] == ["a cat"]
    await other.service.stores.update(store.id, VectorStoreUpdateRequest(name="b"))
    assert (await shelf.service.stores.retrieve(store.id)).name == "b"
    await shelf.service.stores.delete(store.id)
    with pytest.raises(NotFound):
        await other.service.stores.retrieve(store.id)


async def test_stores_survive_a_restart(shelf, open_shelf):
    store = await shelf.create(name="a")
    await shelf.insert(store, {"content": "a cat"})
    await shelf.runtime.stop()
    again = await open_shelf()
    assert [found.content[0].text for found in await again.search(store, "cat")] == ["a cat"]


async def test_a_lost_registry_is_rebuilt_from_the_engines(shelf):
    store = await shelf.create(name="a")
    await shelf.insert(store, {"content": "a cat"})
    await shelf.sql("DELETE FROM stores")
    shelf.service.keeper._unread = list(shelf.service._router.instances.values())
    await shelf.service.keeper.recover()
    assert [found.content[0].text for found in await shelf.search(store, "cat")] == ["a cat"]


async def test_a_lost_store_that_run_yaml_lists_is_taken_up_as_it_is_listed(shelf, open_shelf):
    store = await shelf.create(name="a", embedding_dimension=64)
    await shelf.insert(store, {"content": "a cat"})
    await shelf.sql("DELETE FROM stores")
    listed = f"{{vector_store_id: {store.id}, vector_store_name: a, embedding_dimension: 64}}"
    again = await open_shelf(more=f"vector_stores: {{stores: [{listed}]}}", works=False)
    await again.service.keeper.declare()
    await again.service.keeper.recover()
    found = await again.service.stores.retrieve(store.id)
    assert (found.name, found.embedding_model) == ("a", "playground/lexical-embedding")
    assert [each.content[0].text for each in await again.search(store, "cat")] == ["a cat"]


async def test_an_engine_that_is_down_keeps_no_other_from_being_read(shelf, open_shelf, capsys):
    store = await shelf.create(name="a")
    await shelf.runtime.stop()
    again = await open_shelf(run=ONE_IS_DOWN, works=False)
    await again.sql("DELETE FROM stores")
    await again.service.keeper.recover()
    assert (await again.service.stores.retrieve(store.id)).provider_id == "vec"
    assert "provider=down" in "".join(capsys.readouterr())


async def test_a_declared_store_whose_engine_is_down_is_unavailable_not_unknown(open_shelf):
    declared = "vector_stores: {{stores: [{{vector_store_id: docs, provider_id: down}}]}}\n"
    shelf = await open_shelf(run=ONE_IS_DOWN + declared, works=False)
    await shelf.service.keeper.declare()
    with pytest.raises(ProviderUnavailable, match="`docs` is not made yet") as caught:
        await shelf.service.stores.retrieve("docs")
    assert caught.value.code == "vector_store_unavailable"


async def test_a_store_that_was_deleted_is_not_recovered(shelf):
    store = await shelf.create()
    spec = next(iter(await shelf.runtime.vector_io.list_stores()))
    await shelf.service.stores.delete(store.id)
    await shelf.service.keeper._take_up(spec, shelf.service._router.instances["vec"])
    assert await names(shelf) == []


async def test_a_provider_that_is_gone_makes_its_stores_unavailable_not_empty(shelf, capsys):
    store = await shelf.create()
    await shelf.sql("UPDATE stores SET provider_id = 'gone'")
    with pytest.raises(ProviderUnavailable, match="`gone`") as caught:
        await shelf.search(store, "cat")
    assert (caught.value.status, caught.value.code) == (503, "vector_store_unavailable")
    await shelf.service.keeper.report()
    assert "vector store unavailable" in "".join(capsys.readouterr())
    assert (await shelf.service.stores.retrieve(store.id)).provider_id == "gone"


async def test_a_model_that_is_gone_makes_its_stores_unavailable_not_empty(shelf, capsys):
    store = await shelf.create()
    await shelf.sql("UPDATE stores SET embedding_model = 'playground/gone'")
    with pytest.raises(ProviderUnavailable, match="playground/gone"):
        await shelf.search(store, "cat")
    await shelf.service.keeper.report()
    assert "playground/gone" in "".join(capsys.readouterr())


async def test_a_store_that_its_engine_lost_is_unavailable_and_can_be_deleted(shelf):
    store = await shelf.create(provider_id="memory")
    await shelf.service._router.instances["memory"].answer().delete_store(store.id)
    with pytest.raises(ProviderUnavailable, match="lost"):
        await shelf.search(store, "cat")
    await shelf.service.stores.delete(store.id)
    assert await names(shelf) == []


async def test_without_a_provider_there_are_no_stores(open_shelf):
    run = "version: 2\nproviders:\n  inference: [{{provider_id: p, provider_type: inline::playground}}]\n"
    shelf = await open_shelf(run=run + "storage: {{state_dir: '{state}'}}\n")
    with pytest.raises(Unsupported, match="add a provider under"):
        await shelf.create()


async def test_without_an_embedding_model_callers_bring_vectors(open_shelf):
    run = "version: 2\nproviders:\n  vector_io: [{{provider_id: m, provider_type: inline::memory}}]\n"
    shelf = await open_shelf(run=run + "storage: {{state_dir: '{state}'}}\n")
    with pytest.raises(InvalidRequest, match="embedding_dimension"):
        await shelf.create()
    store = await shelf.create(embedding_dimension=2)
    await shelf.insert(store, {"content": "a", "embedding": [1, 0]})
    assert (await shelf.query(store, embedding=[1, 0])).scores == pytest.approx([1.0])
    with pytest.raises(InvalidRequest, match="no embedding model"):
        await shelf.search(store, "a")
