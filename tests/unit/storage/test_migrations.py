"""Steps of a schema: each once, in order, whole or not at all, with a copy of what was before."""

from __future__ import annotations

import apsw
import pytest

from stack.errors import SchemaTooNew
from stack.storage import Storage

ONE = "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO item (text) VALUES ('one')"
TWO = "ALTER TABLE item ADD COLUMN size INTEGER NOT NULL DEFAULT 0; INSERT INTO item (text) VALUES ('two')"


def three(connection):
    connection.execute("UPDATE item SET size = length(text)")


@pytest.fixture
def opened(state_dir):
    """`await opened([...], work)`: the database with these steps, read once, and closed."""

    async def opened(migrations, work=lambda connection: connection.pragma("user_version")):
        storage = Storage(state_dir)
        try:
            return await (await storage.database("items", migrations)).read(work)
        finally:
            await storage.close()

    return opened


def copies(state_dir):
    return sorted(path.name for path in (state_dir / "backups").iterdir())


def rows(connection):
    return connection.execute("SELECT * FROM item").fetchall()


async def test_every_step_is_taken_once(opened):
    assert await opened([ONE]) == 1
    assert await opened([ONE, TWO, three]) == 3
    assert await opened([ONE, TWO, three], rows) == [(1, "one", 3), (2, "two", 3)]


async def test_a_new_database_needs_no_copy(opened, state_dir):
    await opened([ONE, TWO])
    assert copies(state_dir) == []


async def test_a_step_is_run_to_its_end_though_it_finds_rows(opened):
    assert await opened([f"{ONE}; SELECT * FROM item; {TWO}"], rows) == [(1, "one", 0), (2, "two", 0)]


async def test_a_copy_of_before_is_kept(opened, state_dir):
    await opened([ONE])
    await opened([ONE, TWO, three])
    assert copies(state_dir) == ["items.schema-1.db"]
    copy = state_dir / "backups/items.schema-1.db"
    assert rows(apsw.Connection(str(copy))) == [(1, "one")]
    assert copy.stat().st_mode & 0o777 == 0o600


async def test_nothing_to_do_copies_nothing(opened, state_dir):
    await opened([ONE])
    await opened([ONE])
    assert copies(state_dir) == []


async def test_a_newer_schema_is_refused_and_untouched(opened, state_dir):
    await opened([ONE, TWO])
    before = (state_dir / "items.db").read_bytes()
    with pytest.raises(SchemaTooNew, match=r"has schema 2, and this version of `stack` knows 1"):
        await opened([ONE])
    assert (state_dir / "items.db").read_bytes() == before


@pytest.mark.parametrize(
    "bad",
    [
        "INSERT INTO item (text) VALUES ('half'); SELECT * FROM missing",
        "INSERT INTO item (text) VALUES ('half'); COMMIT",
        "CREATE TABLE part (item REFERENCES item(id)); INSERT INTO part VALUES (99)",
    ],
    ids=["wrong SQL", "ends the transaction", "dangling reference"],
)
async def test_a_step_that_fails_raises_and_is_not_counted(opened, bad):
    await opened([ONE])
    with pytest.raises(apsw.Error):
        await opened([ONE, bad])
    assert await opened([ONE]) == 1


async def test_a_step_that_fails_leaves_what_was_before(opened):
    await opened([ONE])
    with pytest.raises(apsw.SQLError):
        await opened([ONE, "INSERT INTO item (text) VALUES ('half'); SELECT * FROM missing"])
    assert await opened([ONE], rows) == [(1, "one")]


async def test_the_steps_before_a_failing_one_stay(opened):
    with pytest.raises(apsw.SQLError):
        await opened([ONE, "SELECT * FROM missing"])
    assert await opened([ONE, TWO]) == 2


async def test_a_table_can_be_rebuilt_though_others_refer_to_it(opened):
    await opened([ONE, "CREATE TABLE part (item INTEGER REFERENCES item(id) ON DELETE CASCADE)"])
    rebuild = (
        "INSERT INTO part VALUES (1); CREATE TABLE other (id INTEGER PRIMARY KEY, text TEXT);"
        " INSERT INTO other SELECT * FROM item; DROP TABLE item; ALTER TABLE other RENAME TO item"
    )
    steps = [ONE, "CREATE TABLE part (item INTEGER REFERENCES item(id) ON DELETE CASCADE)", rebuild]
    assert await opened(steps, lambda connection: connection.execute("SELECT * FROM part").fetchall()) == [(1,)]
