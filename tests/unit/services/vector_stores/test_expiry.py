"""Stores that nobody uses expire: at access, and by themselves; their chunks go, and nobody can use them."""

from __future__ import annotations

import asyncio

import pytest

from stack.apis.vector_stores import VectorStoreUpdateRequest
from stack.errors import InvalidRequest

DAY_S = 24 * 3600
TWO_DAYS = {"anchor": "last_active_at", "days": 2}


@pytest.fixture
async def store(shelf):
    made = await shelf.create(expires_after=TWO_DAYS)
    await shelf.add(made, "A cat sleeps.")
    return made


async def chunks_gone(shelf):
    while await shelf.sql("SELECT 1 FROM jobs"):
        await asyncio.sleep(0.01)
    return await shelf.runtime.vector_io.list_stores() == []


async def test_a_store_tells_when_it_expires(shelf, store):
    assert store.expires_at == store.last_active_at + 2 * DAY_S


async def test_use_puts_it_off(shelf, store):
    for _ in range(3):
        shelf.clock.now += 1.5 * DAY_S
        assert len(await shelf.search(store, "cat")) == 1
        await shelf.service.stores.settle()
    shown = await shelf.service.stores.retrieve(store.id)
    assert (shown.status, shown.last_active_at) == ("completed", int(shelf.clock.now))


async def test_an_unused_store_expires_by_itself(shelf, store):
    shelf.clock.now += 2 * DAY_S
    await shelf.service.keeper.expire()
    shown = await shelf.service.stores.retrieve(store.id)
    assert (shown.status, shown.usage_bytes, shown.file_counts.total) == ("expired", 0, 0)
    assert await chunks_gone(shelf)


async def test_who_comes_too_late_is_told_though_nobody_looked_before(shelf, open_shelf, store):
    other = await open_shelf()
    shelf.clock.now += 2 * DAY_S
    for asked in (other.search(store, "cat"), shelf.insert(store, {"content": "a"}), shelf.query(store, query="a")):
        with pytest.raises(InvalidRequest) as caught:
            await asked
        assert caught.value.code == "vector_store_expired"
    assert await chunks_gone(shelf)


async def test_an_expired_store_stays_expired_and_can_be_renamed_and_deleted(shelf, store):
    shelf.clock.now += 2 * DAY_S
    with pytest.raises(InvalidRequest):
        await shelf.service.stores.update(
            store.id, VectorStoreUpdateRequest.model_validate({"expires_after": TWO_DAYS})
        )
    shown = await shelf.service.stores.update(store.id, VectorStoreUpdateRequest(name="old"))
    assert (shown.name, shown.status) == ("old", "expired")
    await shelf.service.stores.delete(store.id)


async def test_a_store_without_a_term_never_expires(shelf):
    store = await shelf.create()
    shelf.clock.now += 10_000 * DAY_S
    await shelf.service.keeper.expire()
    assert (await shelf.service.stores.retrieve(store.id)).status == "completed"
