"""Files in stores: added, searched, changed, taken out; what becomes of those that cannot be read."""

from __future__ import annotations

import asyncio

import pytest

from stack.apis.vector_store_files import FileUpdateRequest
from stack.errors import InvalidRequest, NotFound, ProviderUnavailable, StackError

CATS = "Cats sleep most of the day. " * 200
SMALL = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}


def year(value, kind="eq"):
    return {"type": kind, "key": "year", "value": value}


async def chunk_count(shelf, store) -> int:
    return await shelf.runtime.vector_io.count_chunks(store.id)


async def test_a_file_is_cut_embedded_and_found_with_its_place(shelf):
    store = await shelf.create()
    file = await shelf.add(store, "# Pets\n\n" + CATS, name="pets.md", attributes={"year": 2024})
    assert (file.status, file.last_error, file.filename, file.attempts) == ("completed", None, "pets.md", 1)
    assert file.chunks_done == file.chunks_total == await chunk_count(shelf, store) > 1
    (found,) = await shelf.search(store, "cats", max_num_results=1)
    assert (found.file_id, found.filename, found.attributes) == (file.id, "pets.md", {"year": 2024})
    assert found.citation["sections"] == ["Pets"]
    assert found.citation["end"] - found.citation["start"] == len(found.content[0].text)


async def test_sizes_and_counts_are_the_sum_of_the_files(shelf):
    store = await shelf.create()
    files = [await shelf.add(store, f"{number} {CATS}") for number in range(3)]
    bad = await shelf.add(store, "\0\1\2", name="a.bin")
    shown = await shelf.service.stores.retrieve(store.id)
    assert bad.status == "failed"
    assert shown.usage_bytes == sum(file.usage_bytes for file in files) > 3 * len(CATS)
    counts = shown.file_counts
    assert (counts.completed, counts.failed, counts.in_progress, counts.total) == (3, 1, 0, 4)


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(64), "a.out", "unsupported_file"),
        (b"%PDF-1.7 not really", "a.pdf", "invalid_file"),
        (b"   \n ", "a.txt", "invalid_file"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_and_says_why(shelf, content, name, code):
    store = await shelf.create()
    file = await shelf.add(store, content, name=name)
    assert (file.status, file.last_error.code, file.attempts) == ("failed", code, 1)
    assert file.last_error.message
    assert await shelf.sql("SELECT count(*) FROM jobs") == [(0,)]


async def test_a_file_that_is_not_there_is_refused_by_name(shelf):
    store = await shelf.create()
    with pytest.raises(NotFound) as caught:
        await shelf.attach(store, "file-" + "0" * 32)
    assert (caught.value.code, caught.value.param) == ("file_not_found", "file_id")


async def test_a_file_that_is_gone_at_its_turn_fails(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await shelf.upload(CATS)
    await shelf.attach(store, file_id)
    files = await shelf.runtime.storage.database("files")
    await files.write(lambda connection: connection.execute("DELETE FROM files"))
    with pytest.raises(StackError):
        await shelf.service._worker.complete(store.id, file_id)
    file = await shelf.service.files.retrieve(store.id, file_id)
    assert (file.status, file.last_error.code) == ("failed", "invalid_file")


async def test_a_deleted_file_is_gone_from_every_store_when_the_answer_comes(shelf, open_shelf):
    other = await open_shelf()
    stores = [await shelf.create(), await other.create()]
    file = await shelf.add(stores[0], CATS)
    await other.attach(stores[1], file.id)
    await shelf.runtime.files.delete(file.id)
    for store in stores:
        assert await other.search(store, "cats") == []
        with pytest.raises(NotFound, match=file.id):
            await other.service.files.retrieve(store.id, file.id)
    assert await shelf.sql("SELECT count(*) FROM jobs") == [(0,)]


async def test_an_expired_file_is_gone_from_every_store_after_the_next_sweep(shelf, open_shelf):
    other = await open_shelf()
    stores = [await shelf.create(), await other.create()]
    kept, gone = await shelf.add(stores[0], CATS), await shelf.add(stores[0], "Dogs bark.")
    await other.attach(stores[1], gone.id)
    await other.done(stores[1], gone.id)
    files = await shelf.runtime.storage.database("files")
    await files.write(lambda connection: connection.execute("UPDATE files SET expires_at = 1 WHERE id = ?", (gone.id,)))
    await other.runtime.files.sweep()
    assert {found.file_id for found in await shelf.search(stores[0], "dogs bark")} == {kept.id}
    assert await shelf.search(stores[1], "dogs bark") == []
    assert (await shelf.service.stores.retrieve(stores[1].id)).file_counts.total == 0


async def test_a_file_stays_while_an_engine_cannot_let_it_go(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await shelf.upload(CATS)
    await shelf.attach(store, file_id)
    await shelf.service._worker.complete(store.id, file_id)
    await shelf.sql("UPDATE stores SET provider_id = 'lost'")
    with pytest.raises(ProviderUnavailable, match="lost"):
        await shelf.runtime.files.delete(file_id)
    assert (await shelf.runtime.files.retrieve(file_id)).id == file_id
    assert await shelf.sql("SELECT kind FROM jobs") == [("delete",)]


async def test_chunking_is_as_asked_for_and_shown(shelf):
    store = await shelf.create()
    coarse = await shelf.add(store, CATS)
    fine = await shelf.add(store, CATS, chunking_strategy=SMALL)
    assert fine.chunks_total > 3 * coarse.chunks_total
    assert fine.chunking_strategy.static.max_chunk_size_tokens == 100
    assert coarse.chunking_strategy.static.max_chunk_size_tokens == 800


async def test_adding_a_file_again_changes_nothing_unless_it_is_asked_otherwise(shelf):
    store = await shelf.create()
    fine = await shelf.add(store, CATS, chunking_strategy=SMALL)
    same = await shelf.attach(store, fine.id, chunking_strategy=SMALL)
    assert same == fine
    await shelf.attach(store, fine.id, attributes={"year": 2024})
    coarse = await shelf.done(store, fine.id)
    assert coarse.chunks_total < fine.chunks_total
    assert await chunk_count(shelf, store) == coarse.chunks_total


async def test_new_attributes_are_filtered_by_at_once(shelf):
    store = await shelf.create()
    file = await shelf.add(store, CATS, attributes={"year": 2023})
    changed = await shelf.service.files.update(store.id, file.id, FileUpdateRequest(attributes={"year": 2024}))
    assert changed.attributes == {"year": 2024}
    assert await shelf.search(store, "cats", filters=year(2023)) == []
    assert len(await shelf.search(store, "cats", filters=year(2024, "gte"))) > 0


async def test_attributes_changed_while_a_file_is_added_are_those_it_gets(shelf):
    store = await shelf.create()
    file_id = await shelf.upload(CATS)
    await shelf.attach(store, file_id, attributes={"year": 2023})
    await shelf.service.files.update(store.id, file_id, FileUpdateRequest(attributes={"year": 2024}))
    assert (await shelf.done(store, file_id)).attributes == {"year": 2024}
    assert await shelf.search(store, "cats", filters=year(2024, "ne")) == []
    assert len(await shelf.search(store, "cats", filters=year(2024))) > 0


async def test_a_file_taken_out_is_gone_from_search_when_the_answer_comes(shelf, open_shelf):
    other = await open_shelf()
    store = await shelf.create()
    file = await shelf.add(store, CATS)
    await shelf.service.files.delete(store.id, file.id)
    assert await other.search(store, "cats") == []
    with pytest.raises(NotFound, match=file.id):
        await other.service.files.retrieve(store.id, file.id)
    assert (await shelf.service.stores.retrieve(store.id)).usage_bytes == 0


async def test_a_file_taken_out_while_it_is_added_leaves_nothing(shelf):
    store = await shelf.create()
    file_id = await shelf.upload(CATS * 20)
    await shelf.attach(store, file_id, chunking_strategy=SMALL)
    while not await shelf.sql("SELECT 1 FROM files WHERE chunks_total > 0"):
        await asyncio.sleep(0)
    await shelf.service.files.delete(store.id, file_id)
    assert (await chunk_count(shelf, store), await shelf.sql("SELECT count(*) FROM jobs")) == (0, [(0,)])


async def test_the_content_of_a_file_is_its_text_with_offsets(shelf):
    store = await shelf.create()
    file = await shelf.add(store, CATS)
    page = await shelf.service.files.content(store.id, file.id)
    assert [part.chunk_id for part in page.data] == [f"{file.id}-{n:06d}" for n in range(file.chunks_total)]
    assert all(part.text == CATS[part.start : part.end] for part in page.data)


async def test_a_file_that_failed_has_no_content(shelf):
    store = await shelf.create()
    file = await shelf.add(store, b"\x7fELF" + bytes(64), name="a.out")
    with pytest.raises(InvalidRequest) as caught:
        await shelf.service.files.content(store.id, file.id)
    assert caught.value.code == "file_not_completed"


async def test_a_store_is_made_with_its_files(shelf):
    ids = [await shelf.upload(f"{number} {CATS}") for number in range(2)]
    store = await shelf.create(file_ids=ids, chunking_strategy=SMALL)
    assert (store.status, store.file_counts.in_progress) == ("in_progress", 2)
    done = [await shelf.done(store, file_id) for file_id in ids]
    assert [file.chunking_strategy.static.max_chunk_size_tokens for file in done] == [100, 100]
    assert (await shelf.service.stores.retrieve(store.id)).status == "completed"


async def test_a_file_that_is_added_again_while_it_is_being_taken_out_stays(open_shelf):
    shelf = await open_shelf(works=False)
    store = await shelf.create()
    file_id = await shelf.upload(CATS)
    await shelf.attach(store, file_id)
    await shelf.service._worker.complete(store.id, file_id)
    await shelf.sql("INSERT INTO jobs (kind, store_id, file_id) VALUES ('delete', ?, ?)", store.id, file_id)
    await shelf.attach(store, file_id)
    await shelf.service._worker.complete(store.id, file_id)
    assert (await shelf.service.files.retrieve(store.id, file_id)).status == "completed"
    assert await shelf.search(store, "cats")


async def test_a_text_of_which_the_engine_lost_a_part_is_not_given_for_whole(shelf):
    store = await shelf.create()
    file = await shelf.add(store, CATS)
    await shelf.runtime.vector_io.delete_chunks(store.id, [f"{file.id}-000000"])
    with pytest.raises(ProviderUnavailable, match=f"lost 1 of {file.chunks_total} chunks"):
        await shelf.service.files.content(store.id, file.id)
