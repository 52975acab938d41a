"""The vector_io router: calls reach the provider of their store; one that fails is an error, never an empty answer."""

from __future__ import annotations

from array import array

import pytest

from stack.apis.vector_io import EmbeddedChunk, VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import NotFound, ProviderUnavailable, Unreachable, Unsupported
from stack.providers.inline.vector_io.memory import Config, Memory
from stack.registry.discovery import find_spec
from stack.routing.instance import Instance
from stack.routing.vector_io import VectorIORouter
from stack.testing.deps import provider_deps

UP = array("f", [1.0, 0.0])


class Unplugged(VectorIO):
    """An engine that nobody reaches."""

    async def query_chunks(self, vector_store_id, query):
        raise Unreachable("nobody answers", provider_id="far", phase="connect")


def instance(provider_id: str, provider: VectorIO | None) -> Instance[VectorIO]:
    return Instance("vector_io", provider_id, find_spec("vector_io", "inline::memory"), None, provider=provider)


@pytest.fixture
async def router():
    made = [instance(name, Memory(Config(), provider_deps(name))) for name in ("one", "two")]
    router = VectorIORouter([*made, instance("far", Unplugged()), instance("dead", None)])
    for store_id, provider_id in (("a", "one"), ("b", "two"), ("c", "far"), ("d", "dead")):
        router.place(store_id, provider_id)
    for store_id in ("a", "b"):
        await router.create_store(VectorStoreSpec(store_id, 2))
    return router


async def test_each_store_is_with_its_provider(router):
    await router.insert_chunks("a", [EmbeddedChunk("1", "text", UP)])
    assert (await router.count_chunks("a"), await router.count_chunks("b")) == (1, 0)
    assert [each.chunk.chunk_id for each in await router.query_chunks("a", VectorQuery(UP))] == ["1"]
    assert [chunk.content for chunk in await router.get_chunks("a", ["1"])] == ["text"]
    await router.delete_chunks("a", ["1"])
    assert await router.query_chunks("a", VectorQuery(UP)) == []


async def test_a_store_without_a_place_is_not_found(router):
    router.displace("a")
    for asked in (router.count_chunks("a"), router.delete_store("none")):
        with pytest.raises(NotFound) as caught:
            await asked
        assert caught.value.code == "vector_store_not_found"


def test_an_unknown_provider_is_named_with_those_that_there_are(router):
    with pytest.raises(NotFound, match=r"`fa`.*`far`") as caught:
        router.place("e", "fa")
    assert caught.value.param == "provider_id"


async def test_an_engine_that_is_out_of_reach_is_an_error_and_marks_its_provider(router):
    with pytest.raises(Unreachable):
        await router.query_chunks("c", VectorQuery(UP))
    assert router.instances["far"].status == "unavailable"


async def test_a_provider_that_did_not_start_is_an_error(router):
    with pytest.raises(ProviderUnavailable):
        await router.query_chunks("d", VectorQuery(UP))


async def test_the_stores_of_all_that_answer_are_listed(router):
    router.instances["far"].provider = None
    assert sorted(spec.vector_store_id for spec in await router.list_stores()) == ["a", "b"]


async def test_what_a_provider_lacks_it_refuses(router):
    with pytest.raises(Unsupported):
        await router.count_chunks("c")
