"""Batches: all files or none, counts that are the sum of the files, cancelling."""

from __future__ import annotations

import asyncio

import pytest

from stack.apis.vector_store_files import FileBatchRequest, FileListRequest
from stack.errors import NotFound

CATS = "Cats sleep most of the day. " * 40


async def batch_of(shelf, store, **request):
    return await shelf.service.batches.create(store.id, FileBatchRequest.model_validate(request))


async def finished(shelf, store, batch):
    while (found := await shelf.service.batches.retrieve(store.id, batch.id)).status == "in_progress":
        counts = found.file_counts
        assert counts.total == counts.in_progress + counts.completed + counts.failed + counts.cancelled
        await asyncio.sleep(0.01)
    return found


async def test_a_batch_is_done_when_its_files_are(shelf):
    store = await shelf.create()
    ids = [await shelf.upload(f"{number} {CATS}") for number in range(5)]
    ids.append(await shelf.upload(b"\x7fELF" + bytes(64), name="a.out"))
    batch = await batch_of(shelf, store, file_ids=ids, attributes={"team": "a"})
    assert (batch.status, batch.file_counts.total) == ("in_progress", 6)
    done = await finished(shelf, store, batch)
    assert (done.status, done.file_counts.completed, done.file_counts.failed) == ("completed", 5, 1)
    assert {found.attributes["team"] for found in await shelf.search(store, "cats")} == {"a"}


async def test_each_file_may_have_attributes_of_its_own(shelf):
    store = await shelf.create()
    ids = [await shelf.upload(f"{number} {CATS}") for number in range(2)]
    files = [{"file_id": file_id, "attributes": {"n": number}} for number, file_id in enumerate(ids)]
    await finished(shelf, store, await batch_of(shelf, store, files=files))
    (found,) = await shelf.search(store, "cats", filters={"type": "eq", "key": "n", "value": 1})
    assert found.file_id == ids[1]


async def test_one_file_that_is_not_there_refuses_the_batch(shelf):
    store = await shelf.create()
    ids = [await shelf.upload(CATS), "file-" + "0" * 32]
    with pytest.raises(NotFound) as caught:
        await batch_of(shelf, store, file_ids=ids)
    assert caught.value.param == "file_ids[1]"
    assert await shelf.sql("SELECT count(*) FROM files") == [(0,)]


async def test_a_batch_of_nothing_but_failures_has_failed(shelf):
    store = await shelf.create()
    batch = await batch_of(shelf, store, file_ids=[await shelf.upload(b"\x7fELF" + bytes(64), name="a.out")])
    assert (await finished(shelf, store, batch)).status == "failed"


async def test_cancelling_keeps_what_is_done_and_clears_the_rest(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    ids = [await shelf.upload(f"{number} {CATS}") for number in range(3)]
    batch = await batch_of(shelf, store, file_ids=ids)
    await shelf.service._worker.complete(store.id, ids[0])
    cancelled = await shelf.service.batches.cancel(store.id, batch.id)
    assert (cancelled.status, cancelled.file_counts.completed, cancelled.file_counts.cancelled) == ("cancelled", 1, 2)
    await shelf.service.start()
    while await shelf.sql("SELECT 1 FROM jobs"):
        await asyncio.sleep(0.01)
    assert {found.file_id for found in await shelf.search(store, "cats")} == {ids[0]}


async def test_cancelling_stops_files_that_are_being_embedded(shelf):
    store = await shelf.create()
    await shelf.sql("UPDATE stores SET embedding_model = 'up/fault-hang'")
    file_id = await shelf.upload(CATS)
    batch = await batch_of(shelf, store, file_ids=[file_id])
    while not await shelf.sql("SELECT 1 FROM files WHERE chunks_total > 0"):
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await shelf.service.batches.cancel(store.id, batch.id)
        assert (await shelf.done(store, file_id)).status == "cancelled"
        while await shelf.sql("SELECT 1 FROM jobs"):
            await asyncio.sleep(0.01)


async def test_a_batch_that_is_done_cannot_be_cancelled(shelf):
    store = await shelf.create()
    batch = await batch_of(shelf, store, file_ids=[await shelf.upload(CATS)])
    done = await finished(shelf, store, batch)
    assert await shelf.service.batches.cancel(store.id, batch.id) == done


async def test_a_file_that_is_taken_out_leaves_its_batch(shelf):
    store = await shelf.create()
    ids = [await shelf.upload(f"{number} {CATS}") for number in range(2)]
    batch = await batch_of(shelf, store, file_ids=ids)
    await finished(shelf, store, batch)
    await shelf.service.files.delete(store.id, ids[0])
    assert (await shelf.service.batches.retrieve(store.id, batch.id)).file_counts.total == 1
    page = await shelf.service.batches.page(store.id, batch.id, FileListRequest())
    assert [file.id for file in page.data] == [ids[1]]


async def test_a_batch_of_another_store_is_not_found(shelf):
    store, other = await shelf.create(), await shelf.create()
    batch = await batch_of(shelf, store, file_ids=[await shelf.upload(CATS)])
    with pytest.raises(NotFound) as caught:
        await shelf.service.batches.retrieve(other.id, batch.id)
    assert caught.value.code == "file_batch_not_found"


async def test_a_file_that_is_being_taken_out_goes_though_its_batch_is_cancelled(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await shelf.upload(CATS)
    batch = await batch_of(shelf, store, file_ids=[file_id])
    await shelf.sql("UPDATE jobs SET kind = 'delete'")  # a deletion that waits for another process to stop
    await shelf.service.batches.cancel(store.id, batch.id)
    await shelf.service._worker.complete(store.id, file_id)
    with pytest.raises(NotFound):
        await shelf.service.files.retrieve(store.id, file_id)
