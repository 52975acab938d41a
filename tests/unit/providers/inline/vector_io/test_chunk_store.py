"""What the providers on SQLite share: processes side by side, and databases that are full, locked or damaged."""

from __future__ import annotations

from dataclasses import replace
from unicodedata import normalize

import apsw
import pytest

from stack.apis.vector_io import KeywordQuery, VectorQuery, VectorStoreSpec
from stack.errors import ProviderUnavailable, StorageBusy, StorageCorrupt, StorageFull
from stack.providers.inline.chunk_store.provider import database_name
from stack.providers.inline.chunk_store.words import MAX_WORDS, match_expression
from stack.testing.vector_io.reference import chunk, ids, random_chunks, vector

NEAR = VectorQuery(vector(1, 0, 0))


@pytest.fixture(params=["faiss", "sqlite-vec"])
def name(request):
    return request.param


@pytest.fixture
async def provider(name, start):
    provider = await start(name)
    await provider.create_store(VectorStoreSpec("vs", 3))
    return provider


async def test_a_restart_finds_everything(name, run):
    async with run(name) as before:
        await before.create_store(VectorStoreSpec("vs", 3, "l2", "theirs", {}))
        await before.insert_chunks("vs", [chunk("a", content="some words", page=1), chunk("b", (0, 1, 0))])
    async with run(name) as after:
        assert await after.list_stores() == [VectorStoreSpec("vs", 3, "l2", "theirs", {})]
        assert ids(await after.query_chunks("vs", NEAR)) == ["a", "b"]
        assert ids(await after.query_chunks("vs", KeywordQuery("words"))) == ["a"]


async def test_processes_see_each_others_changes_at_once(name, provider, start):
    other = await start(name)
    for n in range(20):
        await provider.insert_chunks("vs", [chunk(f"c{n}", (1, n, 0))])
        assert len(await other.query_chunks("vs", VectorQuery(vector(1, n, 0), 50))) == 1
        await other.delete_chunks("vs", [f"c{n}"])
        assert await provider.query_chunks("vs", NEAR) == []


@pytest.mark.parametrize("include_embeddings", [False, True])
async def test_a_store_of_another_type_of_provider_is_refused(name, run, include_embeddings):
    async with run({"faiss": "sqlite-vec"}.get(name, "faiss"), provider_id="vec") as before:
        await before.create_store(VectorStoreSpec("vs", 3))
        await before.insert_chunks("vs", [chunk("a")])
    async with run(name, provider_id="vec") as after:
        for ask in (
            after.query_chunks("vs", replace(NEAR, include_embeddings=include_embeddings)),
            after.delete_store("vs"),
        ):
            with pytest.raises(ProviderUnavailable, match="provider_type"):
                await ask


TABLES = ("chunks", "vectors", "attributes", "words_docsize", "removed", "snapshots", "leaving")


async def contents(provider):
    """How many rows each table has, and the names of all tables."""

    def look(connection):
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").get for table in TABLES}
        return counts, connection.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall()

    return await provider.database.read(look)


@pytest.mark.parametrize("at_once", [7, 1_000])
async def test_nothing_is_left_of_a_store_that_was_deleted(at_once, provider, monkeypatch):
    monkeypatch.setattr("stack.providers.inline.chunk_store.provider.SWEPT_AT_ONCE", at_once)
    await provider.insert_chunks("vs", [chunk("kept", n=1)])
    before = await contents(provider)
    await provider.create_store(VectorStoreSpec("gone", 3))
    await provider.insert_chunks("gone", [chunk(f"c{n}", n=n, text="x") for n in range(20)])
    await provider.delete_chunks("gone", ["c0"])
    await provider.delete_store("gone")
    await provider.settled()
    assert await contents(provider) == before
    assert ids(await provider.query_chunks("vs", KeywordQuery("text"))) == ["kept"]


async def test_what_a_killed_process_left_of_a_store_is_swept_later(name, run, monkeypatch):
    monkeypatch.setattr("stack.providers.inline.chunk_store.provider.SWEEP_PAUSE_S", 3_600.0)
    async with run(name) as before:
        await before.create_store(VectorStoreSpec("gone", 3))
        await before.insert_chunks("gone", [chunk(f"c{n}") for n in range(2_000)])
        await before.delete_store("gone")
    monkeypatch.undo()
    async with run(name) as after:
        await after.settled()
        assert set((await contents(after))[0].values()) == {0}


async def test_a_thousand_stores_leave_the_schema_as_it_is(start):
    provider = await start("faiss")
    before = (await contents(provider))[1]
    for n in range(1_000):
        await provider.create_store(VectorStoreSpec(f"vs{n}", 3))
    assert (await contents(provider))[1] == before


async def test_a_full_disk_is_told_and_nothing_half_is_stored(provider):
    await provider.insert_chunks("vs", [chunk("kept", content="kept words")])
    pages = await provider.database.write(lambda connection: connection.pragma("page_count"))
    await provider.database.write(lambda connection: connection.pragma("max_page_count", pages + 20))
    many = [chunk(f"c{n}", (n + 1, 1, 0), "words " * 50, n=n) for n in range(2_000)]
    with pytest.raises(StorageFull):
        await provider.insert_chunks("vs", [*many, chunk("kept", content="replaced")])
    assert await provider.count_chunks("vs") == 1
    assert ids(await provider.query_chunks("vs", VectorQuery(vector(1, 1, 0), 100))) == ["kept"]
    assert ids(await provider.query_chunks("vs", KeywordQuery("words"))) == ["kept"]


async def test_a_locked_database_is_told_and_can_still_be_read(provider, monkeypatch):
    monkeypatch.setattr("stack.storage.writer.BUSY_TIMEOUT_S", 0.05)
    await provider.insert_chunks("vs", [chunk("a")])
    other = apsw.Connection(str(provider.database.path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusy):
        await provider.insert_chunks("vs", [chunk("b")])
    assert ids(await provider.query_chunks("vs", NEAR)) == ["a"]
    other.execute("ROLLBACK")
    other.close()
    await provider.insert_chunks("vs", [chunk("b")])
    assert await provider.count_chunks("vs") == 2


async def test_a_damaged_database_is_told_never_an_empty_answer(name, run):
    async with run(name) as before:
        await before.create_store(VectorStoreSpec("vs", 8))
        await before.insert_chunks("vs", random_chunks(2_000, 8))
        path = before.database.path
    damaged = bytearray(path.read_bytes())
    damaged[8_192:] = b"\xa5" * (len(damaged) - 8_192)
    path.write_bytes(damaged)
    async with run(name) as after:
        for call in (after.query_chunks("vs", VectorQuery(vector(*range(1, 9)))), after.list_stores()):
            with pytest.raises(StorageCorrupt):
                await call
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("provider_id", ["Faiss", "a b", "x" * 80, "ü", ""])
def test_any_provider_id_has_a_database(provider_id):
    assert database_name(provider_id).startswith("vector_io_")
    assert database_name(provider_id) != database_name(provider_id.lower() + "-")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("red Apple", '"red" OR "Apple"'),
        ('say "hi" AND NOT', '"say" OR "hi" OR "AND" OR "NOT"'),
        ("red red RED", '"red"'),
        ("snake_case-word", '"snake" OR "case" OR "word"'),
        ("東京 tower", '" 東  京 " OR "tower"'),
        ("!!", ""),
    ],
)
def test_a_text_becomes_words(text, expression):
    assert match_expression(text) == expression


def test_a_long_text_is_asked_by_its_first_words():
    assert match_expression(" ".join(f"w{n}" for n in range(5_000))).count(" OR ") == MAX_WORDS - 1


async def test_a_part_of_a_line_of_chinese_is_found(provider):
    await provider.insert_chunks("vs", [chunk("a", content="我在東京都廳看見東京鐵塔"), chunk("b", content="京東")])
    assert ids(await provider.query_chunks("vs", KeywordQuery("東京"))) == ["a"]


async def test_words_are_found_in_other_forms(provider):
    await provider.insert_chunks("vs", [chunk("a", content="He was running for Über-Café")])
    for text in ("runs", "cafe", "uber"):
        assert ids(await provider.query_chunks("vs", KeywordQuery(text))) == ["a"]


@pytest.mark.parametrize("word", ["Straße", "İstanbul", "ﬁle", "ŉ", "résumé", "한국어"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_a_word_is_found_as_it_stands_however_its_letters_are_put_together(provider, word, form):
    await provider.insert_chunks("vs", [chunk("a", content=f"before {word} after"), chunk("b", content="brick")])
    assert ids(await provider.query_chunks("vs", KeywordQuery(normalize(form, word)))) == ["a"]
