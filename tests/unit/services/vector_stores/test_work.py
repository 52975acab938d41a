"""Work that is owed: tried again, given up, taken over from processes that are gone; never done twice at once."""

from __future__ import annotations

import asyncio
import os
import resource

import pytest

from stack.errors import ParseFailed, StackError, UpstreamError
from stack.services.vector_stores.ingestion import _append
from stack.services.vector_stores.work import LEASE_S, Job, LeaseLost

CATS = "Cats sleep most of the day. " * 40


async def embedded_by(shelf, model: str):
    """A store whose model fails from now on as its name says."""
    store = await shelf.create(embedding_model="up/ok")
    await shelf.sql("UPDATE stores SET embedding_model = ?", model)
    return store


async def attached(shelf, store) -> str:
    file_id = await shelf.upload(CATS)
    await shelf.attach(store, file_id)
    return file_id


async def jobs(shelf):
    return await shelf.sql("SELECT kind, attempts, owner IS NULL, not_before - ? FROM jobs", shelf.clock.now)


async def taken(shelf, store, file_id) -> Job:
    """The file's job, as a process has it that is killed right after."""
    which = "SELECT seq FROM jobs WHERE store_id = :store AND file_id = :file"
    job = await shelf.service._worker._take(which, {"store": store.id, "file": file_id})
    assert job is not None
    return job


async def test_a_fault_of_the_model_is_tried_again_after_a_pause(open_shelf):
    shelf = await open_shelf(works=False)
    store = await embedded_by(shelf, "up/fault-500")
    file_id = await attached(shelf, store)
    with pytest.raises(UpstreamError):
        await shelf.service._worker.complete(store.id, file_id)
    assert await jobs(shelf) == [("ingest", 1, 1, 1.0)]
    with pytest.raises(UpstreamError):
        await shelf.service._worker.complete(store.id, file_id)
    assert await jobs(shelf) == [("ingest", 2, 1, 2.0)]
    await shelf.sql("UPDATE stores SET embedding_model = 'up/ok'")
    await shelf.service._worker.complete(store.id, file_id)
    file = await shelf.service.files.retrieve(store.id, file_id)
    assert (file.status, file.attempts, await jobs(shelf)) == ("completed", 3, [])


async def test_a_file_that_fails_as_often_as_set_has_failed(open_shelf):
    shelf = await open_shelf("vector_stores: {{file_ingestion_params: {{max_attempts: 2}}}}".format(), works=False)
    store = await embedded_by(shelf, "up/fault-500")
    file_id = await attached(shelf, store)
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await shelf.service._worker.complete(store.id, file_id)
    file = await shelf.service.files.retrieve(store.id, file_id)
    assert (file.status, file.last_error.code, await jobs(shelf)) == ("failed", "server_error", [])
    assert await shelf.runtime.vector_io.count_chunks(store.id) == 0


async def test_a_process_that_is_gone_leaves_its_work_to_others_after_its_lease(open_shelf):
    killed, other = await open_shelf(works=False), await open_shelf(works=False)
    store = await killed.create()
    file_id = await attached(killed, store)
    await taken(killed, store, file_id)
    waiting = asyncio.create_task(other.service._worker.complete(store.id, file_id))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    other.clock.now += LEASE_S + 1
    async with asyncio.timeout(60):
        await waiting
    file = await other.service.files.retrieve(store.id, file_id)
    assert (file.status, file.attempts) == ("completed", 2)


async def test_a_clock_that_jumped_back_holds_up_nothing(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await attached(shelf, store)
    await taken(shelf, store, file_id)
    shelf.clock.now -= 24 * 3600
    async with asyncio.timeout(60):
        await shelf.service._worker.complete(store.id, file_id)
    assert (await shelf.service.files.retrieve(store.id, file_id)).status == "completed"


async def test_who_lost_the_lease_ends_nothing(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await attached(shelf, store)
    late = await taken(shelf, store, file_id)
    shelf.clock.now += LEASE_S + 1
    await shelf.service._worker.complete(store.id, file_id)
    with pytest.raises(LeaseLost):
        await shelf.service._duties.do(late)
    assert (await shelf.service.files.retrieve(store.id, file_id)).status == "completed"


async def test_a_run_that_is_repeated_stores_every_chunk_once(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await attached(shelf, store)
    await shelf.service._worker.complete(store.id, file_id)
    once = await shelf.runtime.vector_io.count_chunks(store.id)
    await shelf.sql("UPDATE files SET status = 'in_progress'")
    await shelf.sql("INSERT INTO jobs (kind, store_id, file_id) VALUES ('ingest', ?, ?)", store.id, file_id)
    await shelf.service._worker.complete(store.id, file_id)
    assert await shelf.runtime.vector_io.count_chunks(store.id) == once


async def test_stopping_gives_work_back_without_counting_an_attempt(open_shelf):
    shelf = await open_shelf()
    store = await embedded_by(shelf, "up/fault-hang")
    file_id = await attached(shelf, store)
    while not await shelf.sql("SELECT 1 FROM files WHERE chunks_total > 0"):
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await shelf.service.stop()
    assert await jobs(shelf) == [("ingest", 0, 1, -shelf.clock.now)]
    await shelf.sql("UPDATE stores SET embedding_model = 'up/ok'")
    other = await open_shelf()
    async with asyncio.timeout(60):
        assert (await other.done(store, file_id)).status == "completed"


async def test_progress_is_seen_while_a_file_is_embedded(shelf):
    store = await embedded_by(shelf, "up/fault-hang")
    file_id = await attached(shelf, store)
    while (file := await shelf.service.files.retrieve(store.id, file_id)).chunks_total is None:
        await asyncio.sleep(0)
    assert (file.status, file.chunks_total > 0, file.chunks_done) == ("in_progress", True, 0)


async def test_a_deletion_that_its_engine_cannot_do_now_is_done_later(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await attached(shelf, store)
    await shelf.service._worker.complete(store.id, file_id)
    vec = shelf.service._router.instances["vec"]
    provider, vec.provider = vec.provider, None
    with pytest.raises(StackError, match="did not start"):
        await shelf.service.files.delete(store.id, file_id)
    with pytest.raises(StackError, match="did not start"):
        await shelf.search(store, "cats")
    vec.provider = provider
    await shelf.service._worker.complete(store.id, file_id)
    assert (await shelf.search(store, "cats"), await jobs(shelf)) == ([], [])


async def test_work_is_given_back_wherever_in_taking_it_the_stop_comes(open_shelf):
    shelf = await open_shelf(works=False)
    store = await embedded_by(shelf, "up/fault-hang")
    await attached(shelf, store)
    worker = shelf.service._worker
    for steps in range(0, 400, 8):
        worker.start()
        for _ in range(steps):
            await asyncio.sleep(0)
        await worker.stop()
        assert await jobs(shelf) == [("ingest", 0, 1, -shelf.clock.now)]


async def test_a_caller_who_leaves_while_work_is_taken_keeps_it_from_nobody(open_shelf):
    shelf = await open_shelf(works=False)
    store = await embedded_by(shelf, "up/fault-hang")
    file_id = await attached(shelf, store)
    for steps in range(0, 400, 8):
        asking = asyncio.create_task(shelf.service._worker.complete(store.id, file_id))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await shelf.service._worker.stop()
        assert await jobs(shelf) == [("ingest", 0, 1, -shelf.clock.now)]


async def test_work_that_is_stopped_before_it_begins_is_given_back(open_shelf):
    shelf = await open_shelf(works=False)
    store = await embedded_by(shelf, "up/ok")
    file_id = await attached(shelf, store)
    shelf.service._worker._begin(await taken(shelf, store, file_id))
    await shelf.service._worker.interrupt(store.id)
    assert await jobs(shelf) == [("ingest", 0, 1, -shelf.clock.now)]


async def test_work_that_fails_once_it_is_other_work_is_free_at_once(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await attached(shelf, store)
    job = await taken(shelf, store, file_id)
    await shelf.sql("UPDATE jobs SET kind = 'delete'")
    await shelf.service._worker._note_failure(job, ParseFailed("the file holds no text", code="invalid_file"))
    assert await jobs(shelf) == [("delete", 0, 1, -shelf.clock.now)]
    assert (await shelf.service.files.retrieve(store.id, file_id)).status == "in_progress"


def test_a_copy_that_the_disk_takes_in_part_is_told(tmp_path):
    (tmp_path / "copy").touch()
    number = os.open(tmp_path / "copy", os.O_WRONLY)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))
    try:
        with pytest.raises(StackError, match="cannot be copied"):
            _append(number, bytes(1500))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        os.close(number)
